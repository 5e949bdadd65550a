//! One OPTIONS on an open connection: the smallest question that SIP has (RFC 3261 section 11).

use std::io;

use base::net::Transport;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest head of an answer that is read.
pub const ANSWER_MAX: usize = 8 << 10;

/// Why there is no answer that says anything.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The connection broke.
    #[error("the connection broke before OPTIONS was answered")]
    Broken(#[source] io::Error),
    /// The other side closed the connection.
    #[error("the connection was closed before OPTIONS was answered")]
    Closed,
    /// What came is not the head of a SIP answer.
    #[error("what came is no answer to OPTIONS")]
    NotSip,
}

/// Asks whoever is called `host` how it is; returns the status of the final answer.
///
/// `number` makes the request another one than all before, `over` is what the stream is. Answers of 1xx are passed over.
///
/// # Errors
/// When no final answer comes.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    number: u64,
    over: Transport,
) -> Result<u16, OptionsError> {
    let request = request(host, number, over);
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(OptionsError::Broken)?;
    stream.flush().await.map_err(OptionsError::Broken)?;
    let mut read = Vec::new();
    loop {
        while let Some(end) = head_end(&read) {
            let head = read.get(..end).unwrap_or_default();
            match status(head).ok_or(OptionsError::NotSip)? {
                100..200 => drop(read.drain(..end)),
                status => return Ok(status),
            }
        }
        if read.len() >= ANSWER_MAX {
            return Err(OptionsError::NotSip);
        }
        let mut part = [0; 1024];
        let count = stream.read(&mut part).await.map_err(OptionsError::Broken)?;
        if count == 0 {
            return Err(OptionsError::Closed);
        }
        read.extend_from_slice(part.get(..count).unwrap_or_default());
    }
}

/// Writes the question. It may go no further than to whom it is sent, and comes back on the connection, or to the address
/// that it was sent from (RFC 3581).
#[must_use]
pub fn request(host: &str, number: u64, over: Transport) -> String {
    let (word, name) = match over {
        Transport::Tls => ("tls", "TLS"),
        Transport::Tcp => ("tcp", "TCP"),
        Transport::Udp => ("udp", "UDP"),
    };
    format!(
        "OPTIONS sip:{host};transport={word} SIP/2.0\r\n\
         Via: SIP/2.0/{name} probe.invalid;branch=z9hG4bK{number:016x};rport\r\n\
         Max-Forwards: 0\r\n\
         From: <sip:probe.invalid>;tag={number:016x}\r\n\
         To: <sip:{host}>\r\n\
         Call-ID: {number:016x}@probe.invalid\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn head_end(read: &[u8]) -> Option<usize> {
    let found = read.windows(4).position(|four| four == b"\r\n\r\n");
    found.map(|at| at + 4)
}

/// Returns the status of an answer; `None` if it is none.
#[must_use]
pub fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"SIP/2.0 ")?;
    let digits = std::str::from_utf8(rest.get(..3)?).ok()?;
    let status = digits.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}
