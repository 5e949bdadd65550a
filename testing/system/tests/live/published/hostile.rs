//! What strangers try at the reverse proxy; after each family a browser beside them is served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use system::needs::{Need, are_met};
use system::stranger::{Door, Outcome, knock};
use system::tls::{Manner, PATIENCE, Wire};

use super::super::frames;
use super::place::{DIRECTORS, DISCOVER, FRONT_END, MEET, Place};

/// Says something over TLS and returns the first status.
fn status(place: &Place, text: &str) -> String {
    let heard = place.say(text.as_bytes());
    heard.get(9..12).unwrap_or("none").to_owned()
}

fn is_well(place: &Place) {
    let text = format!("GET /well HTTP/1.1\r\nHost: {DIRECTORS}\r\nConnection: close\r\n\r\n");
    assert_eq!(status(place, &text), "200");
}

#[test]
fn openssl_finds_every_published_name_proven_and_no_other() {
    if !are_met("published names", &[Need::Program("openssl")]) {
        return;
    }
    let place = Place::running();
    let _site = place.site("dir01");
    let folder = tempfile::tempdir().unwrap();
    let root = place.operator().root();
    let try_name = |name: &str, request: &str| {
        let door = Door {
            address: place.https(),
            name,
            root: &root,
        };
        knock(door, None, request, folder.path()).unwrap()
    };
    for name in [DIRECTORS, FRONT_END, MEET, DISCOVER, "dialin.contoso.com"] {
        let heard = try_name(name, &format!("GET / HTTP/1.1\nHost: {name}\n\n"));
        assert!(matches!(heard, Outcome::Answered(_)), "{name} {heard:?}");
    }
    for name in [
        "rp.contoso.net",
        "webdir.contoso.net",
        "unknown.contoso.com",
    ] {
        let heard = try_name(name, &format!("GET / HTTP/1.1\nHost: {name}\n\n"));
        assert!(heard.is_alert("access denied"), "{name} {heard:?}");
    }
}

#[test]
fn names_that_do_not_fit_get_an_answer_that_tells_nothing() {
    let place = Place::running();
    let site = place.site("dir01");
    let asking = |host: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        place.say(text.as_bytes())
    };
    let wrong_pair = asking(FRONT_END);
    let unknown = asking("fe.contoso.net");
    assert!(wrong_pair.starts_with("HTTP/1.1 421 "), "{wrong_pair}");
    let told = |answer: &str| answer.split("\r\n\r\n").nth(1).map(str::to_owned);
    assert_eq!(told(&wrong_pair), told(&unknown));
    assert!(!wrong_pair.contains("contoso"), "{wrong_pair}");
    assert!(site.requests().is_empty());
    is_well(&place);
}

/// Where a request ends, said in two ways, and its status; HOST and CLOSE stand for a line each.
const LENGTHS: [(&str, &str, &str); 10] = [
    (
        "content-length and transfer-encoding",
        "POST / HTTP/1.1\r\nHOSTContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "transfer-encoding and content-length",
        "POST / HTTP/1.1\r\nHOSTTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "two lengths",
        "POST / HTTP/1.1\r\nHOSTContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "400",
    ),
    (
        "a list of lengths",
        "POST / HTTP/1.1\r\nHOSTContent-Length: 4, 4\r\n\r\nabcd",
        "400",
    ),
    (
        "another coding",
        "POST / HTTP/1.1\r\nHOSTTransfer-Encoding: gzip, chunked\r\nCLOSE\r\n0\r\n\r\n",
        "501",
    ),
    (
        "a coding in disguise",
        "POST / HTTP/1.1\r\nHOSTTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a folded line",
        "GET / HTTP/1.1\r\nHOSTX: a\r\n b\r\n\r\n",
        "400",
    ),
    (
        "a lone LF",
        "GET / HTTP/1.1\r\nHOSTX: a\nY: b\r\n\r\n",
        "400",
    ),
    (
        "a lone CR",
        "GET / HTTP/1.1\r\nHOSTX: a\rY: b\r\n\r\n",
        "400",
    ),
    (
        "a space before the colon",
        "GET / HTTP/1.1\r\nHOSTX : a\r\n\r\n",
        "400",
    ),
];

/// For whom it is and what it asks for, said in two ways.
const TARGETS: [(&str, &str, &str); 10] = [
    ("no host", "GET / HTTP/1.1\r\nCLOSE\r\n", "400"),
    ("two hosts", "GET / HTTP/1.1\r\nHOSTHOSTCLOSE\r\n", "400"),
    (
        "a target of another host",
        "GET https://meet.contoso.com/ HTTP/1.1\r\nHOSTCLOSE\r\n",
        "400",
    ),
    (
        "CONNECT",
        "CONNECT fe.contoso.net:443 HTTP/1.1\r\nHOSTCLOSE\r\n",
        "501",
    ),
    ("dots", "GET /a/../admin HTTP/1.1\r\nHOSTCLOSE\r\n", "400"),
    (
        "dots in disguise",
        "GET /a/%2e%2e/admin HTTP/1.1\r\nHOSTCLOSE\r\n",
        "400",
    ),
    (
        "a hidden slash",
        "GET /a%2fadmin HTTP/1.1\r\nHOSTCLOSE\r\n",
        "400",
    ),
    (
        "two slashes",
        "GET /a//admin HTTP/1.1\r\nHOSTCLOSE\r\n",
        "400",
    ),
    (
        "a backslash",
        "GET /a\\admin HTTP/1.1\r\nHOSTCLOSE\r\n",
        "400",
    ),
    (
        "a header of the proxy's taken off",
        "GET / HTTP/1.1\r\nHOSTConnection: close, X-Forwarded-For\r\n\r\n",
        "400",
    ),
];

#[test]
fn requests_that_can_be_read_in_two_ways_never_reach_a_site() {
    let place = Place::running();
    let site = place.site("dir01");
    for (family, text, expected) in LENGTHS.into_iter().chain(TARGETS) {
        let text = text.replace("HOST", &format!("Host: {DIRECTORS}\r\n"));
        let text = text.replace("CLOSE", "Connection: close\r\n");
        assert_eq!(status(&place, &text), expected, "{family}");
        is_well(&place);
    }
    let seen = site.requests();
    let well = |head: &String| head.starts_with("GET /well ");
    assert!(seen.iter().all(well), "{seen:?}");
}

#[test]
fn floods_of_headers_and_endless_heads_are_refused() {
    let place = Place::running();
    let _site = place.site("dir01");
    let head = format!("GET / HTTP/1.1\r\nHost: {DIRECTORS}\r\n");
    let many = format!("{head}{}\r\n", "X: y\r\n".repeat(200));
    assert_eq!(status(&place, &many), "431");
    let long = format!("{head}X: {}\r\n\r\n", "y".repeat(17 << 10));
    assert_eq!(status(&place, &long), "431");
    let target = format!(
        "GET /{} HTTP/1.1\r\nHost: {DIRECTORS}\r\nConnection: close\r\n\r\n",
        "a".repeat(9000)
    );
    assert_eq!(status(&place, &target), "414");
    is_well(&place);
}

#[test]
fn streams_that_are_reset_at_once_and_heads_without_end_close_the_connection() {
    let place = Place::running();
    let site = place.site("dir01");
    let root = place.operator().root();
    let manner = Manner::of_a_browser(&root, &["h2"]).unwrap();
    let floods = [
        ("rapid reset", frames::resets(DIRECTORS, 5000)),
        ("a head without end", frames::continuations(DIRECTORS, 5000)),
        ("settings", frames::settings(100_000)),
    ];
    for (name, flood) in floods {
        let mut wire = Wire::connect(&manner, place.https(), DIRECTORS).unwrap();
        let bytes = [frames::hello(), flood].concat();
        let mut pieces = bytes.chunks(16 << 10);
        let sent = pieces.try_for_each(|piece| wire.send(piece));
        let (answer, _) = wire.drain(Instant::now() + PATIENCE).unwrap();
        let ended = frames::goodbye(&answer).is_some() || sent.is_err();
        assert!(ended, "{name}: it was simply taken");
        is_well(&place);
    }
    let passed = site.requests().len();
    assert!(passed < 1000, "{passed} of 5000 reached the site");
}

#[test]
fn nobody_outside_is_believed_to_pass_on_for_others() {
    if !are_met("published balancers", &[Need::Program("curl")]) {
        return;
    }
    let place = Place::running();
    let site = place.plain_site("dir01");
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x50\0\x50";
    let request = format!("GET / HTTP/1.1\r\nHost: {DISCOVER}\r\n\r\n");
    let mut stream = TcpStream::connect(place.http()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(&[&header[..], request.as_bytes()].concat())
        .unwrap();
    let mut heard = Vec::new();
    let _reset = stream.read_to_end(&mut heard);
    assert!(
        heard.starts_with(b"HTTP/1.1 400"),
        "{}",
        heard.escape_ascii()
    );
    assert!(site.requests().is_empty());
    assert_eq!(place.get_plainly(DISCOVER, "/").status, 200);
}

#[test]
fn slow_clients_hold_up_nobody_else() {
    let place = Place::running();
    let _site = place.site("dir01");
    let mut slow: Vec<_> = (0..100).map(|_| place.wire(DIRECTORS)).collect();
    for (at, wire) in slow.iter_mut().enumerate() {
        let begun = match at % 3 {
            0 => "GET / HT".to_owned(),
            1 => format!("GET / HTTP/1.1\r\nHost: {DIRECTORS}\r\nX: "),
            _ => format!("POST / HTTP/1.1\r\nHost: {DIRECTORS}\r\nContent-Length: 9\r\n\r\nab"),
        };
        wire.send(begun.as_bytes()).unwrap();
    }
    for _ in 0..20 {
        is_well(&place);
    }
    assert!(place.counted("outside_open") >= 100);
}
