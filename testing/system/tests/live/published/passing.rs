//! What goes through the reverse proxy, where to, and what it carries.

use std::time::Instant;

use system::needs::{Need, are_met};
use system::tls::PATIENCE;

use super::place::{DIRECTORS, DISCOVER, FRONT_END, MEET, Place};

const CURL: [Need; 1] = [Need::Program("curl")];

#[test]
fn browsers_reach_each_site_by_its_names_with_either_version_of_http() {
    if !are_met("published passing", &CURL) {
        return;
    }
    let place = Place::running();
    let (directors, front_end) = (place.site("dir01"), place.site("fe"));
    let ways = [("--http1.1", "1.1"), ("--http2", "2")];
    for (way, version) in ways {
        for (name, site) in [
            (DIRECTORS, "dir01"),
            (MEET, "dir01"),
            (DISCOVER, "dir01"),
            (FRONT_END, "fe"),
        ] {
            let answer = place.get(&[way], name, "/a/b?c=d").unwrap();
            assert_eq!(
                (answer.status, answer.version.as_str()),
                (200, version),
                "{name}"
            );
            assert_eq!(answer.header("x-site"), Some(site), "{name}");
            assert!(answer.body.contains("\r\nhost: "), "{answer:?}");
            assert!(
                answer.body.contains(&format!("host: {name}:10443\r\n")),
                "{answer:?}"
            );
            assert!(
                answer.body.contains("GET /a/b?c=d HTTP/1.1\r\n"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(
        (directors.requests().len(), front_end.requests().len()),
        (6, 2)
    );
    assert_eq!(place.counted("passed"), 8);
    assert!(directors.connections() <= 2, "one for each thread at most");
}

#[test]
fn the_proxy_alone_says_for_whom_a_request_is() {
    if !are_met("published headers", &CURL) {
        return;
    }
    let place = Place::running();
    let _site = place.site("dir01");
    let words = [
        "--header",
        "X-Forwarded-For: 10.0.0.1",
        "--header",
        "Forwarded: for=10.0.0.1",
        "--header",
        "X-Real-IP: 10.0.0.1",
        "--header",
        "Connection: keep-alive, X-Hop",
        "--header",
        "X-Hop: 1",
        "--header",
        "X-Own: 1",
        "--http1.1",
    ];
    let heard = place.get(&words, DIRECTORS, "/").unwrap().body;
    assert!(
        !heard.contains("10.0.0.1") && !heard.contains("x-hop"),
        "{heard}"
    );
    let said = [
        "x-forwarded-for: 127.0.0.1\r\n".to_owned(),
        "x-forwarded-proto: https\r\n".to_owned(),
        format!("x-forwarded-host: {DIRECTORS}:10443\r\n"),
        format!("forwarded: for=127.0.0.1;host=\"{DIRECTORS}:10443\";proto=https\r\n"),
        "via: 1.1 vestibule\r\n".to_owned(),
        "x-own: 1\r\n".to_owned(),
    ];
    for line in said {
        assert!(heard.contains(&line), "{line} {heard}");
    }
}

#[test]
fn plain_http_is_for_discovery_and_leads_everything_else_to_tls() {
    if !are_met("published redirects", &CURL) {
        return;
    }
    let place = Place::running();
    let (plain, secured) = (place.plain_site("dir01"), place.site("dir01"));
    let answer = place.get_plainly(DISCOVER, "/?sipuri=sip:alice@contoso.com");
    assert_eq!(
        (answer.status, answer.header("x-site")),
        (200, Some("dir01"))
    );
    assert!(
        answer.body.contains("x-forwarded-proto: http\r\n"),
        "{answer:?}"
    );
    let answer = place.get_plainly(MEET, "/alice/1?x=y");
    assert_eq!(answer.status, 301);
    let expected = format!("https://{MEET}:10443/alice/1?x=y");
    assert_eq!(answer.header("location"), Some(expected.as_str()));
    assert_eq!(place.get_plainly("unknown.contoso.com", "/").status, 421);
    assert_eq!((plain.requests().len(), secured.requests().len()), (1, 0));
}

#[test]
fn bodies_pass_in_both_directions_and_have_a_bound() {
    if !are_met("published bodies", &CURL) {
        return;
    }
    let place = Place::running();
    let _site = place.site("dir01");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    let data = format!("@{}", file.to_str().unwrap());
    for way in ["--http1.1", "--http2"] {
        let answer = place.get(&[way], DIRECTORS, "/bytes/3000000").unwrap();
        assert_eq!(answer.body.len(), 3_000_000);
        for coding in ["Content-Type: text/plain", "Transfer-Encoding: chunked"] {
            std::fs::write(&file, vec![b'a'; 2_000_000]).unwrap();
            let words = [way, "--header", coding, "--data-binary", &data];
            let answer = place.get(&words, DIRECTORS, "/").unwrap();
            assert!(
                answer.body.starts_with("dir01 read 2000000 bytes"),
                "{answer:?}"
            );
            // This curl takes an answer before the end of its body for an error of HTTP/2.
            if way == "--http2" {
                continue;
            }
            std::fs::write(&file, vec![b'a'; (16 << 20) + 1]).unwrap();
            let refused = place.get(&words, DIRECTORS, "/");
            assert_eq!(refused.unwrap().status, 413, "{way} {coding}");
        }
    }
}

#[test]
fn a_websocket_goes_through() {
    let place = Place::running();
    let _site = place.site("dir01");
    let mut wire = place.wire(DIRECTORS);
    let opening = format!(
        "GET /echo HTTP/1.1\r\nHost: {DIRECTORS}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    wire.send(opening.as_bytes()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.extend_from_slice(&wire.receive(deadline).unwrap());
    }
    let head = String::from_utf8(heard).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for piece in [&b"\x81\x05hello"[..], &[0xff; 60_000]] {
        wire.send(piece).unwrap();
        let mut back = Vec::new();
        while back.len() < piece.len() {
            back.extend_from_slice(&wire.receive(deadline).unwrap());
        }
        assert_eq!(back, piece);
    }
    assert_eq!(place.counted("websockets"), 1);
}

#[test]
fn the_next_member_is_tried_when_one_is_not_there_and_nobody_is_an_answer_too() {
    if !are_met("published members", &CURL) {
        return;
    }
    let place = Place::running();
    assert_eq!(place.get(&[], DIRECTORS, "/").unwrap().status, 502);
    // The site of the second member alone; that of the first refuses connections.
    let _site = place.site("dir02");
    for _ in 0..6 {
        let answer = place.get(&[], DIRECTORS, "/").unwrap();
        assert_eq!(answer.header("x-site"), Some("dir02"));
    }
    assert_eq!(place.get(&[], DIRECTORS, "/broken").unwrap().status, 502);
    place.get(&[], DIRECTORS, "/half").unwrap_err();
    assert_eq!(place.get(&[], FRONT_END, "/").unwrap().status, 502);
}

#[test]
fn a_site_that_proves_another_name_gets_nothing() {
    if !are_met("published name check", &CURL) {
        return;
    }
    let place = Place::running();
    // The Front End's certificate at the address of a Director.
    let identity = place.operator().identity("fe.contoso.net");
    let addresses = ["dir01", "dir02"].map(|machine| place.inside(machine, 4443));
    let impostors =
        addresses.map(|at| system::web::backend::Backend::start("impostor", at, Some(&identity)));
    assert_eq!(place.get(&[], DIRECTORS, "/").unwrap().status, 502);
    for impostor in impostors {
        assert!(impostor.requests().is_empty());
    }
}
