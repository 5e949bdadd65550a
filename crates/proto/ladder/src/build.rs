//! Puts a call flow together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use logs::{Record, Time};

use crate::events::{self, Chosen};
use crate::join::{Half, join};
use crate::known::Known;
use crate::message::Message;
use crate::model::{Arrow, Event, Kind, Ladder, Party, Row, Seen, Sight, Subject};
use crate::party::Cast;
use crate::{clocks, order, outcome};

impl Ladder {
    /// Draws what is asked for from records of several machines, given in any order.
    #[must_use]
    pub fn draw<'a>(
        records: impl IntoIterator<Item = &'a Record>,
        subject: &Subject,
        known: &Known,
    ) -> Self {
        let all: Vec<&Record> = records.into_iter().collect();
        let Chosen { records, left_out } = events::choose(&all, subject);
        let messages: Vec<Message<'_>> = records.iter().filter_map(|r| Message::of(r)).collect();
        let cast = Cast::of(&records, &messages, known);
        let events = shown_events(&all, &records, &cast);
        let pairs = join(&halves(&messages, &cast));
        let clocks = clocks::ahead(cast.parties.len(), &least(&messages, &cast, &pairs));
        let mut ladder = Self {
            call_ids: call_ids(&records),
            left_out,
            ..Self::default()
        };
        ladder.fill(&messages, &cast, &pairs, &events, &clocks);
        ladder.parties = cast.parties;
        for (party, clock) in ladder.parties.iter_mut().zip(clocks) {
            party.ahead = clock;
        }
        outcome::tell(&mut ladder, known);
        ladder
    }

    fn fill(
        &mut self,
        messages: &[Message<'_>],
        cast: &Cast,
        pairs: &[(usize, usize)],
        events: &[(usize, &Record)],
        clocks: &[i64],
    ) {
        let corrected = |party: usize, time: Time| {
            let ahead = clocks.get(party).copied().unwrap_or_default();
            time.0.saturating_add_signed(ahead.saturating_neg())
        };
        let owners = cast.ends.iter().map(|(own, _)| *own);
        let seen = owners
            .clone()
            .zip(messages.iter().map(|message| message.record));
        let all = seen.chain(events.iter().map(|(party, record)| (*party, *record)));
        let times = all.map(|(party, record)| corrected(party, record.time));
        let (first, last) = times.fold((u64::MAX, 0), |(a, b), time| (a.min(time), b.max(time)));
        self.began = Time(if first == u64::MAX { 0 } else { first });
        self.took = last.saturating_sub(self.began.0);
        let began = self.began.0;
        let sight = |place: usize| {
            let (own, _) = cast.ends.get(place)?;
            let record = messages.get(place)?.record;
            Some(Sight {
                at: corrected(*own, record.time) - began,
                record: record.clone(),
            })
        };
        let receiver: BTreeMap<usize, usize> = pairs.iter().copied().collect();
        let joined: BTreeSet<usize> = pairs.iter().map(|(_, receiver)| *receiver).collect();
        let mut drawn = Drawn::new(cast.parties.len());
        for place in (0..messages.len()).filter(|place| !joined.contains(place)) {
            let Some((own, other)) = cast.ends.get(place).copied() else {
                continue;
            };
            let is_out = messages.get(place).is_some_and(Message::is_out);
            let far = receiver.get(&place).copied();
            let row = Row::Message(Box::new(arrow(
                if is_out { (own, other) } else { (other, own) },
                if is_out { sight(place) } else { None },
                if is_out {
                    far.and_then(sight)
                } else {
                    sight(place)
                },
                cast.parties.get(other),
            )));
            drawn.put(row, &[(own, place), (other, far.unwrap_or(usize::MAX))]);
        }
        for (place, (party, record)) in events.iter().enumerate() {
            let row = Row::Event(Box::new(Event {
                party: *party,
                at: corrected(*party, record.time) - began,
                is_trouble: events::is_trouble(record),
                record: (*record).clone(),
            }));
            drawn.put_event(row, *party, place);
        }
        self.rows = drawn.in_order(messages, events);
        mark_copies(&mut self.rows);
    }
}

/// What is worth a row beside the messages, with whose it is.
fn shown_events<'a>(
    all: &[&'a Record],
    chosen: &[&'a Record],
    cast: &Cast,
) -> Vec<(usize, &'a Record)> {
    let strangers = cast.parties.iter().filter(|party| !party.kind.is_ours());
    let addresses = strangers.flat_map(|party| party.addresses.iter().filter_map(|one| ip(one)));
    let mut events: Vec<&Record> = chosen
        .iter()
        .filter(|record| Message::of(record).is_none() && events::is_worth_a_row(record))
        .copied()
        .collect();
    events.extend(events::refusals(all, chosen, &addresses.collect()));
    events.sort_by_key(|record| record.time);
    let mut owned = Vec::with_capacity(events.len());
    for record in events {
        if let Some(party) = cast.machines.get(&*record.machine) {
            owned.push((*party, record));
        }
    }
    owned
}

fn ip(address: &str) -> Option<IpAddr> {
    let whole = address.parse::<SocketAddr>().map(|address| address.ip());
    whole.ok().or_else(|| address.parse().ok())
}

/// The messages between two machines of ours: those that two may have recorded.
fn halves<'a>(messages: &[Message<'a>], cast: &Cast) -> Vec<Half<'a>> {
    let is_ours = |party: usize| {
        cast.parties
            .get(party)
            .is_some_and(|one| one.kind.is_ours())
    };
    let all = messages.iter().zip(&cast.ends).enumerate();
    all.filter(|(_, (_, (own, other)))| is_ours(*own) && is_ours(*other))
        .map(|(place, (message, (own, other)))| {
            let (from, to) = if message.is_out() {
                (*own, *other)
            } else {
                (*other, *own)
            };
            Half {
                place,
                message: *message,
                from,
                to,
            }
        })
        .collect()
}

/// The least time between the two records of a message, by who exchanged it.
fn least(
    messages: &[Message<'_>],
    cast: &Cast,
    pairs: &[(usize, usize)],
) -> BTreeMap<(usize, usize), i64> {
    let time = |place: usize| {
        messages
            .get(place)
            .map_or(0, |message| message.record.time.0)
    };
    let mut least = BTreeMap::new();
    for (out, inn) in pairs {
        let Some((from, to)) = cast.ends.get(*out).filter(|(from, to)| from != to) else {
            continue;
        };
        let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let apart = signed(time(*inn)) - signed(time(*out));
        let known = least.entry((*from, *to)).or_insert(apart);
        *known = apart.min(*known);
    }
    least
}

fn arrow(
    (from, to): (usize, usize),
    sent: Option<Sight>,
    mut received: Option<Sight>,
    other: Option<&Party>,
) -> Arrow {
    let is_between_ours = other.is_some_and(|party| party.kind.is_ours());
    let seen = match (&sent, &received) {
        (Some(_), None) if is_between_ours => Seen::NotReceived,
        (None, Some(_)) if is_between_ours => Seen::NotSent,
        _ => Seen::Whole,
    };
    let mut is_out_of_time = false;
    if let (Some(sent), Some(received)) = (&sent, &mut received)
        && received.at < sent.at
    {
        is_out_of_time = true;
        received.at = sent.at;
    }
    Arrow {
        number: 0,
        from,
        to,
        sent,
        received,
        seen,
        copy: 0,
        is_out_of_time,
    }
}

/// Rows as they are made, and where they stand on each line.
struct Drawn {
    rows: Vec<Row>,
    /// For each party: a message's place or, behind all of those, an event's, and the row.
    lines: Vec<Vec<(Place, usize)>>,
}

#[derive(Clone, Copy)]
enum Place {
    Message(usize),
    Event(usize),
}

impl Drawn {
    fn new(parties: usize) -> Self {
        Self {
            rows: Vec::new(),
            lines: vec![Vec::new(); parties],
        }
    }

    fn put(&mut self, row: Row, places: &[(usize, usize)]) {
        for (party, place) in places.iter().filter(|(_, place)| *place != usize::MAX) {
            if let Some(line) = self.lines.get_mut(*party) {
                line.push((Place::Message(*place), self.rows.len()));
            }
        }
        self.rows.push(row);
    }

    fn put_event(&mut self, row: Row, party: usize, place: usize) {
        if let Some(line) = self.lines.get_mut(party) {
            line.push((Place::Event(place), self.rows.len()));
        }
        self.rows.push(row);
    }

    /// Orders the rows and numbers the messages.
    fn in_order(mut self, messages: &[Message<'_>], events: &[(usize, &Record)]) -> Vec<Row> {
        let order_of = records_in_order(messages, events);
        let key = |place: &Place| match place {
            Place::Message(place) => order_of.get(*place),
            Place::Event(place) => order_of.get(messages.len() + place),
        };
        let lines: Vec<Vec<usize>> = self
            .lines
            .iter_mut()
            .map(|line| {
                line.sort_by_key(|(place, _)| key(place).copied());
                let mut seen = BTreeSet::new();
                let rows = line.iter().map(|(_, row)| *row);
                rows.filter(|row| seen.insert(*row)).collect()
            })
            .collect();
        let times: Vec<u64> = self
            .rows
            .iter()
            .map(|row| match row {
                Row::Message(arrow) => arrow.at(),
                Row::Event(event) => event.at,
            })
            .collect();
        let mut rows: Vec<Option<Row>> = self.rows.into_iter().map(Some).collect();
        let in_order = order::order(&times, &lines);
        let mut rows: Vec<Row> = in_order
            .into_iter()
            .filter_map(|row| rows.get_mut(row).and_then(Option::take))
            .collect();
        let mut number = 0;
        for row in &mut rows {
            if let Row::Message(arrow) = row {
                number += 1;
                arrow.number = number;
            }
        }
        rows
    }
}

/// The order of messages and events (behind them) among all records: of one microsecond, a message that came in goes
/// before what was decided about it, and that before what went out.
fn records_in_order(
    messages: &[Message<'_>],
    events: &[(usize, &Record)],
) -> Vec<(Time, u8, usize)> {
    let messages = messages.iter().enumerate().map(|(place, message)| {
        let step = if message.is_out() { 2 } else { 0 };
        (message.record.time, step, place)
    });
    let events = events
        .iter()
        .enumerate()
        .map(|(place, (_, record))| (record.time, 1, place));
    messages.chain(events).collect()
}

fn call_ids(records: &[&Record]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let ids = records.iter().filter_map(|record| record.call_id.as_ref());
    ids.filter(|id| seen.insert((*id).clone()))
        .take(100)
        .map(|id| crate::words::plain(id))
        .collect()
}

/// Counts copies: what is sent again by the same to the same. A provisional answer that differs is another one.
fn mark_copies(rows: &mut [Row]) {
    let mut seen: BTreeMap<_, u32> = BTreeMap::new();
    for row in rows {
        let Row::Message(arrow) = row else { continue };
        let Some(record) = arrow.record() else {
            continue;
        };
        let Some(message) = Message::of(record) else {
            continue;
        };
        let is_provisional = record.status.is_some_and(|status| status < 200);
        let key = (
            (arrow.from, arrow.to, record.call_id.clone(), record.cseq),
            (record.method.clone(), record.status),
            (
                message.branch.map(str::to_owned),
                message.tag.map(str::to_owned),
            ),
            is_provisional.then(|| record.text.to_string()),
        );
        let before = seen.entry(key).or_default();
        arrow.copy = *before;
        *before += 1;
    }
}

impl Ladder {
    /// Tells whether a party is a machine of ours.
    pub(crate) fn is_ours(&self, party: usize) -> bool {
        let kind = self.parties.get(party).map(|party| party.kind);
        kind.is_some_and(Kind::is_ours)
    }
}
