//! The kernel is the judge: random rules are loaded, packets really sent, and the audit must have said what passes.
//!
//! A machine of its own receives from another. In front of its rules one chain notes which packets came and what
//! connection tracking says of them, behind its rules another notes which passed; packets are told apart by the
//! identification of IPv4. What is compared is the reader of `nft -j list ruleset` and the audit's sets together.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use firewall::audit::{self, Passes};
use firewall::packet::{Packet, State};
use firewall::plan::Direction;
use firewall::{AddressSet, Family, ruleset};
use serde_json::Value;
use system::bed::Namespace;
use system::needs::{Need, are_met};
use system::wait::until;

use super::chance::{self, Chance};
use super::packets::Maker;

/// Rulesets that are tried.
const RULESETS: u64 = 40;
/// Packets for each.
const PACKETS: u16 = 250;
/// How long packets may take over a cable within the machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where the kernel answers, so that there are connections that have begun.
const LISTENING: [u16; 3] = [22, 80, 5061];

/// Notes what comes, by state, before any rule, and what has passed them all.
const RECORDER: &str = r#"
table ip before {
    set invalid { typeof ip id; size 8192; flags dynamic; }
    set established { typeof ip id; size 8192; flags dynamic; }
    set related { typeof ip id; size 8192; flags dynamic; }
    set new { typeof ip id; size 8192; flags dynamic; }
    chain look {
        type filter hook prerouting priority -190; policy accept;
        iifname "eth0" ct state invalid add @invalid { ip id }
        iifname "eth0" ct state established add @established { ip id }
        iifname "eth0" ct state related add @related { ip id }
        iifname "eth0" ct state new add @new { ip id }
    }
}
table ip behind {
    set passed { typeof ip id; size 8192; flags dynamic; }
    chain look {
        type filter hook input priority 300; policy accept;
        iifname "eth0" add @passed { ip id }
    }
}
"#;

#[test]
fn the_kernel_lets_pass_what_the_audit_says() {
    let test = "firewall::the_kernel_lets_pass_what_the_audit_says";
    let programs = ["ip", "nft", "unshare", "sh"].map(Need::Program);
    if !are_met(test, &[&[Need::Root], &programs[..]].concat()) {
        return;
    }
    let (sender, receiver) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    join(&sender, &receiver).unwrap();
    let listeners = receiver.enter(listen).unwrap();
    let mut ends: BTreeMap<(State, bool), usize> = BTreeMap::new();
    for seed in 0..RULESETS {
        let mut chance = Chance::new(seed);
        let rules = chance::rules(&mut chance);
        receiver
            .load(&format!("flush ruleset\n{RECORDER}{rules}"))
            .unwrap_or_else(|error| {
                panic!("seed {seed}: {error}\n{rules}");
            });
        let packets: Vec<Packet> = (0..PACKETS).map(|_| chance::packet(&mut chance)).collect();
        let (packets, passed) = seen(&sender, &receiver, packets);
        let said = said(&receiver, &packets);
        for ((packet, passed), said) in packets.iter().zip(passed).zip(said) {
            *ends.entry((packet.state, passed)).or_default() += 1;
            let expected = if passed { Passes::Yes } else { Passes::No };
            assert_eq!(said, expected, "seed {seed}: {packet}\n{rules}");
        }
    }
    drop(listeners);
    // The comparison is worth something only if there was enough of each kind.
    for state in [State::New, State::Established, State::Invalid] {
        for passed in [true, false] {
            let count = ends.get(&(state, passed)).copied().unwrap_or_default();
            assert!(count >= 20, "{ends:?}");
        }
    }
}

/// A cable between the two; the receiver has two addresses and answers to everybody by it.
fn join(sender: &Namespace, receiver: &Namespace) -> io::Result<()> {
    let cable = format!(
        "ip link add out0 type veth peer name eth0 netns {}",
        receiver.path()
    );
    let sending = format!("{cable} && ip addr add 10.77.0.1/16 dev out0 && ip link set out0 up");
    let receiving = "ip addr add 10.77.0.2/16 dev eth0 && ip addr add 10.77.0.3/16 dev eth0 \
                     && ip link set eth0 up && ip route add default dev eth0 \
                     && echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter \
                     && echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter \
                     && echo 0 > /proc/sys/net/ipv4/icmp_ratelimit";
    sender.run("sh", &["-c", &sending], "")?;
    // What the sender's kernel thinks of the answers is nobody's business.
    sender.load("table ip quiet {\n chain out {\n type filter hook output priority 0; policy drop;\n meta mark 7 accept\n }\n }\n")?;
    receiver.run("sh", &["-c", receiving], "")?;
    Ok(())
}

fn listen() -> io::Result<Vec<TcpListener>> {
    LISTENING
        .into_iter()
        .map(|port| TcpListener::bind(("0.0.0.0", port)))
        .collect()
}

/// Sends packets; returns them in the state that the kernel saw, and whether they passed.
fn seen(
    sender: &Namespace,
    receiver: &Namespace,
    packets: Vec<Packet>,
) -> (Vec<Packet>, Vec<bool>) {
    sender.enter(|| {
        let maker = Maker::open().unwrap();
        for (number, packet) in (1..).zip(&packets) {
            maker.send(packet, number).unwrap();
        }
    });
    let states = [
        State::Invalid,
        State::Established,
        State::Related,
        State::New,
    ];
    let came = || -> BTreeMap<u64, State> {
        let each = states.into_iter().flat_map(|state| {
            let noted = noted(receiver, "before", state.name());
            noted.into_iter().map(move |number| (number, state))
        });
        each.collect()
    };
    let all = until(PATIENCE, || (came().len() == packets.len()).then_some(()));
    assert!(
        all.is_some(),
        "{} of {} packets came",
        came().len(),
        packets.len()
    );
    let (states, passed) = (came(), noted(receiver, "behind", "passed"));
    (1..)
        .zip(packets)
        .map(|(number, packet)| {
            let state = states[&number];
            (Packet { state, ..packet }, passed.contains(&number))
        })
        .unzip()
}

/// What the audit says of packets, from the rules that the kernel lists.
fn said(receiver: &Namespace, packets: &[Packet]) -> Vec<Passes> {
    let listed = receiver.ruleset().unwrap().to_string();
    let rules = ruleset::read(&listed).unwrap();
    let own = [IpAddr::from([10, 77, 0, 2]), IpAddr::from([10, 77, 0, 3])];
    let own = [AddressSet::of(Family::V4, own)];
    audit::verdicts(&rules, &own, Direction::In, packets).unwrap()
}

/// The identifications in a set of the recorder.
fn noted(receiver: &Namespace, table: &str, set: &str) -> BTreeSet<u64> {
    let words = ["-j", "list", "set", "ip", table, set];
    let listed = receiver.run("nft", &words, "").unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let objects = listed["nftables"].as_array().unwrap();
    let elements = objects
        .iter()
        .filter_map(|object| object["set"]["elem"].as_array());
    elements.flatten().filter_map(Value::as_u64).collect()
}
