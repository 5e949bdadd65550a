//! Certificates change while connections are open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use system::deployment::Deployment;
use system::process::Mark;
use system::tls::certificates;

use super::site::{DIR01, Site, topology};

const SOON: Duration = Duration::from_secs(10);

fn installed(site: &Site) -> CertificateDer<'static> {
    let path = site.operator().identity(DIR01).certificate;
    certificates(&path).unwrap().remove(0)
}

/// Has the process read its files again; returns what it said up to its being done.
fn reload(product: &mut Deployment) -> Vec<String> {
    let mark: Mark = product.process().mark();
    product.process().reload();
    let is_done = |line: &str| line.contains("read again");
    product
        .process()
        .wait_line(mark, SOON, "the reload", is_done)
        .unwrap();
    product.process().lines_since(mark)
}

#[test]
fn a_renewed_certificate_is_shown_from_the_next_handshake_on_and_open_connections_stay() {
    let site = Site::new();
    let mut product = site.up();
    let mut open = site.phone(DIR01);
    let before = installed(&site);
    assert_eq!(open.wire().shown().unwrap(), before);
    site.operator()
        .done(
            &["certs", "renew", "--all", topology().to_str().unwrap()],
            "",
        )
        .unwrap();
    let after = installed(&site);
    assert_ne!(after, before, "the certificate was renewed");
    assert_eq!(
        site.phone(DIR01).wire().shown().unwrap(),
        before,
        "nothing was read yet"
    );
    reload(&mut product);
    assert_eq!(site.phone(DIR01).wire().shown().unwrap(), after);
    assert_eq!(
        open.options(DIR01).unwrap(),
        200,
        "the old connection still answers"
    );
}

#[test]
fn a_key_that_is_broken_or_open_to_others_leaves_the_old_certificate_and_says_why() {
    let site = Site::new();
    let mut product = site.up();
    let mut open = site.phone(DIR01);
    let shown = open.wire().shown().unwrap();
    let key = site.operator().identity(DIR01).key;
    let sound = fs::read(&key).unwrap();
    let spoilt: [(&str, &[u8], u32); 3] = [
        ("PEM", b"not a key", 0o600),
        ("chmod 600", &sound, 0o644),
        ("cannot be used together", &another_key(&site), 0o600),
    ];
    for (reason, contents, mode) in spoilt {
        fs::write(&key, contents).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let said = reload(&mut product).join("\n");
        assert!(
            said.contains(DIR01) && said.contains(reason),
            "{reason}: {said}"
        );
        assert!(said.contains("the old ones stay in use"), "{said}");
        assert!(!said.contains("PRIVATE"), "no key is shown: {said}");
        assert_eq!(site.phone(DIR01).wire().shown().unwrap(), shown, "{reason}");
        assert_eq!(open.options(DIR01).unwrap(), 200, "{reason}");
    }
    fs::write(&key, sound).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let said = reload(&mut product).join("\n");
    assert!(!said.contains(DIR01), "nothing is wrong any more: {said}");
}

fn another_key(site: &Site) -> Vec<u8> {
    fs::read(site.operator().identity(super::site::DIR02).key).unwrap()
}

#[test]
fn a_machine_whose_key_is_open_to_others_does_not_start() {
    let site = Site::new();
    site.prepare();
    let key = site.operator().identity(DIR01).key;
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let at = site.block().network().to_string();
    let topology = topology();
    let words = [
        "run",
        topology.to_str().unwrap(),
        "--machine",
        DIR01,
        "--loopback",
        &at,
    ];
    let said = site.operator().command(&words, "").unwrap();
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(
        said.err.contains("mode 0640") && said.err.contains("chmod 600"),
        "{}",
        said.err
    );
}

#[test]
fn what_a_new_file_changes_is_told_before_the_reload_and_a_bad_one_is_refused() {
    let site = Site::new();
    let _product = site.up();
    let text = fs::read_to_string(topology()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = |text: &str| {
        let path = folder.path().join("topology.toml");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let reload = |path: &str| site.operator().command(&["reload", path], "").unwrap();
    let same = reload(&written(&text));
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.contains("the file says what the running one says"));
    assert!(
        same.out.contains("dir01.contoso.net: reloaded"),
        "{}",
        same.out
    );
    let old = "domains = [\"contoso.com\"]";
    let new = "domains = [\"contoso.com\", \"fabrikam.com\"]";
    assert!(text.contains(old));
    let other = reload(&written(&text.replacen(old, new, 1)));
    assert_eq!(other.code, Some(0), "{}", other.err);
    for line in [
        "what the file changes, from the next start on",
        "+ outside, sip.fabrikam.com: 203.0.113.10",
        "edge01.contoso.net, outside: issue it anew, with sip.fabrikam.com, fabrikam.com",
        "dir01.contoso.net: reloaded",
    ] {
        assert!(other.out.contains(line), "{line}: {}", other.out);
    }
    let changes = other.out.matches("what the file changes").count();
    assert_eq!(changes, 1, "all machines run one file: {}", other.out);
    let bad = reload(&written(&text.replacen("version = 1", "version = 9", 1)));
    assert_eq!(bad.code, Some(1));
    assert!(!bad.out.contains("reloaded") && !bad.err.is_empty());
}
