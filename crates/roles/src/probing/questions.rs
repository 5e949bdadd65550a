//! The questions themselves: over a connection that stands, or in a datagram.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base::net::Transport;
use base::random::Random;
use bytes::Bytes;
use dns::client::{self, Kind};
use firewall::matrix::{Found, Proof, Question, Target};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::header::HOST;
use runtime::http::Direct;
use runtime::reach;
use runtime::tls::examine::explain;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::agent;
use super::attempt::{Asked, unreached, unsecured};
use crate::health::options::{self, OptionsError};
use crate::replication;

/// The longest body of an answer that is read.
const BODY_MAX: usize = 64 << 10;
/// Where every web site of the product tells how it is.
const HEALTH: &str = "/health";
/// How long a refusal of our certificate may take where nothing is asked.
const AFTERTHOUGHT: Duration = Duration::from_millis(500);

/// Puts a question on a connection.
pub(super) async fn put<S>(stream: S, asked: &Asked<'_>, patience: Duration) -> Found
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answered = async {
        match asked.question {
            Question::Options => over_sip(stream, asked).await,
            Question::Health => {
                let got = get(stream, asked.name, HEALTH).await;
                got.map(|(status, body)| Question::judge_health(status, is_health(&body)))
            }
            Question::Directory => {
                let got = get(stream, asked.name, replication::PROBE).await;
                got.map(|(status, _)| Question::judge_directory(status))
            }
            Question::Web => get(stream, asked.name, "/").await.map(|_| Found::Answered),
            Question::Address { of } => name(stream, of, asked.number).await,
            Question::Banner => banner(stream).await,
            Question::Agent => agent::ask(stream).await,
            Question::Handshake | Question::Time => nothing(stream).await,
        }
    };
    match timeout(patience, answered).await {
        Ok(Ok(found) | Err(found)) => found,
        Err(_) => Found::Mute,
    }
}

/// Puts a question in a datagram, and again if nothing comes back.
pub(super) async fn datagram(
    asked: &Asked<'_>,
    to: &Target,
    from: Option<IpAddr>,
    patience: Duration,
) -> Found {
    let found = match asked.question {
        Question::Address { of } => match question(of, asked.number) {
            Err(found) => return found,
            Ok(question) => {
                let read = |bytes: &[u8]| {
                    question
                        .read(bytes)
                        .map(|found| Question::judge_address(&found.code))
                };
                reach::exchange(to.socket, from, &question.bytes(), patience, read).await
            }
        },
        Question::Time => {
            let read = |bytes: &[u8]| stratum(bytes, asked.number).map(Question::judge_time);
            let request = time(asked.number);
            reach::exchange(to.socket, from, &request, patience, read).await
        }
        Question::Options
        | Question::Health
        | Question::Directory
        | Question::Web
        | Question::Banner
        | Question::Agent
        | Question::Handshake => {
            let request = options::request(asked.name, asked.number, Transport::Udp);
            let read = |bytes: &[u8]| {
                options::status(bytes).map(|status| Question::judge_options(status, true))
            };
            reach::exchange(to.socket, from, request.as_bytes(), patience, read).await
        }
    };
    found.unwrap_or_else(|error| unreached(&error))
}

async fn over_sip<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    asked: &Asked<'_>,
) -> Result<Found, Found> {
    let over = match asked.proof {
        Proof::Nobody => Transport::Tcp,
        Proof::Listener | Proof::Both => Transport::Tls,
    };
    let status = options::ask(&mut stream, asked.name, asked.number, over).await;
    // The answer is what counts; the other side closes too if this does not get through.
    let _ = stream.shutdown().await;
    match status {
        Ok(status) => Ok(Question::judge_options(status, asked.proof != Proof::Both)),
        Err(OptionsError::Broken(error)) => Err(unsecured(&explain(&error))),
        Err(OptionsError::Closed) => Err(Found::Closed),
        Err(OptionsError::NotSip) => Err(other_than("SIP")),
    }
}

pub(super) fn other_than(protocol: &str) -> Found {
    Found::WrongRole {
        said: format!("no {protocol}"),
    }
}

async fn get<S>(stream: S, host: &str, path: &str) -> Result<(u16, Bytes), Found>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Direct::begin(stream).await.map_err(|e| unread(&e))?;
    let request = Request::get(path)
        .header(HOST, host)
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| Found::Untried {
        reason: error.to_string(),
    })?;
    let response = connection.ask(request).await.map_err(|e| unread(&e))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
    // A body that is too long or breaks off is none of ours; the status counts all the same.
    let body = body.map(http_body_util::Collected::to_bytes);
    Ok((status, body.unwrap_or_default()))
}

/// The cause of an error of HTTP: the connection's, or that the other side speaks something else.
fn unread(error: &hyper::Error) -> Found {
    if error.is_parse() {
        return other_than("HTTP");
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return unsecured(&explain(io));
        }
        cause = inner.source();
    }
    Found::Closed
}

/// Tells whether a document says how a machine is, in the words of the health check draft.
fn is_health(document: &[u8]) -> bool {
    let document: Result<serde_json::Value, _> = serde_json::from_slice(document);
    let status = document
        .ok()
        .and_then(|it| it["status"].as_str().map(str::to_owned));
    status.is_some_and(|status| ["pass", "warn", "fail"].contains(&status.as_str()))
}

fn question(of: &str, number: u64) -> Result<client::Question, Found> {
    let mut seed = [0; 32];
    let (first, _) = seed.split_at_mut(8);
    first.copy_from_slice(&number.to_be_bytes());
    let question = client::Question::new(of, Kind::A, &mut Random::new(seed));
    question.map_err(|error| Found::Untried {
        reason: error.to_string(),
    })
}

async fn name<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    of: &str,
    number: u64,
) -> Result<Found, Found> {
    let question = question(of, number)?;
    let bytes = question.framed();
    let exchanged = async {
        stream.write_all(&bytes).await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = exchanged.await.map_err(|_| Found::Closed)?;
    let found = question.read(&answer).ok_or_else(|| other_than("DNS"))?;
    Ok(Question::judge_address(&found.code))
}

/// The smallest question of NTP: version 4, from a client, and a time of ours that the answer repeats (RFC 5905 section 7.3).
fn time(number: u64) -> [u8; TIME] {
    let mut packet = [0; TIME];
    let (head, sent) = packet.split_at_mut(SENT);
    if let Some(first) = head.first_mut() {
        *first = 0x23;
    }
    sent.copy_from_slice(&number.to_be_bytes());
    packet
}

/// The stratum in a server's answer to it.
fn stratum(answer: &[u8], number: u64) -> Option<u8> {
    let from_server = answer.first()? & 0x07 == 4;
    let repeated = answer.get(REPEATED..REPEATED + 8)? == number.to_be_bytes();
    let stratum = *answer.get(1)?;
    (from_server && repeated && answer.len() >= TIME).then_some(stratum)
}

/// The length of a packet of NTP, where the time of sending stands in it, and where an answer repeats that.
const TIME: usize = 48;
const SENT: usize = 40;
const REPEATED: usize = 24;

/// A server of SSH speaks first (RFC 4253 section 4.2).
async fn banner<S: AsyncRead + Unpin>(mut stream: S) -> Result<Found, Found> {
    let mut begun = [0; 4];
    let read = stream.read_exact(&mut begun).await;
    read.map_err(|_| Found::Closed)?;
    if begun == *b"SSH-" {
        Ok(Found::Answered)
    } else {
        Err(other_than("SSH"))
    }
}

/// In TLS 1.3 the other side refuses a certificate after the handshake is done on ours, so it is listened for a moment.
async fn nothing<S: AsyncRead + Unpin>(mut stream: S) -> Result<Found, Found> {
    let mut byte = [0];
    match timeout(AFTERTHOUGHT, stream.read(&mut byte)).await {
        Err(_) | Ok(Ok(1..)) => Ok(Found::Answered),
        Ok(Ok(0)) => Err(Found::Closed),
        Ok(Err(error)) => Err(unsecured(&explain(&error))),
    }
}
