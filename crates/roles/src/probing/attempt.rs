//! One try: the connection, the handshake, the question, and the same again as a stranger where strangers are refused.

use std::io::ErrorKind;
use std::net::IpAddr;

use firewall::matrix::{Depth, Expected, Found, Proof, Question, Target, Try, Wanted};
use runtime::proxy_header;
use runtime::reach::{self, Unreached};
use runtime::tls::examine::{Guise, Unsecured, examine};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use topology::flows::Carrier;

use super::{Prober, questions};
use crate::fault::chain;

/// Whom a try asks, and how.
pub(super) struct Asked<'a> {
    pub(super) question: &'a Question,
    pub(super) name: &'a str,
    /// Makes this question another one than all others.
    pub(super) number: u64,
    /// Whether whoever is asked knows the asker.
    pub(super) proof: Proof,
}

impl Prober {
    pub(super) async fn make(&self, one: &Try, number: u64) -> Found {
        let from = one.from;
        match (&one.expected, one.to.carrier) {
            (Expected::Unwanted { .. }, Carrier::Tcp) => {
                match reach::connect(one.to.socket, from, self.pace.patience).await {
                    Ok(_) => Found::Connected,
                    Err(error) => unreached(&error),
                }
            }
            (Expected::Unwanted { question: None, .. }, Carrier::Udp) => Found::Untried {
                reason: "there is nothing to ask in a datagram".to_owned(),
            },
            (
                Expected::Unwanted {
                    question: Some(question),
                    ..
                },
                Carrier::Udp,
            ) => {
                let name = one.to.name.as_str();
                let asked = asked(question, name, number, Proof::Nobody);
                let found = questions::datagram(&asked, &one.to, from, self.pace.patience).await;
                match found.depth() {
                    Depth::Nothing => found,
                    Depth::Connected | Depth::Secured | Depth::Answered => Found::Connected,
                }
            }
            (Expected::Wanted(wanted), Carrier::Udp) => {
                let asked = asked(&wanted.question, &wanted.name, number, wanted.proof);
                questions::datagram(&asked, &one.to, from, self.pace.patience).await
            }
            (Expected::Wanted(wanted), Carrier::Tcp) => {
                self.ask(&one.to, from, wanted, number).await
            }
        }
    }

    async fn ask(&self, to: &Target, from: Option<IpAddr>, wanted: &Wanted, number: u64) -> Found {
        let tcp = match self.open(to, from, wanted).await {
            Ok(tcp) => tcp,
            Err(found) => return found,
        };
        let asked = asked(&wanted.question, &wanted.name, number, wanted.proof);
        match (wanted.proof, &self.identity.machine) {
            (Proof::Nobody, _) => questions::put(tcp, &asked, self.pace.patience).await,
            (Proof::Listener, Some((_, web))) => self.secured(tcp, &asked, web).await,
            (Proof::Listener, None) => {
                self.secured(tcp, &asked, self.strange(&wanted.question))
                    .await
            }
            // Who has no certificate is right to be refused, and needs nothing else here.
            (Proof::Both, None) => self.refused(tcp, &asked).await,
            (Proof::Both, Some((server, _))) => {
                let found = self.secured(tcp, &asked, server).await;
                if found == Found::Answered && wanted.strangers_refused {
                    return match self.open(to, from, wanted).await {
                        Ok(tcp) => self.refused(tcp, &asked).await,
                        Err(found) => found,
                    };
                }
                found
            }
        }
    }

    async fn open(
        &self,
        to: &Target,
        from: Option<IpAddr>,
        wanted: &Wanted,
    ) -> Result<TcpStream, Found> {
        let connected = reach::connect(to.socket, from, self.pace.patience).await;
        let mut tcp = connected.map_err(|error| unreached(&error))?;
        if wanted.passed_on {
            // If it does not get through, the next step finds the connection closed.
            let _ = tcp.write_all(&proxy_header::own()).await;
        }
        Ok(tcp)
    }

    const fn strange(&self, question: &Question) -> &Guise {
        match question {
            Question::Health | Question::Web => &self.identity.stranger.1,
            Question::Options
            | Question::Directory
            | Question::Address { .. }
            | Question::Time
            | Question::Banner
            | Question::Agent
            | Question::Handshake => &self.identity.stranger.0,
        }
    }

    async fn secured(&self, tcp: TcpStream, asked: &Asked<'_>, guise: &Guise) -> Found {
        match examine(tcp, asked.name, guise, self.pace.patience).await {
            Err(error) => unsecured(&error),
            // Who does not ask whom it speaks to trusts everybody, whatever it answers.
            Ok(secured) if asked.proof == Proof::Both && !secured.asked_for_certificate => {
                Found::NoCertificateAsked
            }
            Ok(secured) => questions::put(secured.stream, asked, self.pace.patience).await,
        }
    }

    /// Tries it without a certificate: the handshake has to end in an alert, or in the end of the connection.
    async fn refused(&self, tcp: TcpStream, asked: &Asked<'_>) -> Found {
        let guise = self.strange(asked.question);
        let found = match examine(tcp, asked.name, guise, self.pace.patience).await {
            Err(error) => unsecured(&error),
            Ok(secured) => questions::put(secured.stream, asked, self.pace.patience).await,
        };
        let is_refused = matches!(found, Found::Alert { .. } | Found::Closed);
        let is_let_in = found.depth() >= Depth::Secured || found == Found::Mute;
        match (is_refused, is_let_in) {
            (true, _) => Found::Answered,
            (false, true) => Found::StrangerLetIn,
            (false, false) => found,
        }
    }
}

const fn asked<'a>(question: &'a Question, name: &'a str, number: u64, proof: Proof) -> Asked<'a> {
    Asked {
        question,
        name,
        number,
        proof,
    }
}

pub(super) fn unreached(error: &Unreached) -> Found {
    match error {
        Unreached::Refused => Found::Refused,
        Unreached::Silent => Found::Dropped,
        Unreached::NoRoute { by } => Found::NoRoute { by: *by },
        Unreached::Prohibited { by } => Found::Prohibited { by: *by },
        Unreached::Here(source) => Found::Untried {
            reason: if source.kind() == ErrorKind::AddrNotAvailable {
                "this system does not have the address".to_owned()
            } else {
                chain(source)
            },
        },
    }
}

pub(super) fn unsecured(error: &Unsecured) -> Found {
    match error.clone() {
        Unsecured::Alert { alert } => Found::Alert { alert },
        Unsecured::NotTls => Found::NotTls,
        Unsecured::WrongName { presented } => Found::WrongName { presented },
        Unsecured::Untrusted { why } => Found::Untrusted { reason: why },
        Unsecured::Closed => Found::Closed,
        Unsecured::Silent => Found::Mute,
    }
}
