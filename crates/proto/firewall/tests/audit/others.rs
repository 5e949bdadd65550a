//! Rulesets of other people's making, audited for a Director of the reference topology.
//!
//! What has to be found was written down from the rules: which rule decides about what. The packets that go with the
//! findings are checked one by one: the slow evaluator says the same of them, and the plan admits none that is told as
//! beyond it.

use std::collections::BTreeSet;

use firewall::audit::{self, Decider, Passes, Report};
use firewall::plan::{Direction, Place, Plan, Rules};
use firewall::ruleset::{self, Ruleset};

use super::slow::Slow;
use crate::topologies;

const UFW: [&str; 2] = [
    include_str!("../../testdata/rulesets/ufw.v4.rules"),
    include_str!("../../testdata/rulesets/ufw.v6.rules"),
];
const FIREWALLD: &str = include_str!("../../testdata/rulesets/firewalld.json");
const DOCKER: &str = include_str!("../../testdata/rulesets/docker.rules");
const HAND: &str = include_str!("../../testdata/rulesets/hand.json");

/// Audits rules for dir01, and checks every packet that is told.
fn audited(ruleset: &Ruleset) -> Report {
    let topology = topologies::parse("reference", topologies::EXAMPLES[0].1);
    let plan = Plan::of(&topology);
    let place = Place::Machine(topology.machine("dir01.contoso.net").unwrap().fqdn.clone());
    let rules = plan.rules(&place).unwrap();
    let own = plan.held(&place);
    let report = audit::audit(ruleset, rules, own).unwrap();
    let slow = Slow { ruleset, own };
    for blocked in &report.blocked {
        assert_eq!(
            slow.passes(blocked.direction, &blocked.witness),
            Passes::No,
            "{blocked}"
        );
    }
    for beyond in &report.beyond {
        assert_eq!(
            slow.passes(beyond.direction, &beyond.witness),
            Passes::Yes,
            "{beyond}"
        );
        assert!(!admits(rules, beyond), "{beyond}");
    }
    for unjudged in &report.unjudged {
        let said = slow.passes(unjudged.direction, &unjudged.witness);
        assert_eq!(said, Passes::CannotBeTold, "{unjudged}");
        assert!(!unjudged.because.is_empty(), "{unjudged}");
    }
    report
}

fn admits(rules: &Rules, beyond: &audit::Beyond) -> bool {
    let packet = &beyond.witness;
    let chain = rules.chain(beyond.direction).unwrap();
    chain.admits.iter().any(|admit| {
        admit.ports.contains(&packet.destination_port)
            && admit.sources.contains(packet.source)
            && admit.destinations.contains(packet.destination)
            && packet.has_ports()
    })
}

fn by(decider: &Decider) -> String {
    match decider {
        Decider::Rule(rule) => format!("{} {}", rule.chain, rule.at),
        Decider::Policy(chain) => format!("{chain} policy"),
        Decider::NoChain => "no chain".to_owned(),
    }
}

fn blocked(report: &Report) -> BTreeSet<String> {
    let lines = report
        .blocked
        .iter()
        .map(|found| format!("{}: {}", found.what, by(&found.by)));
    lines.collect()
}

fn beyond(report: &Report, direction: Direction) -> BTreeSet<String> {
    let found = report
        .beyond
        .iter()
        .filter(|found| found.direction == direction);
    found.map(|found| by(&found.by)).collect()
}

/// The rules whose constructs cannot be judged.
fn unjudged(report: &Report) -> BTreeSet<String> {
    let unknown = report.unjudged.iter().flat_map(|found| &found.because);
    unknown
        .map(|unknown| format!("{}: {}", unknown.rule.at, unknown.construct))
        .collect()
}

fn set<const N: usize>(lines: [&str; N]) -> BTreeSet<String> {
    lines.map(str::to_owned).into()
}

#[test]
fn ufw() {
    let [v4, v6] = UFW.map(|text| ruleset::read(text).unwrap());
    let report = audited(&v4.joined(v6).unwrap());
    // It opens 22, 2222 and 5061, so what is missing are the logging ports and the web.
    let missing = [
        "flow 7: ip filter INPUT policy",
        "flow 8: ip filter INPUT policy",
        "flow 9: ip filter INPUT policy",
        "flow 18: ip filter INPUT policy",
        "flow 21: ip filter INPUT policy",
    ];
    assert_eq!(blocked(&report), set(missing));
    let open = [
        "ip filter ufw-before-input line 79",       // DHCP
        "ip filter ufw-before-input line 81",       // mDNS
        "ip filter ufw-before-input line 82",       // UPnP
        "ip filter ufw-user-input line 100",        // 22 from everybody
        "ip filter ufw-user-input line 101",        // 5061 at groups, too
        "ip filter ufw-user-input line 106",        // 5061 from strangers
        "ip filter ufw-user-limit-accept line 109", // 2222
        "ip6 filter ufw6-before-input line 75",     // echo replies that nobody asked for
        "ip6 filter ufw6-before-input line 98",     // mobile IPv6, four types
        "ip6 filter ufw6-before-input line 99",
        "ip6 filter ufw6-before-input line 100",
        "ip6 filter ufw6-before-input line 101",
        "ip6 filter ufw6-before-input line 102", // DHCPv6
        "ip6 filter ufw6-before-input line 103", // mDNS
        "ip6 filter ufw6-before-input line 104", // UPnP
        "ip6 filter ufw6-user-input line 139",   // 22 at its link
    ];
    assert_eq!(beyond(&report, Direction::In), set(open));
    // Outgoing is allowed as a whole; the rules that count TCP and UDP stand before the policy.
    let out = [
        "ip filter OUTPUT policy",
        "ip filter ufw-track-output line 98",
        "ip filter ufw-track-output line 99",
        "ip6 filter OUTPUT policy",
        "ip6 filter ufw6-before-output line 114",
        "ip6 filter ufw6-track-output line 137",
        "ip6 filter ufw6-track-output line 138",
    ];
    assert_eq!(beyond(&report, Direction::Out), set(out));
    // Messages that need a hop limit which only neighbour discovery is known to have.
    let hops = [87, 88, 93, 94, 95, 96, 97].map(|line| format!("line {line}: module hl"));
    assert_eq!(unjudged(&report), hops.into());
    // A machine that comes too often meets the limit; one packet does not.
    assert!(
        !report
            .unreachable
            .contains(&"ip filter ufw-user-limit".to_owned())
    );
}

#[test]
fn firewalld() {
    let report = audited(&ruleset::read(FIREWALLD).unwrap());
    // 10.0.0.0/24 is a zone of its own that knows 22 and 444; everybody else may have 22, 443 and 5061.
    let (internal, public) = (
        "inet firewalld filter_IN_internal handle 190",
        "inet firewalld filter_IN_public handle 72",
    );
    let mut missing = BTreeSet::new();
    for flow in [7, 8, 9, 13, 14, 18, 21, 22, 30] {
        missing.insert(format!("flow {flow}: {internal}"));
    }
    for flow in [7, 8, 9, 18] {
        missing.insert(format!("flow {flow}: {public}"));
    }
    // The rich rule drops a network of strangers, their echo requests among it.
    missing.insert("basic echo: inet firewalld filter_IN_public_deny handle 261".to_owned());
    assert_eq!(blocked(&report), missing);
    let open = [
        "inet firewalld filter_IN_internal handle 253", // any ICMP
        "inet firewalld filter_IN_internal_allow handle 191", // 22
        "inet firewalld filter_IN_internal_allow handle 192", // mDNS
        "inet firewalld filter_IN_internal_allow handle 196", // NetBIOS
        "inet firewalld filter_IN_internal_allow handle 197",
        "inet firewalld filter_IN_internal_allow handle 260", // 444
        "inet firewalld filter_IN_public handle 129",         // any ICMP
        "inet firewalld filter_IN_public_allow handle 73",    // 22
        "inet firewalld filter_IN_public_allow handle 175",   // 443
        "inet firewalld filter_IN_public_allow handle 176",   // 5061 from strangers
    ];
    assert_eq!(beyond(&report, Direction::In), set(open));
    assert_eq!(
        beyond(&report, Direction::Out),
        set(["inet firewalld filter_OUTPUT policy"])
    );
    // Of IPv6 nothing but neighbour discovery can be told: the reverse path is a matter of routes.
    assert_eq!(
        unjudged(&report),
        set(["handle 52: fib saddr . mark . iif oif"])
    );
    assert!(report.unjudged.iter().all(|found| found.what.is_none()));
    // Nothing translates a destination, so nobody comes with a translated one.
    let shadowed: Vec<&str> = report
        .shadowed
        .iter()
        .map(|found| found.rule.text.as_str())
        .collect();
    assert!(shadowed.contains(&"ct status dnat accept"), "{shadowed:?}");
}

#[test]
fn docker() {
    let report = audited(&ruleset::read(DOCKER).unwrap());
    // It filters what is forwarded to containers and leaves the machine itself open.
    assert_eq!(blocked(&report), BTreeSet::new());
    assert_eq!(
        beyond(&report, Direction::In),
        set(["ip filter INPUT policy", "no chain"])
    );
    assert_eq!(
        beyond(&report, Direction::Out),
        set(["ip filter OUTPUT policy", "no chain"])
    );
    // Port 8080 leads to a container, and the Director's external web site listens there.
    let told = unjudged(&report);
    assert!(
        told.contains("line 36: DNAT --to-destination 172.17.0.2:80"),
        "{told:?}"
    );
    assert!(
        report
            .unjudged
            .iter()
            .all(|found| found.witness.destination_port == 8080)
    );
    let flows: BTreeSet<String> = report
        .unjudged
        .iter()
        .filter_map(|found| found.what.map(|(subject, _)| subject.to_string()))
        .collect();
    assert_eq!(flows, set(["flow 21", "basic loopback"]));
}

#[test]
fn written_by_hand() {
    let report = audited(&ruleset::read(HAND).unwrap());
    // Of the web it knows port 80 alone; of the two name servers that of the perimeter is forgotten.
    let policy = "inet guard input policy";
    assert_eq!(
        blocked(&report),
        [21, 30].map(|flow| format!("flow {flow}: {policy}")).into()
    );
    let forgotten = report
        .blocked
        .iter()
        .find(|found| found.what == audit::Subject::Flow(30));
    assert_eq!(
        forgotten.unwrap().witness.source,
        topologies::ip("172.16.0.53")
    );
    let open = [
        "inet guard admin handle 9",  // 22 at groups, too
        "inet guard input handle 19", // 80, 9100 and the logging ports from everybody
        "inet guard input handle 21", // 161, with a mark
        "inet guard sip handle 11",   // 5061 at groups, too
        "inet guard sip handle 12",
    ];
    assert_eq!(beyond(&report, Direction::In), set(open));
    assert_eq!(
        beyond(&report, Direction::Out),
        set(["inet guard output policy"])
    );
    assert_eq!(unjudged(&report), set(["handle 22: meta hour"]));
    assert_eq!(report.unreachable, ["inet guard old"]);
    let [shadowed] = report.shadowed.as_slice() else {
        panic!("{:?}", report.shadowed);
    };
    assert_eq!(shadowed.rule.text, "ip saddr 10.0.7.0/24 tcp dport 80 drop");
    let by: Vec<&str> = shadowed.by.iter().map(|rule| rule.at.as_str()).collect();
    assert!(by.contains(&"handle 19"), "{by:?}");
}
