//! What a call flow is, put together: what all pictures are drawn from, and its JSON form.

use logs::{Correlation, Record, Time, Value};
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

/// So many records of a flow are looked at, the oldest.
pub const MOST_RECORDS: usize = 20_000;
/// So many participants have a line of their own; all others share the last.
pub const MOST_PARTIES: usize = 24;

/// What is to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Everything with this Call-ID.
    Call(Value),
    /// Everything that belongs to one request.
    Request(Correlation),
    /// All that there is.
    All,
}

/// What a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine of ours that is an Edge.
    Edge,
    /// A machine of ours that is a Director.
    Director,
    /// A machine of ours that is a Front End.
    FrontEnd,
    /// A machine of ours whose role is another or not known.
    Server,
    /// A phone.
    Phone,
    /// The server of a partner.
    Partner,
    /// A gateway.
    Gateway,
}

impl Kind {
    /// Tells whether it is a machine of ours, which keeps records.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Edge | Self::Director | Self::FrontEnd | Self::Server
        )
    }

    /// Returns what people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "Edge",
            Self::Director => "Director",
            Self::FrontEnd => "Front End",
            Self::Server => "server",
            Self::Phone => "phone",
            Self::Partner => "partner",
            Self::Gateway => "gateway",
        }
    }
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Party {
    /// A machine's FQDN, a user, a domain, an address.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The addresses that it was seen at; of phones with their ports.
    pub addresses: Vec<String>,
    /// Whether it is on the other side of an Edge.
    pub is_outside: bool,
    /// Whether it recorded something of this flow.
    pub is_recorded: bool,
    /// Why its agent gave no records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// By how many microseconds its clock is ahead of the others, found from messages that it exchanged with them.
    pub ahead: i64,
}

/// One end's record of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// When, in microseconds since the flow began, clocks corrected.
    pub at: u64,
    /// The record as the machine made it.
    pub record: Record,
}

/// Who has recorded a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Everybody who records: both ends, or ours where the other end is not a machine of ours.
    Whole,
    /// Whoever sent it; the machine that should have got it has no record.
    NotReceived,
    /// Whoever got it; the machine that sent it has no record.
    NotSent,
}

/// A message on one hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Its number in the picture, from 1.
    pub number: usize,
    /// Who sent it, a place in [`Ladder::parties`].
    pub from: usize,
    /// Who got it.
    pub to: usize,
    /// The record of the sender, if it is a machine of ours and has one.
    pub sent: Option<Sight>,
    /// The record of the receiver.
    pub received: Option<Sight>,
    /// Whether a record is missing.
    pub seen: Seen,
    /// Which copy of a message it is that was sent before: 1 is the second; 0 if it is the first.
    pub copy: u32,
    /// Whether clocks cannot be corrected so that it arrives after it was sent.
    pub is_out_of_time: bool,
}

impl Arrow {
    /// Returns a record of it, that of the sender if there is one.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        let sight = self.sent.as_ref().or(self.received.as_ref());
        sight.map(|sight| &sight.record)
    }

    /// Returns when it first is seen, in microseconds since the flow began.
    #[must_use]
    pub fn at(&self) -> u64 {
        let sight = self.sent.as_ref().or(self.received.as_ref());
        sight.map_or(0, |sight| sight.at)
    }

    /// Returns how long it was under way, where both ends have recorded it.
    #[must_use]
    pub fn took(&self) -> Option<u64> {
        let (sent, received) = (self.sent.as_ref()?, self.received.as_ref()?);
        Some(received.at.saturating_sub(sent.at))
    }
}

/// What a machine decided or noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose it is, a place in [`Ladder::parties`].
    pub party: usize,
    /// When, in microseconds since the flow began, clocks corrected.
    pub at: u64,
    /// Whether it is trouble: a refusal, an error.
    pub is_trouble: bool,
    /// The record.
    pub record: Record,
}

/// One row of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// A message between two participants.
    Message(Box<Arrow>),
    /// What one of them decided or noticed.
    Event(Box<Event>),
}

/// Something to know about the picture as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remark(pub String);

/// A call flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ladder {
    /// What came of it, in one sentence.
    pub sentence: String,
    /// Whether it came to a good end; `None` if it has not ended.
    pub is_good: Option<bool>,
    /// The Call-IDs in it.
    pub call_ids: Vec<String>,
    /// When it began, by the corrected clock.
    #[serde(serialize_with = "as_text")]
    pub began: Time,
    /// From the first record to the last, in microseconds.
    pub took: u64,
    /// Who takes part, from left to right.
    pub parties: Vec<Party>,
    /// What happened, from above to below.
    pub rows: Vec<Row>,
    /// What else to know.
    pub remarks: Vec<Remark>,
    /// Records that were left out, since there are too many.
    pub left_out: usize,
}

impl Ladder {
    /// Goes through the messages, in order.
    pub fn arrows(&self) -> impl Iterator<Item = &Arrow> {
        self.rows.iter().filter_map(|row| match row {
            Row::Message(arrow) => Some(&**arrow),
            Row::Event(_) => None,
        })
    }

    /// Finds a message by its number in the picture.
    #[must_use]
    pub fn message(&self, number: usize) -> Option<&Arrow> {
        self.arrows().find(|arrow| arrow.number == number)
    }

    pub(crate) fn name(&self, party: usize) -> &str {
        self.parties.get(party).map_or("", |party| &party.name)
    }
}

fn as_text<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl Serialize for Sight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Sight", 2)?;
        out.serialize_field("at", &self.at)?;
        out.serialize_field("record", &self.record)?;
        out.end()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Event", 4)?;
        out.serialize_field("party", &self.party)?;
        out.serialize_field("at", &self.at)?;
        out.serialize_field("is-trouble", &self.is_trouble)?;
        out.serialize_field("record", &self.record)?;
        out.end()
    }
}

impl Serialize for Arrow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Arrow", 10)?;
        out.serialize_field("number", &self.number)?;
        out.serialize_field("label", &self.record().map(crate::words::label))?;
        out.serialize_field("from", &self.from)?;
        out.serialize_field("to", &self.to)?;
        out.serialize_field("seen", &self.seen)?;
        out.serialize_field("copy", &self.copy)?;
        out.serialize_field("is-out-of-time", &self.is_out_of_time)?;
        out.serialize_field("took", &self.took())?;
        out.serialize_field("sent", &self.sent)?;
        out.serialize_field("received", &self.received)?;
        out.end()
    }
}
