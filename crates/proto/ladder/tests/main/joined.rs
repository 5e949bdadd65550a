//! What was sent over random hops, put together from what is left of its records.

use ladder::{Arrow, Ladder, Row, Subject};
use logs::{Flow, Record};
use proptest::prelude::*;

use crate::world::{ALICE, BOB, Node, Sip, World, known, ours};

/// One message to be sent.
#[derive(Clone, Debug)]
struct Plan {
    from: usize,
    to: usize,
    /// How long each copy is under way, microseconds; at least one.
    copies: Vec<u64>,
    /// For each copy, whether the records of its two ends are kept.
    kept: Vec<(bool, bool)>,
    /// Time until the next message.
    pause: u64,
    is_answer: bool,
}

/// What is known of a message: the numbers of its records.
type Joined = (Option<u64>, Option<u64>);

fn machines(clocks: &[i64]) -> Vec<Node> {
    let names = [
        "edge01.contoso.net",
        "dir01.contoso.net",
        "fe01.contoso.net",
        "fe02.contoso.net",
    ];
    let addresses = [
        "10.0.0.5:5061",
        "10.0.0.11:5061",
        "10.0.0.21:5061",
        "10.0.0.22:5061",
    ];
    let named = names.into_iter().zip(addresses).zip(clocks);
    named
        .map(|((name, address), clock)| ours(name, address, *clock))
        .collect()
}

/// Sends everything; returns what is recorded, and what should come out.
fn sent(plans: &[Plan], nodes: &[Node]) -> (Vec<Record>, Vec<Joined>) {
    let mut world = World::default();
    let (mut lost, mut truth) = (Vec::new(), Vec::new());
    for (number, plan) in plans.iter().enumerate() {
        let (from, to) = (
            &nodes[plan.from % nodes.len()],
            &nodes[plan.to % nodes.len()],
        );
        if from.name == to.name {
            continue;
        }
        // What is sent again in a call: its answer, end to end.
        let sip = Sip::new("INVITE", 1, ALICE, BOB).on(format!("z9hG4bK{number}"));
        let sip = if plan.is_answer || plan.copies.len() > 1 {
            sip.answer(200, "OK")
        } else {
            sip
        };
        let start = world.now;
        for (copy, took) in plan.copies.iter().enumerate() {
            // Copies are T1, then twice that apart.
            world.now = start + 500_000 * copy as u64 * (copy as u64 + 1);
            let (sent, received) = world.hop(from, to, &sip, *took);
            let keep = |place: Option<usize>, is_kept: bool| {
                place.filter(|_| is_kept).map(|place| place as u64)
            };
            let (sender, receiver) = plan.kept[copy];
            let joined = (keep(sent, sender), keep(received, receiver));
            lost.extend(
                sent.filter(|_| !sender)
                    .into_iter()
                    .chain(received.filter(|_| !receiver)),
            );
            if joined != (None, None) {
                truth.push(joined);
            }
        }
        world.now += plan.pause;
    }
    let mut records = world.records;
    for (place, record) in records.iter_mut().enumerate() {
        record.flow = Some(Flow(place as u64));
    }
    let kept = records
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !lost.contains(place));
    truth.sort_unstable();
    (kept.map(|(_, record)| record).collect(), truth)
}

fn found(ladder: &Ladder) -> Vec<Joined> {
    let number = |record: &Record| record.flow.map_or(u64::MAX, |flow| flow.0);
    let joined = |arrow: &Arrow| {
        let of = |sight: &Option<ladder::Sight>| sight.as_ref().map(|sight| number(&sight.record));
        (of(&arrow.sent), of(&arrow.received))
    };
    let mut found: Vec<Joined> = ladder.arrows().map(joined).collect();
    found.sort_unstable();
    found
}

/// Nothing arrives before it was sent, and every machine's line reads in the order of its records.
fn is_sound(ladder: &Ladder) -> Result<(), TestCaseError> {
    let mut last = vec![0; ladder.parties.len()];
    for row in &ladder.rows {
        let Row::Message(arrow) = row else { continue };
        prop_assert!(!arrow.is_out_of_time);
        for (sight, party) in [(&arrow.sent, arrow.from), (&arrow.received, arrow.to)] {
            if let Some(sight) = sight {
                prop_assert!(
                    sight.record.time.0 >= last[party],
                    "line of {}",
                    ladder.parties[party].name
                );
                last[party] = sight.record.time.0;
            }
        }
    }
    let numbers: Vec<usize> = ladder.arrows().map(|arrow| arrow.number).collect();
    prop_assert_eq!(numbers, (1..=ladder.arrows().count()).collect::<Vec<_>>());
    Ok(())
}

fn plan(copies: std::ops::Range<usize>, loss: f64) -> impl Strategy<Value = Plan> {
    let kept = prop::bool::weighted(1.0 - loss);
    let copies = prop::collection::vec((100_u64..90_000, (kept, kept)), copies);
    (
        0_usize..4,
        0_usize..4,
        copies,
        0_u64..2_000_000,
        any::<bool>(),
    )
        .prop_map(|(from, to, copies, pause, is_answer)| {
            let (copies, kept) = copies.into_iter().unzip();
            Plan {
                from,
                to,
                copies,
                kept,
                pause,
                is_answer,
            }
        })
}

fn clocks() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![Just(0), -20_000_000_i64..20_000_000], 2..5)
}

fn draw(records: &[Record]) -> Ladder {
    Ladder::draw(records, &Subject::All, &known())
}

/// Messages that are sent once and recorded by both, on every hop: what tells the clocks apart.
fn clean(many: usize) -> Vec<Plan> {
    let pairs = (0..4).flat_map(|from| (0..4).map(move |to| (from, to)));
    let times = pairs
        .flat_map(|pair| std::iter::repeat_n(pair, many))
        .zip(0_u64..);
    times
        .map(|((from, to), time)| Plan {
            from,
            to,
            copies: vec![500 + time * 37 % 40_000],
            kept: vec![(true, true)],
            pause: 1000,
            is_answer: false,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_records_are_lost_each_message_is_one_arrow(
        clocks in clocks(),
        plans in prop::collection::vec(plan(1..2, 0.2), 0..60),
    ) {
        let (records, truth) = sent(&plans, &machines(&clocks));
        let ladder = draw(&records);
        prop_assert_eq!(found(&ladder), truth);
        is_sound(&ladder)?;
    }

    #[test]
    fn copies_are_joined_in_their_order(
        clocks in clocks(),
        plans in prop::collection::vec(plan(1..5, 0.0), 0..30),
    ) {
        let (records, truth) = sent(&plans, &machines(&clocks));
        let ladder = draw(&records);
        let copies: usize = ladder.arrows().filter(|arrow| arrow.copy > 0).count();
        let messages = truth.len();
        prop_assert_eq!(found(&ladder), truth);
        let different = ladder.arrows().filter(|arrow| arrow.copy == 0).count();
        prop_assert_eq!(different + copies, messages);
        is_sound(&ladder)?;
    }

    #[test]
    fn of_copies_the_right_ones_are_joined_where_records_are_lost(
        clocks in clocks(),
        plans in prop::collection::vec(plan(2..5, 0.3), 0..5),
    ) {
        let plans = [clean(9), plans].concat();
        let (records, truth) = sent(&plans, &machines(&clocks));
        let ladder = draw(&records);
        prop_assert_eq!(found(&ladder), truth);
        is_sound(&ladder)?;
    }

    #[test]
    fn clocks_are_found_as_well_as_messages_were_fast(clocks in clocks()) {
        let nodes = machines(&clocks);
        let (records, _) = sent(&clean(3), &nodes);
        let ladder = draw(&records);
        let real = |name: &str| nodes.iter().find(|node| node.name == name).unwrap().ahead;
        for pair in ladder.parties.windows(2) {
            let apart = pair[1].ahead - pair[0].ahead;
            let really = real(&pair[1].name) - real(&pair[0].name);
            prop_assert!((apart - really).abs() <= 45_000, "{} {}", apart, really);
        }
    }
}

#[test]
fn where_addresses_differ_on_the_way_the_rest_decides() {
    let nodes = machines(&[0, 0]);
    let mut world = World::default();
    let sip = Sip::new("INVITE", 1, ALICE, BOB);
    world.hop(&nodes[0], &nodes[1], &sip, 300);
    // A balancer stands between: neither end sees the other's address.
    world.records[0].peer = Some("10.0.0.99:5061".parse().unwrap());
    world.records[1].peer = Some("10.0.0.98:40001".parse().unwrap());
    assert_eq!(draw(&world.records).arrows().count(), 1);
}

#[test]
fn a_head_without_text_finds_its_other_end() {
    let nodes = machines(&[0, 0]);
    let mut world = World::default();
    world.hop(
        &nodes[0],
        &nodes[1],
        &Sip::new("INVITE", 1, ALICE, BOB),
        300,
    );
    world.records[1].text = "".into();
    assert_eq!(draw(&world.records).arrows().count(), 1);
}

#[test]
fn branches_of_a_fork_are_not_copies_of_each_other() {
    let nodes = machines(&[0, 0]);
    let mut world = World::default();
    let sip = Sip::new("INVITE", 1, ALICE, BOB);
    for tag in ["one", "two"] {
        let ringing = Sip {
            tag: Some(tag),
            ..sip.answer(180, "Ringing")
        };
        world.hop(&nodes[0], &nodes[1], &ringing, 300);
    }
    let ladder = draw(&world.records);
    assert_eq!(ladder.arrows().count(), 2);
    assert!(ladder.arrows().all(|arrow| arrow.copy == 0));
}
