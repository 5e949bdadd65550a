//! A SIP client for tests: it says exactly what the test wants and reads what comes back, one exchange at a time.
//!
//! It is not a phone: it answers no request, keeps no dialog and follows no redirection by itself. It answers a Digest
//! challenge ([`SipClient::register`], [`SipClient::prove`]) and uses the same nonce again as long as the server takes
//! it, as phones do.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::msg::{Compose, Frame, FrameError, Framer, Limits, Message, Name, Uri};
use thiserror::Error;

use crate::deployment::User;
use crate::digest::{self, Known};
use crate::tls::{PATIENCE, Wire, WireError};

/// Tells the clients of one process apart in Call-IDs and branches.
static CLIENTS: AtomicU32 = AtomicU32::new(0);

/// Why an exchange came to nothing.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The connection failed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// What came is not SIP.
    #[error("what came is not SIP")]
    NotSip(#[source] FrameError),
    /// What came is a message that breaks a rule.
    #[error("what came breaks a rule")]
    Garbled(#[source] sip::msg::Invalid),
    /// The challenge cannot be answered, or the user's address is none.
    #[error("the challenge cannot be answered")]
    Challenge,
}

impl ClientError {
    /// Tells whether the server ended the connection, in whatever way.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Wire(error) if error.is_end())
    }
}

/// What a request says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The address of record in From.
    pub from: &'a str,
    /// The address of record in To.
    pub to: &'a str,
}

/// A client on one connection.
#[derive(Debug)]
pub struct SipClient {
    wire: Wire,
    framer: Framer,
    name: String,
    sent: u32,
    known: Option<Known>,
    agent: String,
}

impl SipClient {
    /// Speaks SIP on a connection.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let (process, since) = (std::process::id(), Instant::now());
        // The address of a connection comes again; the moment does not.
        let name = format!("{process}-{number}-{since:?}")
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '-')
            .collect();
        Self {
            wire,
            framer: Framer::new(),
            name,
            sent: 0,
            known: None,
            agent: "tester".to_owned(),
        }
    }

    /// Calls itself otherwise in User-Agent.
    pub fn call_itself(&mut self, agent: &str) {
        agent.clone_into(&mut self.agent);
    }

    /// Returns the connection, to send or read what is not SIP.
    pub const fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Begins the next request of this client.
    #[must_use]
    pub fn compose(&mut self, words: Words<'_>) -> Compose {
        self.sent += 1;
        let Self { name, sent, .. } = self;
        let Words {
            method,
            uri,
            from,
            to,
        } = words;
        Compose::request(method, uri)
            .header(
                Name::Via,
                format_args!("SIP/2.0/TLS tester.invalid;branch=z9hG4bK{name}-{sent};rport"),
            )
            .header(Name::From, format_args!("<{from}>;tag={name}"))
            .header(Name::To, format_args!("<{to}>"))
            .header(Name::CallId, &name)
            .header(Name::CSeq, format_args!("{sent} {method}"))
            .header(Name::MaxForwards, 70)
            .header(Name::UserAgent, &self.agent)
    }

    /// Sends a request and returns its final response.
    ///
    /// # Errors
    /// Fails when none comes in time, or something else.
    pub fn ask(&mut self, request: &Compose) -> Result<Message, ClientError> {
        self.wire.send(&request.write())?;
        self.answer(PATIENCE)
    }

    /// Returns the next final response.
    ///
    /// # Errors
    /// Fails when none comes in time, or something else.
    pub fn answer(&mut self, within: Duration) -> Result<Message, ClientError> {
        let deadline = Instant::now() + within;
        loop {
            let next = self.framer.next(&Limits::SERVER);
            match next.map_err(ClientError::NotSip)? {
                Some(Frame::Message(message)) if is_final(&message) => return Ok(message),
                Some(Frame::Garbled { error, .. }) => return Err(ClientError::Garbled(error)),
                Some(Frame::Message(_) | Frame::Ping | Frame::Pong) => {}
                None => {
                    let piece: Bytes = self.wire.receive(deadline)?;
                    self.framer.push(piece);
                }
            }
        }
    }

    /// Asks a server how it is; returns the status.
    ///
    /// # Errors
    /// Fails when no answer comes.
    pub fn options(&mut self, server: &str) -> Result<u16, ClientError> {
        let uri = format!("sip:{server}");
        let words = Words {
            method: "OPTIONS",
            uri: &uri,
            from: "sip:tester@tester.invalid",
            to: &uri,
        };
        let request = self.compose(words);
        Ok(self.ask(&request)?.status())
    }

    /// Registers a contact of a user, or asks for the bindings when there is none; answers one challenge.
    ///
    /// # Errors
    /// Fails when no answer comes or the challenge cannot be answered.
    pub fn register(&mut self, user: &User, contact: Option<&str>) -> Result<Message, ClientError> {
        let domain = domain_of(user)?;
        self.register_at(user, &format!("sip:{domain}"), contact)
    }

    /// The same with a Request-URI of one's own, as that of a redirection.
    ///
    /// # Errors
    /// As [`SipClient::register`].
    pub fn register_at(
        &mut self,
        user: &User,
        uri: &str,
        contact: Option<&str>,
    ) -> Result<Message, ClientError> {
        let words = Words {
            method: "REGISTER",
            uri,
            from: &user.uri,
            to: &user.uri,
        };
        let with_contact = |request: Compose| match contact {
            Some(contact) => {
                request.header(Name::Contact, format_args!("<{contact}>;expires=3600"))
            }
            None => request,
        };
        self.prove(user, words, with_contact)
    }

    /// Sends a request, `complete`d by the caller, and once more with credentials if it is challenged.
    ///
    /// # Errors
    /// Fails when no answer comes or the challenge cannot be answered.
    pub fn prove(
        &mut self,
        user: &User,
        words: Words<'_>,
        complete: impl Fn(Compose) -> Compose,
    ) -> Result<Message, ClientError> {
        let mut request = complete(self.compose(words));
        if self.known.is_some() {
            request = self.with_credentials(request, user, words)?;
        }
        let first = self.ask(&request)?;
        if !matches!(first.status(), 401 | 407) {
            return Ok(first);
        }
        self.known = Some(Known::of(&first).ok_or(ClientError::Challenge)?);
        let request = complete(self.compose(words));
        let request = self.with_credentials(request, user, words)?;
        self.ask(&request)
    }

    fn with_credentials(
        &mut self,
        request: Compose,
        user: &User,
        words: Words<'_>,
    ) -> Result<Compose, ClientError> {
        let known = self.known.as_mut().ok_or(ClientError::Challenge)?;
        let value = known.prove(user, words.method, words.uri);
        let value = value.ok_or(ClientError::Challenge)?;
        Ok(request.header(digest::header(words.method), value))
    }
}

/// Returns the URIs in the Contact lines of a response, in their order.
#[must_use]
pub fn contacts(response: &Message) -> Vec<String> {
    let contacts = response.elements(Name::Contact);
    contacts
        .filter_map(|contact| Some(contact.address().ok()?.uri.to_owned()))
        .collect()
}

fn is_final(message: &Message) -> bool {
    !message.is_request() && message.status() >= 200
}

fn domain_of(user: &User) -> Result<&str, ClientError> {
    Uri::parse(&user.uri)
        .map(|uri| uri.host)
        .map_err(|_| ClientError::Challenge)
}
