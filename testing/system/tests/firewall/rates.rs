//! One stranger who opens more than the rate is slowed, and nobody else is: not even when nobody else can be remembered.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use firewall::Family;
use firewall::plan::{Place, Plan};
use firewall::render::{iptables, nft};
use socket2::{Domain, Socket, Type};
use system::bed::Namespace;
use system::needs::{Need, are_met};

use super::parse;

/// One a second, ten at once, so that the limit is soon met.
const SLOW: &str = "[limits]\nhandshakes_per_source = 1\n";
const EDGE: &str = "203.0.113.10:443";
const FIRST: &str = "198.51.100.7:0";
const SECOND: &str = "198.51.100.8:0";
const THIRD: &str = "198.51.100.9:0";
const BURST: usize = 10;

/// The network of an Edge and that of strangers, with a cable between them.
struct Cable {
    edge: Namespace,
    outside: Namespace,
    _listener: TcpListener,
}

impl Cable {
    fn laid() -> Self {
        let (edge, outside) = (Namespace::new().unwrap(), Namespace::new().unwrap());
        let end = format!(
            "link add eth0 type veth peer name eth0 netns {}",
            outside.path()
        );
        let typed = |network: &Namespace, lines: &[&str]| {
            for line in lines {
                let words: Vec<&str> = line.split(' ').collect();
                network.run("ip", &words, "").unwrap();
            }
        };
        typed(
            &edge,
            &[
                &end,
                "addr add 203.0.113.10/24 dev eth0",
                "link set eth0 up",
                "route add 198.51.100.0/24 dev eth0",
            ],
        );
        typed(
            &outside,
            &[
                "addr add 198.51.100.7/24 dev eth0",
                "addr add 198.51.100.8/24 dev eth0",
                "addr add 198.51.100.9/24 dev eth0",
                "link set eth0 up",
                "route add 203.0.113.0/24 dev eth0",
            ],
        );
        let listener = edge.enter(|| TcpListener::bind(EDGE)).unwrap();
        Self {
            edge,
            outside,
            _listener: listener,
        }
    }

    /// Whether a connection from there is open within a moment.
    fn opens(&self, from: &str) -> bool {
        /// Less than it takes until a lost packet is sent again.
        const MOMENT: Duration = Duration::from_millis(700);
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), EDGE.parse().unwrap());
        self.outside.enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&from.into()).unwrap();
            socket.connect_timeout(&to.into(), MOMENT).is_ok()
        })
    }

    /// Opens more than the rate from one source, and asserts that it has to wait.
    fn exhaust(&self, from: &str) {
        for number in 0..BURST {
            assert!(self.opens(from), "{number} of the burst");
        }
        // Each try takes less than the second in which one more may: soon one has to wait.
        assert!((0..100).any(|_| !self.opens(from)), "nobody is slowed");
    }
}

/// Gives a test a cable and the rules of the Edge, written by one of the filters.
fn with(test: &str, programs: &[&'static str], act: impl FnOnce(&Cable, &firewall::plan::Rules)) {
    let programs = programs.iter().map(|program| Need::Program(program));
    let needs = [Need::Root, Need::Program("unshare"), Need::Program("ip")];
    if !are_met(test, &needs.into_iter().chain(programs).collect::<Vec<_>>()) {
        return;
    }
    let text = include_str!("../../../../examples/reference.toml");
    let topology = parse(&format!("{text}\n{SLOW}"));
    let machine = topology.machine("edge01.contoso.net").unwrap();
    let plan = Plan::of(&topology);
    let rules = plan.rules(&Place::Machine(machine.fqdn.clone())).unwrap();
    act(&Cable::laid(), rules);
}

#[test]
fn a_stranger_beyond_the_rate_waits_and_another_does_not() {
    let test = "firewall::a_stranger_beyond_the_rate_waits_and_another_does_not";
    with(test, &["nft"], |cable, rules| {
        cable.edge.load(&nft::text(rules)).unwrap();
        cable.exhaust(FIRST);
        assert!(cable.opens(SECOND), "another source has a rate of its own");
        let mut loaded = cable.edge.rules().unwrap().into_iter();
        let rule = loaded
            .find(|rule| rule.comment == "rate of flow 15")
            .unwrap();
        assert!(rule.packets > Some(0), "{rule:?}");
    });
}

#[test]
fn a_stranger_for_whom_there_is_no_room_passes() {
    let test = "firewall::a_stranger_for_whom_there_is_no_room_passes";
    with(test, &["nft"], |cable, rules| {
        let crowded = nft::text(rules).replace("size 65535", "size 2");
        let crowded = crowded.replace("timeout 10s", "timeout 1h");
        cable.edge.load(&crowded).unwrap();
        assert!(
            cable.opens(FIRST) && cable.opens(SECOND),
            "the set has room for two"
        );
        for number in 0..=2 * BURST {
            assert!(cable.opens(THIRD), "{number}");
        }
    });
}

#[test]
fn iptables_holds_a_stranger_to_the_same_rate() {
    let test = "firewall::iptables_holds_a_stranger_to_the_same_rate";
    with(test, &["iptables-restore"], |cable, rules| {
        let text = iptables::text(rules, Family::V4);
        cable
            .edge
            .run::<&str>("iptables-restore", &[], &text)
            .unwrap();
        cable.exhaust(FIRST);
        assert!(cable.opens(SECOND), "another source has a rate of its own");
    });
}
