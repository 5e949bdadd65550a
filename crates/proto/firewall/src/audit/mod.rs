//! Compares the rules of a system with the plan of a place, exactly.
//!
//! All packets are followed at once, as sets: through every base chain on each way (`path`), through the chains that
//! these call (`walk`), by what every test lets fit (`sure`). Then the plan is asked (`expect`): what has to pass and
//! may be dropped, what may pass and nobody wants. Every finding has a packet, and the rule or policy that decides
//! about it (`trace`); rules that do nothing are named (`unneeded`).
//!
//! What depends on something beyond the model is in the set of packets that may pass and in that of packets that may
//! be dropped. It is told as not judged, with the construct and its rule; all else is certain.
//!
//! Bounds: [`MOST_NODES`] of the diagram, and [`MOST_FINDINGS`] of a kind.

mod expect;
mod path;
mod report;
mod sure;
mod trace;
mod unneeded;
mod walk;

use crate::addresses::{AddressSet, Family};
use crate::packet::{Packet, SYN, State, protocol};
use crate::plan::{Direction, Place, Rules};
use crate::ruleset::{Ruleset, Test};
use crate::space::{Field, Interfaces, MOST_INTERFACES, Set, Space};

pub use expect::{Part, Subject};
pub use report::{
    Beyond, Blocked, Decider, Remark, Report, RuleAt, Shadowed, Unjudged, Unknown, Work,
};

use expect::{Expectation, Want};
use path::Path;
use sure::{Facts, Scope};
use trace::{Decided, Tracer};
use walk::Walker;

/// Nodes that a diagram may have.
pub const MOST_NODES: usize = 1 << 24;
/// Findings of a kind that are told.
pub const MOST_FINDINGS: usize = 500;

/// Why an audit cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// The rules overlap in too many ways for exact sets.
    #[error(
        "the rules overlap in more ways than can be followed exactly ({nodes} nodes); audit fewer rules at once"
    )]
    Nodes {
        /// How many nodes there may be.
        nodes: usize,
    },
    /// The rules name too many interfaces.
    #[error("the rules name more than {most} interfaces")]
    Interfaces {
        /// How many can be told apart.
        most: usize,
    },
}

/// Audits rules against the plan of a place. `own` are the addresses of the machine, of both families; none of a
/// boundary.
///
/// # Errors
/// Fails when an exact answer would take more room than there is.
pub fn audit(ruleset: &Ruleset, plan: &Rules, own: &[AddressSet]) -> Result<Report, TooMuch> {
    audit_within(ruleset, plan, own, MOST_NODES)
}

/// The same, with room for so many nodes.
///
/// # Errors
/// Fails when an exact answer would take more.
pub fn audit_within(
    ruleset: &Ruleset,
    plan: &Rules,
    own: &[AddressSet],
    nodes: usize,
) -> Result<Report, TooMuch> {
    let interfaces = Interfaces::of(&ruleset.interfaces()).ok_or(TooMuch::Interfaces {
        most: MOST_INTERFACES,
    })?;
    let mut space = Space::new(interfaces, nodes);
    let mut walker = Walker::new(ruleset, Facts::of(ruleset, own.to_vec()));
    let paths: Vec<Path> = [Direction::In, Direction::Through, Direction::Out]
        .into_iter()
        .map(|direction| path::follow(&mut space, &mut walker, ruleset, direction))
        .collect();
    let unneeded = unneeded::find(&mut space, ruleset, &walker, &paths);
    let mut report = Report {
        place: plan.place.clone(),
        blocked: Vec::new(),
        beyond: Vec::new(),
        unjudged: Vec::new(),
        shadowed: unneeded.shadowed,
        unreachable: unneeded.unreachable,
        unused: unneeded.unused,
        notes: remarks(ruleset),
        cut_short: false,
        work: Work {
            rules: ruleset.len(),
            nodes: 0,
            steps: 0,
        },
    };
    for path in paths
        .iter()
        .filter(|path| plan.chain(path.direction).is_some())
    {
        let judge = Judge {
            tracer: Tracer {
                ruleset,
                walker: &walker,
                path,
            },
            expected: expect::of(plan, path.direction, own),
            own: if matches!(plan.place, Place::Machine(_)) {
                own
            } else {
                &[]
            },
        };
        judge.judge(&mut space, &mut report);
    }
    if space.is_spent() {
        return Err(TooMuch::Nodes { nodes });
    }
    report.work.nodes = space.len();
    report.work.steps = space.steps();
    Ok(report)
}

fn remarks(ruleset: &Ruleset) -> Vec<Remark> {
    let notes = ruleset.notes().iter();
    let remark = |note: &crate::ruleset::Note| Remark {
        what: note.what.clone(),
        meaning: note.meaning,
    };
    notes.map(remark).collect()
}

/// Compares one way with what is expected of it.
struct Judge<'a> {
    tracer: Tracer<'a>,
    expected: Expectation,
    own: &'a [AddressSet],
}

impl Judge<'_> {
    fn judge(&self, space: &mut Space, report: &mut Report) {
        let asked = self.set(space, &self.expected.asked);
        let asked = space.and(asked, self.tracer.path.all);
        let allowed = self.set(space, &self.expected.allowed);
        let mut wanted = Set::NONE;
        let wishes = self.wishes(space);
        for want in &self.expected.wants {
            let packets = self.set(space, &want.test);
            let packets = space.and(packets, asked);
            wanted = space.or(wanted, packets);
            let direction = self.tracer.path.direction;
            let begins = |blocked: &&Blocked| {
                blocked.what == want.subject
                    && blocked.part == Part::Opening
                    && blocked.direction == direction
            };
            if want.part != Part::Opening && report.blocked.iter().any(|b| begins(&b)) {
                // What cannot begin has nothing that follows.
                continue;
            }
            self.blocked(space, want, packets, &wishes, report);
            let judged = self.judged(space);
            let open = space.minus(packets, judged);
            self.unjudged(
                space,
                Some((want.subject, want.part)),
                open,
                &wishes,
                report,
            );
        }
        let others = space.minus(asked, allowed);
        self.beyond(space, others, &wishes, report);
        let judged = self.judged(space);
        let open = space.minus(others, judged);
        let open = space.minus(open, wanted);
        self.unjudged(space, None, open, &wishes, report);
    }

    fn judged(&self, space: &mut Space) -> Set {
        let accepted = self.tracer.path.surely_accepts(space, Set::ALL);
        let dropped = self.tracer.path.surely_drops(space, Set::ALL);
        space.or(accepted, dropped)
    }

    fn blocked(
        &self,
        space: &mut Space,
        want: &Want,
        packets: Set,
        wishes: &[Set],
        report: &mut Report,
    ) {
        let mut left = self.tracer.path.surely_drops(space, packets);
        while let Some(witness) = space.witness(left, wishes) {
            let point = space.point(&witness);
            let Some(decided) = self.tracer.drops(space, &point) else {
                return;
            };
            let Some(rest) = without(space, left, &decided) else {
                return;
            };
            left = rest;
            if is_full(&report.blocked, &mut report.cut_short) {
                return;
            }
            report.blocked.push(Blocked {
                what: want.subject,
                part: want.part,
                direction: self.tracer.path.direction,
                witness,
                by: decided.by,
            });
        }
    }

    fn beyond(&self, space: &mut Space, others: Set, wishes: &[Set], report: &mut Report) {
        let mut left = self.tracer.path.surely_accepts(space, others);
        while let Some(witness) = space.witness(left, wishes) {
            let point = space.point(&witness);
            let decided = self.tracer.accepts(space, &point);
            let Some(rest) = without(space, left, &decided) else {
                return;
            };
            left = rest;
            if is_full(&report.beyond, &mut report.cut_short) {
                return;
            }
            report.beyond.push(Beyond {
                direction: self.tracer.path.direction,
                witness,
                by: decided.by,
            });
        }
    }

    /// One finding for each set of reasons.
    fn unjudged(
        &self,
        space: &mut Space,
        what: Option<(Subject, Part)>,
        open: Set,
        wishes: &[Set],
        report: &mut Report,
    ) {
        let mut left = open;
        while let Some(witness) = space.witness(left, wishes) {
            let point = space.point(&witness);
            let mut because = Vec::new();
            let mut same = left;
            for (unknown, set) in self.unknowns(space) {
                if space.has(set, &point) {
                    because.push(unknown);
                    same = space.and(same, set);
                }
            }
            because.sort();
            because.dedup();
            left = space.minus(left, same);
            if is_full(&report.unjudged, &mut report.cut_short) {
                return;
            }
            report.unjudged.push(Unjudged {
                what,
                direction: self.tracer.path.direction,
                witness,
                because,
            });
        }
    }

    /// Everything beyond the model on this way, with the packets that depend on it.
    fn unknowns(&self, space: &mut Space) -> Vec<(Unknown, Set)> {
        let mut all = Vec::new();
        for ((index, scope), entry) in &self.tracer.path.entries {
            let Some(chain) = self.tracer.ruleset.chains().get(*index) else {
                continue;
            };
            let Some(summary) = self.tracer.walker.known(*index, *scope) else {
                continue;
            };
            for (rule, effect) in chain.rules.iter().zip(&summary.rules) {
                for (construct, set) in &effect.unsure {
                    let packets = space.and(*entry, *set);
                    if packets != Set::NONE {
                        let unknown = Unknown {
                            construct: construct.clone(),
                            rule: RuleAt::new(chain, rule),
                        };
                        all.push((unknown, packets));
                    }
                }
            }
        }
        all
    }

    /// What makes a packet a good example: that it opens a connection, and could really be sent.
    fn wishes(&self, space: &mut Space) -> Vec<Set> {
        let another = space.interfaces().names().len().saturating_sub(1) as u128;
        let wishes = [
            (Field::State, State::New.number()),
            (Field::Protocol, protocol::TCP.into()),
            (Field::TcpFlags, SYN.into()),
            (Field::Mark, 0),
            (Field::InInterface, another),
            (Field::OutInterface, another),
            (Field::SourcePort, 40_000),
            (Field::DestinationPort, 40_000),
        ];
        let mut sets: Vec<Set> = wishes
            .map(|(field, value)| space.equal(field, value))
            .to_vec();
        let own = self.own.iter().map(|own| {
            let ends = [
                crate::ruleset::End::Source,
                crate::ruleset::End::Destination,
            ];
            let field = match self.tracer.path.direction {
                Direction::Out => ends[0],
                Direction::In | Direction::Through => ends[1],
            };
            Test::within(field.field(own.family()), own.ranges().to_vec())
        });
        let own = Test::Any(own.collect());
        sets.push(self.set(space, &own));
        for example in &self.expected.examples {
            sets.push(self.set(space, example));
        }
        // The even addresses of a network begin with its own.
        for field in Family::ALL
            .into_iter()
            .flat_map(|f| [Field::Source(f), Field::Destination(f)])
        {
            sets.push(space.masked(field, 1, &[(1, 1)]));
        }
        sets
    }

    /// A question of the plan as a set; the plan asks for nothing beyond the model.
    fn set(&self, space: &mut Space, test: &Test) -> Set {
        let nothing = Facts::of(&Ruleset::default(), Vec::new());
        let scope = Scope {
            untracked: false,
            unrouted: false,
        };
        nothing.bounds(space, scope, test, &mut Vec::new()).must
    }
}

/// What is left when all packets of one decision are taken out; `None` if that would be as much as before.
fn without(space: &mut Space, left: Set, decided: &Decided) -> Option<Set> {
    let rest = space.minus(left, decided.packets);
    (rest != left).then_some(rest)
}

fn is_full<T>(findings: &[T], cut_short: &mut bool) -> bool {
    *cut_short |= findings.len() >= MOST_FINDINGS;
    findings.len() >= MOST_FINDINGS
}

/// Returns whether packets pass, one by one: for tests that compare with other ways to tell.
///
/// # Errors
/// Fails as [`audit`] does.
pub fn verdicts(
    ruleset: &Ruleset,
    own: &[AddressSet],
    direction: Direction,
    packets: &[Packet],
) -> Result<Vec<Passes>, TooMuch> {
    let interfaces = Interfaces::of(&ruleset.interfaces()).ok_or(TooMuch::Interfaces {
        most: MOST_INTERFACES,
    })?;
    let mut space = Space::new(interfaces, MOST_NODES);
    let mut walker = Walker::new(ruleset, Facts::of(ruleset, own.to_vec()));
    let path = path::follow(&mut space, &mut walker, ruleset, direction);
    if space.is_spent() {
        return Err(TooMuch::Nodes { nodes: MOST_NODES });
    }
    let judge = |packet: &Packet| {
        let packet = &space.point(packet);
        let (accepts, drops) = (
            space.has(path.accepts, packet),
            space.has(path.drops, packet),
        );
        match (accepts, drops) {
            _ if space.has(path.changes, packet) => Passes::CannotBeTold,
            (true, false) => Passes::Yes,
            (false, true) => Passes::No,
            _ => Passes::CannotBeTold,
        }
    };
    Ok(packets.iter().map(judge).collect())
}

/// Whether a packet passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// That depends on something beyond the model.
    CannotBeTold,
}
