//! The classic families of malformed INVITEs, as a table: each message with its family, its name and what may come of
//! it.
//!
//! What may come is said twice. [`Fate`] is what the RFC says, as narrowly as it does: a message that is only strange is
//! treated as any stranger's INVITE (it is challenged), one that lacks what an answer or a rule needs is refused, one whose
//! end cannot be found ends the connection; where the RFC leaves a server free, [`Fate::Survived`] asks only that it stays
//! well. `malformed/outcomes.tsv` is what this server does, exactly and at each door ([`expected`]). A test of this module
//! holds one against the other.

mod draft;
mod families;
mod outcome;

pub use families::all;
pub use outcome::{DOORS, Outcome, expected, line};

/// What may come of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is treated as an INVITE that is in order: challenged.
    Challenged,
    /// It is answered with a 4xx or 5xx that is no challenge, or the connection ends; a datagram is answered or dropped.
    Refused,
    /// Nobody answers it, and the connection stays: RFC 3261 has no answer to a response, nor to an ACK.
    Dropped,
    /// Any of them; the next message is served or the connection has ended.
    Survived,
}

impl Fate {
    /// Tells whether this may come of it: the final status if there was one, and how it was carried.
    #[must_use]
    pub const fn allows(self, status: Option<u16>, after: After) -> bool {
        match (self, status) {
            (Self::Challenged, Some(status)) => matches!(status, 401 | 407),
            (Self::Challenged, None) => false,
            (Self::Refused, Some(status)) => status >= 400 && !matches!(status, 401 | 407),
            (Self::Refused, None) => !matches!(after, After::Open),
            (Self::Dropped, Some(_)) => false,
            (Self::Dropped, None) => !matches!(after, After::Ended),
            (Self::Survived, _) => true,
        }
    }
}

/// How what carried a message is after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The connection is open: the question behind the message was answered on it.
    Open,
    /// The connection has ended.
    Ended,
    /// It was a datagram; there is no connection, and what cannot be read is dropped.
    Datagram,
}

/// The most that one datagram carries over IPv4.
const DATAGRAM: usize = 65_507;

/// A message of a family.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// The family.
    pub family: &'static str,
    /// What is wrong with it.
    pub name: String,
    /// The message.
    pub bytes: Vec<u8>,
    /// What may come of it on a stream.
    pub fate: Fate,
    /// What may come of it as a datagram, which ends where it ends (RFC 3261 18.3).
    pub as_datagram: Fate,
}

impl Malformed {
    /// Returns the name by which its outcomes are found.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}\t{}", self.family, self.name.escape_default())
    }

    /// Tells whether it can be sent as a datagram; a longer one is for streams alone.
    #[must_use]
    pub const fn fits_a_datagram(&self) -> bool {
        self.bytes.len() <= DATAGRAM
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn each_message_has_its_outcome_at_each_door_and_the_rfc_allows_it() {
        let outcomes = super::expected().unwrap();
        let all = super::all("contoso.com");
        assert_eq!(outcomes.len(), all.len(), "lines and messages");
        for one in &all {
            let doors = outcomes.get(&one.key());
            let doors = doors.unwrap_or_else(|| panic!("no line for {}", one.key()));
            for (door, outcome) in super::DOORS.iter().zip(doors) {
                let is_datagram = *door == "UDP";
                let fate = if is_datagram {
                    one.as_datagram
                } else {
                    one.fate
                };
                let says = format!("{}: {outcome} at {door} is not {fate:?}", one.key());
                assert!(outcome.is_allowed(fate, is_datagram), "{says}");
                let is_sent = !is_datagram || one.fits_a_datagram();
                assert_eq!(is_sent, *outcome != super::Outcome::NotSent, "{says}");
            }
        }
    }

    #[test]
    fn the_table_is_large_and_each_message_is_there_once() {
        let all = super::all("contoso.com");
        assert!(all.len() >= 300, "{} messages", all.len());
        let names: BTreeSet<_> = all.iter().map(|one| (one.family, &one.name)).collect();
        assert_eq!(names.len(), all.len());
        let families: BTreeSet<_> = all.iter().map(|one| one.family).collect();
        assert!(families.len() >= 14, "{families:?}");
    }
}
