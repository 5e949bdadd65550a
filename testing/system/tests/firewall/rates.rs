//! One stranger who opens more than the rate is slowed, and nobody else is.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use firewall::plan::{Place, Plan};
use firewall::render::nft;
use socket2::{Domain, Socket, Type};
use system::bed::Namespace;
use system::needs::{Need, are_met};

use super::parse;

/// One a second, ten at once, so that the limit is soon met.
const SLOW: &str = "[limits]\nhandshakes_per_source = 1\n";
const EDGE: &str = "203.0.113.10:443";
const FIRST: &str = "198.51.100.7:0";
const SECOND: &str = "198.51.100.8:0";
const BURST: usize = 10;

/// The network of an Edge and that of strangers, with a cable between them.
fn cabled() -> (Namespace, Namespace) {
    let (edge, outside) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    let peer = outside.path();
    let words = [
        "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &peer,
    ];
    edge.run("ip", &words, "").unwrap();
    let lines = |network: &Namespace, lines: &[&str]| {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            network.run("ip", &words, "").unwrap();
        }
    };
    lines(
        &edge,
        &[
            "addr add 203.0.113.10/24 dev eth0",
            "link set eth0 up",
            "route add 198.51.100.0/24 dev eth0",
        ],
    );
    lines(
        &outside,
        &[
            "addr add 198.51.100.7/24 dev eth0",
            "addr add 198.51.100.8/24 dev eth0",
            "link set eth0 up",
            "route add 203.0.113.0/24 dev eth0",
        ],
    );
    (edge, outside)
}

/// Whether a connection from there is open within a moment.
fn opens(outside: &Namespace, from: &str) -> bool {
    /// Less than it takes until a lost packet is sent again.
    const MOMENT: Duration = Duration::from_millis(700);
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), EDGE.parse().unwrap());
    outside.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&from.into()).unwrap();
        socket.connect_timeout(&to.into(), MOMENT).is_ok()
    })
}

#[test]
fn a_stranger_beyond_the_rate_waits_and_another_does_not() {
    let test = "firewall::a_stranger_beyond_the_rate_waits_and_another_does_not";
    let needs = ["unshare", "ip", "nft"].map(Need::Program);
    if !are_met(test, &[&needs[..], &[Need::Root]].concat()) {
        return;
    }
    let text = include_str!("../../../../examples/reference.toml");
    let topology = parse(&format!("{text}\n{SLOW}"));
    let machine = topology.machine("edge01.contoso.net").unwrap();
    let plan = Plan::of(&topology);
    let rules = plan.rules(&Place::Machine(machine.fqdn.clone())).unwrap();
    let (edge, outside) = cabled();
    edge.load(&nft::text(rules)).unwrap();
    let listener = edge.enter(|| TcpListener::bind(EDGE)).unwrap();
    for number in 0..BURST {
        assert!(opens(&outside, FIRST), "{number} of the burst");
    }
    // Each try takes less than the second in which one more may: soon one has to wait.
    let waited = (0..100).any(|_| !opens(&outside, FIRST));
    assert!(waited, "nobody is slowed");
    assert!(
        opens(&outside, SECOND),
        "another source has a rate of its own"
    );
    let dropped = |rule: &system::bed::Rule| rule.comment == "rate of flow 15";
    let rule = edge.rules().unwrap().into_iter().find(dropped).unwrap();
    assert!(rule.packets > Some(0), "{rule:?}");
    drop(listener);
}
