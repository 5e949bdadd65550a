//! Requests of ours to servers: connections kept and lost, names proven, bounds of time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base::net::{Face, Hop, Transport};
use http_body_util::BodyExt as _;
use hyper::Request;
use runtime::http::client::{Bounds, Client, Origin, Outgoing, Reason, Stats};
use runtime::tls::Store;
use runtime::tls::stream::StreamError;
use tokio::task::LocalSet;

use crate::authority::Authority;
use crate::phone::PATIENCE;

/// Answers each connection in turn with a script, and counts connections.
fn server(
    script: impl Fn(TcpStream, usize) + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let (count, script) = (Arc::clone(&taken), Arc::new(script));
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let number = count.fetch_add(1, Ordering::SeqCst);
            let script = Arc::clone(&script);
            std::thread::spawn(move || script(stream, number));
        }
    });
    (address, taken)
}

/// Reads a head and returns its first line; none at the end.
fn head(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    }
    Some(first)
}

/// Answers every request on a connection with what it asked for.
fn echo(stream: TcpStream, _number: usize) {
    let mut out = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(line) = head(&mut reader) {
        let length = line.len();
        write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{line}"
        )
        .unwrap();
    }
}

struct Rig {
    client: Client,
    stats: Arc<Stats>,
    _folder: tempfile::TempDir,
}

fn client(authority: &Authority, hops: Vec<Hop>, bounds: Bounds) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    authority.furnish(folder.path(), &authority.issue(&["proxy.example.com"]));
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let stats = Arc::<Stats>::default();
    Rig {
        client: Client::new(hops, Origin::default(), store, bounds, Arc::clone(&stats)),
        stats,
        _folder: folder,
    }
}

fn plain(addr: SocketAddr, bounds: Bounds) -> Rig {
    let hop = Hop {
        name: "web.example.com".into(),
        addr,
        transport: Transport::Tcp,
        face: Face::Inside,
    };
    client(&Authority::new(), vec![hop], bounds)
}

impl Rig {
    fn counted(&self, name: &str) -> u64 {
        self.stats
            .each()
            .iter()
            .find(|one| one.0 == name)
            .unwrap()
            .3
    }

    async fn ask(&self, method: &str, path: &str) -> Result<String, Reason> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("host", "web.example.com");
        let request = request.body(Outgoing::empty()).unwrap();
        let response = self
            .client
            .send(0, request)
            .await
            .map_err(|failed| failed.reason)?;
        let body = response.into_body().collect().await;
        let bytes = body.map_err(|error| panic!("{error}")).unwrap();
        Ok(String::from_utf8(bytes.to_bytes().to_vec()).unwrap())
    }
}

fn here<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, future)
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let (address, taken) = server(echo);
    here(async {
        let rig = plain(address, Bounds::default());
        for number in 0..5 {
            let heard = rig.ask("GET", &format!("/{number}")).await.unwrap();
            assert_eq!(heard, format!("GET /{number} HTTP/1.1\r\n"));
        }
        assert_eq!(taken.load(Ordering::SeqCst), 1);
        assert_eq!(rig.counted("connections"), 1);
    });
}

#[test]
fn a_kept_connection_that_closes_under_a_request_costs_nothing_if_it_may_be_sent_twice() {
    // Each connection answers once, takes another request and closes without a word.
    let (address, _) = server(|stream, _| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        head(&mut reader).unwrap();
        write!(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        let _closed = head(&mut reader);
    });
    here(async {
        let rig = plain(address, Bounds::default());
        assert_eq!(rig.ask("GET", "/").await.unwrap(), "ok");
        assert_eq!(rig.ask("GET", "/").await.unwrap(), "ok");
        assert_eq!(rig.counted("repeated"), 1);
        let lost = rig.ask("POST", "/").await.unwrap_err();
        assert!(matches!(lost, Reason::Broken(_)), "{lost:?}");
        assert_eq!(
            rig.counted("repeated"),
            1,
            "nobody knows whether it was done"
        );
    });
}

#[test]
fn an_answer_that_does_not_begin_or_does_not_go_on_has_an_end() {
    let (address, _) = server(|stream, number| {
        let mut out = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        head(&mut reader).unwrap();
        if number > 0 {
            write!(out, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
        }
        let _closed = head(&mut reader);
    });
    here(async {
        let bounds = Bounds {
            answer: Duration::from_millis(100),
            silence: Duration::from_millis(100),
            ..Bounds::default()
        };
        let rig = plain(address, bounds);
        assert!(matches!(rig.ask("GET", "/").await, Err(Reason::Late)));
        let request = Request::get("/").body(Outgoing::empty()).unwrap();
        let response = rig.client.send(0, request).await.unwrap();
        let broken = response.into_body().collect().await.unwrap_err();
        assert!(broken.to_string().contains("timed out"), "{broken}");
    });
}

#[test]
fn connections_are_bounded_and_a_request_that_was_not_sent_comes_back() {
    let (address, _) = server(|stream, _| {
        let mut reader = BufReader::new(stream);
        head(&mut reader).unwrap();
        let _closed = head(&mut reader);
    });
    here(async {
        let bounds = Bounds {
            open: 1,
            ..Bounds::default()
        };
        let rig = plain(address, bounds);
        let first = rig.ask("GET", "/first");
        let second = async {
            while rig.counted("connections") == 0 {
                tokio::task::yield_now().await;
            }
            let request = Request::get("/second").body(Outgoing::empty()).unwrap();
            rig.client.send(0, request).await.err().unwrap()
        };
        tokio::select! {
            never = first => panic!("{never:?}"),
            failed = second => {
                assert!(matches!(failed.reason, Reason::Crowded), "{failed:?}");
                assert_eq!(failed.unsent.unwrap().uri(), "/second");
            }
        }
    });
}

#[test]
fn connections_that_are_kept_too_long_are_closed() {
    let (ended, end) = std::sync::mpsc::channel();
    let (address, _) = server(move |stream, number| {
        echo(stream, number);
        ended.send(()).unwrap();
    });
    here(async {
        let bounds = Bounds {
            idle: Duration::from_millis(50),
            ..Bounds::default()
        };
        let rig = plain(address, bounds);
        rig.ask("GET", "/").await.unwrap();
        let closed = tokio::task::spawn_blocking(move || end.recv_timeout(PATIENCE));
        closed.await.unwrap().expect("the connection is closed");
    });
}

#[test]
fn a_server_that_proves_another_name_is_not_spoken_to() {
    let authority = Authority::new();
    let rig = crate::http::named(&authority);
    let hop = |name: &str| Hop::inside(name, rig.addr());
    here(async {
        let good = client(&authority, vec![hop(crate::http::NAME)], Bounds::default());
        let heard = good.ask("GET", "/a").await.unwrap();
        assert!(heard.starts_with("HTTP/1.1 /a"), "{heard}");
        let wrong = client(
            &authority,
            vec![hop("other.example.com")],
            Bounds::default(),
        );
        let refused = wrong.ask("GET", "/a").await.unwrap_err();
        assert!(
            matches!(refused, Reason::Unreachable(StreamError::Handshake(_))),
            "{refused:?}"
        );
        let stranger = client(
            &Authority::new(),
            vec![hop(crate::http::NAME)],
            Bounds::default(),
        );
        stranger.ask("GET", "/a").await.unwrap_err();
    });
}
