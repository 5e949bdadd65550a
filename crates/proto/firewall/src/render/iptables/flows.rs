//! One rule of the plan in the words of iptables: a line, or a chain of its own.

use topology::flows::Carrier;

use super::Filter;
use crate::plan::{Admit, Rate};
use crate::render::words;
use crate::{AddressSet, Family};

/// How many ports one match takes.
const PORTS_MAX: usize = 15;
/// A provider gives one customer at least a /64, whose addresses are one source.
const V6_SOURCE_BITS: u8 = 64;

/// How one end of a rule is matched.
enum End {
    /// By one match, or by none where everybody is meant.
    One(Match),
    /// By any of several.
    Any(Vec<Match>),
    /// By none of these.
    But(Vec<Match>),
}

/// The words for one range of addresses: as addresses of the header, or by a module, which stands after the protocol.
#[derive(Clone, Default)]
struct Match {
    header: String,
    module: String,
}

impl End {
    fn of(set: &AddressSet, side: Side) -> Self {
        let others = set.complement();
        if others.is_empty() {
            return Self::One(Match::default());
        }
        let matches = |set: &AddressSet| -> Vec<Match> {
            set.words()
                .iter()
                .map(|word| side.matches(set.family(), word))
                .collect()
        };
        if others.ranges().len() < set.ranges().len() {
            return Self::But(matches(&others));
        }
        match matches(set).as_slice() {
            [only] => Self::One(only.clone()),
            several => Self::Any(several.to_vec()),
        }
    }

    /// The only match, if there is one; nothing where a chain of its own looks further.
    fn single(&self) -> Match {
        match self {
            Self::One(only) => only.clone(),
            Self::Any(_) | Self::But(_) => Match::default(),
        }
    }

    fn excluded(&self) -> &[Match] {
        match self {
            Self::But(others) => others,
            Self::One(_) | Self::Any(_) => &[],
        }
    }

    /// What has to be matched, one after the other; nothing where all but some are meant.
    fn included(&self) -> Vec<Match> {
        match self {
            Self::One(only) => vec![only.clone()],
            Self::Any(several) => several.clone(),
            Self::But(_) => vec![Match::default()],
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Source,
    Destination,
}

impl Side {
    fn matches(self, family: Family, word: &str) -> Match {
        let (option, range) = match self {
            Self::Source => ("-s", "--src-range"),
            Self::Destination => ("-d", "--dst-range"),
        };
        if word.contains('-') {
            return Match {
                header: String::new(),
                module: format!("-m iprange {range} {word}"),
            };
        }
        let bits = if word.contains('/') {
            String::new()
        } else {
            format!("/{}", family.bits())
        };
        Match {
            header: format!("{option} {word}{bits}"),
            module: String::new(),
        }
    }
}

/// Adds the lines of a rule to a chain of the kernel.
pub(super) fn add(filter: &mut Filter, chain: &str, admit: &Admit) {
    let sources = End::of(&admit.sources, Side::Source);
    let destinations = End::of(&admit.destinations, Side::Destination);
    for ports in admit.ports.chunks(PORTS_MAX) {
        let service = service(admit.carrier, ports);
        let (End::One(source), End::One(_) | End::Any(_)) = (&sources, &destinations) else {
            let own = own_chain(filter, admit, &sources, &destinations);
            let source = sources.single();
            for destination in destinations.included() {
                let matches = line(chain, &[&source, &destination], &service);
                filter
                    .rules
                    .push(rule(&matches, &format!("for flow {}", admit.flow), &own));
            }
            continue;
        };
        for destination in destinations.included() {
            let matches = line(chain, &[source, &destination], &service);
            filter.rules.extend(verdicts(&matches, admit));
        }
    }
}

/// A chain that a packet leaves where it is excluded, and is accepted in where its source is right.
fn own_chain(filter: &mut Filter, admit: &Admit, sources: &End, destinations: &End) -> String {
    let first = format!("flow_{}", admit.flow);
    let same = |(name, _): &&(String, Vec<String>)| {
        *name == first || name.starts_with(&format!("{first}_"))
    };
    let name = match filter.own.iter().filter(same).count() {
        0 => first.clone(),
        others => format!("{first}_{}", others + 1),
    };
    let mut rules = Vec::new();
    for other in sources.excluded().iter().chain(destinations.excluded()) {
        let comment = format!("not for flow {}", admit.flow);
        rules.push(rule(&line(&name, &[other], ""), &comment, "RETURN"));
    }
    let accepted = match sources {
        End::Any(several) => several.clone(),
        End::One(_) | End::But(_) => vec![Match::default()],
    };
    for source in accepted {
        rules.extend(verdicts(&line(&name, &[&source], ""), admit));
    }
    filter.own.push((name.clone(), rules));
    name
}

fn verdicts(matches: &str, admit: &Admit) -> Vec<String> {
    let over = admit.rate.map(|rate| {
        let matches = format!("{matches} {}", over(admit, rate));
        rule(&matches, &format!("rate of flow {}", admit.flow), "DROP")
    });
    let accept = rule(matches, &words::comment(admit), "ACCEPT");
    over.into_iter().chain([accept]).collect()
}

fn rule(matches: &str, comment: &str, verdict: &str) -> String {
    format!("{matches} -m comment --comment \"{comment}\" -j {verdict}")
}

/// The matches of a rule in the order in which they are saved: addresses, protocol, modules.
fn line(chain: &str, ends: &[&Match], service: &str) -> String {
    let (protocol, ports) = service.split_once(' ').unwrap_or_default();
    let mut words = vec![format!("-A {chain}")];
    words.extend(ends.iter().map(|end| end.header.clone()));
    if !protocol.is_empty() {
        words.push(format!("-p {protocol}"));
    }
    words.extend(ends.iter().map(|end| end.module.clone()));
    words.push(ports.to_owned());
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// The protocol, then what is matched of it.
fn service(carrier: Carrier, ports: &[u16]) -> String {
    let protocol = words::carrier(carrier);
    let list: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let ports = match list.as_slice() {
        [one] => format!("-m {protocol} --dport {one}"),
        several => format!("-m multiport --dports {}", several.join(",")),
    };
    format!("{protocol} {ports} -m conntrack --ctstate NEW")
}

fn over(admit: &Admit, rate: Rate) -> String {
    let carrier = words::carrier(admit.carrier);
    let mask = match admit.family {
        Family::V4 => String::new(),
        Family::V6 => format!(" --hashlimit-srcmask {V6_SOURCE_BITS}"),
    };
    let milliseconds = u64::from(words::seconds(rate)) * 1000;
    format!(
        "-m hashlimit --hashlimit-above {}/sec --hashlimit-burst {} --hashlimit-mode srcip \
         --hashlimit-name flow_{}_{carrier} --hashlimit-htable-max {} \
         --hashlimit-htable-expire {milliseconds}{mask}",
        rate.per_second,
        rate.burst,
        admit.flow,
        words::SOURCES_MAX
    )
}
