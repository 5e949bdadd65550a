//! `vestibule log ladder` and `export` over files: no machine runs, so what they say is all theirs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use base::net::Transport;
use logs::{Component, Correlation, Direction, Flags, Level, Record, Time, line};
use tempfile::TempDir;

use super::{Answer, vestibule, vestibule_at};

const ALICE: &str = "sip:alice@contoso.com";

fn record(machine: &str, component: Component, at: u64, call_id: &str) -> Record {
    let time = Time(1_790_000_000_000_000 + at);
    let mut record = Record::new(
        time,
        machine.into(),
        component,
        Level::Info,
        Flags::PROTOCOL,
    );
    record.call_id = Some(call_id.into());
    record.correlation = Some(Correlation::of_request(call_id, 1, "INVITE"));
    record.method = Some("INVITE".into());
    record.cseq = Some(1);
    record
}

/// A message as `machine` recorded it; the other end is a machine, or a phone without a name.
fn message(machine: &str, way: Direction, peer: (&str, &str), at: u64, call_id: &str) -> Record {
    let mut record = record(machine, Component::SipStack, at, call_id);
    record.direction = Some(way);
    record.transport = Some(Transport::Tls);
    record.local = Some("10.0.0.11:5061".parse().unwrap());
    record.peer = Some(peer.1.parse().unwrap());
    record.peer_name = Some(peer.0.into()).filter(|_| !peer.0.is_empty());
    record.from = Some(ALICE.into());
    record.to = Some("sip:bob@contoso.com".into());
    let text = format!(
        "INVITE sip:bob@contoso.com SIP/2.0\nVia: SIP/2.0/TLS a;branch=z9\nFrom: <{ALICE}>;tag=1\n\
         To: <sip:bob@contoso.com>\nCall-ID: {call_id}\nCSeq: 1 INVITE\nContent-Length: 0\n"
    );
    record.text = (&*text).into();
    record
}

/// Two calls of alice that dir01 refuses, and one record that has nothing to do with them.
fn records() -> Vec<Record> {
    let mut all = Vec::new();
    for (call_id, at) in [("first@a", 0), ("second@a", 5_000_000)] {
        let phone = ("", "10.0.1.7:40000");
        let machine = "dir01.contoso.net";
        all.push(message(machine, Direction::In, phone, at, call_id));
        let mut decided = record(machine, Component::Routing, at + 100, call_id);
        decided.decision = Some("refused".into());
        decided.reason = Some("bob is not to be disturbed".into());
        decided.status = Some(480);
        all.push(decided);
        let mut answer = message(machine, Direction::Out, phone, at + 200, call_id);
        answer.status = Some(480);
        let text = answer
            .text
            .replace("INVITE sip:bob@contoso.com SIP/2.0", "SIP/2.0 480 Not Now");
        answer.text = (&*text).into();
        all.push(answer);
    }
    let mut other = record("fe01.contoso.net", Component::Process, 9_000_000, "x");
    other.call_id = None;
    all.push(other);
    all
}

/// A folder with the records in a file.
fn kept() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("monday.log");
    let text: String = records().iter().map(line::text_of).collect();
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn on(file: &std::path::Path, words: &[&str]) -> Answer {
    let file = ["--from-file", file.to_str().unwrap()];
    vestibule(&[&["log"], words, &file].concat())
}

#[test]
fn a_call_is_drawn_with_who_decided_and_why() {
    let (_folder, file) = kept();
    let drawn = on(&file, &["ladder", "first@a", "--width", "80"]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.err);
    assert!(
        drawn.out.starts_with("INVITE from alice@contoso.com to bob@contoso.com failed after 0.2 ms with 480\nNot Now, "),
        "{}",
        drawn.out
    );
    assert!(
        drawn
            .out
            .contains("decided by dir01.contoso.net: bob is not to be disturbed.")
    );
    assert!(
        drawn
            .out
            .lines()
            .any(|line| line.starts_with(" 1 0.0000") && line.contains("INVITE"))
    );
    assert!(drawn.out.lines().all(|line| line.chars().count() <= 80));
    let ascii = on(&file, &["ladder", "first@a", "--ascii"]);
    assert!(ascii.out.is_ascii() && ascii.out.contains("INVITE"));
    // The words of a topology may say who is who.
    let with = on(&file, &["ladder", "first@a", "reference.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&with.out).unwrap();
    assert_eq!(
        json["ladder"]["parties"][1]["kind"], "director",
        "{}",
        with.out
    );
}

#[test]
fn of_a_user_the_flows_are_listed_and_the_last_or_a_chosen_one_is_drawn() {
    let (_folder, file) = kept();
    let uri = ["ladder", "--uri", "alice@contoso.com"];
    let last = on(&file, &uri);
    assert_eq!(last.code, Some(0), "{}", last.err);
    assert!(
        last.out.contains("  1  2026-09-21 14:13:20  INVITE"),
        "{}",
        last.out
    );
    assert!(last.out.contains("Call-ID second@a, began"), "{}", last.out);
    let first = on(&file, &[&uri[..], &["--flow", "1"]].concat());
    assert!(
        first.out.contains("Call-ID first@a, began"),
        "{}",
        first.out
    );
    let none = on(&file, &[&uri[..], &["--flow", "3"]].concat());
    assert!(
        none.err.contains("there is no flow 3; there are 2"),
        "{}",
        none.err
    );
    let nobody = on(&file, &["ladder", "--uri", "nobody@contoso.com"]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody
            .err
            .contains("no flow in which nobody@contoso.com takes part is recorded"),
        "{}",
        nobody.err
    );
}

#[test]
fn a_message_is_shown_whole_and_pictures_are_only_for_their_owner() {
    let (folder, file) = kept();
    let shown = on(&file, &["ladder", "first@a", "--message", "2"]);
    assert!(
        shown
            .out
            .starts_with("Message 2: 480 Not Now, from dir01.contoso.net to alice@contoso.com\n"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("\nCall-ID: first@a\n"));
    let none = on(&file, &["ladder", "first@a", "--message", "9"]);
    assert!(
        none.err.contains("there is no message 9; there are 2"),
        "{}",
        none.err
    );
    let (svg, html) = (folder.path().join("a.svg"), folder.path().join("a.html"));
    let paths = [
        "--svg",
        svg.to_str().unwrap(),
        "--html",
        html.to_str().unwrap(),
    ];
    assert_eq!(
        on(&file, &[&["ladder", "first@a"], &paths[..]].concat()).code,
        Some(0)
    );
    for (path, begin) in [(svg, "<svg "), (html, "<!DOCTYPE html>")] {
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(begin));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn what_is_asked_for_has_to_be_clear() {
    let (_folder, file) = kept();
    let nothing = on(&file, &["ladder"]);
    assert!(
        nothing
            .err
            .contains("say what to draw: a Call-ID, --uri URI or --correlation ID"),
        "{}",
        nothing.err
    );
    let both = on(
        &file,
        &["ladder", "first@a", "reference.toml", "--uri", "a@b"],
    );
    assert!(
        both.err.contains("either a Call-ID or --uri"),
        "{}",
        both.err
    );
    let missing = vestibule(&["log", "ladder", "a", "--from-file", "no-such-file"]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.err.contains("cannot read no-such-file"),
        "{}",
        missing.err
    );
    let nowhere = on(&file, &["export"]);
    assert!(
        nowhere
            .err
            .contains("--pcapng <FILE>|--hep <HOST:PORT>|--otlp <FILE|URL>"),
        "{}",
        nowhere.err
    );
    let narrow = vestibule_at(
        Some(60),
        &[
            "log",
            "ladder",
            "first@a",
            "--from-file",
            file.to_str().unwrap(),
        ],
    );
    assert!(
        narrow.out.lines().all(|line| line.chars().count() <= 60),
        "{}",
        narrow.out
    );
}

#[test]
fn a_capture_is_written_once_and_says_what_is_no_packet() {
    let (folder, file) = kept();
    let capture = folder.path().join("a.pcapng");
    let words = ["export", "--pcapng", capture.to_str().unwrap()];
    let written = on(&file, &words);
    assert_eq!(written.code, Some(0), "{}", written.err);
    assert!(
        written
            .err
            .ends_with("6 of 7 records exported; 1 could not be\n"),
        "{}",
        written.err
    );
    let bytes = std::fs::read(&capture).unwrap();
    assert!(bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
    let again = on(&file, &words);
    assert_eq!(again.code, Some(2));
    assert!(
        again.err.contains("cannot write") && again.err.contains("exists"),
        "{}",
        again.err
    );
    // The criteria are those of a search.
    let one = on(
        &file,
        &[
            "export",
            "--call-id",
            "first@a",
            "--component",
            "SipStack",
            "--otlp",
            "/dev/null",
        ],
    );
    assert!(
        one.err.ends_with("2 of 2 records exported\n"),
        "{}",
        one.err
    );
}

#[test]
fn a_collector_of_hep_gets_a_packet_for_each_message() {
    let (_folder, file) = kept();
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let place = collector.local_addr().unwrap().to_string();
    let sent = on(&file, &["export", "--hep", &place]);
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    assert!(
        sent.err
            .ends_with("4 of 7 records exported; 3 could not be\n"),
        "{}",
        sent.err
    );
    let mut packet = [0; 2048];
    for _ in 0..4 {
        let length = collector.recv(&mut packet).unwrap();
        assert!(packet.starts_with(b"HEP3"));
        assert_eq!(
            usize::from(u16::from_be_bytes([packet[4], packet[5]])),
            length
        );
    }
    drop(collector);
    let gone = on(&file, &["export", "--hep", &place]);
    assert_eq!(gone.code, Some(2));
    assert!(
        gone.err.contains("nobody takes packets at") || gone.err.contains("broke off"),
        "{}",
        gone.err
    );
}

#[test]
fn logs_are_appended_to_a_file_or_posted_to_a_collector() {
    let (folder, file) = kept();
    let path = folder.path().join("logs.jsonl");
    let words = ["export", "--otlp", path.to_str().unwrap()];
    for lines in 1..=2 {
        assert_eq!(on(&file, &words).code, Some(0));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), lines);
        let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let machines = json["resourceLogs"].as_array().unwrap();
        assert_eq!(machines.len(), 2, "a resource for each machine");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || collect(&listener));
    let posted = on(&file, &["export", "--otlp", &url]);
    assert_eq!(posted.code, Some(0), "{}", posted.err);
    assert!(
        posted.err.ends_with("7 of 7 records exported\n"),
        "{}",
        posted.err
    );
    let request = collector.join().unwrap();
    assert!(
        request.starts_with("POST /v1/logs HTTP/1.1\r\n"),
        "{request}"
    );
    let body = request.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        std::fs::read_to_string(&path)
            .unwrap()
            .lines()
            .next()
            .unwrap()
    );
}

/// Takes one request and wants all of it.
fn collect(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let length = |head: &str| -> Option<usize> {
            let line = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            line?.parse().ok()
        };
        let whole = text
            .split_once("\r\n\r\n")
            .is_some_and(|(head, body)| length(head) == Some(body.len()));
        if whole || read == 0 {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                .unwrap();
            return text.into_owned();
        }
    }
}
