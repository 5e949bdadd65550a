//! `vestibule certs` as an operator uses it, on the reference topology and with `openssl` as the judge.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/reference.toml");

/// A directory that vanishes, with a state directory in it.
struct Desk(tempfile::TempDir);

/// How a command ended.
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }

    fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    fn certs(&self, arguments: &[&str]) -> Answer {
        self.certs_in("state", arguments)
    }

    fn certs_in(&self, state: &str, arguments: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .arg("certs")
            .args(arguments)
            .arg("--state")
            .arg(self.path(state))
            .output()
            .expect("the binary runs");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Answer {
            code: output.status.code(),
            out,
            err,
        }
    }
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl is installed");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn init_issue_show_and_every_machine_is_good() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let again = desk.certs(&["issue", EXAMPLE, "--json"]).done();
    assert_eq!(again.json(), Value::Array(Vec::new()));
    let shown = desk.certs(&["show", EXAMPLE, "--json"]).done().json();
    let rows = shown.as_array().expect("rows");
    assert!(rows.len() >= 9, "{shown}");
    for row in rows {
        assert_eq!(row["needed"], row["installed"]["names"], "{row}");
    }
    let director = desk.state("machines/dir01.contoso.net/tls/cert.pem");
    let root = desk.state("ca/ca.pem");
    for name in ["dirpool01.contoso.net", "dir01.contoso.net"] {
        openssl(&[
            "verify",
            "-CAfile",
            text(&root),
            "-verify_hostname",
            name,
            text(&director),
        ]);
    }
    let table = desk
        .certs(&["show", EXAMPLE, "--machine", "DIR01.contoso.net"])
        .done()
        .out;
    assert!(
        table.contains("dirpool01.contoso.net") && !table.contains("fe01"),
        "{table}"
    );
}

#[test]
fn what_is_wrong_is_shown_and_ends_with_1() {
    let desk = Desk::new();
    assert_eq!(desk.certs(&["show", EXAMPLE]).code, Some(1));
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let key = desk.state("machines/dir01.contoso.net/tls/key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("chmod");
    let shown = desk.certs(&["show", EXAMPLE, "--machine", "dir01.contoso.net", "--json"]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.out.contains("chmod 600"), "{}", shown.out);
}

#[test]
fn without_an_authority_nothing_is_issued() {
    let desk = Desk::new();
    let answer = desk.certs(&["issue", EXAMPLE]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.err.contains("vestibule certs init"),
        "{}",
        answer.err
    );
    assert!(!desk.state("ca").try_exists().expect("a look"));
}

#[test]
fn a_machine_that_is_not_there_is_named_with_those_that_are() {
    let desk = Desk::new();
    let answer = desk.certs(&["show", EXAMPLE, "--machine", "dir09.contoso.net"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("dir09.contoso.net") && answer.err.contains("dir01.contoso.net"));
}

#[test]
fn request_sign_elsewhere_install() {
    let desk = Desk::new();
    let machine = ["--machine", "dir01.contoso.net"];
    let with = |words: &[&'static str]| [words, &machine].concat();
    desk.certs_in("corporate", &["init", "--name", "Corporate CA"])
        .done();
    desk.certs(&with(&["request", EXAMPLE])).done();
    let csr = desk.state("machines/dir01.contoso.net/tls/request.csr.pem");
    openssl(&["req", "-verify", "-noout", "-in", text(&csr)]);
    let mut sign = with(&["sign", EXAMPLE]);
    sign.extend(["--csr", text(&csr)]);
    let signed = desk.path("signed.pem");
    fs::write(&signed, desk.certs_in("corporate", &sign).done().out).expect("written");

    let root = desk.path("corporate/ca/ca.pem");
    let mut install = with(&["install", EXAMPLE]);
    install.extend(["--cert", text(&signed)]);
    let refused = desk.certs(&install);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.out.contains("ca.pem is missing"), "{}", refused.out);
    install.extend(["--ca", text(&root)]);
    desk.certs(&install).done();
    desk.certs(&with(&["show", EXAMPLE])).done();
}

#[test]
fn a_certificate_for_another_machine_is_refused_with_the_names() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let [cert, key] =
        ["cert.pem", "key.pem"].map(|file| desk.state("machines/fe01.contoso.net/tls").join(file));
    let answer = desk.certs(&[
        "install",
        EXAMPLE,
        "--machine",
        "dir01.contoso.net",
        "--cert",
        text(&cert),
        "--key",
        text(&key),
    ]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.out.contains("names missing: dirpool01.contoso.net"),
        "{}",
        answer.out
    );
}

#[test]
fn revocation_reaches_the_machines_and_renewal_replaces() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let revoked = desk
        .certs(&["revoke", "--machine", "edge01.contoso.net", "--json"])
        .done()
        .json();
    let serial = revoked["revoked"][0]
        .as_str()
        .expect("a serial number")
        .to_uppercase();
    let list = desk.state("machines/dir01.contoso.net/tls/crl.pem");
    let said = openssl(&["crl", "-noout", "-text", "-in", text(&list)]);
    assert!(said.contains(&serial), "{said}");
    let edge = ["--machine", "edge01.contoso.net"];
    let shown = desk.certs(&[&["show", EXAMPLE], &edge[..]].concat());
    assert!(
        shown.code == Some(1) && shown.out.contains("revoked"),
        "{}",
        shown.out
    );
    desk.certs(&["renew", EXAMPLE]).done();
    desk.certs(&["show", EXAMPLE]).done();
    assert_eq!(desk.certs(&["revoke", "--serial", &serial]).code, Some(2));
    assert_eq!(desk.certs(&["revoke"]).code, Some(2));
}

#[test]
fn renewing_all_replaces_every_certificate() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let serials = || {
        let shown = desk.certs(&["show", EXAMPLE, "--json"]).done().json();
        let rows = shown.as_array().expect("rows").iter();
        rows.map(|row| row["installed"]["serial"].to_string())
            .collect::<Vec<_>>()
    };
    let before = serials();
    desk.certs(&["renew", EXAMPLE]).done();
    assert_eq!(serials(), before);
    desk.certs(&["renew", EXAMPLE, "--all"]).done();
    assert!(serials().iter().zip(&before).all(|(new, old)| new != old));
}

#[test]
fn an_operator_is_given_a_certificate_and_loses_it() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    desk.certs(&["issue", EXAMPLE]).done();
    let issue = ["issue", EXAMPLE, "--operator", "Ann", "--json"];
    let issued = desk.certs(&issue).done().json();
    assert_eq!(issued[0]["name"], "operator ann", "{issued}");
    assert_eq!(
        desk.certs(&issue).done().json(),
        Value::Array(Vec::new()),
        "what is good stays"
    );
    let rows = desk.certs(&["show", EXAMPLE, "--json"]).done().json();
    let row = rows.as_array().and_then(|rows| rows.last()).expect("rows");
    assert_eq!(row["operator"], "ann", "{row}");
    assert_eq!(row["needed"][0], "spiffe://contoso.com/operator/ann");
    assert_eq!(row["needed"], row["installed"]["names"], "{row}");
    let table = desk.certs(&["show", EXAMPLE]).done().out;
    assert!(table.contains("operator ann"), "{table}");

    let serial = row["installed"]["serial"].as_str().expect("a number");
    let revoked = desk.certs(&["revoke", "--operator", "ann", "--json"]);
    assert_eq!(revoked.done().json()["revoked"][0], serial);
    assert!(!desk.state("operators/ann").try_exists().expect("a look"));
    let list = desk.state("machines/dir01.contoso.net/tls/crl.pem");
    let said = openssl(&["crl", "-noout", "-text", "-in", text(&list)]);
    assert!(said.contains(&serial.to_uppercase()), "{said}");
    let again = desk.certs(&["revoke", "--operator", "ann"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.err.contains("no certificate of operator ann"),
        "{}",
        again.err
    );
}

#[test]
fn an_operators_name_that_could_be_a_path_is_refused() {
    let desk = Desk::new();
    desk.certs(&["init"]).done();
    for name in ["../ca", "a/b", ""] {
        let answer = desk.certs(&["issue", EXAMPLE, "--operator", name]);
        assert_eq!(answer.code, Some(2), "{name}");
        assert!(answer.err.contains("operator's name"), "{}", answer.err);
    }
}
