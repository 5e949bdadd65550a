//! Agents that do what a test says, and the certificates of a deployment.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Peer, Role, Server};
use logs::wire::{Answer, Decoder, Done, Request, encode};
use logs::{Component, Flags, Level, Record, Time, line};
use pki::{Need, Operator, State};
use runtime::tls::stream::{ServerStream, accept};
use runtime::tls::{Auth, Identify, Store, Stranger};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::{Controller, Pace, Target};

/// Long enough for everything that does happen.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Machines of one authority, and an operator.
pub(super) struct Site {
    pub(super) state: State,
    _folder: TempDir,
}

/// Lets in whoever has a certificate of the authority; an operator's has no name of a machine.
struct Everybody;

impl Identify for Everybody {
    fn identify(&self, names: &[String], _face: Face) -> Result<Peer, Stranger> {
        let name: Arc<str> = names.first().map_or("operator", String::as_str).into();
        Ok(Peer::Server(Arc::new(Server {
            pool: Arc::clone(&name),
            name,
            role: Role::Director,
        })))
    }
}

/// The other end of a connection to a fake agent.
pub(super) struct Asker {
    stream: ServerStream,
    decoder: Decoder<Request>,
}

impl Asker {
    /// Reads a request.
    pub(super) async fn asked(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.decoder.take().unwrap() {
                return Some(request);
            }
            let mut piece = [0; 4096];
            let length = self.stream.read(&mut piece).await.unwrap_or(0);
            if length == 0 {
                return None;
            }
            self.decoder.push(&piece[..length]);
        }
    }

    /// Answers. Whoever asked may be gone.
    pub(super) async fn say(&mut self, answer: Answer) -> bool {
        let mut frame = Vec::new();
        encode(&answer, &mut frame).unwrap();
        self.raw(&frame).await
    }

    pub(super) async fn raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    pub(super) async fn done(&mut self) -> bool {
        self.say(Answer::Done(done())).await
    }
}

pub(super) fn done() -> Done {
    Done {
        now: super::super::now(),
        ..Done::default()
    }
}

impl Site {
    pub(super) fn new(machines: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let state = State::new(folder.path());
        let need = |machine: &&str| Need {
            machine: (*machine).to_owned(),
            face: Face::Inside,
            names: vec![(*machine).to_owned()],
            wildcard: Vec::new(),
        };
        let needs: Vec<Need> = machines.iter().map(need).collect();
        let now = OffsetDateTime::now_utc();
        pki::ensure(&state, "tests", &needs, &[], now).unwrap();
        let ann = Operator::new("contoso.com", "ann").unwrap();
        pki::ensure_operator(&state, &ann, now).unwrap();
        Self {
            state,
            _folder: folder,
        }
    }

    /// Runs an agent with the certificate of a machine; every connection is treated in the same way.
    pub(super) async fn agent<F>(
        &self,
        certificate: &str,
        treat: impl Fn(Asker) -> F + Send + 'static,
    ) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let store = Store::open(&self.state.tls(certificate, Face::Inside)).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let face = Face::Inside;
                let shaken = accept(tcp, &store, Auth::Required, face, &Everybody, SOON).await;
                if let Ok((stream, _)) = shaken {
                    let decoder = Decoder::default();
                    tokio::spawn(treat(Asker { stream, decoder }));
                }
            }
        });
        at
    }

    /// Runs an agent that answers whatever it is asked with these parts.
    pub(super) async fn saying(&self, machine: &str, parts: Vec<Answer>) -> Target {
        let treat = move |mut asker: Asker| {
            let parts = parts.clone();
            async move {
                asker.asked().await;
                for part in parts {
                    asker.say(part).await;
                }
            }
        };
        Target::single(machine, self.agent(machine, treat).await)
    }

    pub(super) fn controller(&self) -> Arc<Controller> {
        self.controller_with(Pace {
            patience: SOON,
            silence: SOON,
            ..Pace::default()
        })
    }

    pub(super) fn controller_with(&self, pace: Pace) -> Arc<Controller> {
        Controller::new(&self.state.operator("ann"), pace).unwrap()
    }
}

/// Records of a machine at these times.
pub(super) fn records(machine: &str, times: &[u64]) -> Answer {
    let mut text = String::new();
    for time in times {
        let mut record = Record::new(
            Time(*time),
            machine.into(),
            Component::SipStack,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.text = "OPTIONS sip:x SIP/2.0".into();
        line::write(&record, &mut text);
    }
    Answer::Records(text)
}
