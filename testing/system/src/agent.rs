//! A SIP user agent that does what a test's script says, over TLS, TCP or UDP.
//!
//! It sends nothing and answers nothing by itself, but for two things that would only get in a script's way: a 100 is
//! passed over unless it is asked for, and [`Agent::prove`] answers one challenge. Several agents are played by the one
//! thread of a test: what comes for one of them waits in its connection until the script looks.
//!
//! ```no_run
//! # use system::agent::{AgentError, Doors};
//! # fn call(doors: &Doors, ann: &system::deployment::User, ben: &system::deployment::User) -> Result<(), AgentError> {
//! let mut caller = doors.sign_in_inside(ann)?;
//! let mut callee = doors.sign_in_outside(ben)?;
//! let invite = caller.request("INVITE", &ben.uri);
//! let invite = caller.begin(invite)?; // with credentials, if it was challenged before
//! let asked = callee.expect("INVITE")?;
//! callee.answer(&asked, 180)?;
//! caller.expect_status(&invite, 180)?;
//! let answer = callee.answer(&asked, 200)?;
//! let ok = caller.expect_status(&invite, 200)?;
//! let mut call = caller.confirm(&invite, &ok)?; // sends the ACK, keeps route set and tags
//! callee.expect("ACK")?;
//! let bye = caller.within(&mut call, "BYE");
//! let bye = caller.begin(bye)?;
//! let ended = callee.expect("BYE")?;
//! callee.answer(&ended, 200)?;
//! caller.expect_status(&bye, 200)?;
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```
//!
//! What it sends is a [`Draft`], in which a script replaces, adds or drops any line before it goes out.

mod call;
mod dialog;
mod doors;
mod draft;
mod link;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use sip::msg::{
    Frame, FrameError, Framer, Invalid, Limits, Message, Name, datagram, reason_phrase,
};
use thiserror::Error;

use crate::deployment::User;
use crate::digest::{self, Known};
use crate::tls::{PATIENCE, WireError};

pub use call::{Call, SDP};
pub use dialog::Dialog;
pub use doors::Doors;
pub use draft::Draft;
pub use link::Link;

/// Tells the agents of one process apart.
static AGENTS: AtomicU32 = AtomicU32::new(0);

/// Why a script does not go on.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The connection failed.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// What came is not SIP.
    #[error("what came is not SIP")]
    NotSip(#[source] FrameError),
    /// What came is a message that breaks a rule.
    #[error("what came breaks a rule: {0}")]
    Garbled(#[source] Invalid),
    /// Something else came, or nothing.
    #[error("expected {wanted}; there is {instead}")]
    Other {
        /// What the script waited for.
        wanted: String,
        /// The first lines of what came and nobody took.
        instead: String,
    },
    /// A response has not the headers that make a dialog.
    #[error("this makes no dialog: {0}")]
    NoDialog(String),
    /// The challenge cannot be answered, or nobody is acted for.
    #[error("the challenge cannot be answered")]
    Challenge,
    /// The deployment has no such name.
    #[error("the deployment has no name {0}")]
    Unknown(String),
}

impl AgentError {
    /// Says that another status came than the expected one.
    #[must_use]
    pub fn status(wanted: u16, got: &Message) -> Self {
        Self::Other {
            wanted: wanted.to_string(),
            instead: start_line(got),
        }
    }
}

/// A user agent on one connection, or one UDP socket.
#[derive(Debug)]
pub struct Agent {
    link: Link,
    framer: Framer,
    inbox: VecDeque<Message>,
    heard: Vec<u8>,
    name: String,
    contact: String,
    sent: u32,
    registrations: u32,
    user: Option<User>,
    known: Option<Known>,
    patience: Duration,
}

impl Agent {
    /// Speaks SIP on a link, as nobody yet.
    ///
    /// # Errors
    /// Fails when the link is gone already.
    pub fn new(link: Link) -> Result<Self, AgentError> {
        let number = AGENTS.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let moment = since.unwrap_or_default().as_micros();
        let (local, word) = (link.local()?, link.word().to_ascii_lowercase());
        Ok(Self {
            // The address of a connection comes again; the moment does not.
            name: format!("{}-{number}-{moment}", std::process::id()),
            contact: format!("sip:agent{number}@{local};transport={word}"),
            link,
            framer: Framer::new(),
            inbox: VecDeque::new(),
            heard: Vec::new(),
            sent: 0,
            registrations: 0,
            user: None,
            known: None,
            patience: PATIENCE,
        })
    }

    /// Acts for a user.
    #[must_use]
    pub fn acting_for(mut self, user: &User) -> Self {
        self.user = Some(user.clone());
        self
    }

    /// Waits only so long for what it expects.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Says another URI in Contact.
    #[must_use]
    pub fn at(mut self, contact: &str) -> Self {
        contact.clone_into(&mut self.contact);
        self
    }

    /// Returns the address of record of its user.
    #[must_use]
    pub fn aor(&self) -> &str {
        self.user
            .as_ref()
            .map_or("sip:nobody@agent.invalid", |user| &user.uri)
    }

    /// Returns the URI that it says in Contact.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// Returns every byte that it has read.
    #[must_use]
    pub fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Returns what carries its messages.
    pub const fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    // === what it says ===

    /// Returns a Via line with a branch that was not used before.
    #[must_use]
    pub fn via(&mut self) -> String {
        self.sent += 1;
        let (word, local) = (self.link.word(), self.link.local());
        let place = local.map_or_else(|_| "agent.invalid".to_owned(), |local| local.to_string());
        format!(
            "SIP/2.0/{word} {place};branch=z9hG4bK{}-{};rport",
            self.name, self.sent
        )
    }

    /// Begins a request outside of a dialog, with a Call-ID and From tag of its own.
    #[must_use]
    pub fn request(&mut self, method: &str, uri: &str) -> Draft {
        let via = self.via();
        let mark = format!("{}-{}", self.name, self.sent);
        Draft::new(format!("{method} {uri} SIP/2.0"))
            .with("Via", via)
            .with("From", format_args!("<{}>;tag={mark}", self.aor()))
            .with("To", format_args!("<{uri}>"))
            .with("Call-ID", mark)
            .with("CSeq", format_args!("1 {method}"))
            .with("Max-Forwards", 70)
            .with("Contact", format_args!("<{}>", self.contact))
    }

    /// Begins the next REGISTER of its user, with its Contact for an hour.
    #[must_use]
    pub fn registration(&mut self) -> Draft {
        let aor = self.aor().to_owned();
        let domain = aor.split('@').nth(1).unwrap_or("agent.invalid").to_owned();
        self.registrations += 1;
        let (name, number) = (self.name.clone(), self.registrations);
        self.request("REGISTER", &format!("sip:{domain}"))
            .set("To", format_args!("<{aor}>"))
            .set("Call-ID", name)
            .set("CSeq", format_args!("{number} REGISTER"))
            .with("Expires", 3600)
    }

    /// Begins a request within a dialog.
    #[must_use]
    pub fn within(&mut self, dialog: &mut Dialog, method: &str) -> Draft {
        let via = self.via();
        dialog
            .request(method)
            .first("Via", via)
            .with("Contact", format_args!("<{}>", self.contact))
    }

    /// Writes the CANCEL of a request (RFC 3261 9.1).
    #[must_use]
    pub fn cancel(&self, request: &Draft) -> Draft {
        self.hop_by_hop(request, "CANCEL", request.get("To").unwrap_or_default())
    }

    /// Writes a response: what 8.2.6.2 and 12.1.1 copy, a tag, a Contact.
    #[must_use]
    pub fn response(&self, request: &Message, status: u16) -> Draft {
        let mut draft = Draft::new(format!("SIP/2.0 {status} {}", reason_phrase(status)));
        for field in request.fields() {
            let value = String::from_utf8_lossy(field.value);
            let is_copied = matches!(
                field.name,
                Name::Via | Name::From | Name::CallId | Name::CSeq | Name::RecordRoute
            );
            if is_copied {
                draft = draft.with(field.name.as_str(), value);
            } else if field.name == Name::To {
                let is_tagged = request.to().is_ok_and(|to| to.tag().is_some());
                let tag = if is_tagged || status == 100 {
                    String::new()
                } else {
                    format!(";tag=to-{}", self.name)
                };
                draft = draft.with("To", format_args!("{value}{tag}"));
            }
        }
        draft.with("Contact", format_args!("<{}>", self.contact))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn send(&mut self, draft: &Draft) -> Result<(), AgentError> {
        Ok(self.link.send(&draft.bytes())?)
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        Ok(self.link.send(bytes)?)
    }

    /// Sends a request, with credentials when a challenge is known; returns it as it went out.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn begin(&mut self, request: Draft) -> Result<Draft, AgentError> {
        let request = if self.known.is_some() {
            self.with_credentials(request)?
        } else {
            request
        };
        self.send(&request)?;
        Ok(request)
    }

    /// Sends a request as it stands and returns its final response.
    ///
    /// # Errors
    /// Fails when none comes in time.
    pub fn ask(&mut self, request: &Draft) -> Result<Message, AgentError> {
        self.send(request)?;
        self.expect_final(request)
    }

    /// Sends a request, once more with credentials if it is challenged; returns it as it went out last and its final
    /// response. For an INVITE only where nobody has to answer in between.
    ///
    /// # Errors
    /// Fails when no final response comes in time or the challenge cannot be answered.
    pub fn prove(&mut self, request: Draft) -> Result<(Draft, Message), AgentError> {
        let request = self.begin(request)?;
        let first = self.expect_final(&request)?;
        if !matches!(first.status(), 401 | 407) {
            return Ok((request, first));
        }
        let again = self.answer_challenge(&request, &first)?;
        let last = self.ask(&again)?;
        Ok((again, last))
    }

    /// Acknowledges a challenge if it has to, and writes the request anew with credentials.
    ///
    /// # Errors
    /// Fails when the challenge cannot be answered.
    pub fn answer_challenge(
        &mut self,
        request: &Draft,
        refusal: &Message,
    ) -> Result<Draft, AgentError> {
        if request.method() == "INVITE" {
            self.acknowledge(request, refusal)?;
        }
        self.known = Some(Known::of(refusal).ok_or(AgentError::Challenge)?);
        let number = request.number() + 1;
        if request.method() == "REGISTER" {
            self.registrations = number;
        }
        let via = self.via();
        let request = request.clone().set("Via", via);
        let cseq = format!("{number} {}", request.method());
        self.with_credentials(request.set("CSeq", cseq))
    }

    /// Signs in with this REGISTER; anything but a 200 in the end is an error.
    ///
    /// # Errors
    /// Fails with another final response, or none.
    pub fn sign_in(&mut self, registration: Draft) -> Result<Message, AgentError> {
        let (_, answer) = self.prove(registration)?;
        if answer.status() == 200 {
            Ok(answer)
        } else {
            Err(AgentError::status(200, &answer))
        }
    }

    /// Answers a request; returns the response as it went out.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn answer(&mut self, request: &Message, status: u16) -> Result<Draft, AgentError> {
        let response = self.response(request, status);
        self.send(&response)?;
        Ok(response)
    }

    /// Acknowledges a final response other than 2xx (RFC 3261 17.1.1.3).
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn acknowledge(&mut self, invite: &Draft, response: &Message) -> Result<(), AgentError> {
        let to = response.text(Name::To).unwrap_or_default();
        let ack = self.hop_by_hop(invite, "ACK", to);
        self.send(&ack)
    }

    /// Acknowledges a 2xx and returns the caller's end of the dialog.
    ///
    /// # Errors
    /// Fails when the response makes no dialog or the connection is gone.
    pub fn confirm(&mut self, invite: &Draft, response: &Message) -> Result<Dialog, AgentError> {
        let dialog = Dialog::of_caller(invite, response);
        let mut dialog = dialog.ok_or_else(|| AgentError::NoDialog(start_line(response)))?;
        let ack = self.within(&mut dialog, "ACK");
        self.begin(ack)?;
        Ok(dialog)
    }

    fn hop_by_hop(&self, request: &Draft, method: &str, to: &str) -> Draft {
        let start = format!("{method} {} SIP/2.0", request.uri());
        let mut draft = Draft::new(start);
        for name in ["Via", "From", "Call-ID"] {
            draft = draft.with(name, request.get(name).unwrap_or_default());
        }
        for entry in request.all("Route") {
            draft = draft.with("Route", entry);
        }
        draft
            .with("To", to)
            .with("CSeq", format_args!("{} {method}", request.number()))
            .with("Max-Forwards", 70)
    }

    fn with_credentials(&mut self, request: Draft) -> Result<Draft, AgentError> {
        let (Some(known), Some(user)) = (&mut self.known, &self.user) else {
            return Err(AgentError::Challenge);
        };
        let value = known.prove(user, request.method(), request.uri());
        let value = value.ok_or(AgentError::Challenge)?;
        let header = digest::header(request.method()).as_str();
        Ok(request.set(header, value))
    }

    // === what it hears ===

    /// Returns the next request of a method.
    ///
    /// # Errors
    /// Fails when none comes in time.
    pub fn expect(&mut self, method: &str) -> Result<Message, AgentError> {
        self.take(self.patience, method, |message| {
            message.is_request() && message.method_token() == method
        })
    }

    /// Returns the response to a request with this status; a provisional one only if it is asked for.
    ///
    /// # Errors
    /// Fails when another final response comes, or none in time.
    pub fn expect_status(&mut self, request: &Draft, status: u16) -> Result<Message, AgentError> {
        let answers = answers(request);
        let got = self.take(self.patience, &status.to_string(), |message| {
            answers(message) && (message.status() == status || message.status() >= 200)
        })?;
        if got.status() == status {
            Ok(got)
        } else {
            Err(AgentError::status(status, &got))
        }
    }

    /// Returns the final response to a request, whichever it is.
    ///
    /// # Errors
    /// Fails when none comes in time.
    pub fn expect_final(&mut self, request: &Draft) -> Result<Message, AgentError> {
        let answers = answers(request);
        self.take(self.patience, "a final response", |message| {
            answers(message) && message.status() >= 200
        })
    }

    /// Makes sure that nothing more of this kind comes for a while.
    ///
    /// # Errors
    /// Fails when it comes.
    pub fn expect_none(
        &mut self,
        within: Duration,
        unwanted: &str,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<(), AgentError> {
        match self.take(within, unwanted, is_it) {
            Ok(message) => Err(AgentError::Other {
                wanted: format!("no {unwanted}"),
                instead: start_line(&message),
            }),
            Err(AgentError::Other { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the first message that fits, of those that came already or come in time.
    ///
    /// # Errors
    /// Fails when none comes, and tells what came.
    pub fn take(
        &mut self,
        within: Duration,
        wanted: &str,
        fits: impl Fn(&Message) -> bool,
    ) -> Result<Message, AgentError> {
        let deadline = Instant::now() + within;
        let mut seen = 0;
        loop {
            if let Some(at) = self.inbox.iter().skip(seen).position(&fits) {
                let found = self.inbox.remove(seen + at);
                return found.ok_or_else(|| self.nothing(wanted));
            }
            seen = self.inbox.len();
            match self.link.receive(deadline) {
                Ok(piece) => self.hear(piece)?,
                Err(WireError::Silent) => return Err(self.nothing(wanted)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn hear(&mut self, piece: Bytes) -> Result<(), AgentError> {
        self.heard.extend_from_slice(&piece);
        if matches!(self.link, Link::Udp(_)) {
            let frame = datagram(piece, &Limits::SERVER).map_err(AgentError::NotSip)?;
            return self.sort(frame);
        }
        self.framer.push(piece);
        while let Some(frame) = self
            .framer
            .next(&Limits::SERVER)
            .map_err(AgentError::NotSip)?
        {
            self.sort(frame)?;
        }
        Ok(())
    }

    fn sort(&mut self, frame: Frame) -> Result<(), AgentError> {
        match frame {
            Frame::Message(message) => self.inbox.push_back(message),
            Frame::Garbled { error, .. } => return Err(AgentError::Garbled(error)),
            Frame::Ping | Frame::Pong => {}
        }
        Ok(())
    }

    fn nothing(&self, wanted: &str) -> AgentError {
        let instead = self.inbox.iter().fold(String::new(), |mut all, message| {
            // Writing to a string does not fail.
            let _ = write!(all, "{}; ", start_line(message));
            all
        });
        AgentError::Other {
            wanted: wanted.to_owned(),
            instead: if instead.is_empty() {
                "nothing".to_owned()
            } else {
                instead
            },
        }
    }
}

/// Returns all values of a header, one for each element of its lists.
#[must_use]
pub fn values(message: &Message, name: Name) -> Vec<String> {
    let elements = message.elements(name);
    elements
        .map(|one| String::from_utf8_lossy(one.value).into_owned())
        .collect()
}

/// Returns a test for responses to a request: its branch, and its method (17.1.3).
fn answers(request: &Draft) -> impl Fn(&Message) -> bool {
    let branch = |via: &str| {
        let (_, rest) = via.split_once("branch=")?;
        Some(rest.split([';', ',']).next()?.to_owned())
    };
    let (sent, method) = (
        request.get("Via").and_then(branch),
        request.method().to_owned(),
    );
    move |message| {
        !message.is_request()
            && message.cseq().is_ok_and(|cseq| cseq.method == method)
            && message
                .via()
                .is_ok_and(|via| via.branch() == sent.as_deref())
    }
}

fn start_line(message: &Message) -> String {
    let bytes: &[u8] = message.bytes();
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}
