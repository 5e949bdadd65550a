//! Bad input at the web sites: a fitting answer or a closed connection, and a good client beside it that is served.

mod cases;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use system::needs::{Need, are_met};
use system::tls::{Manner, PATIENCE, Wire};
use system::wait;

use super::super::frames;
use super::super::site::{DIR01, Site};
use super::{Asker, ROOT, WEB, at, row};
use cases::{Case, cases};

/// Longer than a busy machine needs for one request, shorter than any timeout of the product.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// Who asks without a pause asks more often than one source may.
const PACE: Duration = Duration::from_millis(5);
/// Longer than a head may take.
const SLOW_END: Duration = Duration::from_secs(60);
const SLOW: usize = 100;

/// A client that behaves, and what became of it.
struct Visitor {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u32, Duration)>,
}

impl Visitor {
    /// Asks a Director again and again on one connection, from an address of its own, until it is told to stop.
    fn start(site: &Site) -> Self {
        let director = at(site, DIR01, row::INTERNAL, "HTTPS");
        let from: IpAddr = site.block().address(202).into();
        let manner = Manner::of_a_browser(&site.operator().root(), &["http/1.1"]).unwrap();
        let mut wire = Wire::connect_from(&manner, director, WEB, Some(from)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut served, mut longest) = (0, Duration::ZERO);
            let mut is_last = false;
            while !is_last {
                is_last = told.load(Ordering::Relaxed);
                let began = Instant::now();
                wire.send(format!("HEAD {ROOT} HTTP/1.1\r\nHost: {WEB}\r\n\r\n").as_bytes())
                    .unwrap();
                let mut answer = Vec::new();
                while !answer.ends_with(b"\r\n\r\n") {
                    answer.extend_from_slice(&wire.receive(Instant::now() + PATIENCE).unwrap());
                }
                assert!(
                    answer.starts_with(b"HTTP/1.1 200 "),
                    "{}",
                    String::from_utf8_lossy(&answer)
                );
                longest = longest.max(began.elapsed());
                served += 1;
                thread::park_timeout(PACE);
            }
            (served, longest)
        });
        Self { stop, thread }
    }

    fn was_served(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (served, longest) = self.thread.join().unwrap();
        assert!(
            longest < SERVED_WITHIN,
            "one of {served} requests took {longest:?}"
        );
    }
}

/// Where strangers come from.
fn bad(site: &Site) -> IpAddr {
    site.block().address(201).into()
}

fn plain(site: &Site, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(bad(site), 0).into()).unwrap();
    socket.connect_timeout(&to.into(), PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Sends everything without TLS and returns what came until the end.
fn without_tls(site: &Site, bytes: &[u8]) -> Vec<u8> {
    let mut stream = plain(site, at(site, DIR01, row::INTERNAL_PLAIN, "HTTP"));
    // The server may close while it still comes.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return all,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error}, after {}", String::from_utf8_lossy(&all)),
        }
    }
}

/// The same with TLS.
fn with_tls(site: &Site, bytes: &[u8]) -> Vec<u8> {
    let manner = Manner::of_a_browser(&site.operator().root(), &["http/1.1"]).unwrap();
    let director = at(site, DIR01, row::INTERNAL, "HTTPS");
    let mut wire = Wire::connect_from(&manner, director, WEB, Some(bad(site))).unwrap();
    let _ = wire.send(bytes);
    wire.drain(Instant::now() + PATIENCE).unwrap().0
}

/// The statuses of all answers.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let answers = text.split("HTTP/1.").skip(1);
    answers
        .filter_map(|rest| rest.split(' ').nth(1)?.parse().ok())
        .collect()
}

#[test]
fn what_can_be_read_in_two_ways_is_answered_once_and_ends_the_connection() {
    let site = Site::new();
    let _product = site.up();
    let visitor = Visitor::start(&site);
    type Way = fn(&Site, &[u8]) -> Vec<u8>;
    let ways: [(Way, &str); 2] = [(without_tls, "without TLS"), (with_tls, "with TLS")];
    for (way, how) in ways {
        for Case { name, bytes, fate } in cases(WEB) {
            let all = way(&site, &bytes);
            let found = statuses(&all);
            let fits = match found.as_slice() {
                [] => fate.contains(&0),
                [status] => fate.contains(status),
                _ => false,
            };
            assert!(fits, "{name} {how}: {}", String::from_utf8_lossy(&all));
        }
        let from = bad(&site).to_string();
        let words = ["limits", "forgive", &from, "--machine", DIR01];
        let _nothing_is_held_against_it = site.operator().command(&words, "").unwrap();
    }
    visitor.was_served();
    let report = site.report(DIR01);
    assert!(
        report.web["malformed"] > 0 && report.web["bodies_refused"] > 0,
        "{:?}",
        report.web
    );
    let closed = || (site.report(DIR01).web["open"] == 0).then_some(());
    assert!(
        wait::until(SERVED_WITHIN, closed).is_some(),
        "connections stay"
    );
}

#[test]
fn those_who_never_end_their_request_are_closed_and_others_are_served_meanwhile() {
    let site = Site::new();
    let _product = site.up();
    let visitor = Visitor::start(&site);
    let door = at(&site, DIR01, row::INTERNAL_PLAIN, "HTTP");
    let mut slow: Vec<TcpStream> = (0..SLOW).map(|_| plain(&site, door)).collect();
    for stream in &mut slow {
        stream
            .write_all(format!("GET /health HTTP/1.1\r\nHost: {WEB}\r\nX-Slow: ").as_bytes())
            .unwrap();
        stream.set_nonblocking(true).unwrap();
    }
    let ended = wait::until(SLOW_END, || {
        slow.retain_mut(|stream| {
            let dripped = stream.write_all(b"x").is_ok();
            let mut piece = [0; 512];
            let open = match stream.read(&mut piece) {
                Ok(read) => read > 0,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            };
            dripped && open
        });
        slow.is_empty().then_some(())
    });
    assert!(ended.is_some(), "{} are still open", slow.len());
    visitor.was_served();
}

#[test]
fn streams_that_are_reset_at_once_and_heads_without_end_close_the_connection() {
    let site = Site::new();
    let _product = site.up();
    let visitor = Visitor::start(&site);
    let director = at(&site, DIR01, row::INTERNAL, "HTTPS");
    let manner = Manner::of_a_browser(&site.operator().root(), &["h2"]).unwrap();
    for (name, flood) in [
        ("rapid reset", frames::resets(WEB, 5000)),
        ("a head without end", frames::continuations(WEB, 5000)),
        ("settings", frames::settings(100_000)),
        ("a stream of its own number", frames::backwards(WEB)),
        ("a frame that is too large", frames::large()),
    ] {
        let mut wire = Wire::connect_from(&manner, director, WEB, Some(bad(&site))).unwrap();
        let mut bytes = frames::hello();
        bytes.extend_from_slice(&flood);
        let sent = bytes
            .chunks(16 << 10)
            .try_for_each(|piece| wire.send(piece));
        let (answer, _) = wire
            .drain(Instant::now() + PATIENCE)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let goodbye = frames::goodbye(&answer);
        assert!(
            goodbye.is_some() || sent.is_err(),
            "{name}: it was simply taken"
        );
    }
    visitor.was_served();
}

#[test]
fn hosts_of_others_are_refused_at_the_hello_and_in_the_request() {
    if !are_met("websites::hosts", &[Need::Program("curl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let curl = Asker::of(&site);
    let inside = at(&site, DIR01, row::INTERNAL, "HTTPS");
    let outside = at(&site, DIR01, row::EXTERNAL, "HTTPS");
    for (door, name) in [
        (inside, "www.fabrikam.com"),
        (inside, "webdirexternal.contoso.com"),
        (outside, WEB),
        (outside, DIR01),
    ] {
        let refused = curl
            .with(&["--insecure"])
            .ask(door, &format!("https://{name}/health"));
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("alert"), "{name}: {said}");
    }
    for version in ["--http1.1", "--http2"] {
        let curl = curl.with(&[version, "--header", "Host: www.fabrikam.com"]);
        let page = curl.ask(inside, &format!("https://{WEB}/health")).unwrap();
        assert_eq!((page.status, page.body.as_str()), (421, ""), "{version}");
        assert!(!format!("{page:?}").contains("contoso"), "{page:?}");
    }
    let plain = at(&site, DIR01, row::INTERNAL_PLAIN, "HTTP");
    assert_eq!(
        curl.ask(plain, "http://127.0.0.1/health").unwrap().status,
        421
    );
}
