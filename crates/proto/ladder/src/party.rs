//! Who takes part, and in which order they stand side by side.
//!
//! Our machines are known by name, partners and gateways by what they have proven. A phone is known by its address; the
//! addresses of one host and one user are one phone, unless they were in use at the same machine at the same time.
//! From left to right: who is outside, Edges, Directors, Front Ends, who is inside. Where nobody is outside, the phone that
//! begins stands on the left all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use base::net::Role;
use logs::{Component, Record};

use crate::known::Known;
use crate::message::Message;
use crate::model::{Kind, MOST_PARTIES, Party};
use crate::words::{plain, spoken};

/// Who takes part, and for each message who recorded it and who was at the other end.
pub(crate) struct Cast {
    pub(crate) parties: Vec<Party>,
    /// By the machine's name.
    pub(crate) machines: BTreeMap<String, usize>,
    /// The recorder and the other end of each message.
    pub(crate) ends: Vec<(usize, usize)>,
}

/// The other end of a hop, before parties have numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Server(String),
    Partner(String),
    Gateway(String),
    /// A cluster of addresses.
    Phone(usize),
    /// A phone whose address nobody noted, at a machine.
    Nameless(String),
    /// Those beyond the bound.
    Others,
}

struct Draft {
    end: End,
    name: String,
    kind: Kind,
    is_outside: bool,
    addresses: BTreeSet<String>,
    /// The first message that it sent or got.
    first: usize,
}

impl Cast {
    /// Finds who takes part. `records` are all of the flow, `messages` those of them that are messages.
    pub(crate) fn of(records: &[&Record], messages: &[Message<'_>], known: &Known) -> Self {
        let names = Names::of(records, known);
        let phones = Phones::of(messages, &names);
        let mut drafts: BTreeMap<End, Draft> = BTreeMap::new();
        let mut ends = Vec::with_capacity(messages.len());
        for (place, message) in messages.iter().enumerate() {
            let own = End::Server(message.record.machine.to_string());
            let other = phones.end(message, &names);
            let at_border = names.is_border(&message.record.machine);
            let own = enter(&mut drafts, own, place, &phones, &names, false);
            let other = enter(&mut drafts, other, place, &phones, &names, at_border);
            note_addresses(&mut drafts, message, &own, &other);
            ends.push((own, other));
        }
        for record in records.iter().filter(|_| !messages.is_empty()) {
            let own = End::Server(record.machine.to_string());
            enter(&mut drafts, own, messages.len(), &phones, &names, false);
        }
        Self::in_order(drafts.into_values().collect(), &ends, messages, &names)
    }

    fn in_order(
        mut drafts: Vec<Draft>,
        ends: &[(End, End)],
        messages: &[Message<'_>],
        names: &Names<'_>,
    ) -> Self {
        let begins = ends.first().zip(messages.first());
        let begins = begins.map(|((own, other), first)| if first.is_out() { own } else { other });
        let is_somebody_outside = drafts.iter().any(|draft| draft.is_outside);
        let column = |draft: &Draft| match draft.kind {
            Kind::Edge => 1,
            Kind::Director | Kind::Server => 2,
            Kind::FrontEnd => 3,
            Kind::Phone | Kind::Partner | Kind::Gateway => {
                let begins = !is_somebody_outside && begins == Some(&draft.end);
                if draft.is_outside || begins { 0 } else { 9 }
            }
        };
        drafts.sort_by(|a, b| (column(a), a.first, &a.end).cmp(&(column(b), b.first, &b.end)));
        let place: BTreeMap<&End, usize> = drafts
            .iter()
            .enumerate()
            .map(|(place, draft)| (&draft.end, place))
            .collect();
        let number = |end: &End| place.get(end).copied().unwrap_or_default();
        let ends = ends
            .iter()
            .map(|(own, other)| (number(own), number(other)))
            .collect();
        let is_server = |(_, draft): &(usize, &Draft)| matches!(draft.end, End::Server(_));
        let machines = drafts.iter().enumerate().filter(is_server);
        let machines = machines.map(|(place, draft)| (draft.name.clone(), place));
        Self {
            machines: machines.collect(),
            ends,
            parties: drafts.iter().map(|draft| draft.finish(names)).collect(),
        }
    }
}

impl Draft {
    fn finish(&self, names: &Names<'_>) -> Party {
        Party {
            name: plain(&self.name),
            kind: self.kind,
            addresses: self.addresses.iter().cloned().collect(),
            is_outside: self.is_outside,
            is_recorded: names.recorded.contains(self.name.as_str()),
            missing: names
                .known
                .servers
                .get(&self.name)
                .and_then(|server| server.missing.clone()),
            ahead: 0,
        }
    }
}

/// Finds a party or makes it; past the bound it is one of the others.
fn enter(
    drafts: &mut BTreeMap<End, Draft>,
    end: End,
    place: usize,
    phones: &Phones,
    names: &Names<'_>,
    at_border: bool,
) -> End {
    let is_full = drafts.len() + 1 >= MOST_PARTIES && !drafts.contains_key(&end);
    let end = if is_full { End::Others } else { end };
    drafts.entry(end.clone()).or_insert_with(|| {
        let (name, kind) = match &end {
            End::Server(name) => (name.clone(), names.kind(name)),
            End::Partner(name) => (name.clone(), Kind::Partner),
            End::Gateway(name) => (name.clone(), Kind::Gateway),
            End::Phone(number) => (phones.name(*number), Kind::Phone),
            End::Nameless(_) => ("unknown".to_owned(), Kind::Phone),
            End::Others => ("others".to_owned(), Kind::Phone),
        };
        let is_outside = kind == Kind::Partner || (kind == Kind::Phone && at_border);
        Draft {
            name,
            kind,
            is_outside,
            addresses: BTreeSet::new(),
            first: place,
            end: end.clone(),
        }
    });
    end
}

fn note_addresses(
    drafts: &mut BTreeMap<End, Draft>,
    message: &Message<'_>,
    own: &End,
    other: &End,
) {
    // Our machines speak from many ports: which, says each message.
    let ip = |address: &SocketAddr| address.ip().to_string();
    let whole = |address: &SocketAddr| address.to_string();
    let local = message
        .record
        .local
        .filter(|local| !local.ip().is_unspecified());
    if let (Some(draft), Some(local)) = (drafts.get_mut(own), local) {
        draft.addresses.insert(ip(&local));
    }
    if let (Some(draft), Some(peer)) = (drafts.get_mut(other), message.record.peer) {
        let is_phone = matches!(draft.end, End::Phone(_));
        if draft.end != End::Others {
            let address = if is_phone { whole(&peer) } else { ip(&peer) };
            draft.addresses.insert(address);
        }
    }
}

/// Whose name is whose.
struct Names<'a> {
    known: &'a Known,
    /// The machines that recorded something.
    recorded: BTreeSet<&'a str>,
    /// What machines do that the deployment says nothing of, guessed by what they record.
    guessed: BTreeMap<&'a str, Role>,
    /// Addresses at which one machine of ours was spoken to; `None` where there are several.
    addresses: BTreeMap<IpAddr, Option<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(records: &[&'a Record], known: &'a Known) -> Self {
        let mut names = Self {
            known,
            recorded: BTreeSet::new(),
            guessed: BTreeMap::new(),
            addresses: BTreeMap::new(),
        };
        for record in records {
            let machine: &str = &record.machine;
            names.recorded.insert(machine);
            if let Some(local) = record.local.filter(|local| !local.ip().is_unspecified()) {
                let held = names.addresses.entry(local.ip()).or_insert(Some(machine));
                *held = held.filter(|held| *held == machine);
            }
            let is_any = |all: [Component; 2]| all.contains(&record.component);
            if is_any([Component::Edge, Component::Federation]) {
                names.guessed.insert(machine, Role::Edge);
            } else if record.component == Component::Registrar {
                names.guessed.entry(machine).or_insert(Role::FrontEnd);
            }
        }
        names
    }

    fn role(&self, machine: &str) -> Option<Role> {
        let known = self
            .known
            .servers
            .get(machine)
            .and_then(|server| server.role);
        known.or_else(|| self.guessed.get(machine).copied())
    }

    fn kind(&self, machine: &str) -> Kind {
        match self.role(machine) {
            Some(Role::Edge) => Kind::Edge,
            Some(Role::Director) => Kind::Director,
            Some(Role::FrontEnd) => Kind::FrontEnd,
            Some(Role::ReverseProxy | Role::LoadBalancer | Role::Dns) | None => Kind::Server,
        }
    }

    fn is_border(&self, machine: &str) -> bool {
        matches!(self.role(machine), Some(Role::Edge | Role::ReverseProxy))
    }

    fn is_server(&self, name: &str) -> bool {
        self.known.servers.contains_key(name) || self.recorded.contains(name)
    }

    /// Who a message's other end has proven to be, or is by its address; `None` if it is a phone.
    fn end(&self, message: &Message<'_>) -> Option<End> {
        let address = message.record.peer.map(|peer| peer.ip());
        let Some(name) = message.record.peer_name.as_deref() else {
            let server = address.and_then(|address| {
                let recorded = self.addresses.get(&address).copied().flatten();
                self.known.at(address).or(recorded)
            });
            return server.map(|name| End::Server(name.to_owned()));
        };
        if self.is_server(name) {
            return Some(End::Server(name.to_owned()));
        }
        if self.known.gateways.iter().any(|gateway| gateway == name) {
            return Some(End::Gateway(name.to_owned()));
        }
        let is_user = spoken(name).contains('@');
        (!is_user).then(|| End::Partner(name.to_owned()))
    }
}

/// The phones: clusters of addresses.
struct Phones {
    of: BTreeMap<SocketAddr, usize>,
    names: Vec<String>,
}

/// One address: who speaks from it, how surely, and when at which machine.
struct Line<'a> {
    user: Option<(u8, &'a str)>,
    first: usize,
    used: BTreeMap<&'a str, (u64, u64)>,
}

/// The last phone of a host and user, and until when each machine heard of it.
type Last<'a> = (usize, BTreeMap<&'a str, u64>);

impl Phones {
    fn of(messages: &[Message<'_>], names: &Names<'_>) -> Self {
        let mut lines: BTreeMap<SocketAddr, Line<'_>> = BTreeMap::new();
        for (place, message) in messages.iter().enumerate() {
            let Some(peer) = message.record.peer.filter(|_| names.end(message).is_none()) else {
                continue;
            };
            let line = lines.entry(peer).or_insert_with(|| Line {
                user: None,
                first: place,
                used: BTreeMap::new(),
            });
            let user = user_of(message);
            line.user = line
                .user
                .max(user.filter(|found| line.user.is_none_or(|had| found.0 > had.0)));
            let time = message.record.time.0;
            let used = line
                .used
                .entry(&message.record.machine)
                .or_insert((time, time));
            *used = (used.0.min(time), used.1.max(time));
        }
        Self::clusters(lines)
    }

    fn clusters(lines: BTreeMap<SocketAddr, Line<'_>>) -> Self {
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort_by_key(|(_, line)| line.first);
        let mut phones = Self {
            of: BTreeMap::new(),
            names: Vec::new(),
        };
        let mut last: BTreeMap<(IpAddr, &str), Last<'_>> = BTreeMap::new();
        for (address, line) in lines {
            let user = line.user.map(|(_, user)| user);
            let known = user.and_then(|user| last.get_mut(&(address.ip(), user)));
            let known = known.filter(|(_, until)| {
                let is_after = |(machine, used): (&&str, &(u64, u64))| {
                    until.get(machine).is_none_or(|until| used.0 > *until)
                };
                line.used.iter().all(is_after)
            });
            let ends = line.used.iter().map(|(machine, used)| (*machine, used.1));
            if let Some((number, until)) = known {
                until.extend(ends);
                phones.of.insert(address, *number);
                continue;
            }
            let number = phones.names.len();
            phones
                .names
                .push(user.map_or_else(|| address.to_string(), str::to_owned));
            phones.of.insert(address, number);
            if let Some(user) = user {
                last.insert((address.ip(), user), (number, ends.collect()));
            }
        }
        phones
    }

    fn end(&self, message: &Message<'_>, names: &Names<'_>) -> End {
        names.end(message).unwrap_or_else(|| {
            let phone = message.record.peer.and_then(|peer| self.of.get(&peer));
            phone.map_or_else(
                || End::Nameless(message.record.machine.to_string()),
                |number| End::Phone(*number),
            )
        })
    }

    fn name(&self, number: usize) -> String {
        self.names.get(number).cloned().unwrap_or_default()
    }
}

/// Who speaks at the other end of a hop to a phone, and how sure that is.
fn user_of<'a>(message: &Message<'a>) -> Option<(u8, &'a str)> {
    let record = message.record;
    if let Some(name) = &record.peer_name {
        return Some((3, spoken(name)));
    }
    // Whoever sends requests is in From, whoever is sent them in To; with responses it is the other way round.
    let sends_requests = message.is_out() == record.status.is_some();
    let (sure, uri) = if sends_requests {
        (2, &record.from)
    } else {
        (1, &record.to)
    };
    uri.as_deref().map(|uri| (sure, spoken(uri)))
}
