//! HTTP through its public face: requests, refusals, balancers, names, bounds of time, and drains.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Request, Response};
use logs::Component;
use runtime::http::{
    Body, BodyError, Caller, Door, Limits, Secured, Serving, Setup, Site, collect, full, start,
};
use runtime::proxy_header::{Ends, write};
use runtime::tls::Store;
use runtime::worker::Bound;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tempfile::TempDir;
use traces::Recorder;

use crate::authority::Authority;
use crate::phone::{PATIENCE, config};

pub(crate) const NAME: &str = "web.example.com";

/// Says who asked for what, and how long the body was.
struct Echo;

impl Site for Echo {
    async fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let version = request.version();
        let body = collect(request.into_body(), 10, Duration::from_millis(300)).await;
        let body = match body {
            Ok(bytes) => bytes.len().to_string(),
            Err(error @ (BodyError::TooLarge(_) | BodyError::TooSlow | BodyError::Broken)) => {
                error.to_string()
            }
        };
        let from = caller.source;
        let name = caller.server_name.as_deref().unwrap_or("-");
        Response::new(full(format!("{version:?} {path} {body} {from} {name}\n")))
    }
}

pub(crate) struct Rig {
    serving: Serving,
    addr: SocketAddr,
}

fn serve(tls: Option<Secured>, balancers: &[[u8; 4]], limits: Limits) -> Rig {
    recorded(tls, balancers, limits, Recorder::default())
}

pub(crate) fn recorded(
    tls: Option<Secured>,
    balancers: &[[u8; 4]],
    limits: Limits,
    recorder: Recorder,
) -> Rig {
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let addr = bound.addr();
    let door = Door {
        bound,
        tls,
        balancers: balancers
            .iter()
            .map(|ip| Ipv4Addr::from(*ip).into())
            .collect(),
        per_source: 4,
    };
    let serving = start(Setup {
        name: "web".to_owned(),
        doors: vec![door],
        sites: vec![Echo],
        limits,
        recorder,
        component: Component::Web,
    });
    Rig {
        serving: serving.unwrap(),
        addr,
    }
}

/// Serves [`NAME`] over TLS, to whoever calls whatever name.
pub(crate) fn named(authority: &Authority) -> Rig {
    let (_folder, store) = store(authority);
    serve(Some(Secured { store, names: None }), &[], Limits::default())
}

fn plain() -> Rig {
    serve(None, &[], Limits::default())
}

impl Rig {
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and reads all that comes until the server closes.
    pub(crate) fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut heard = Vec::new();
        // The server may close with bytes of ours unread, which ends the connection hard.
        let _reset = stream.read_to_end(&mut heard);
        String::from_utf8(heard).unwrap()
    }

    /// Waits until a counter has this value: a client may see the end of a connection before it is counted.
    fn counted(&self, name: &str, expected: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = self.serving.stats().each();
            let found = stats.iter().find(|one| one.0 == name).unwrap().3;
            if found == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{name} is {found}, not {expected}"
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn requests_are_answered_one_after_another() {
    let rig = plain();
    let heard = rig.say(
        b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nPOST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
          GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    let bodies: Vec<&str> = heard
        .lines()
        .filter(|line| line.starts_with("HTTP/1.1 /"))
        .collect();
    assert_eq!(bodies.len(), 3, "{heard}");
    assert!(
        bodies[1].starts_with("HTTP/1.1 /two 3 127.0.0.1:"),
        "{heard}"
    );
    rig.counted("requests", 3);
}

#[test]
fn a_request_that_others_could_read_otherwise_is_refused_and_what_follows_is_not_read() {
    let rig = plain();
    let heads = [
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "GET /a HTTP/1.1\nHost: a\n\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
    ];
    for head in heads {
        let heard = rig.say(format!("{head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(heard.starts_with("HTTP/1.1 400"), "{head:?} {heard:?}");
        assert!(!heard.contains("smuggled"), "{head:?} {heard:?}");
    }
    rig.counted("malformed", heads.len() as u64);
    rig.counted("requests", 0);
}

#[test]
fn after_a_coded_body_the_connection_is_over() {
    let heard = plain().say(
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
          GET /smuggled HTTP/1.1\nHost: a\n\n",
    );
    assert!(
        heard.contains("/a 3 ") && heard.contains("connection: close"),
        "{heard}"
    );
    assert!(!heard.contains("smuggled"), "{heard}");
}

/// Whoever has more to say than is listened to still hears why it is refused.
#[test]
fn an_answer_is_not_lost_under_what_the_client_still_sends() {
    let rig = plain();
    for _ in 0..10 {
        let mut stream = rig.connect();
        let mut writer = stream.try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            let large = vec![b'a'; 900 << 10];
            writer
                .write_all(b"GET / HTTP/1.1\nHost: a\r\n")
                .and_then(|()| writer.write_all(&large))
        });
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        assert!(heard.starts_with("HTTP/1.1 400"), "{heard:?}");
        sending.join().unwrap().unwrap();
    }
}

#[test]
fn a_head_has_bounds() {
    let rig = plain();
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(101)
    );
    assert!(rig.say(many.as_bytes()).starts_with("HTTP/1.1 431"));
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
        "b".repeat(20 << 10)
    );
    assert!(rig.say(long.as_bytes()).starts_with("HTTP/1.1 431"));
}

#[test]
fn a_slow_head_a_slow_body_and_silence_have_an_end() {
    let limits = Limits {
        head: Duration::from_millis(200),
        ..Limits::default()
    };
    let rig = serve(None, &[], limits);
    let mut slow = rig.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let mut silent = rig.connect();
    let heard =
        rig.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\nab");
    assert!(heard.contains("did not arrive in time"), "{heard}");
    let mut heard = String::new();
    let _reset = slow.read_to_string(&mut heard);
    assert!(
        heard.is_empty() || heard.starts_with("HTTP/1.1 408"),
        "{heard}"
    );
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or(0), 0);
    // Who has said nothing has broken nothing off.
    rig.counted("late", 1);
    rig.counted("broken", 0);
}

#[test]
fn a_source_has_so_many_connections_and_no_more() {
    let rig = plain();
    let mut held: Vec<TcpStream> = (0..4).map(|_| rig.connect()).collect();
    for stream in &mut held {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert_eq!(stream.read(&mut [0; 12]).unwrap(), 12);
    }
    assert_eq!(rig.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    rig.counted("crowded", 1);
}

#[test]
fn the_client_is_whom_a_balancer_names_and_strangers_name_nobody() {
    let ends = Ends {
        source: "192.0.2.7:1234".parse().unwrap(),
        destination: "192.0.2.1:80".parse().unwrap(),
    };
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let passed_on = [&write(&ends)[..], request].concat();
    let behind = serve(None, &[[127, 0, 0, 1]], Limits::default());
    assert!(behind.say(&passed_on).contains(" 192.0.2.7:1234 "));
    assert_eq!(behind.say(request), "");
    behind.counted("strangers", 1);
    assert!(plain().say(&passed_on).starts_with("HTTP/1.1 400"));
}

pub(crate) fn store(authority: &Authority) -> (TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    authority.furnish(folder.path(), &authority.issue(&[NAME]));
    let store = Store::open(folder.path()).unwrap();
    (folder, Arc::new(store))
}

fn hello(authority: &Authority, rig: &Rig, name: &str) -> std::io::Result<String> {
    let config = config(authority, None, rustls::ALL_VERSIONS);
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let client = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(client, rig.connect());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard)?;
    Ok(heard)
}

#[test]
fn whoever_calls_none_of_the_names_is_shown_no_certificate() {
    let authority = Authority::new();
    let (_folder, store) = store(&authority);
    let secured = Secured {
        store,
        names: Some(Arc::new([NAME.to_owned()])),
    };
    let rig = serve(Some(secured), &[], Limits::default());
    let heard = hello(&authority, &rig, NAME).unwrap();
    assert!(heard.contains(NAME), "{heard}");
    let refused = hello(&authority, &rig, "other.example.com").unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    rig.counted("handshakes_failed", 1);
}

#[test]
fn a_drain_waits_for_what_is_being_answered() {
    let rig = plain();
    let mut waiting = rig.connect();
    waiting
        .write_all(
            b"POST /last HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        )
        .unwrap();
    let mut heard = [0; 25];
    waiting.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut idle = rig.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert_eq!(idle.read(&mut [0; 12]).unwrap(), 12);
    let serving = rig.serving;
    let drain = std::thread::spawn(move || serving.drain(PATIENCE));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    waiting.write_all(b"abc").unwrap();
    let mut heard = String::new();
    waiting.read_to_string(&mut heard).unwrap();
    assert!(heard.contains("/last 3 "), "{heard}");
    let ended = drain.join().unwrap();
    assert_eq!((ended.finished, ended.cut, ended.failed), (2, 0, 0));
}
