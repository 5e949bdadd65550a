//! The sets of the audit say of every packet what the slow evaluator says.

use firewall::audit::{self, Passes};
use firewall::plan::Direction;
use proptest::prelude::*;

use super::random;
use super::slow::Slow;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sets_say_what_the_slow_evaluator_says(
        ruleset in random::ruleset(),
        packets in proptest::collection::vec(random::packet(), 40),
    ) {
        let own = random::own();
        let slow = Slow { ruleset: &ruleset, own: &own };
        for direction in [Direction::In, Direction::Out, Direction::Through] {
            let of_way: Vec<_> = packets.iter().filter(|(way, _)| *way == direction).map(|(_, p)| p.clone()).collect();
            let said = audit::verdicts(&ruleset, &own, direction, &of_way).unwrap();
            for (packet, said) in of_way.iter().zip(said) {
                prop_assert_eq!(said, slow.passes(direction, packet), "{} {:?}", packet, direction);
            }
        }
    }
}

/// Random rulesets are worth something only if they let packets pass, drop them and leave them open, all of it often.
#[test]
fn random_packets_have_every_kind_of_end() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let own = random::own();
    let mut counts = [0_usize; 3];
    for _ in 0..300 {
        let ruleset = random::ruleset().new_tree(&mut runner).unwrap().current();
        let (direction, packet) = random::packet().new_tree(&mut runner).unwrap().current();
        let slow = Slow {
            ruleset: &ruleset,
            own: &own,
        };
        counts[match slow.passes(direction, &packet) {
            Passes::Yes => 0,
            Passes::No => 1,
            Passes::CannotBeTold => 2,
        }] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}
