//! What strangers send to the name service: datagrams that are no queries, questions that ask for a lot, the same question
//! over and over under somebody's address. Each gets its answer, or none, and whoever asks beside it is served.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use system::block::Block;
use system::deployment::Deployment;
use system::dig;
use system::needs::{Need, are_met};

use super::site::{DNS01, Site, flow};

const NEEDS: [Need; 1] = [Need::Program("dig")];
const NS01: &str = "ns01.contoso.net";
/// The row of public names.
const PUBLIC: u8 = 32;
const POOL: &str = "dirpool01.contoso.net";
/// How long an answer may take; one that is not to come has been waited for when a good one has.
const PATIENCE: Duration = Duration::from_secs(5);

const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;

/// A query: a header of our own, a name and a type.
fn query(header: [u8; 10], name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0x17, 0x01];
    bytes.extend(header);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// One question, recursion desired.
const ONE: [u8; 10] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// Somebody with a socket, whose questions are told from others by nothing but its address.
struct Stranger {
    socket: UdpSocket,
}

impl Stranger {
    fn at(block: &Block, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((block.address(200), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    /// Sends something and then a good query; returns what came before the answer to the good one.
    fn before_a_good_one(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.send(bytes);
        let mut good = query(ONE, POOL, 1);
        good[0] = 0x99;
        self.send(&good);
        let first = self.receive();
        if first[0] == 0x99 {
            return None;
        }
        assert_eq!(self.receive()[0], 0x99, "the good one is answered");
        Some(first)
    }
}

fn start(site: &Site) -> (Deployment, [SocketAddr; 2]) {
    let product = site.up();
    let inside = site.address(DNS01, flow::NAMES);
    let outside = site.address(NS01, PUBLIC);
    (product, [inside, outside])
}

#[test]
fn what_is_no_query_is_answered_as_such_or_not_at_all() {
    let site = Site::new();
    let (_product, [inside, _]) = start(&site);
    let stranger = Stranger::at(site.block(), inside);
    let mut looped = query(ONE, "", 1);
    looped.splice(12..13, [0xc0, 12]);
    let mut long = query(ONE, POOL, 1);
    long.resize(5000, 0);
    let mut cut = query(ONE, POOL, 1);
    cut.truncate(20);
    let mut label = query(ONE, POOL, 1);
    label[12] = 0x80;
    let cases: [(&str, Vec<u8>, Option<u8>); 11] = [
        ("nothing", vec![], None),
        ("less than a header", vec![0; 11], None),
        ("noise", vec![0xff; 64], None),
        (
            "an answer",
            query([0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0], POOL, 1),
            None,
        ),
        (
            "no question",
            query([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], POOL, 1),
            Some(FORMERR),
        ),
        (
            "two questions",
            query([1, 0, 0, 2, 0, 0, 0, 0, 0, 0], POOL, 1),
            Some(FORMERR),
        ),
        ("a name that is cut", cut, Some(FORMERR)),
        ("a name that points to itself", looped, Some(FORMERR)),
        ("a label of no kind", label, Some(FORMERR)),
        (
            "an update",
            query([0x29, 0, 0, 1, 0, 0, 0, 0, 0, 0], POOL, 6),
            Some(NOTIMP),
        ),
        ("more than a query has", long, Some(FORMERR)),
    ];
    for (what, bytes, expected) in cases {
        let answer = stranger.before_a_good_one(&bytes);
        let code = answer.as_ref().map(|answer| answer[3] & 0x0f);
        assert_eq!(code, expected, "{what}: {answer:?}");
        let length = answer.map_or(0, |answer| answer.len());
        assert!(
            length <= bytes.len(),
            "{what} is answered with {length} bytes"
        );
    }
}

#[test]
fn a_connection_that_talks_nonsense_ends_and_others_go_on() {
    let site = Site::new();
    let (_product, [inside, _]) = start(&site);
    let connect = || {
        let stream = TcpStream::connect(inside).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut good = connect();
    for nonsense in [&b"\0\x0bGET / HTTP/1.1\r\n"[..], &[0, 4, 1, 2, 3, 4]] {
        let mut bad = connect();
        bad.write_all(nonsense).unwrap();
        assert_eq!(bad.read(&mut [0; 1]).unwrap_or(0), 0);
        let asked = query(ONE, POOL, 1);
        let length = u16::try_from(asked.len()).unwrap().to_be_bytes();
        good.write_all(&[&length[..], &asked].concat()).unwrap();
        let mut length = [0; 2];
        good.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        good.read_exact(&mut answer).unwrap();
        assert_eq!(
            (answer[0], answer[3] & 0x0f),
            (0x17, 0),
            "the other one goes on"
        );
    }
}

#[test]
fn what_asks_for_a_lot_gets_little() {
    if !are_met("names_hostile::what_asks_for_a_lot_gets_little", &NEEDS) {
        return;
    }
    let site = Site::new();
    let (_product, servers) = start(&site);
    for server in servers {
        let stranger = Stranger::at(site.block(), server);
        let refused = [
            ("contoso.com", 252),
            ("contoso.com", 251),
            ("version.bind", 16),
            ("www.example.org", 1),
            ("", 2),
        ];
        for (name, kind) in refused {
            let asked = query(ONE, name, kind);
            stranger.send(&asked);
            let answer = stranger.receive();
            assert_eq!(answer[3] & 0x0f, REFUSED, "{name} {kind}");
            assert!(
                answer.len() <= asked.len(),
                "{name} {kind}: {}",
                answer.len()
            );
        }
        let asked = query(ONE, "sip.contoso.com", 255);
        stranger.send(&asked);
        let answer = stranger.receive();
        assert!(
            answer.len() <= asked.len() + 40,
            "ANY is answered with {}",
            answer.len()
        );
    }
    let told = dig::dig(servers[1], &["+noall", "+comments", "dir01.contoso.net"]).unwrap();
    assert!(
        told.contains("REFUSED"),
        "machines are not named outside: {told}"
    );
    let outside = dig::short(servers[1], "sip.contoso.com", "A").unwrap();
    let inside = dig::short(servers[0], "sip.contoso.com", "A").unwrap();
    assert!(
        !outside.is_empty() && outside != inside,
        "{outside:?} {inside:?}"
    );
}

#[test]
fn the_same_question_over_and_over_is_answered_seldom_and_others_are_served() {
    if !are_met("names_hostile::the_same_question_over_and_over", &NEEDS) {
        return;
    }
    const FLOOD: usize = 2000;
    let site = Site::new();
    let (_product, [_, outside]) = start(&site);
    // Another network: answers are counted by where they go.
    let victim = Block::take();
    let stranger = Stranger::at(&victim, outside);
    let asked = query(ONE, "sip.contoso.com", 1);
    let mut answered = [0_usize; 2];
    stranger
        .socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let mut drain = |stranger: &Stranger| {
        let mut bytes = [0; 4096];
        while let Ok(length) = stranger.socket.recv(&mut bytes) {
            let is_cut = bytes[2] & 2 != 0;
            assert!(
                !is_cut || length <= asked.len(),
                "a cut answer is no longer than its question"
            );
            answered[usize::from(is_cut)] += 1;
        }
    };
    for round in 0..FLOOD {
        stranger.send(&asked);
        if round % 50 == 49 {
            drain(&stranger);
        }
        if round % 500 == 499 {
            let good = dig::short(outside, "sip.contoso.com", "A").unwrap();
            assert!(!good.is_empty(), "others are served");
        }
    }
    drain(&stranger);
    let [whole, cut] = answered;
    assert!(
        whole > 0 && whole < FLOOD / 2,
        "{whole} whole answers, {cut} cut"
    );
    assert!(
        cut > 0 && whole + cut < FLOOD,
        "{whole} whole answers, {cut} cut"
    );
}
