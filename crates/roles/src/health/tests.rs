//! What a member is asked and what is taken for an answer.

use base::net::Transport;
use dns::Health as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use topology::Topology;

use super::options::{ANSWER_MAX, OptionsError, ask};
use super::{Board, Watched};

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");

/// Asks somebody who answers with these bytes and closes.
async fn asked(answer: &[u8]) -> (String, Result<u16, OptionsError>) {
    let (mut ours, mut theirs) = duplex(64 << 10);
    theirs.write_all(answer).await.unwrap();
    theirs.shutdown().await.unwrap();
    let status = ask(&mut ours, "dir01.contoso.net", 7, Transport::Tls).await;
    drop(ours);
    let mut request = String::new();
    theirs.read_to_string(&mut request).await.unwrap();
    (request, status)
}

#[tokio::test]
async fn the_final_status_is_the_answer() {
    let (request, status) =
        asked(b"SIP/2.0 100 Trying\r\n\r\nSIP/2.0 503 Busy\r\nX: y\r\n\r\n").await;
    assert_eq!(status.unwrap(), 503);
    assert!(request.starts_with("OPTIONS sip:dir01.contoso.net;transport=tls SIP/2.0\r\n"));
    assert!(request.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let (_, closed) = asked(b"SIP/2.0 200 O").await;
    assert!(matches!(closed, Err(OptionsError::Closed)));
    let (_, http) = asked(b"HTTP/1.1 200 OK\r\n\r\n").await;
    assert!(matches!(http, Err(OptionsError::NotSip)));
    let (_, endless) = asked(&vec![b'x'; ANSWER_MAX + 1]).await;
    assert!(matches!(endless, Err(OptionsError::NotSip)));
}

#[test]
fn everyone_who_speaks_sip_is_asked_and_an_edge_is_known_by_both_its_addresses() {
    let topology = Topology::parse(REFERENCE, "reference").unwrap();
    let view = topology.view("dns01.contoso.net").unwrap();
    let watched = Watched::of(&view);
    let names: Vec<&str> = watched.iter().map(|one| &*one.hop.name).collect();
    let expected = [
        "edge01.contoso.net",
        "dir01.contoso.net",
        "dir02.contoso.net",
        "fe01.contoso.net",
        "fe02.contoso.net",
    ];
    assert_eq!(names, expected);
    let folder = tempfile::tempdir().unwrap();
    let notebook = traces::Notebook::open(folder.path()).unwrap();
    let board = Board::new(watched).recorded_by(notebook.recorder());
    let edge = base::health::MemberId(0);
    board.changed(edge, base::health::Standing::Draining, base::Now::default());
    for address in ["172.16.0.10", "203.0.113.10"] {
        assert!(!board.is_up("sip.contoso.com", address.parse().unwrap()));
    }
    assert!(board.is_up("dirpool01.contoso.net", "10.0.0.11".parse().unwrap()));
    board.answered(edge, Some("cannot connect".to_owned()));
    board.changed(edge, base::health::Standing::Down, base::Now::default());
    let told = notebook.records();
    let reasons: Vec<&str> = told
        .iter()
        .filter_map(|record| record.reason.as_deref())
        .collect();
    let expected = [
        "from up to draining: it says that it takes nothing new",
        "from draining to down: cannot connect",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(told[1].decision.as_deref(), Some("down"));
    assert_eq!(told[1].level, logs::Level::Warning);
    assert_eq!(told[1].peer_name.as_deref(), Some("edge01.contoso.net"));
    assert!(board.is_up("rp01.contoso.net", "172.16.0.20".parse().unwrap()));
}
