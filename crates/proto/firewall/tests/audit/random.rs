//! Rulesets and packets by chance, close to each other: packets lie on the boundaries of what rules ask for.

use firewall::packet::{Packet, State};
use firewall::plan::Direction;
use firewall::ruleset::{Base, Chain, End, Hook, Kind, Rule, Ruleset, Step, Test, Verdict};
use firewall::space::{Field, Pattern};
use firewall::{AddressSet, Family};
use proptest::prelude::*;
use proptest::sample::select;

/// Chains of a ruleset; later ones may be jumped to.
const CHAINS: usize = 5;

/// The addresses of the machine that the rules are on.
pub(crate) fn own() -> Vec<AddressSet> {
    vec![
        AddressSet::of(Family::V4, ["10.0.0.11".parse().unwrap()]),
        AddressSet::of(Family::V6, ["fd00::11".parse().unwrap()]),
    ]
}

/// A ruleset of a few base chains and chains that they call, in a table of both families or of one.
pub(crate) fn ruleset() -> impl Strategy<Value = Ruleset> {
    let chains: Vec<_> = (0..CHAINS).map(chain).collect();
    let families = vec![
        vec![Family::V4, Family::V6],
        vec![Family::V4, Family::V6],
        vec![Family::V4],
    ];
    (chains, select(families)).prop_map(|(mut chains, families)| {
        for chain in &mut chains {
            chain.families.clone_from(&families);
        }
        Ruleset::new(chains, Vec::new()).unwrap()
    })
}

fn chain(index: usize) -> impl Strategy<Value = Chain> {
    let rules = proptest::collection::vec(rule(index), 0..6);
    let is_base = index < 3;
    (base(), rules).prop_map(move |(base, rules)| Chain {
        table: "inet filter".to_owned(),
        families: Vec::new(),
        name: format!("c{index}"),
        base: is_base.then_some(base),
        rules,
    })
}

fn base() -> impl Strategy<Value = Base> {
    let hooks = vec![
        Hook::Input,
        Hook::Input,
        Hook::Forward,
        Hook::Output,
        Hook::Prerouting,
        Hook::Postrouting,
    ];
    let priorities = vec![-300, -150, 0, 0, 10];
    (
        select(hooks),
        select(priorities),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(hook, priority, accepts, one, two)| Base {
            hook,
            priority,
            translates: one && two,
            accepts,
        })
}

fn rule(chain: usize) -> impl Strategy<Value = Rule> {
    let asks = proptest::collection::vec(test().prop_map(Step::Ask), 0..3);
    (asks, last_step(chain)).prop_map(|(mut steps, last)| {
        steps.push(last);
        Rule {
            at: "here".to_owned(),
            text: String::new(),
            steps,
            counted: None,
        }
    })
}

fn last_step(chain: usize) -> impl Strategy<Value = Step> {
    let choices = proptest::collection::vec((test(), verdict(chain)), 1..4);
    prop_oneof![
        24 => verdict(chain).prop_map(Step::Decide),
        4 => choices.prop_map(Step::Choose),
        1 => Just(Step::Beyond { name: "queue".to_owned(), goes_on: false }),
        1 => Just(Step::Beyond { name: "unknown".to_owned(), goes_on: true }),
        1 => Just(Step::Destination("dnat".to_owned())),
        1 => Just(Step::Source("masquerade".to_owned())),
        1 => Just(Step::Untrack),
        1 => Just(Step::Mark("mark".to_owned())),
        1 => Just(Step::Change("tproxy".to_owned())),
    ]
}

fn verdict(chain: usize) -> BoxedStrategy<Verdict> {
    let plain = prop_oneof![
        4 => Just(Verdict::Accept),
        4 => Just(Verdict::Drop),
        1 => Just(Verdict::Reject),
        1 => Just(Verdict::Return),
        1 => Just(Verdict::Continue),
    ];
    if chain + 1 >= CHAINS {
        return plain.boxed();
    }
    let later = (chain + 1)..CHAINS;
    prop_oneof![
        6 => plain,
        2 => later.clone().prop_map(|n| Verdict::Jump(format!("c{n}"))),
        1 => later.prop_map(|n| Verdict::Goto(format!("c{n}"))),
    ]
    .boxed()
}

/// Fields with a few values of interest; tests ask for ranges between them and packets lie on and beside them.
const FIELDS: [(Field, [u128; 4]); 8] = [
    (Field::Protocol, [1, 6, 17, 58]),
    (Field::DestinationPort, [0, 22, 128, 5061]),
    (Field::SourcePort, [0, 53, 1024, 65535]),
    (Field::State, [0, 1, 3, 4]),
    (Field::TcpFlags, [0, 2, 16, 18]),
    (Field::Mark, [0, 1, 0xFF, 0x10000]),
    (
        Field::Source(Family::V4),
        [0x0A00_0000, 0x0A00_000B, 0xE000_0001, 0xFFFF_FFFF],
    ),
    (
        Field::Destination(Family::V6),
        [1, 0xFD00 << 112, (0xFD00 << 112) + 0x11, 0xFF02 << 112],
    ),
];

fn test() -> impl Strategy<Value = Test> {
    let is = (
        select(FIELDS.to_vec()),
        0..4_usize,
        0..4_usize,
        any::<bool>(),
    )
        .prop_map(|((field, values), a, b, masked)| {
            let range = (values[a].min(values[b]), values[a].max(values[b]));
            if masked {
                let mask = values[3] | 1;
                Test::masked(field, mask, vec![(values[a] & mask, values[a] & mask)])
            } else {
                Test::within(field, vec![range])
            }
        });
    let pattern = select(vec![
        Pattern::exact("lo"),
        Pattern::exact("eth0"),
        Pattern::beginning("eth"),
        Pattern::beginning(""),
        Pattern::exact(""),
    ]);
    let side = select(vec![Field::InInterface, Field::OutInterface]);
    let kinds = proptest::collection::btree_set(
        select(vec![
            Kind::Local,
            Kind::Broadcast,
            Kind::Multicast,
            Kind::Other,
        ]),
        1..4,
    );
    let ends = select(vec![End::Source, End::Destination]);
    let leaf = prop_oneof![
        10 => is,
        2 => (side, pattern).prop_map(|(side, pattern)| Test::Interface { side, pattern }),
        2 => (ends, kinds).prop_map(|(of, kinds)| Test::Type { of, kinds }),
        1 => Just(Test::Translated),
        1 => any::<bool>().prop_map(Test::Alone),
        1 => Just(Test::Beyond("time".to_owned())),
        2 => select(vec![Family::V4, Family::V6]).prop_map(Test::family),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Test::All),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Test::Any),
            inner.prop_map(Test::negated),
        ]
    })
}

/// A packet of a way, near the values of interest.
pub(crate) fn packet() -> impl Strategy<Value = (Direction, Packet)> {
    let near = (select(FIELDS.to_vec()), 0..4_usize, -1..=1_i8);
    (
        select(vec![Direction::In, Direction::Out, Direction::Through]),
        any::<bool>(),
        proptest::collection::vec(near, 0..12),
        0..4_usize,
    )
        .prop_map(|(direction, is_v6, near, interface)| {
            let mut packet = plain(direction, is_v6, interface);
            for ((field, values), index, step) in near {
                let value = match step {
                    -1 => values[index].saturating_sub(1),
                    0 => values[index],
                    _ => values[index].saturating_add(1).min(field.last()),
                };
                write(&mut packet, field, value);
            }
            if matches!(packet.protocol, 1 | 58) {
                packet.source_port &= 0xFF;
                packet.destination_port &= 0xFF;
            }
            (direction, packet)
        })
}

fn plain(direction: Direction, is_v6: bool, interface: usize) -> Packet {
    let family = if is_v6 { Family::V6 } else { Family::V4 };
    let (source, destination) = if is_v6 {
        ("fd00::5", "fd00::11")
    } else {
        ("10.0.0.5", "10.0.0.11")
    };
    // Nothing is passed on from the machine to itself.
    let names = ["eth0", "eth7", "(another)", "lo"];
    let name = match (direction, interface) {
        (Direction::Through, 3) => names[0],
        _ => names[interface],
    };
    let side = |has: bool| if has { name.to_owned() } else { String::new() };
    Packet {
        family,
        protocol: 6,
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        source_port: 40_000,
        destination_port: 22,
        flags: 2,
        state: State::New,
        mark: 0,
        input: side(direction != Direction::Out),
        output: side(direction != Direction::In),
    }
}

fn write(packet: &mut Packet, field: Field, value: u128) {
    let small = u16::try_from(value).unwrap_or(u16::MAX);
    match field {
        Field::Protocol => packet.protocol = u8::try_from(value).unwrap_or(u8::MAX),
        Field::DestinationPort => packet.destination_port = small,
        Field::SourcePort => packet.source_port = small,
        Field::State => packet.state = State::ALL[usize::from(small).min(4)],
        Field::TcpFlags => packet.flags = u8::try_from(value).unwrap_or(u8::MAX),
        Field::Mark => packet.mark = u32::try_from(value).unwrap_or(u32::MAX),
        Field::Source(family) if family == packet.family => packet.source = family.address(value),
        Field::Destination(family) if family == packet.family => {
            packet.destination = family.address(value);
        }
        Field::Source(_)
        | Field::Destination(_)
        | Field::Family
        | Field::InInterface
        | Field::OutInterface => {}
    }
}
