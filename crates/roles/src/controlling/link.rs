//! One connection to an agent: made, proven, asked, listened to.

use std::time::Duration;

use logs::wire::{Answer, Decoder, Done, FrameError, Refused, Request, encode};
use logs::{SourceStatus, Value};
use runtime::reach::{self, Unreached};
use runtime::tls::examine::{Secured, Unsecured, examine, explain};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::{Controller, Target, now};
use crate::fault::chain;

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// A connection on which an agent answers.
pub(super) struct Link {
    secured: Secured,
    decoder: Decoder<Answer>,
    piece: Vec<u8>,
    /// How long the agent may be silent; for ever where it is not bound to speak.
    silence: Option<Duration>,
    /// How much longer is waited in all.
    left: Duration,
    heard: bool,
}

/// Why there is no more to hear.
#[derive(Debug)]
pub(super) enum Lost {
    /// The agent says so.
    Refused(Refused),
    /// The connection is none, or no longer one.
    Broken(String),
}

impl Controller {
    /// Connects to the service of an agent that a request is for, and asks.
    pub(super) async fn ask(&self, target: &Target, request: &Request) -> Result<Link, Lost> {
        // Nobody closes the semaphore.
        let turn = self.connecting.acquire().await;
        let patience = self.pace.patience;
        let at = target.at(request.service());
        let tcp = reach::connect(at, None, patience).await;
        let tcp = tcp.map_err(|error| Lost::Broken(unreached(&error)))?;
        let secured = examine(tcp, &target.machine, &self.guise, patience).await;
        drop(turn);
        let secured = secured.map_err(|error| Lost::Broken(unsecured(&error)))?;
        if !secured.asked_for_certificate {
            let why = "what answers there does not ask who we are, so it is no agent";
            return Err(Lost::Broken(why.to_owned()));
        }
        let is_tail = matches!(request, Request::Tail(_));
        let mut link = Link {
            secured,
            decoder: Decoder::default(),
            piece: vec![0; PIECE],
            silence: (!is_tail).then_some(self.pace.silence),
            left: self.pace.whole,
            heard: false,
        };
        link.send(request, patience).await?;
        Ok(link)
    }
}

impl Link {
    async fn send(&mut self, request: &Request, patience: Duration) -> Result<(), Lost> {
        let mut frame = Vec::new();
        encode(request, &mut frame).map_err(|error| Lost::Broken(error.to_string()))?;
        let stream = &mut self.secured.stream;
        let sent = async {
            stream.write_all(&frame).await?;
            stream.flush().await
        };
        match timeout(patience, sent).await {
            Err(_) => Err(Lost::Broken("it does not take the question".to_owned())),
            // In TLS 1.3 a refused certificate shows here, or only when the answer is read.
            Ok(sent) => sent.map_err(|error| Lost::Broken(unsecured(&explain(&error)))),
        }
    }

    /// Returns the next part of the answer.
    pub(super) async fn next(&mut self) -> Result<Answer, Lost> {
        loop {
            let read = self.decoder.take();
            if let Some(answer) = read.map_err(|error| Lost::Broken(misread(error)))? {
                self.heard = true;
                return if let Answer::Refused(refused) = answer {
                    Err(Lost::Refused(refused))
                } else {
                    Ok(answer)
                };
            }
            let length = self.read().await?;
            self.decoder
                .push(self.piece.get(..length).unwrap_or_default());
        }
    }

    async fn read(&mut self) -> Result<usize, Lost> {
        let began = Instant::now();
        let reading = self.secured.stream.read(&mut self.piece);
        let read = match self.silence {
            None => reading.await,
            Some(silence) => match timeout(silence.min(self.left), reading).await {
                Ok(read) => read,
                Err(_) => {
                    let waited = began.elapsed();
                    return Err(Lost::Broken(if waited < silence {
                        "the time for its answer is over".to_owned()
                    } else {
                        format!("it said nothing for {} s", silence.as_secs())
                    }));
                }
            },
        };
        self.left = self.left.saturating_sub(began.elapsed());
        match read {
            Ok(0) => Err(Lost::Broken("it ended the connection".to_owned())),
            Ok(length) => Ok(length),
            Err(error) => Err(Lost::Broken(unsecured(&explain(&error)))),
        }
    }

    /// Says how the agent stands after this.
    pub(super) fn lost(&self, lost: Lost) -> SourceStatus {
        match lost {
            Lost::Broken(why) if self.heard => SourceStatus::CutOff(why),
            Lost::Broken(_) | Lost::Refused(_) => lost.into(),
        }
    }

    /// Says by how much the agent's clock is off.
    pub(super) fn skew(done: &Done, asked: logs::Time) -> Option<i64> {
        logs::skew(asked, done.now, now())
    }
}

impl From<Lost> for SourceStatus {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Broken(why) => Self::Unreachable(why),
            Lost::Refused(refused) => Self::Refused(clean(&refused.to_string())),
        }
    }
}

/// What an agent says, fit for a terminal.
pub(super) fn clean(text: &str) -> String {
    Value::new(text).to_string()
}

/// Something that belongs to another question.
pub(super) fn unasked() -> Lost {
    Lost::Broken("it answers something else than was asked".to_owned())
}

fn misread(error: FrameError) -> String {
    if matches!(error, FrameError::Version(_)) {
        format!("{error}; update the older of the two")
    } else {
        format!("its answer cannot be read: {error}")
    }
}

fn unreached(error: &Unreached) -> String {
    let by = |by: &Option<std::net::IpAddr>| by.map(|by| format!(", says {by}"));
    match error {
        Unreached::Refused => "nobody listens there; is the machine's process running?".to_owned(),
        Unreached::Silent => "no answer; the machine is down, or a firewall drops it".to_owned(),
        Unreached::NoRoute { by: who } => format!("no route{}", by(who).unwrap_or_default()),
        Unreached::Prohibited { by: who } => {
            format!("a firewall forbids it{}", by(who).unwrap_or_default())
        }
        Unreached::Here(source) => format!("it cannot be asked from here: {}", chain(source)),
    }
}

fn unsecured(error: &Unsecured) -> String {
    match error {
        Unsecured::Alert { alert } if is_of_us(alert) => {
            format!("it does not take the operator's certificate (TLS alert: {alert})")
        }
        Unsecured::WrongName { presented } if presented.is_empty() => {
            "it does not prove the machine's name".to_owned()
        }
        Unsecured::WrongName { presented } => {
            let names: Vec<String> = presented.iter().map(|name| clean(name)).collect();
            format!("it proves another name: {}", names.join(", "))
        }
        Unsecured::Closed => "it ended the connection without a word".to_owned(),
        Unsecured::Silent => "it listens and does not shake hands".to_owned(),
        Unsecured::Alert { .. } | Unsecured::NotTls | Unsecured::Untrusted { .. } => {
            clean(&error.to_string())
        }
    }
}

/// Whether an alert is about the certificate that we showed (RFC 8446 section 6.2).
fn is_of_us(alert: &str) -> bool {
    alert.contains("certificate") || ["unknown ca", "access denied"].contains(&alert)
}
