//! Tests of rules as sets: the packets that fit for certain, and those that may.
//!
//! A test within the model has one set for both. What is beyond the model fits no packet for certain and any perhaps;
//! everything that is put together from tests keeps the two apart.

use crate::addresses::{AddressSet, Family};
use crate::ruleset::{Chain, End, Kind, Ruleset, Step, Test};
use crate::space::{Field, Pattern, Set, Space};

/// A set known from below and from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// These fit.
    pub(super) must: Set,
    /// No others fit.
    pub(super) may: Set,
}

impl Bounds {
    const UNKNOWN: Self = Self {
        must: Set::NONE,
        may: Set::ALL,
    };

    /// Everything, for certain.
    pub(super) const ALL: Self = Self::exactly(Set::ALL);

    /// Returns what fits both.
    pub(super) fn and(self, space: &mut Space, other: Self) -> Self {
        let is_exact = self.must == self.may && other.must == other.may;
        let may = space.and(self.may, other.may);
        let must = if is_exact {
            may
        } else {
            space.and(self.must, other.must)
        };
        Self { must, may }
    }

    const fn exactly(set: Set) -> Self {
        Self {
            must: set,
            may: set,
        }
    }
}

/// Where on its way a packet is looked at: what the system does not know there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    /// Nobody has looked up its connection.
    pub(super) untracked: bool,
    /// Nobody has decided by which interface it leaves.
    pub(super) unrouted: bool,
}

/// What is known of a ruleset and its machine when a test is answered.
pub(super) struct Facts {
    /// The addresses of the machine.
    own: Vec<AddressSet>,
    /// The first rule that sets marks.
    marks: Option<String>,
    /// The first rule that translates destinations.
    translates: Option<String>,
}

impl Facts {
    pub(super) fn of(ruleset: &Ruleset, own: Vec<AddressSet>) -> Self {
        let name =
            |(chain, rule): (&Chain, &crate::ruleset::Rule)| format!("{} of {chain}", rule.at);
        let marks = ruleset.first_with(|step| matches!(step, Step::Mark(_)));
        let translates = ruleset.first_with(|step| matches!(step, Step::Destination(_)));
        Self {
            own,
            marks: marks.map(name),
            translates: translates.map(name),
        }
    }

    /// Returns the packets that fit a test. `beyond` is told the name of everything that cannot be answered.
    pub(super) fn bounds(
        &self,
        space: &mut Space,
        scope: Scope,
        test: &Test,
        beyond: &mut Vec<String>,
    ) -> Bounds {
        match test {
            Test::All(parts) => self.all(space, scope, parts, beyond),
            Test::Any(parts) => self.any(space, scope, parts, beyond),
            Test::Not(inner) => {
                let inner = self.bounds(space, scope, inner, beyond);
                Bounds {
                    must: !inner.may,
                    may: !inner.must,
                }
            }
            Test::Is {
                field: Field::Mark, ..
            } if self.marks.is_some() => {
                beyond.extend(
                    self.marks
                        .as_ref()
                        .map(|rule| format!("a mark, which {rule} sets")),
                );
                Bounds::UNKNOWN
            }
            Test::Is {
                field: Field::State,
                ..
            } if scope.untracked => {
                beyond.push("the state of a connection before it is looked up".to_owned());
                Bounds::UNKNOWN
            }
            Test::Is {
                field,
                mask,
                ranges,
            } => Bounds::exactly(space.masked(*field, *mask, ranges)),
            Test::Interface { side, pattern } => {
                Bounds::exactly(interface(space, scope, *side, pattern))
            }
            Test::Type { of, kinds } => {
                let bounds = self.kinds(space, *of, kinds);
                if bounds.must != bounds.may {
                    let end = match of {
                        End::Source => "source",
                        End::Destination => "destination",
                    };
                    beyond.push(format!("what kind of address the {end} is to this machine"));
                }
                bounds
            }
            Test::Alone(answer) => Bounds::exactly(if *answer { Set::ALL } else { Set::NONE }),
            Test::Translated => match &self.translates {
                None => Bounds::exactly(Set::NONE),
                Some(rule) => {
                    beyond.push(format!(
                        "whether the destination was translated, as {rule} does"
                    ));
                    Bounds::UNKNOWN
                }
            },
            Test::Beyond(name) => {
                beyond.push(name.clone());
                Bounds::UNKNOWN
            }
        }
    }

    fn all(
        &self,
        space: &mut Space,
        scope: Scope,
        parts: &[Test],
        beyond: &mut Vec<String>,
    ) -> Bounds {
        let mut all = Bounds::ALL;
        for part in parts {
            let bounds = self.bounds(space, scope, part, beyond);
            all = all.and(space, bounds);
        }
        all
    }

    /// Returns the packets that fit one of these tests.
    pub(super) fn any<'t>(
        &self,
        space: &mut Space,
        scope: Scope,
        parts: impl IntoIterator<Item = &'t Test>,
        beyond: &mut Vec<String>,
    ) -> Bounds {
        let each: Vec<Bounds> = parts
            .into_iter()
            .map(|part| self.bounds(space, scope, part, beyond))
            .collect();
        let may = space.any(each.iter().map(|bounds| bounds.may).collect());
        let must = if each.iter().all(|bounds| bounds.must == bounds.may) {
            may
        } else {
            space.any(each.iter().map(|bounds| bounds.must).collect())
        };
        Bounds { must, may }
    }

    /// Loopback addresses and those of the machine are its own, groups are known by their addresses; of any other
    /// address only its routes tell whether it is one of its own, of everybody on a network, or of somebody.
    fn kinds(
        &self,
        space: &mut Space,
        of: End,
        kinds: &std::collections::BTreeSet<Kind>,
    ) -> Bounds {
        let mut local = Vec::new();
        let mut groups = Vec::new();
        for family in Family::ALL {
            local.push(space.within(of.field(family), loopback(family).ranges()));
            groups.push(space.within(of.field(family), multicast(family).ranges()));
        }
        for own in &self.own {
            local.push(space.within(of.field(own.family()), own.ranges()));
        }
        let everybody = Family::V4.last();
        let broadcast = space.within(of.field(Family::V4), &[(everybody, everybody)]);
        let local = space.any(local);
        let groups = space.any(groups);
        let known = space.any(vec![local, groups, broadcast]);
        let mut must = Vec::new();
        for (kind, set) in [
            (Kind::Local, local),
            (Kind::Multicast, groups),
            (Kind::Broadcast, broadcast),
        ] {
            if kinds.contains(&kind) {
                must.push(set);
            }
        }
        let open = [Kind::Local, Kind::Broadcast, Kind::Other];
        let asked = open.iter().filter(|kind| kinds.contains(kind)).count();
        let must = space.any(must);
        let with_rest = space.or(must, !known);
        Bounds {
            must: if asked == open.len() { with_rest } else { must },
            may: if asked == 0 { must } else { with_rest },
        }
    }
}

fn interface(space: &mut Space, scope: Scope, side: Field, pattern: &Pattern) -> Set {
    if side == Field::OutInterface && scope.unrouted {
        return if pattern.fits("") {
            Set::ALL
        } else {
            Set::NONE
        };
    }
    space.interface(side, pattern)
}

/// The addresses by which every machine speaks to itself.
pub(super) fn loopback(family: Family) -> AddressSet {
    match family {
        Family::V4 => AddressSet::from_ranges(family, [(0x7F00_0000, 0x7FFF_FFFF)]),
        Family::V6 => AddressSet::from_ranges(family, [(1, 1)]),
    }
}

/// The addresses of groups.
pub(super) fn multicast(family: Family) -> AddressSet {
    match family {
        Family::V4 => AddressSet::from_ranges(family, [(0xE000_0000, 0xEFFF_FFFF)]),
        Family::V6 => AddressSet::from_ranges(family, [(0xFF << 120, u128::MAX)]),
    }
}
