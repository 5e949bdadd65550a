//! Health of members against a world where members die, drain, answer late and come back.

use std::time::Duration;

use base::health::{Action, Finding, Health, Input, MemberId, Pace, Standing};
use base::net::{Event, Face, Peer};
use base::random::Random;
use base::{Machine, Mono, Now, Step, UnixMillis};
use testkit::{Act, Host, HostId, Place, World};

/// How a member really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Serves,
    Drains,
    Refuses,
    /// Takes the connection and says nothing.
    Silent,
}

/// Somebody who asks members, and the members.
struct Watcher {
    health: Health,
    truth: Vec<Truth>,
    latency: Random,
    asked: Vec<(Mono, MemberId)>,
    changes: Vec<(Mono, MemberId, Standing)>,
}

impl Watcher {
    fn of(members: usize, pace: Pace, seed: u8) -> Self {
        Self {
            health: Health::new(members, pace, [seed; 32], Now::default()),
            truth: vec![Truth::Serves; members],
            latency: Random::new([seed.wrapping_add(1); 32]),
            asked: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn changes_of(&self, member: usize) -> Vec<Standing> {
        let of = self.changes.iter().filter(|change| change.1.0 == member);
        of.map(|change| change.2).collect()
    }
}

/// An answer, or one that comes when nobody waits for it any more.
impl Host for Watcher {
    type Machine = Health;

    fn machine(&mut self) -> &mut Health {
        &mut self.health
    }

    fn input(event: Event) -> Input {
        panic!("health has no network of its own: {event:?}")
    }

    fn act(&mut self, now: Now, action: Action) -> Act<Input> {
        let (member, ticket) = match action {
            Action::Changed { member, standing } => {
                self.changes.push((now.mono, member, standing));
                return Act::Done;
            }
            Action::Probe { member, ticket } => (member, ticket),
        };
        self.asked.push((now.mono, member));
        let (finding, wait) = match self.truth[member.0] {
            Truth::Serves => (Finding::Well, 1 + self.latency.below(30)),
            Truth::Drains => (Finding::Draining, 1 + self.latency.below(30)),
            Truth::Refuses => (Finding::Failed, 1),
            Truth::Silent => (Finding::Well, 60_000),
        };
        let answer = Input::Probed {
            member,
            ticket,
            finding,
        };
        Act::Later(Duration::from_millis(wait as u64), answer)
    }
}

fn world(watcher: Watcher, seed: u8) -> (World<Watcher>, HostId) {
    let mut world = World::new([seed; 32]);
    let place = Place {
        listens: vec![(([127, 0, 0, 1], 1).into(), Face::Inside)],
        proves: Peer::Client,
    };
    let id = world.add(place, watcher);
    (world, id)
}

fn secs(value: u64) -> Duration {
    Duration::from_secs(value)
}

#[test]
fn a_member_that_dies_is_down_within_four_seconds_and_back_within_four() {
    for seed in 0..20 {
        let (mut world, id) = world(Watcher::of(3, Pace::default(), seed), seed);
        world.run_for(secs(7));
        assert!(world.host(id).unwrap().changes.is_empty(), "all are well");
        world.host(id).unwrap().truth[1] = Truth::Refuses;
        let is = |standing| {
            move |w: &mut World<Watcher>| {
                w.host(id)
                    .is_some_and(|h| h.health.standing(MemberId(1)) == standing)
            }
        };
        assert!(world.run_until(secs(4), is(Standing::Down)));
        world.host(id).unwrap().truth[1] = Truth::Serves;
        assert!(world.run_until(secs(4), is(Standing::Up)));
        let watcher = world.host(id).unwrap();
        assert_eq!(watcher.changes_of(1), [Standing::Down, Standing::Up]);
        assert_eq!(watcher.changes.len(), 2, "the others never moved");
    }
}

#[test]
fn a_member_that_drains_is_believed_at_once_and_ends_without_a_second_thought() {
    let (mut world, id) = world(Watcher::of(2, Pace::default(), 3), 3);
    world.run_for(secs(5));
    world.host(id).unwrap().truth[0] = Truth::Drains;
    world.run_for(Duration::from_millis(2_300));
    assert_eq!(world.host(id).unwrap().changes_of(0), [Standing::Draining]);
    world.host(id).unwrap().truth[0] = Truth::Refuses;
    world.run_for(Duration::from_millis(2_300));
    assert_eq!(
        world.host(id).unwrap().changes_of(0),
        [Standing::Draining, Standing::Down]
    );
}

#[test]
fn one_failure_moves_nobody_but_is_looked_into_soon() {
    let (mut world, id) = world(Watcher::of(1, Pace::default(), 4), 4);
    world.run_for(secs(5));
    let asked = world.host(id).unwrap().asked.len();
    world.host(id).unwrap().truth[0] = Truth::Refuses;
    world.run_until(secs(3), |w| {
        w.host(id).is_some_and(|h| h.asked.len() > asked)
    });
    world.host(id).unwrap().truth[0] = Truth::Serves;
    world.run_for(Duration::from_millis(600));
    let watcher = world.host(id).unwrap();
    assert!(watcher.changes.is_empty());
    assert_eq!(
        watcher.asked.len(),
        asked + 2,
        "asked again after half a second"
    );
}

#[test]
fn what_is_wrong_from_the_beginning_is_down_after_one_question() {
    let mut watcher = Watcher::of(2, Pace::default(), 5);
    watcher.truth = vec![Truth::Refuses, Truth::Drains];
    let (mut world, id) = world(watcher, 5);
    world.run_for(Duration::from_millis(50));
    let watcher = world.host(id).unwrap();
    assert_eq!(watcher.changes_of(0), [Standing::Down]);
    assert_eq!(watcher.changes_of(1), [Standing::Draining]);
}

#[test]
fn a_silent_member_holds_no_place_and_its_late_answer_counts_for_nothing() {
    let pace = Pace {
        at_once: 2,
        ..Pace::default()
    };
    let mut watcher = Watcher::of(6, pace, 6);
    watcher.truth[0] = Truth::Silent;
    watcher.truth[1] = Truth::Silent;
    let (mut world, id) = world(watcher, 6);
    world.run_for(secs(90));
    let watcher = world.host(id).unwrap();
    for member in [0, 1] {
        assert_eq!(watcher.changes_of(member), [Standing::Down]);
    }
    for member in 2..6 {
        let times = watcher.asked.iter().filter(|asked| asked.1.0 == member);
        assert!(times.count() > 15, "the others are asked all the same");
        assert!(watcher.changes_of(member).is_empty());
    }
}

#[test]
fn never_are_more_questions_under_way_than_may_be() {
    let pace = Pace {
        at_once: 3,
        ..Pace::default()
    };
    let mut health = Health::new(20, pace, [7; 32], Now::default());
    let mut under_way = Vec::new();
    let mut most = 0;
    for step in 0..2_000_u64 {
        let now = at(step * 37);
        health.tick(now);
        while let Step::Do(action) = health.poll() {
            if let Action::Probe { member, ticket } = action {
                under_way.push((step, member, ticket));
                most = most.max(under_way.len());
            }
        }
        // Some answers never come; the machine gives those up by itself after its patience.
        under_way.retain(|(since, _, _)| (step - since) * 37 < 2_000);
        if step % 3 == 0 && !under_way.is_empty() {
            let (_, member, ticket) = under_way.remove(0);
            let finding = Finding::Well;
            health.handle(
                now,
                Input::Probed {
                    member,
                    ticket,
                    finding,
                },
            );
        }
    }
    assert!(most <= 4, "{most}");
}

#[test]
fn use_that_fails_counts_and_use_that_goes_well_ends_the_row() {
    let (mut world, id) = world(Watcher::of(1, Pace::default(), 8), 8);
    world.run_for(secs(1));
    let watcher = world.host(id).unwrap();
    let now = at(1_000);
    let one = MemberId(0);
    watcher.health.handle(now, Input::Failed(one));
    watcher.health.handle(now, Input::Served(one));
    watcher.health.handle(now, Input::Failed(one));
    assert_eq!(watcher.health.standing(one), Standing::Up);
    watcher.health.handle(now, Input::Failed(one));
    assert_eq!(watcher.health.standing(one), Standing::Down);
    watcher.health.handle(now, Input::Served(one));
    assert_eq!(
        watcher.health.standing(one),
        Standing::Down,
        "only an answer brings it back"
    );
    let mut probes = 0;
    while let Step::Do(action) = watcher.health.poll() {
        probes += usize::from(matches!(action, Action::Probe { .. }));
    }
    assert_eq!(probes, 1, "it is asked at once, and once");
}

#[test]
fn the_same_seed_asks_at_the_same_times_and_another_one_at_others() {
    let run = |seed| {
        let (mut world, id) = world(Watcher::of(4, Pace::default(), seed), 1);
        world.run_for(secs(30));
        world.host(id).unwrap().asked.clone()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

fn at(millis: u64) -> Now {
    Now {
        mono: Mono::from_micros(millis * 1_000),
        wall: UnixMillis(millis),
    }
}
