//! The messages of `testdata/torture` on the parser: each is as its manifest says, and none is left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/torture")
}

#[expect(clippy::disallowed_methods, reason = "a test reads its data")]
fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The manifest's cases: file, RFC and what the parser says.
fn cases() -> Vec<(String, i64, String)> {
    let manifest = String::from_utf8(read("manifest.toml")).unwrap();
    let table: toml::Table = manifest.parse().unwrap();
    let cases = table["case"].as_array().unwrap();
    let text = |case: &toml::Value, key: &str| case[key].as_str().unwrap().to_owned();
    cases
        .iter()
        .map(|case| {
            (
                text(case, "file"),
                case["rfc"].as_integer().unwrap(),
                text(case, "parser"),
            )
        })
        .collect()
}

fn filled(bytes: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    'next: while let Some(first) = rest.first() {
        for (mark, value) in [
            ("{{caller}}", "alice"),
            ("{{callee}}", "bob"),
            ("{{callee%}}", "%62ob"),
            ("{{via}}", "SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK-1"),
            ("{{n}}", "1"),
        ] {
            if let Some(behind) = rest.strip_prefix(mark.as_bytes()) {
                filled.extend_from_slice(value.as_bytes());
                rest = behind;
                continue 'next;
            }
        }
        filled.push(*first);
        rest = &rest[1..];
    }
    filled
}

#[test]
fn every_message_is_sound_or_not_as_the_manifest_says() {
    let mut wrong = Vec::new();
    for (file, _, expected) in cases() {
        let bytes = filled(&read(&file));
        let told = match Message::parse(bytes.clone().into(), &Limits::CLIENT) {
            Ok(message) => {
                assert!(bytes.starts_with(message.bytes()), "{file}");
                assert_eq!(&message.edit().write(), message.bytes(), "{file}");
                message.check().err()
            }
            Err(error) => Some(error),
        };
        let told = told.map_or_else(|| "sound".to_owned(), |fault| fault.to_string());
        if told != expected {
            wrong.push(format!("{file}: {told}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_case_has_its_file_and_every_file_its_case() {
    let cases = cases();
    let of = |number| cases.iter().filter(|(_, rfc, _)| *rfc == number).count();
    assert_eq!((of(4475), of(5118)), (49, 12), "all cases of both RFCs");
    let named: BTreeSet<String> = cases.iter().map(|(file, ..)| file.clone()).collect();
    assert_eq!(named.len(), cases.len(), "no file twice");
    let mut there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(there.remove("manifest.toml"));
    assert_eq!(named, there);
}
