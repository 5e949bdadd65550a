//! Posts OpenTelemetry logs to a collector, over HTTP/1.1 with TLS or without. A request has a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Hop, Transport};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Uri};
use runtime::http::Direct;
use runtime::tls::stream::{self, Visitor};
use serde_json::Value;
use tokio::time::timeout;

use super::{Believed, ExportError, PATIENCE, address, is_place};

/// How long a collector may take for a request.
const ANSWER: Duration = Duration::from_secs(30);
/// An answer is no longer, in bytes.
const LONGEST: usize = 64 << 10;
/// What a collector says of its refusal is told to this length.
const TOLD: usize = 200;

/// A collector that logs are posted to.
pub struct Otlp {
    place: String,
    host: String,
    path: String,
    tls: Option<Visitor>,
}

impl Otlp {
    /// Gets ready to post to a URL; without a path it is `/v1/logs`.
    ///
    /// # Errors
    /// It is no such URL, or the authorities cannot be read.
    pub fn to(url: &str, believed: &Believed) -> Result<Self, ExportError> {
        let form = "http://HOST:PORT or https://HOST:PORT, and /PATH unless it is /v1/logs";
        let wrong = || ExportError::Place(url.to_owned(), form);
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let place = uri.authority().ok_or_else(wrong)?.to_string();
        let host = uri.host().ok_or_else(wrong)?.to_owned();
        if !is_place(&place) || place.contains('@') {
            return Err(wrong());
        }
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(match believed {
                Believed::System => Visitor::believing_the_system(),
                Believed::File(path) => Visitor::believing(path),
            }),
            _ => return Err(wrong()),
        };
        let path = match uri.path() {
            "" | "/" => "/v1/logs".to_owned(),
            path => path.to_owned(),
        };
        Ok(Self {
            place,
            host,
            path,
            tls: tls.transpose().map_err(ExportError::Authorities)?,
        })
    }

    /// Posts a request (`export::otlp`); returns how many of its records the collector did not want.
    ///
    /// # Errors
    /// It cannot be reached, or does not take it.
    pub async fn post(&self, json: String) -> Result<u64, ExportError> {
        let asking = async {
            let hop = Hop {
                name: Arc::from(self.host.to_ascii_lowercase()),
                addr: address(&self.place).await?,
                transport: self.tls.as_ref().map_or(Transport::Tcp, |_| Transport::Tls),
                face: Face::Inside,
            };
            let broken = |source| ExportError::Secure {
                to: self.place.clone(),
                source,
            };
            match &self.tls {
                Some(visitor) => {
                    let stream = visitor.connect(&hop, PATIENCE).await.map_err(broken)?;
                    self.ask(Direct::begin(stream).await, json).await
                }
                None => {
                    let stream = stream::connect_plainly(&[], &hop, None, PATIENCE).await;
                    self.ask(Direct::begin(stream.map_err(broken)?).await, json)
                        .await
                }
            }
        };
        let answered = timeout(ANSWER, asking).await;
        answered.unwrap_or_else(|_| {
            Err(ExportError::Slow {
                to: self.place.clone(),
            })
        })
    }

    async fn ask(
        &self,
        begun: hyper::Result<Direct<Full<Bytes>>>,
        json: String,
    ) -> Result<u64, ExportError> {
        let unanswered = |source| ExportError::Unanswered {
            to: self.place.clone(),
            source,
        };
        let mut direct = begun.map_err(unanswered)?;
        let request = Request::post(&self.path)
            .header("host", &self.place)
            .header("content-type", "application/json")
            .header("user-agent", "vestibule")
            .body(Full::new(Bytes::from(json)));
        let request = request
            .map_err(|_| ExportError::Place(self.path.clone(), "a path that a URL can have"))?;
        let answer = direct.ask(request).await.map_err(unanswered)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        if !status.is_success() {
            return Err(ExportError::Status {
                to: self.place.clone(),
                status: status.as_u16(),
                said: said(&body),
            });
        }
        Ok(rejected(&body))
    }
}

/// How many records a collector did not want: `{"partialSuccess":{"rejectedLogRecords":"2"}}`.
fn rejected(body: &[u8]) -> u64 {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let count = json.pointer("/partialSuccess/rejectedLogRecords");
    // 64-bit numbers are strings in this JSON, and some collectors write numbers all the same.
    let read = |count: &Value| count.as_u64().or_else(|| count.as_str()?.parse().ok());
    count.and_then(read).unwrap_or(0)
}

fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    let text: String = text.trim().chars().take(TOLD).map(clean).collect();
    if text.is_empty() {
        text
    } else {
        format!(": {text}")
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Takes one request, answers it, and returns what was asked.
    async fn answering(listener: TcpListener, answer: &'static str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while !bytes.ends_with(b"{}") {
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0);
            bytes.extend_from_slice(&piece[..read]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    async fn posted(path: &str, answer: &'static str) -> (String, Result<u64, ExportError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let otlp = Otlp::to(&url, &Believed::System).unwrap();
        tokio::join!(answering(listener, answer), otlp.post("{}".to_owned()))
    }

    #[tokio::test]
    async fn a_request_goes_where_collectors_take_logs() {
        let (asked, rejected) = posted("", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        assert!(asked.starts_with("POST /v1/logs HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("content-type: application/json\r\n"));
        assert_eq!(rejected.unwrap(), 0);
        let partial = "HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n{\"partialSuccess\":{\"rejectedLogRecords\":\"2\"}} ";
        let (asked, rejected) = posted("/own/path", partial).await;
        assert!(asked.starts_with("POST /own/path HTTP/1.1\r\n"), "{asked}");
        assert_eq!(rejected.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_collectors_words() {
        let full = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 9\r\n\r\nslow\x1b[2Jx";
        let (_, refused) = posted("/", full).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.ends_with("answered 429: slow [2Jx"), "{text}");
    }

    #[tokio::test]
    async fn what_is_no_collector_is_told() {
        for wrong in [
            "collector",
            "ftp://a:1",
            "http://a",
            "http://u:p@a:4318",
            "http://:1",
        ] {
            let refused = Otlp::to(wrong, &Believed::System).err();
            assert!(matches!(refused, Some(ExportError::Place(..))), "{wrong}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let otlp = Otlp::to(&url, &Believed::System).unwrap();
        let error = otlp.post("{}".to_owned()).await.unwrap_err();
        assert!(matches!(error, ExportError::Secure { .. }), "{error}");
    }
}
