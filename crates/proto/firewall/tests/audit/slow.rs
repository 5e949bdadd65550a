//! The slow, obvious way to tell whether a packet passes: one packet, rule by rule, as the manual says.
//!
//! It shares the model of rules with the audit and nothing of its sets. What is beyond the model may be answered either
//! way, so a packet has several possible ends; both ways are followed.

use std::collections::BTreeSet;

use firewall::audit::Passes;
use firewall::packet::{Packet, State};
use firewall::plan::Direction;
use firewall::ruleset::{Base, Chain, End, Hook, Kind, Rule, Ruleset, Step, Test, Verdict};
use firewall::space::Field;
use firewall::{AddressSet, Family, addresses};

/// How a packet may come out of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comes {
    Accepted,
    Dropped,
    Back,
    Changed,
}

/// Where a packet is looked at.
#[derive(Clone, Copy)]
struct Here {
    hook: Hook,
    priority: i64,
}

pub(crate) struct Slow<'a> {
    pub(crate) ruleset: &'a Ruleset,
    pub(crate) own: &'a [AddressSet],
}

impl Slow<'_> {
    /// Tells whether a packet passes all base chains of a way.
    pub(crate) fn passes(&self, direction: Direction, packet: &Packet) -> Passes {
        let hooks: &[Hook] = match direction {
            Direction::In => &[Hook::Prerouting, Hook::Input],
            Direction::Through => &[Hook::Prerouting, Hook::Forward, Hook::Postrouting],
            Direction::Out => &[Hook::Output, Hook::Postrouting],
        };
        let mut bases: Vec<(Base, &Chain)> = Vec::new();
        for chain in self.ruleset.chains() {
            if let Some(base) = chain.base
                && hooks.contains(&base.hook)
            {
                bases.push((base, chain));
            }
        }
        bases.sort_by_key(|(base, _)| (base.hook, base.priority));
        let mut ends = BTreeSet::new();
        let mut alive = true;
        for (base, chain) in bases {
            if !chain.families.contains(&packet.family)
                || (base.translates && packet.state != State::New)
            {
                continue;
            }
            let here = Here {
                hook: base.hook,
                priority: base.priority,
            };
            let mut comes = self.chain(here, chain, packet);
            if comes.remove(&Comes::Back) {
                comes.insert(if base.accepts {
                    Comes::Accepted
                } else {
                    Comes::Dropped
                });
            }
            alive = comes.remove(&Comes::Accepted);
            ends.extend(comes);
            if !alive {
                break;
            }
        }
        match (
            alive,
            ends.contains(&Comes::Dropped),
            ends.contains(&Comes::Changed),
        ) {
            (_, _, true) | (true, true, _) => Passes::CannotBeTold,
            (true, false, _) => Passes::Yes,
            (false, _, _) => Passes::No,
        }
    }

    fn chain(&self, here: Here, chain: &Chain, packet: &Packet) -> BTreeSet<Comes> {
        if !chain.families.contains(&packet.family) {
            return BTreeSet::new();
        }
        let mut ends = BTreeSet::new();
        for rule in &chain.rules {
            let (goes_on, rule_ends) = self.rule(here, chain, rule, packet);
            ends.extend(rule_ends);
            if !goes_on {
                return ends;
            }
        }
        ends.insert(Comes::Back);
        ends
    }

    /// Whether the packet may go on behind the rule, and how it may end in it.
    fn rule(
        &self,
        here: Here,
        chain: &Chain,
        rule: &Rule,
        packet: &Packet,
    ) -> (bool, BTreeSet<Comes>) {
        let mut goes_on = false;
        let mut ends = BTreeSet::new();
        for step in &rule.steps {
            let stays = match step {
                Step::Ask(test) => {
                    let answer = self.fits(here, test, packet);
                    goes_on |= answer != Some(true);
                    answer != Some(false)
                }
                Step::Decide(verdict) => {
                    self.decide(here, chain, verdict, packet, &mut goes_on, &mut ends)
                }
                Step::Choose(choices) => {
                    let mut stays = false;
                    let mut open = true;
                    for (test, verdict) in choices {
                        let answer = self.fits(here, test, packet);
                        if answer != Some(false) {
                            stays |=
                                self.decide(here, chain, verdict, packet, &mut goes_on, &mut ends);
                        }
                        if answer == Some(true) {
                            open = false;
                            break;
                        }
                    }
                    goes_on |= open;
                    stays
                }
                Step::Destination(_) | Step::Change(_) => {
                    ends.insert(Comes::Changed);
                    false
                }
                Step::Source(_) => {
                    ends.insert(Comes::Accepted);
                    false
                }
                Step::Mark(_) => true,
                Step::Untrack if packet.state == State::Untracked => true,
                Step::Untrack => {
                    ends.insert(Comes::Changed);
                    false
                }
                Step::Beyond { goes_on, .. } => {
                    ends.extend([Comes::Accepted, Comes::Dropped]);
                    *goes_on
                }
            };
            if !stays {
                return (goes_on, ends);
            }
        }
        (true, ends)
    }

    /// Whether the packet goes on in the rule.
    fn decide(
        &self,
        here: Here,
        chain: &Chain,
        verdict: &Verdict,
        packet: &Packet,
        goes_on: &mut bool,
        ends: &mut BTreeSet<Comes>,
    ) -> bool {
        match verdict {
            Verdict::Continue => return true,
            Verdict::Accept => ends.insert(Comes::Accepted),
            Verdict::Drop | Verdict::Reject => ends.insert(Comes::Dropped),
            Verdict::Return => ends.insert(Comes::Back),
            Verdict::Jump(name) => {
                let mut comes = self.chain(here, self.named(chain, name), packet);
                *goes_on |= comes.remove(&Comes::Back);
                ends.extend(comes);
                false
            }
            Verdict::Goto(name) => {
                ends.extend(self.chain(here, self.named(chain, name), packet));
                false
            }
        };
        false
    }

    fn named(&self, from: &Chain, name: &str) -> &Chain {
        let mut chains = self.ruleset.chains().iter();
        chains
            .find(|chain| chain.table == from.table && chain.name == name)
            .unwrap()
    }

    /// Yes, no, or either.
    fn fits(&self, here: Here, test: &Test, packet: &Packet) -> Option<bool> {
        let marks = |step: &Step| matches!(step, Step::Mark(_));
        match test {
            Test::All(parts) => {
                let answers: Vec<_> = parts
                    .iter()
                    .map(|part| self.fits(here, part, packet))
                    .collect();
                if answers.contains(&Some(false)) {
                    Some(false)
                } else if answers.contains(&None) {
                    None
                } else {
                    Some(true)
                }
            }
            Test::Any(parts) => {
                let answers: Vec<_> = parts
                    .iter()
                    .map(|part| self.fits(here, part, packet))
                    .collect();
                if answers.contains(&Some(true)) {
                    Some(true)
                } else if answers.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            Test::Not(inner) => self.fits(here, inner, packet).map(|answer| !answer),
            Test::Is {
                field: Field::Mark, ..
            } if self.ruleset.first_with(marks).is_some() => None,
            Test::Is {
                field: Field::State,
                ..
            } if here.priority <= -200 && matches!(here.hook, Hook::Prerouting | Hook::Output) => {
                None
            }
            Test::Is {
                field,
                mask,
                ranges,
            } => Some(match value(*field, packet) {
                None => false,
                Some(value) => ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&(value & mask))),
            }),
            Test::Interface { side, pattern } => {
                let is_input = *side == Field::InInterface;
                Some(pattern.fits(if is_input {
                    &packet.input
                } else if here.hook == Hook::Prerouting {
                    ""
                } else {
                    &packet.output
                }))
            }
            Test::Type { of, kinds } => self.is_of(*of, kinds, packet),
            Test::Translated => {
                let translates = |step: &Step| matches!(step, Step::Destination(_));
                match self.ruleset.first_with(translates) {
                    Some(_) => None,
                    None => Some(false),
                }
            }
            Test::Alone(answer) => Some(*answer),
            Test::Beyond(_) => None,
        }
    }

    fn is_of(&self, of: End, kinds: &BTreeSet<Kind>, packet: &Packet) -> Option<bool> {
        let address = match of {
            End::Source => packet.source,
            End::Destination => packet.destination,
        };
        if address.is_loopback() || self.own.iter().any(|own| own.contains(address)) {
            return Some(kinds.contains(&Kind::Local));
        }
        if address.is_multicast() {
            return Some(kinds.contains(&Kind::Multicast));
        }
        if address.to_string() == "255.255.255.255" {
            return Some(kinds.contains(&Kind::Broadcast));
        }
        let open = [Kind::Local, Kind::Broadcast, Kind::Other];
        match open.iter().filter(|kind| kinds.contains(kind)).count() {
            0 => Some(false),
            3 => Some(true),
            _ => None,
        }
    }
}

/// The value of a field, if the packet has it.
fn value(field: Field, packet: &Packet) -> Option<u128> {
    let of =
        |family: Family, address| (packet.family == family).then(|| addresses::number(address));
    match field {
        Field::Family => Some(u128::from(packet.family == Family::V6)),
        Field::Protocol => Some(packet.protocol.into()),
        Field::State => Some(match packet.state {
            State::Invalid => 0,
            State::Established => 1,
            State::Related => 2,
            State::New => 3,
            State::Untracked => 4,
        }),
        Field::DestinationPort => Some(packet.destination_port.into()),
        Field::SourcePort => Some(packet.source_port.into()),
        Field::TcpFlags => Some(packet.flags.into()),
        Field::Mark => Some(packet.mark.into()),
        Field::Source(family) => of(family, packet.source),
        Field::Destination(family) => of(family, packet.destination),
        Field::InInterface | Field::OutInterface => None,
    }
}
