//! Joins what the two ends of a hop have recorded of one message.
//!
//! The record of the sender and that of the receiver belong together if the two are each other's peer, the message is the
//! same by Call-ID, CSeq, method, status, branch of the topmost Via and tag in To, and both say so of the same connection.
//! Where addresses differ on the way (a balancer, address translation) the rest decides; where the text was not kept, its
//! head does.
//!
//! Copies of one message (retransmissions) are alike in all of this. They are joined in order, by how far the clocks of the
//! two machines are apart: that is known from messages that were sent once. Copies are half a second apart or more (RFC
//! 3261, T1), so one that is off by a quarter is another copy, and the record of its own other end is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::Message;

/// Two records of copies that lie further from what is expected are of different copies: half of T1.
const NEAR: i64 = 250_000;
/// So many messages that were sent once tell what is to be expected of the others.
const ENOUGH: usize = 3;

/// A message on a hop between two of our machines, as one end saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Half<'a> {
    /// Its place among the messages.
    pub(crate) place: usize,
    pub(crate) message: Message<'a>,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// What is the same at both ends; without it two records are never of one message.
type Hop<'a> = (usize, usize, &'a str, u32, &'a str, u16);
/// Branch and tag.
type Mark<'a> = (Option<&'a str>, Option<&'a str>);

/// The halves of one message, or of its copies.
#[derive(Default)]
struct Group<'a> {
    out: Vec<Half<'a>>,
    inn: Vec<Half<'a>>,
}

/// Joins halves, which come in the order of their machines' records: pairs of places, sender first.
pub(crate) fn join(halves: &[Half<'_>]) -> Vec<(usize, usize)> {
    let mut hops: BTreeMap<Hop<'_>, BTreeMap<Mark<'_>, Group<'_>>> = BTreeMap::new();
    for half in halves {
        let record = half.message.record;
        let hop = (
            half.from,
            half.to,
            record.call_id.as_deref().unwrap_or_default(),
            record.cseq.unwrap_or_default(),
            half.message.method,
            record.status.unwrap_or_default(),
        );
        let mark = (half.message.branch, half.message.tag);
        let group = hops.entry(hop).or_default().entry(mark).or_default();
        if half.message.is_out() {
            group.out.push(*half);
        } else {
            group.inn.push(*half);
        }
    }
    let mut groups: Vec<Group<'_>> = hops.into_values().flat_map(with_bare).collect();
    let usual = Usual::of(&groups);
    let mut pairs = Vec::new();
    for group in &mut groups {
        pairs.extend(group.pair(&usual));
    }
    pairs
}

/// Lets a half without text find its other end: with the one message that is alike, if there is only one.
fn with_bare<'a>(mut marks: BTreeMap<Mark<'a>, Group<'a>>) -> Vec<Group<'a>> {
    let bare = marks.remove(&(None, None));
    let mut groups: Vec<Group<'a>> = marks.into_values().collect();
    let Some(bare) = bare else {
        return groups;
    };
    match groups.as_mut_slice() {
        [one] if one.out.is_empty() && bare.inn.is_empty() => one.out = bare.out,
        [one] if one.inn.is_empty() && bare.out.is_empty() => one.inn = bare.inn,
        _ => groups.push(bare),
    }
    groups
}

/// How far apart the two records of a message usually are, by sender and receiver: the median of what was sent once.
struct Usual(BTreeMap<(usize, usize), (i64, usize)>);

impl Usual {
    fn of(groups: &[Group<'_>]) -> Self {
        let mut apart: BTreeMap<(usize, usize), Vec<i64>> = BTreeMap::new();
        for group in groups {
            if let ([out], [inn]) = (&*group.out, &*group.inn) {
                apart
                    .entry((out.from, out.to))
                    .or_default()
                    .push(between(out, inn));
            }
        }
        let median = |(hop, mut apart): (_, Vec<i64>)| {
            apart.sort_unstable();
            let middle = apart.get(apart.len() / 2).copied().unwrap_or_default();
            (hop, (middle, apart.len()))
        };
        Self(apart.into_iter().map(median).collect())
    }

    /// What to expect from a sender to a receiver; the way back tells it too, if the way there does not.
    fn expected(&self, from: usize, to: usize) -> Option<i64> {
        let there = self.0.get(&(from, to)).map(|(apart, _)| *apart);
        there.or_else(|| self.0.get(&(to, from)).map(|(apart, _)| -apart))
    }

    fn is_sure(&self, from: usize, to: usize) -> bool {
        self.0
            .get(&(from, to))
            .is_some_and(|(_, many)| *many >= ENOUGH)
    }
}

fn between(out: &Half<'_>, inn: &Half<'_>) -> i64 {
    let time = |half: &Half<'_>| i64::try_from(half.message.record.time.0).unwrap_or(i64::MAX);
    time(inn).saturating_sub(time(out))
}

impl Group<'_> {
    fn pair(&mut self, usual: &Usual) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        // First those that name the same connection, then whatever is left.
        let connections: BTreeSet<_> = self.out.iter().filter_map(connection).collect();
        let mut by_connection: BTreeMap<_, (Vec<Half<'_>>, Vec<Half<'_>>)> = BTreeMap::new();
        for half in &self.out {
            by_connection
                .entry(connection(half))
                .or_default()
                .0
                .push(*half);
        }
        for half in &self.inn {
            let named = connection(half).filter(|one| connections.contains(one));
            by_connection.entry(named).or_default().1.push(*half);
        }
        let (mut out, mut inn) = by_connection.remove(&None).unwrap_or_default();
        for (outs, inns) in by_connection.into_values() {
            if inns.is_empty() {
                out.extend(outs);
            } else {
                align(&outs, &inns, usual, &mut pairs);
            }
        }
        out.sort_by_key(|half| half.place);
        inn.sort_by_key(|half| half.place);
        align(&out, &inn, usual, &mut pairs);
        pairs
    }
}

/// The connection that a half names, as its sender would.
fn connection(half: &Half<'_>) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
    let record = half.message.record;
    let (own, other) = (record.local?, record.peer?);
    Some(if half.message.is_out() {
        (own, other)
    } else {
        (other, own)
    })
}

/// Joins copies in order.
fn align(outs: &[Half<'_>], inns: &[Half<'_>], usual: &Usual, pairs: &mut Vec<(usize, usize)>) {
    let (mut outs, mut inns) = (outs.iter().peekable(), inns.iter().peekable());
    let is_alone = outs.len() == 1 && inns.len() == 1;
    while let (Some(out), Some(inn)) = (outs.peek(), inns.peek()) {
        let judged = !is_alone || (usual.is_sure(out.from, out.to) && may_be_copied(out));
        let expected = usual.expected(out.from, out.to).filter(|_| judged);
        let off = expected.map_or(0, |expected| between(out, inn).saturating_sub(expected));
        if off.abs() <= NEAR {
            pairs.push((out.place, inn.place));
        }
        if off <= NEAR {
            inns.next();
        }
        if off >= -NEAR {
            outs.next();
        }
    }
}

/// Tells whether a message is sent again where nothing answers: over UDP every one, and end to end what makes a call.
fn may_be_copied(half: &Half<'_>) -> bool {
    let record = half.message.record;
    let is_success = record
        .status
        .is_some_and(|status| (200..300).contains(&status));
    record.transport == Some(base::net::Transport::Udp)
        || half.message.method == "ACK"
        || (half.message.method == "INVITE" && is_success)
}
