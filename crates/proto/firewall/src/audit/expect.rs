//! The plan of a place as questions: what has to pass, what may pass, and which packets are asked about at all.
//!
//! *Has to pass*, of every flow: the packet that opens it, later packets of it, and answers to it the other way; of the
//! basics: what a machine says to itself, errors, echo, neighbours. Only addresses that somebody can have count as
//! those of strangers: a ruleset may drop impossible ones.
//!
//! *May pass*: the same, from anybody whom the plan names, in any state of a connection; everything established or
//! related; ICMP that is part of the basics.
//!
//! *Asked about*: on a machine what is for one of its addresses, for loopback, for its link or for a group, and what it
//! sends from them; on a boundary what can be forwarded.

use serde::Serialize;
use topology::flows::Carrier;

use super::sure::{loopback, multicast};
use crate::addresses::{AddressSet, Family};
use crate::packet::{SYN, State, protocol};
use crate::plan::{Admit, Basic, Direction, Rules};
use crate::ruleset::{End, Test};
use crate::space::{Field, Pattern};

/// What has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A row of the flow table.
    Flow(u8),
    /// A rule that belongs to no flow.
    Basic(Basic),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flow(id) => write!(f, "flow {id}"),
            Self::Basic(basic) => write!(f, "basic {}", basic.name()),
        }
    }
}

/// Which packets of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Those that begin it.
    Opening,
    /// Those that follow the same way.
    Later,
    /// Those that come back.
    Answers,
}

/// Packets that have to pass.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) subject: Subject,
    pub(super) part: Part,
    pub(super) test: Test,
}

/// What is expected of one direction.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    /// The packets that are asked about.
    pub(super) asked: Test,
    /// Those of them that may pass.
    pub(super) allowed: Test,
    /// Those that have to.
    pub(super) wants: Vec<Want>,
    /// Addresses that make good examples, the best first.
    pub(super) examples: Vec<Test>,
}

/// Returns what the plan expects of a direction, on a machine with these addresses (none on a boundary).
pub(super) fn of(rules: &Rules, direction: Direction, own: &[AddressSet]) -> Expectation {
    let admits = |direction| {
        rules
            .chain(direction)
            .map_or(&[][..], |chain| &chain.admits)
    };
    let forth = admits(direction);
    let back = admits(match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
        Direction::Through => Direction::Through,
    });
    let view = View { direction, own };
    let mut wants: Vec<Want> = Vec::new();
    for admit in forth {
        let opening = [view.opening(admit), outside_itself(direction)];
        view.want(
            &mut wants,
            admit,
            Part::Opening,
            Test::All(opening.to_vec()),
        );
        let later = [view.one_way(admit), Test::states([State::Established])];
        view.want(&mut wants, admit, Part::Later, Test::All(later.to_vec()));
    }
    for admit in back {
        let answer = [view.other_way(admit), Test::states([State::Established])];
        view.want(&mut wants, admit, Part::Answers, Test::All(answer.to_vec()));
    }
    let families: Vec<Family> = Family::ALL
        .into_iter()
        .filter(|family| match direction {
            Direction::Through => forth.iter().any(|admit| admit.family == *family),
            Direction::In | Direction::Out => view.own(*family).is_some(),
        })
        .collect();
    wants.extend(families.into_iter().flat_map(|family| view.basics(family)));
    Expectation {
        asked: view.asked(),
        allowed: view.allowed(forth),
        wants: grouped(wants),
        examples: examples(forth),
    }
}

/// What belongs together is one question.
fn grouped(mut wants: Vec<Want>) -> Vec<Want> {
    wants.sort_by_key(|want| (want.subject, want.part));
    let groups = wants.chunk_by(|a, b| (a.subject, a.part) == (b.subject, b.part));
    let join = |group: &[Want]| {
        let first = group.first()?;
        let tests = group.iter().map(|want| want.test.clone());
        Some(Want {
            test: Test::Any(tests.collect()),
            ..first.clone()
        })
    };
    groups.filter_map(join).collect()
}

/// Single addresses of the plan first: packets from and to them can really be sent.
fn examples(admits: &[Admit]) -> Vec<Test> {
    /// No more addresses than this are worth the name of an example.
    const FEW: u128 = 1 << 8;
    let few = |set: &AddressSet| {
        let ranges = set
            .ranges()
            .iter()
            .filter(|(first, last)| last - first < FEW);
        AddressSet::from_ranges(set.family(), ranges.copied())
    };
    let mut tests = Vec::new();
    // The two ends of a rule stand on two sides of a boundary; a packet between hosts of one side never comes to it.
    for only_few in [true, false] {
        let both = admits.iter().map(|admit| {
            let [from, to] = [&admit.sources, &admit.destinations]
                .map(|set| if only_few { few(set) } else { set.clone() });
            Test::All(vec![
                within(End::Source, &from),
                within(End::Destination, &to),
            ])
        });
        tests.push(Test::Any(both.collect()));
    }
    for end in [End::Source, End::Destination] {
        for only_few in [true, false] {
            let sets = admits.iter().map(|admit| match end {
                End::Source => &admit.sources,
                End::Destination => &admit.destinations,
            });
            let sets = sets.filter(|set| !set.is_all());
            let each = sets.map(|set| within(end, &if only_few { few(set) } else { set.clone() }));
            tests.push(Test::Any(each.collect()));
        }
    }
    tests
}

struct View<'a> {
    direction: Direction,
    own: &'a [AddressSet],
}

impl View<'_> {
    fn own(&self, family: Family) -> Option<&AddressSet> {
        let own = self.own.iter().find(|own| own.family() == family)?;
        (!own.is_empty()).then_some(own)
    }

    fn want(&self, wants: &mut Vec<Want>, admit: &Admit, part: Part, test: Test) {
        let flows = std::iter::once(&admit.flow).chain(&admit.also);
        wants.extend(flows.map(|flow| Want {
            subject: Subject::Flow(*flow),
            part,
            test: test.clone(),
        }));
    }

    /// The packet that opens a connection.
    fn opening(&self, admit: &Admit) -> Test {
        let mut all = vec![self.one_way(admit), Test::states([State::New])];
        if admit.carrier == Carrier::Tcp {
            all.push(Test::equal(Field::TcpFlags, SYN.into()));
        }
        Test::All(all)
    }

    fn one_way(&self, admit: &Admit) -> Test {
        self.between(
            admit,
            End::Source,
            Field::DestinationPort,
            Field::SourcePort,
        )
    }

    fn other_way(&self, admit: &Admit) -> Test {
        self.between(
            admit,
            End::Destination,
            Field::SourcePort,
            Field::DestinationPort,
        )
    }

    /// Between those who can open it and those who listen; `opener` is the end of those who open.
    fn between(&self, admit: &Admit, opener: End, listens: Field, opens: Field) -> Test {
        let mut sources = admit.sources.intersection(&possible(admit.family));
        if self.direction == Direction::In
            && let Some(own) = self.own(admit.family)
        {
            sources = sources.difference(own);
        }
        let mut destinations = admit.destinations.intersection(&possible(admit.family));
        if self.direction == Direction::Out
            && let Some(own) = self.own(admit.family)
        {
            destinations = destinations.difference(own);
        }
        let listener = match opener {
            End::Source => End::Destination,
            End::Destination => End::Source,
        };
        Test::All(vec![
            within(opener, &sources),
            within(listener, &destinations),
            carried(admit, listens),
            Test::within(opens, vec![(1, opens.last())]),
        ])
    }

    fn asked(&self) -> Test {
        let mut parts = Vec::new();
        for family in Family::ALL {
            let own = self.own(family).cloned();
            let own = own.unwrap_or_else(|| AddressSet::empty(family));
            let own = own.union(&loopback(family)).union(&link(family));
            let groups = multicast(family).union(&everybody(family));
            parts.push(match self.direction {
                Direction::In => within(End::Destination, &own.union(&groups)),
                Direction::Out => within(End::Source, &own.union(&unspecified(family))),
                Direction::Through => {
                    let stays = link(family).union(&groups).union(&unspecified(family));
                    let goes = stays.complement();
                    let ends = [End::Source, End::Destination].map(|end| within(end, &goes));
                    Test::All(ends.to_vec())
                }
            });
        }
        // The system itself drops loopback addresses everywhere but on `lo`.
        let looped = Family::ALL.into_iter().flat_map(|family| {
            [End::Source, End::Destination].map(|end| within(end, &loopback(family)))
        });
        let elsewhere = Test::Any(looped.collect()).negated();
        let possible = Test::Any(vec![itself(self.direction), elsewhere]);
        Test::All(vec![Test::Any(parts), possible])
    }

    fn allowed(&self, admits: &[Admit]) -> Test {
        let mut parts = vec![
            Test::states([State::Established, State::Related]),
            itself(self.direction),
        ];
        for family in Family::ALL {
            let basics = [Basic::Errors, Basic::Echo, Basic::Neighbours].into_iter();
            let here = basics.filter(|basic| basic.applies(self.direction));
            parts.extend(here.map(|basic| messages(family, basic.messages(family))));
        }
        parts.extend(admits.iter().map(|admit| {
            Test::All(vec![
                within(End::Source, &admit.sources),
                within(End::Destination, &admit.destinations),
                carried(admit, Field::DestinationPort),
            ])
        }));
        Test::Any(parts)
    }

    /// What of the basics has to pass, of one family.
    fn basics(&self, family: Family) -> Vec<Want> {
        let anybody = possible(family);
        let own = self.own(family).unwrap_or(&anybody).clone();
        let others = match self.direction {
            Direction::Through => anybody,
            Direction::In | Direction::Out => anybody.difference(&own),
        };
        let (sources, destinations) = match self.direction {
            Direction::In | Direction::Through => (&others, &own),
            Direction::Out => (&own, &others),
        };
        let ends = [
            within(End::Source, sources),
            within(End::Destination, destinations),
        ];
        let message = |kinds: &[u8], state| {
            let rest = [
                messages(family, kinds),
                Test::states([state]),
                outside_itself(self.direction),
            ];
            Test::All([ends.to_vec(), rest.to_vec()].concat())
        };
        let mut found = vec![
            (
                Basic::Errors,
                message(Basic::Errors.messages(family), State::Related),
            ),
            (
                Basic::Echo,
                message(Basic::Echo.messages(family), State::New),
            ),
        ];
        if self.direction != Direction::Through {
            let all = own.union(&loopback(family));
            found.push((
                Basic::Loopback,
                Test::All(vec![
                    itself(self.direction),
                    within(End::Source, &all),
                    within(End::Destination, &all),
                    Test::states([State::New, State::Established]),
                ]),
            ));
        }
        if self.direction != Direction::Through && family == Family::V6 {
            // Neighbour discovery is never tracked.
            found.push((
                Basic::Neighbours,
                Test::All(vec![
                    messages(family, &[135, 136]),
                    Test::states([State::Untracked]),
                    outside_itself(self.direction),
                    within(End::Source, &own.union(&link(family))),
                    within(End::Destination, &own.union(&link(family))),
                ]),
            ));
        }
        found
            .into_iter()
            .map(|(basic, test)| Want {
                subject: Subject::Basic(basic),
                part: Part::Opening,
                test,
            })
            .collect()
    }
}

fn within(end: End, set: &AddressSet) -> Test {
    Test::within(end.field(set.family()), set.ranges().to_vec())
}

fn carried(admit: &Admit, field: Field) -> Test {
    let number = match admit.carrier {
        Carrier::Tcp => protocol::TCP,
        Carrier::Udp => protocol::UDP,
    };
    let ports = admit
        .ports
        .iter()
        .map(|port| (u128::from(*port), u128::from(*port)));
    Test::All(vec![
        Test::protocol(number),
        Test::within(field, ports.collect()),
    ])
}

/// ICMP messages of these types.
fn messages(family: Family, types: &[u8]) -> Test {
    let number = match family {
        Family::V4 => protocol::ICMP,
        Family::V6 => protocol::ICMPV6,
    };
    let types = types
        .iter()
        .map(|number| (u128::from(*number), u128::from(*number)));
    Test::All(vec![
        Test::family(family),
        Test::protocol(number),
        Test::within(Field::DestinationPort, types.collect()),
    ])
}

/// By the interface by which a machine speaks to itself.
fn itself(direction: Direction) -> Test {
    let side = match direction {
        Direction::In | Direction::Through => Field::InInterface,
        Direction::Out => Field::OutInterface,
    };
    Test::Interface {
        side,
        pattern: Pattern::exact("lo"),
    }
}

fn outside_itself(direction: Direction) -> Test {
    itself(direction).negated()
}

/// Addresses that somebody can have who is not the machine itself.
fn possible(family: Family) -> AddressSet {
    let ranges = match family {
        Family::V4 => vec![(1 << 24, 0x7EFF_FFFF), (0x8000_0000, 0xDFFF_FFFF)],
        // Global addresses but those of 6to4, and local ones.
        Family::V6 => vec![
            (0x2000 << 112, (0x2002 << 112) - 1),
            (0x2003 << 112, (0x4000 << 112) - 1),
            (0xFC00 << 112, (0xFE00 << 112) - 1),
        ],
    };
    AddressSet::from_ranges(family, ranges)
}

/// Addresses that every machine gives itself on a link.
fn link(family: Family) -> AddressSet {
    match family {
        Family::V4 => AddressSet::empty(family),
        Family::V6 => AddressSet::from_ranges(family, [(0xFE80 << 112, (0xFEC0 << 112) - 1)]),
    }
}

/// Everybody on the link.
fn everybody(family: Family) -> AddressSet {
    match family {
        Family::V4 => AddressSet::from_ranges(family, [(family.last(), family.last())]),
        Family::V6 => AddressSet::empty(family),
    }
}

/// The address of a machine that has none yet.
fn unspecified(family: Family) -> AddressSet {
    AddressSet::from_ranges(family, [(0, 0)])
}
