//! A web site of the inside as a test wants it: HTTP/1.1, with TLS or without, one thread for each connection.
//!
//! It answers with what it was asked, so that a test sees what came through. Some paths make it behave badly:
//! `/silent` is never answered, `/broken` ends the connection, `/half` ends it within the answer, `/echo` becomes a
//! WebSocket that sends back what comes, `/bytes/N` is a body of N bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::Identity;
use crate::stand::Stand;
use crate::tls::{PATIENCE, certificates};

/// A running site. Dropping it closes its door; connections end when the other side has enough.
#[derive(Debug)]
pub struct Backend {
    seen: Arc<Seen>,
    _stand: Stand,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Backend {
    /// Serves at an address, with TLS if there is something to prove; the name of the site stands in its answers.
    ///
    /// # Panics
    /// Panics when the address is taken or the certificate cannot be used.
    #[must_use]
    pub fn start(name: &'static str, at: SocketAddr, identity: Option<&Identity>) -> Self {
        let config = identity.map(config);
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        let stand = Stand::open(at, move |stream| {
            seen.connections.fetch_add(1, Ordering::Relaxed);
            serve(name, stream, config.clone(), &seen);
        });
        Self {
            seen: shared,
            _stand: stand.expect("the address of a site is free"),
        }
    }

    /// Returns how many connections it took.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Returns the heads of all requests that came.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let requests = self.seen.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a private key");
    let chain = certificates(&identity.certificate).expect("a certificate");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    Arc::new(config.expect("a certificate that fits its key"))
}

fn serve(name: &str, stream: TcpStream, config: Option<Arc<ServerConfig>>, seen: &Seen) {
    // A connection that fails is the other side's to notice.
    let _ = stream.set_read_timeout(Some(PATIENCE));
    match config {
        None => converse(name, BufReader::new(stream), seen),
        Some(config) => {
            let session = ServerConnection::new(config).expect("a TLS session");
            converse(
                name,
                BufReader::new(StreamOwned::new(session, stream)),
                seen,
            );
        }
    }
}

fn converse<S: Read + Write>(name: &str, mut stream: BufReader<S>, seen: &Seen) {
    while let Some(head) = read_head(&mut stream) {
        let mut requests = seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(head.clone());
        drop(requests);
        if answer(name, &head, &mut stream).is_none() {
            return;
        }
    }
}

fn read_head(stream: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    Some(head)
}

/// Answers one request; nothing at the end of the connection.
fn answer<S: Read + Write>(name: &str, head: &str, stream: &mut BufReader<S>) -> Option<()> {
    let path = head.split(' ').nth(1)?;
    let body = read_body(head, stream)?;
    match path {
        "/silent" => {
            let _end = stream.read(&mut [0]).ok()?;
            None
        }
        "/broken" => None,
        "/half" => {
            say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")?;
            None
        }
        "/echo" => echo(stream),
        _ => {
            let text = match path.strip_prefix("/bytes/") {
                Some(count) => "x".repeat(count.parse().ok()?),
                None => format!("{name} read {} bytes\n{head}", body.len()),
            };
            let length = text.len();
            say(
                stream,
                &format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-Site: {name}\r\n\r\n{text}"
                ),
            )
        }
    }
}

fn read_body(head: &str, stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    let mut body = Vec::new();
    if lower.contains("transfer-encoding: chunked") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut piece = vec![0; size + 2];
            stream.read_exact(&mut piece).ok()?;
            if size == 0 {
                return Some(body);
            }
            body.extend(piece.get(..size)?);
        }
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(Some(0), |length| length.parse().ok())?;
    body.resize(length, 0);
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn echo<S: Read + Write>(stream: &mut BufReader<S>) -> Option<()> {
    say(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )?;
    loop {
        let piece = stream.fill_buf().ok()?.to_vec();
        if piece.is_empty() {
            return None;
        }
        stream.consume(piece.len());
        stream.get_mut().write_all(&piece).ok()?;
        stream.get_mut().flush().ok()?;
    }
}

fn say<S: Read + Write>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.get_mut().write_all(text.as_bytes()).ok()?;
    stream.get_mut().flush().ok()
}
