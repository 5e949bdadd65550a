//! Rules and packets by chance for the kernel: the same for the same seed, on every machine.

use std::net::{IpAddr, Ipv4Addr};

use firewall::Family;
use firewall::packet::{Packet, State, protocol};

/// Numbers by chance.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const NETWORKS: [&str; 8] = [
    "10.77.1.0/24",
    "10.77.1.128-10.77.1.130",
    "10.77.1.7",
    "192.0.2.0/28",
    "192.0.2.14-192.0.2.17",
    "10.77.0.0/16",
    "{ 10.77.1.1, 192.0.2.0/24 }",
    "@some",
];
const PORTS: [&str; 8] = [
    "22",
    "80",
    "5061",
    "22-80",
    "{ 22, 5060-5062 }",
    "{ 1-21, 81-1023 }",
    "@ports",
    "1024-65535",
];

/// A table of two chains that are called and one that is not.
pub(super) fn rules(chance: &mut Chance) -> String {
    let policy = chance.of(&["accept", "drop"]);
    let mut text = "table inet tried {
    set some { type ipv4_addr; flags interval; elements = { 10.77.1.64/26, 192.0.2.15-192.0.2.16 } }
    set ports { type inet_service; flags interval; elements = { 22, 80-5061 } }
    map ways { type inet_service : verdict; flags interval; elements = { 22 : accept, 80-90 : drop, 5061 : jump two } }
    set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.77.1.0/25 . 22, 192.0.2.1-192.0.2.16 . 80-5061 } }
"
    .to_owned();
    for (name, own, later) in [
        ("two", "", &[][..]),
        ("one", "", &["jump two", "goto two"]),
        (
            "tried",
            "type filter hook input priority 0; policy",
            &["jump one", "goto one", "jump two"],
        ),
    ] {
        text += &format!("    chain {name} {{\n");
        if !own.is_empty() {
            text += &format!("        {own} {policy};\n");
        }
        for _ in 0..2 + chance.below(6) {
            text += &format!("        {}\n", rule(chance, later));
        }
        text += "    }\n";
    }
    text + "}\n"
}

fn rule(chance: &mut Chance, later: &[&str]) -> String {
    let mut words = Vec::new();
    let not = if chance.one_in(4) { "!= " } else { "" };
    if chance.one_in(2) {
        words.push(format!("ip saddr {not}{}", chance.of(&NETWORKS)));
    }
    if chance.one_in(5) {
        words.push(format!(
            "ip daddr {}",
            chance.of(&["10.77.0.2", "!= 10.77.0.2", "10.77.0.2/31"])
        ));
    }
    let carried = transport(chance);
    let is_open = carried.is_none();
    words.extend(carried);
    if chance.one_in(4) {
        words.push(
            chance
                .of(&[
                    "ct state new",
                    "ct state established,related",
                    "ct state invalid",
                    "ct state != new",
                    "ct state { new, invalid }",
                    "ct state != { established, new }",
                ])
                .to_owned(),
        );
    }
    if chance.one_in(8) {
        words.push(
            chance
                .of(&[
                    "iifname \"eth0\"",
                    "iifname \"eth*\"",
                    "iifname != \"eth0\"",
                    "iif lo",
                    "iifname { \"lo\", \"wg0\" }",
                    "meta mark 0",
                    "meta mark & 0xff != 0x1",
                    "meta mark 1-7",
                    "meta nfproto ipv4",
                    "meta nfproto ipv6",
                    "fib daddr type local",
                    "fib daddr type { broadcast, multicast }",
                    "oifname \"eth0\"",
                    "oifname != \"eth0\"",
                ])
                .to_owned(),
        );
    }
    words.push(verdict(chance, later, is_open));
    words.join(" ")
}

/// At most one question for what IP carries, since `nft` refuses two that contradict each other.
fn transport(chance: &mut Chance) -> Option<String> {
    let not = if chance.one_in(4) { "!= " } else { "" };
    let (carrier, ports) = (chance.of(&["tcp", "tcp", "udp"]), chance.of(&PORTS));
    match chance.below(12) {
        0..=3 => Some(format!("{carrier} dport {not}{ports}")),
        4 => Some(format!(
            "{carrier} sport {}",
            chance.of(&["40000", "< 40000", ">= 40001", "!= 53"])
        )),
        5 => Some(format!("meta l4proto {{ tcp, udp }} th dport {ports}")),
        6 => Some(
            chance
                .of(&[
                    "tcp flags syn",
                    "tcp flags & (syn | ack) == syn",
                    "tcp flags & (fin | syn | rst | ack) != syn",
                    "tcp flags == ack",
                    "tcp flags { syn, ack }",
                ])
                .to_owned(),
        ),
        7 => Some(
            chance
                .of(&[
                    "icmp type echo-request",
                    "icmp type { echo-request, timestamp-request }",
                    "icmp type != echo-request",
                    "icmp type destination-unreachable icmp code port-unreachable",
                    "icmp code 0",
                ])
                .to_owned(),
        ),
        8 => Some(
            chance
                .of(&[
                    "meta l4proto tcp",
                    "meta l4proto != udp",
                    "ip protocol icmp",
                    "meta l4proto { icmp, udp }",
                ])
                .to_owned(),
        ),
        9 => Some(format!("ip saddr . {carrier} dport {not}@pairs")),
        _ => None,
    }
}

fn verdict(chance: &mut Chance, later: &[&str], is_open: bool) -> String {
    match chance.below(12) {
        0 => "return".to_owned(),
        1 => "reject".to_owned(),
        2 => "continue".to_owned(),
        3 if is_open => {
            "tcp dport vmap { 1-79 : accept, 80 : drop, 443-5061 : continue }".to_owned()
        }
        4 => {
            "ip saddr vmap { 10.77.1.0/25 : accept, 192.0.2.0/24 : drop, * : continue }".to_owned()
        }
        5 | 6 if !later.is_empty() => chance.of(later).to_owned(),
        7 | 8 => "drop".to_owned(),
        9 if is_open && later.len() > 2 => "tcp dport vmap @ways".to_owned(),
        _ => "accept".to_owned(),
    }
}

/// A packet on or beside what rules ask for.
pub(super) fn packet(chance: &mut Chance) -> Packet {
    let sources: [[u8; 4]; 14] = [
        [10, 77, 0, 1],
        [10, 77, 1, 0],
        [10, 77, 1, 1],
        [10, 77, 1, 7],
        [10, 77, 1, 63],
        [10, 77, 1, 64],
        [10, 77, 1, 127],
        [10, 77, 1, 128],
        [10, 77, 1, 131],
        [10, 77, 2, 0],
        [192, 0, 2, 1],
        [192, 0, 2, 14],
        [192, 0, 2, 16],
        [192, 0, 3, 1],
    ];
    let carrier = chance.of(&[protocol::TCP, protocol::TCP, protocol::UDP, protocol::ICMP]);
    let (source_port, destination_port) = if carrier == protocol::ICMP {
        let (kind, code) = chance.of(&[(8, 0), (8, 0), (8, 0), (0, 0), (3, 3), (13, 0)]);
        (code, kind)
    } else {
        let ports = [
            1, 21, 22, 23, 79, 80, 81, 90, 443, 1024, 5060, 5061, 5062, 65535,
        ];
        (chance.of(&[40_000, 40_000, 40_001, 53]), chance.of(&ports))
    };
    Packet {
        family: Family::V4,
        protocol: carrier,
        source: IpAddr::from(chance.of(&sources)),
        destination: IpAddr::V4(
            chance.of(&[Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 3)]),
        ),
        source_port,
        destination_port,
        // Mostly what opens a connection and what follows; then what nobody sends.
        flags: if carrier == protocol::TCP {
            chance.of(&[0x02, 0x02, 0x10, 0x18, 0x11, 0x04, 0x12, 0x03, 0x00])
        } else {
            0
        },
        state: State::New,
        mark: 0,
        input: "eth0".to_owned(),
        output: String::new(),
    }
}
