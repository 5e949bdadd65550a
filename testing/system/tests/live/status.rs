//! What an operator learns of a running deployment, and how it ends.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use system::operator::Operator;
use system::process::Mark;
use system::tls::PATIENCE;

use super::site::{DIR01, FE01, Site, flow, topology};

#[test]
fn status_tells_of_every_machine_and_whether_it_runs() {
    let site = Site::new();
    let mut product = site.up();
    let text = site.operator().done(&["status"], "").unwrap();
    let machines = site.operator().status().unwrap();
    let written = fs::read_to_string(topology()).unwrap();
    assert_eq!(machines.len(), written.matches("[[machine]]").count());
    for machine in &machines {
        assert!(
            machine.running && text.contains(&machine.machine),
            "{}",
            machine.machine
        );
    }
    let folders = site.operator().state().join("machines");
    for folder in fs::read_dir(folders).unwrap() {
        let socket = folder.unwrap().path().join("control.sock");
        let mode = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", socket.display());
    }
    product.kill().unwrap();
    let said = site.operator().command(&["status"], "").unwrap();
    assert_eq!(said.code, Some(1), "not all is well");
    assert!(said.out.contains("not running"), "{}", said.out);
}

#[test]
fn metrics_are_text_that_prometheus_reads() {
    let site = Site::new();
    let _product = site.up();
    assert_eq!(site.phone(DIR01).options(DIR01).unwrap(), 200);
    let page = get(site.address(DIR01, flow::METRICS), "/metrics");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let mut typed = Vec::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            typed.push(rest.split(' ').next().unwrap().to_owned());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.split('{').next().unwrap();
            assert!(
                typed.iter().any(|one| one == name),
                "no type before: {line}"
            );
            value.parse::<f64>().unwrap();
        }
    }
    let requests = format!("vestibule_sip_requests{{machine=\"{DIR01}\"}}");
    assert!(
        body.lines().any(|line| line.starts_with(&requests)),
        "{body}"
    );
    assert!(get(site.address(FE01, flow::METRICS), "/").starts_with("HTTP/1.1 404 "));
}

pub(super) fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn asked_to_end_it_drains_and_ends_well() {
    let site = Site::new();
    let mut product = site.up();
    let mut open = site.phone(DIR01);
    assert_eq!(open.options(DIR01).unwrap(), 200);
    let ended = product.process().stop().unwrap();
    assert_eq!(ended.code(), Some(0), "{}", product.process().tail());
    let (rest, _) = open.wire().drain(Instant::now() + PATIENCE).unwrap();
    assert!(rest.is_empty());
    let said = product.process().lines_since(Mark::default()).join("\n");
    assert!(
        said.contains("drained: ") && said.contains(" 0 cut"),
        "{said}"
    );
    let socket = site
        .operator()
        .state()
        .join("machines")
        .join(DIR01)
        .join("control.sock");
    assert!(fs::metadata(socket).is_err(), "the control socket is gone");
}

#[test]
fn a_second_deployment_on_the_same_addresses_is_told_what_to_do() {
    let site = Site::new();
    let _product = site.up();
    let other = Operator::of(&site.folder().join("other"));
    let at = site.block().network().to_string();
    let said = other.command(&["up", "--loopback", &at], "").unwrap();
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(
        said.err.contains("in use") && said.err.contains("--loopback 127."),
        "{}",
        said.err
    );
    assert_eq!(
        site.phone(DIR01).options(DIR01).unwrap(),
        200,
        "the first is not disturbed"
    );
}

#[test]
fn a_second_process_on_the_same_state_is_refused() {
    let site = Site::new();
    let _product = site.up();
    let elsewhere = system::block::Block::take();
    let at = elsewhere.network().to_string();
    let said = site
        .operator()
        .command(&["up", "--loopback", &at], "")
        .unwrap();
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert_eq!(
        site.phone(DIR01).options(DIR01).unwrap(),
        200,
        "the first is not disturbed"
    );
}
