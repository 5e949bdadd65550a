//! Real phones, unmodified, driven as their users drive them: through their consoles.
//!
//! A [`Phone`] is one running program with one account. Its console and its own trace of the messages it sent and
//! received go into one log; an [`Event`] is something the phone told its user there. Waiting for an event consumes
//! the log up to it, so that a second call does not see the first one's events.

mod baresip;
mod linphone;

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

pub use baresip::Baresip;
pub use linphone::Linphone;

use crate::names::Resolver;
use crate::process::{Mark, Process, ProcessError};

/// How long a phone may take for anything that a user would wait for.
const SOON: Duration = Duration::from_secs(20);

/// Whose phone it is and where it signs in.
#[derive(Debug, Clone)]
pub struct Account {
    /// The part of the address before the at sign.
    pub user: String,
    /// The SIP domain, which is the digest realm too.
    pub domain: String,
    /// The password as typed by the user.
    pub password: String,
    /// The name of the server to connect to.
    pub server: String,
    /// The port to connect to.
    pub port: u16,
}

impl Account {
    /// Returns the address of record.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

/// What a phone is started with.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Its account.
    pub account: &'a Account,
    /// How it resolves names.
    pub names: Resolver<'a>,
    /// The loopback address it listens on and offers media at; no other phone may have it.
    pub at: Ipv4Addr,
    /// The root certificate it trusts.
    pub trust: &'a Path,
    /// An existing folder for its configuration and its log.
    pub folder: &'a Path,
    /// The certificate, with its key, by which it proves whose it is, if it has one.
    pub certificate: Option<&'a Path>,
    /// Whom it watches; if anybody, it publishes its own presence too.
    pub watches: Watches<'a>,
}

/// The addresses of record whose presence a phone watches.
#[derive(Debug, Clone, Copy)]
pub enum Watches<'a> {
    /// None.
    Nobody,
    /// This one.
    One(&'a str),
    /// All of these with one subscription, which goes to `rls` at the domain of the phone's own account.
    List(&'a [String]),
}

impl<'a> Watches<'a> {
    /// Returns the addresses.
    #[must_use]
    pub fn all(self) -> Vec<&'a str> {
        match self {
            Self::Nobody => Vec::new(),
            Self::One(one) => vec![one],
            Self::List(all) => all.iter().map(String::as_str).collect(),
        }
    }
}

/// How a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// The registrar answered 200.
    Registered,
    /// The last answer was this one.
    Refused(u16),
    /// There was no connection or no answer.
    Unreachable,
}

/// Something a phone told its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody calls.
    Incoming,
    /// The phone called is ringing.
    Ringing,
    /// The call is established.
    Established,
    /// An established or a ringing call is over.
    Ended,
    /// The call placed was refused with this status.
    Refused(u16),
    /// A message with this text came in.
    Message(String),
    /// The server has told how whoever is watched is.
    Watching,
    /// Whoever is watched is like this from now on.
    Presence(Presence),
    /// A line of a message with this text, as the phone's trace shows what comes and goes.
    Line(String),
}

/// How somebody is, as their phone shows it to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There, and to be called.
    Online,
    /// Not to be called.
    Offline,
}

/// Why a phone did not do what was asked.
#[derive(Debug, Error)]
pub enum PhoneError {
    /// Its configuration could not be written.
    #[error("the configuration of the phone could not be written")]
    Configuration(#[source] io::Error),
    /// It is not installed.
    #[error("{0} is not installed")]
    NotInstalled(&'static str),
    /// Its console has no word for it.
    #[error("{0} has no command for this")]
    NoCommand(&'static str),
    /// It was asked to leave and stayed.
    #[error("{0} did not end when it was asked to")]
    Stayed(&'static str),
    /// The program did not come to what was waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What a user does with a phone and learns from it.
pub trait Phone {
    /// Waits until the sign-in that starts with the phone has ended, and tells how.
    ///
    /// # Errors
    /// Fails when it does not end in time.
    fn registration(&mut self) -> Result<Registration, PhoneError>;

    /// Places a call.
    ///
    /// # Errors
    /// Fails when the phone takes no command.
    fn call(&mut self, uri: &str) -> Result<(), PhoneError>;

    /// Takes the call that comes in.
    ///
    /// # Errors
    /// Fails when the phone takes no command.
    fn answer(&mut self) -> Result<(), PhoneError>;

    /// Ends the established call, cancels the call placed or rejects the call that comes in.
    ///
    /// # Errors
    /// Fails when the phone takes no command.
    fn hang_up(&mut self) -> Result<(), PhoneError>;

    /// Sends a text.
    ///
    /// # Errors
    /// Fails when the phone takes no command.
    fn send_message(&mut self, to: &str, text: &str) -> Result<(), PhoneError>;

    /// Tells others how its user is.
    ///
    /// # Errors
    /// Fails when the phone takes no command, or knows none for this.
    fn show(&mut self, presence: Presence) -> Result<(), PhoneError>;

    /// Leaves as its user would leave it: signed out.
    ///
    /// # Errors
    /// Fails when it does not end in time.
    fn quit(&mut self) -> Result<(), PhoneError>;

    /// Waits for an event after the last one that was waited for.
    ///
    /// # Errors
    /// Fails when it does not come in time.
    fn wait_for(&mut self, event: &Event) -> Result<(), PhoneError>;

    /// Returns the status with which this phone rejects a call that comes in.
    fn rejects_with(&self) -> u16;

    /// Returns the whole log: console and messages.
    fn log(&self) -> Vec<String>;
}

/// A phone's program and how far its log has been read.
#[derive(Debug)]
struct Console {
    process: Process,
    read: Mark,
}

impl Console {
    fn new(process: Process) -> Self {
        Self {
            process,
            read: Mark::default(),
        }
    }

    fn say(&mut self, line: &str) -> Result<(), PhoneError> {
        Ok(self.process.say(line)?)
    }

    /// Waits for a line, consumes the log up to it and returns it.
    fn wait(&mut self, wanted: &str, accept: impl Fn(&str) -> bool) -> Result<String, PhoneError> {
        let (read, line) = self.process.wait_line(self.read, SOON, wanted, accept)?;
        self.read = read;
        Ok(line)
    }

    fn log(&self) -> Vec<String> {
        self.process.lines_since(Mark::default())
    }

    /// Says the word that ends the program and waits until it has.
    fn quit(&mut self, name: &'static str, word: &str) -> Result<(), PhoneError> {
        self.say(word)?;
        match self.process.wait_end(SOON) {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(PhoneError::Stayed(name)),
        }
    }
}

/// Returns the three digits behind the first occurrence of `before`, if they are a status.
fn status_after(line: &str, before: &str) -> Option<u16> {
    let (_, rest) = line.split_once(before)?;
    rest.get(..3)?
        .parse()
        .ok()
        .filter(|status| (100..700).contains(status))
}

fn installed(name: &'static str) -> Result<PathBuf, PhoneError> {
    crate::needs::program(name).ok_or(PhoneError::NotInstalled(name))
}

#[cfg(test)]
mod tests {
    use super::status_after;

    #[test]
    fn a_status_is_three_digits_of_the_right_size() {
        assert_eq!(
            status_after("session closed: 486 Busy", "closed: "),
            Some(486)
        );
        assert_eq!(
            status_after("session closed: Connection reset", "closed: "),
            None
        );
        assert_eq!(status_after("reg: 999", "reg: "), None);
        assert_eq!(status_after("nothing", "closed: "), None);
    }
}
