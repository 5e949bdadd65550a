//! What is tried in the reference topology, and how results are read.

use crate::plan::{Attempt, Boundary, Direction, Judgement, Place, Plan};
use topology::flows::{Carrier, Lang};
use topology::{Fqdn, Port, Topology};

use super::picture::{html, svg};
use super::{
    Cell, Expected, Extent, Found, JoinError, Proof, Question, Report, Tries, Try, Vantage,
    Verdict, Wanted, Words, tries,
};

const REFERENCE: &str = include_str!("../../../../../examples/reference.toml");
const EXAMPLES: [(&str, &str); 4] = [
    ("reference", REFERENCE),
    (
        "gateway",
        include_str!("../../../../../examples/gateway.toml"),
    ),
    (
        "single director",
        include_str!("../../../../../examples/single-director.toml"),
    ),
    (
        "small office",
        include_str!("../../../../../examples/small-office.toml"),
    ),
];
const EDGE: &str = "edge01.contoso.net";

fn reference() -> Topology {
    Topology::parse(REFERENCE, "reference").unwrap()
}

fn machine(name: &str) -> Vantage {
    Vantage::Machine(Fqdn::new(name).unwrap())
}

fn try_all(topology: &Topology, vantage: &Vantage, extent: Extent) -> Tries {
    tries(topology, &Plan::of(topology), vantage, extent)
}

fn from(name: &str, extent: Extent) -> Tries {
    try_all(&reference(), &machine(name), extent)
}

/// The wanted try that leads to an address and port.
fn wanted(tries: &Tries, socket: &str, carrier: Carrier) -> Option<Wanted> {
    let mut list = tries.list.iter();
    let found =
        list.find(|one| one.to.socket == socket.parse().unwrap() && one.to.carrier == carrier)?;
    match &found.expected {
        Expected::Wanted(wanted) => Some(wanted.clone()),
        Expected::Unwanted { .. } => None,
    }
}

fn wants(one: &Try) -> bool {
    matches!(one.expected, Expected::Wanted(_))
}

/// A report in which everything that is wanted is answered and everything else dropped, but for what is changed.
fn report(tries: &Tries, change: impl Fn(&Try) -> Option<Found>) -> Report {
    let found = tries.list.iter().map(|one| {
        change(one).unwrap_or(match one.expected {
            Expected::Wanted(_) => Found::Answered,
            Expected::Unwanted { .. } => Found::Dropped,
        })
    });
    let found: Vec<Found> = found.collect();
    Report::new(&reference(), Lang::En, tries, &found)
}

#[test]
fn an_edge_asks_a_director_in_mutual_tls_for_its_options() {
    let tries = from(EDGE, Extent::Nothing);
    let sip = wanted(&tries, "10.0.0.11:5061", Carrier::Tcp).unwrap();
    assert_eq!((sip.flows, sip.proof), (vec![6], Proof::Both));
    assert_eq!(
        (sip.name.as_str(), sip.question),
        ("dir01.contoso.net", Question::Options)
    );
    // Phones come to this port too.
    assert!(!sip.strangers_refused && !sip.passed_on);
    let clock = wanted(&tries, "10.0.0.123:123", Carrier::Udp).unwrap();
    assert_eq!(
        (clock.question, clock.proof),
        (Question::Time, Proof::Nobody)
    );
    let lists = |one: &&Try| one.to.socket == "198.51.100.80:80".parse().unwrap();
    let from = |inside: bool| {
        let address = if inside {
            "172.16.0.10"
        } else {
            "203.0.113.10"
        };
        Some(address.parse().unwrap())
    };
    // Lists are fetched from the world outside, everything else is inside.
    assert!(tries.list.iter().all(|one| one.from == from(!lists(&one))));
    assert_eq!(wanted(&tries, "10.0.0.10:443", Carrier::Tcp), None);
}

#[test]
fn the_way_back_is_tried_too_and_strangers_are_refused_there() {
    for name in ["dir01.contoso.net", "fe01.contoso.net"] {
        let sip = wanted(
            &from(name, Extent::Nothing),
            "172.16.0.10:5061",
            Carrier::Tcp,
        );
        let sip = sip.unwrap();
        assert!(sip.strangers_refused && sip.flows.contains(&10), "{name}");
    }
    let directory = wanted(
        &from("dir01.contoso.net", Extent::Nothing),
        "10.0.0.21:444",
        Carrier::Tcp,
    );
    let directory = directory.unwrap();
    assert!(directory.strangers_refused);
    assert_eq!(directory.question, Question::Directory);
}

#[test]
fn web_sites_are_asked_by_their_own_names_and_balancers_say_whose_connection_it_is() {
    let proxy = from("rp01.contoso.net", Extent::Nothing);
    let vip = wanted(&proxy, "10.0.0.10:4443", Carrier::Tcp).unwrap();
    assert_eq!(vip.name, "webdirexternal.contoso.com");
    assert_eq!((vip.proof, vip.passed_on), (Proof::Listener, false));
    let balancer = from("lb01.contoso.net", Extent::Nothing);
    let member = wanted(&balancer, "10.0.0.12:443", Carrier::Tcp).unwrap();
    assert!(member.passed_on && member.flows == [21]);
    assert_eq!(member.name, "webdir.contoso.net");
    // Its question after health is not passed on for anybody.
    assert!(
        !wanted(&balancer, "10.0.0.12:5061", Carrier::Tcp)
            .unwrap()
            .passed_on
    );
}

#[test]
fn strangers_are_asked_for_what_strangers_have() {
    let topology = reference();
    let outside = try_all(&topology, &Vantage::Outside, Extent::Nothing);
    let access = wanted(&outside, "203.0.113.10:443", Carrier::Tcp).unwrap();
    assert_eq!(
        (access.proof, access.name.as_str()),
        (Proof::Listener, "sip.contoso.com")
    );
    let plain = wanted(&outside, "203.0.113.20:80", Carrier::Tcp).unwrap();
    assert_eq!(plain.name, "lyncdiscover.contoso.com");
    assert!(wanted(&outside, "10.0.0.11:5061", Carrier::Tcp).is_none());
    let client = try_all(&topology, &Vantage::Client, Extent::Nothing);
    let sign_in = wanted(&client, "10.0.0.11:5061", Carrier::Tcp).unwrap();
    assert_eq!((sign_in.flows, sign_in.proof), (vec![14], Proof::Listener));
}

#[test]
fn everything_is_every_other_port_of_every_address_but_our_own() {
    let tries = from(EDGE, Extent::Everything);
    let own = ["172.16.0.10", "203.0.113.10"].map(|own| own.parse().unwrap());
    assert!(
        tries
            .list
            .iter()
            .all(|one| !own.contains(&one.to.socket.ip()))
    );
    let both = own.map(|own| {
        tries
            .list
            .iter()
            .filter(|one| one.from == Some(own))
            .count()
    });
    assert_eq!(both[0], both[1], "every address of ours is tried from");
    let knock = |socket: &str, carrier| {
        let mut list = tries.list.iter();
        list.any(|one| {
            one.to.socket == socket.parse().unwrap()
                && one.to.carrier == carrier
                && matches!(one.expected, Expected::Unwanted { .. })
        })
    };
    assert!(knock("10.0.0.11:444", Carrier::Tcp) && knock("10.0.0.11:5060", Carrier::Udp));
    assert!(knock("203.0.113.20:443", Carrier::Tcp) && knock("10.0.0.10:80", Carrier::Tcp));
    assert!(!knock("10.0.0.53:5061", Carrier::Udp));
    // The balancer holds the VIP.
    let balancer = from("lb01.contoso.net", Extent::Everything);
    let vip: std::net::IpAddr = "10.0.0.10".parse().unwrap();
    assert!(balancer.list.iter().all(|one| one.to.socket.ip() != vip));
}

#[test]
fn a_sample_is_drawn_by_its_seed_and_never_of_wanted_tries() {
    let drawn = |seed| from(EDGE, Extent::Sample { count: 20, seed });
    let (one, all) = (drawn(1), from(EDGE, Extent::Everything));
    assert_eq!(one, drawn(1));
    assert_ne!(one, drawn(2));
    let unwanted = |tries: &Tries| {
        let list = tries.list.iter();
        list.filter(|one| matches!(one.expected, Expected::Unwanted { .. }))
            .count()
    };
    assert_eq!(unwanted(&one), 20);
    assert_eq!(one.left_out, unwanted(&all) - 20);
    assert_eq!(one.list.len() + one.left_out, all.list.len());
}

#[test]
fn a_reset_is_wrong_where_nothing_may_pass_and_where_somebody_should_listen() {
    let knock = Expected::Unwanted {
        question: None,
        stopped: (Place::Boundary(Boundary::Inside), Direction::Through),
    };
    let refused = |expected: &Expected| Found::Refused.verdict(expected);
    assert_eq!(refused(&knock), Verdict::Fail);
    assert_eq!(Found::Dropped.verdict(&knock), Verdict::Pass);
    assert_eq!(
        Found::Prohibited { by: None }.verdict(&knock),
        Verdict::Pass
    );
    let tries = from(EDGE, Extent::Nothing);
    let logging = wanted(&tries, "10.0.0.11:50001", Carrier::Tcp).unwrap();
    let sip = wanted(&tries, "10.0.0.11:5061", Carrier::Tcp).unwrap();
    assert_eq!(refused(&Expected::Wanted(sip)), Verdict::Fail);
    assert_eq!(logging.question, Question::Agent);
    let logging = Expected::Wanted(logging);
    assert_eq!(refused(&logging), Verdict::Fail);
    assert_eq!(Found::Dropped.verdict(&logging), Verdict::Fail);
}

#[test]
fn what_goes_wrong_is_told_in_its_row_and_cell_and_nowhere_else() {
    let tries = from(EDGE, Extent::Everything);
    let all_well = report(&tries, |_| None);
    assert_eq!(all_well.verdict, Verdict::Pass);
    let broken = report(&tries, |one| {
        let is_it = wants(one) && one.to.socket == "10.0.0.12:5061".parse().unwrap();
        is_it.then_some(Found::Unhealthy {
            said: "503".to_owned(),
        })
    });
    let failed: Vec<_> = broken.rows.iter().filter(|row| row.failed > 0).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].flow, failed[0].tried, failed[0].passed),
        (6, 2, 1)
    );
    let why =
        "edge01.contoso.net → dir02.contoso.net (TCP 10.0.0.12:5061): answered but not well: 503";
    assert_eq!(failed[0].why, [why]);
    let wrong: Vec<&Cell> = broken.cells.iter().filter(|cell| cell.failed > 0).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(
        (wrong[0].to.as_str(), wrong[0].text().as_str()),
        ("dir02.contoso.net", "✗1 ✓3")
    );
    let director = |one: &&super::Row| one.flow == 3;
    assert_eq!(broken.rows.iter().find(director).unwrap().verdict, None);
    let open = report(&tries, |one| {
        let is_it = one.to.socket == "10.0.0.12:444".parse().unwrap();
        is_it.then_some(Found::Connected)
    });
    assert_eq!(open.verdict, Verdict::Fail);
    assert!(open.rows.iter().all(|row| row.failed == 0));
    assert_eq!(
        open.beyond.len(),
        2,
        "from both addresses: {:?}",
        open.beyond
    );
}

#[test]
fn runs_become_one_matrix_through_json() {
    let written = |name: &str| {
        let report = report(&from(name, Extent::Everything), |_| None);
        serde_json::to_string(&report).unwrap()
    };
    let read = |text: &str| serde_json::from_str::<Report>(text).unwrap();
    let (edge, fe) = (written(EDGE), written("fe01.contoso.net"));
    let joined = Report::join(vec![read(&edge), read(&fe)]).unwrap();
    assert_eq!(joined.runs.len(), 2);
    let between = joined.rows.iter().filter(|row| row.flow == 12);
    assert!(
        between
            .clone()
            .all(|row| row.verdict == Some(Verdict::Pass))
    );
    assert_eq!(between.map(|row| row.tried).sum::<usize>(), 3);
    let twice = Report::join(vec![read(&edge), read(&edge)]);
    assert_eq!(
        twice,
        Err(JoinError::Twice {
            from: EDGE.to_owned()
        })
    );
    let mut other = read(&fe);
    other.version += 1;
    assert!(matches!(
        Report::join(vec![other]),
        Err(JoinError::Version { .. })
    ));
    let mut other = read(&fe);
    other.targets.pop();
    assert_eq!(
        Report::join(vec![read(&edge), other]),
        Err(JoinError::Topology)
    );
    assert_eq!(Report::join(Vec::new()), Err(JoinError::Nothing));
}

#[test]
fn pictures_say_everything_in_text_and_nothing_of_a_peer_becomes_markup() {
    let tries = from(EDGE, Extent::Nothing);
    let report = report(&tries, |one| {
        let is_it = one.to.socket == "10.0.0.12:5061".parse().unwrap();
        is_it.then_some(Found::WrongName {
            presented: vec!["<script>alert(1)</script>".to_owned()],
        })
    });
    let page = html(&report, Lang::Ko);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    assert!(
        page.contains("lang=\"ko\"") && page.contains("<th scope=\"row\">edge01.contoso.net</th>")
    );
    let picture = svg(&report, Words::new(Lang::En));
    assert!(picture.contains("<title>edge01.contoso.net → dir02.contoso.net: ✗1 ✓3</title>"));
    for (open, close) in [
        ("<g>", "</g>"),
        ("<text ", "</text>"),
        ("<title", "</title>"),
    ] {
        assert_eq!(
            picture.matches(open).count(),
            picture.matches(close).count()
        );
    }
}

/// Two derivations of the same table: from it to tries, and from it to rules.
#[test]
fn what_is_wanted_of_machines_is_what_the_plan_lets_pass() {
    for (name, text) in EXAMPLES {
        let topology = Topology::parse(text, name).unwrap();
        let plan = Plan::of(&topology);
        let machines = topology.machines().iter();
        for vantage in machines.map(|machine| Vantage::Machine(machine.fqdn.clone())) {
            let mut wanted = 0;
            for one in tries(&topology, &plan, &vantage, Extent::Everything).list {
                let judged = plan.judge(&Attempt {
                    source: one.from.unwrap(),
                    destination: one.to.socket.ip(),
                    carrier: one.to.carrier,
                    port: one.to.socket.port(),
                });
                let passes = matches!(judged, Judgement::Admitted { .. });
                let is_wanted = wants(&one);
                wanted += usize::from(is_wanted);
                assert_eq!(
                    passes, is_wanted,
                    "{name}: {vantage} -> {:?}: {judged:?}",
                    one.to
                );
            }
            let alone = topology.machines().len() == 1 && topology.gateways().is_empty();
            assert!(wanted > 0 || alone, "{name}: {vantage}");
        }
    }
}

/// Nothing is left out that is neither wanted nor stopped.
#[test]
fn every_other_port_is_stopped_somewhere() {
    let topology = reference();
    let plan = Plan::of(&topology);
    let everything = tries(&topology, &plan, &machine(EDGE), Extent::Everything);
    let beside = |one: &&Try| one.to.name.parse::<std::net::IpAddr>().is_ok();
    let list: Vec<&Try> = everything.list.iter().filter(|one| !beside(one)).collect();
    let mut addresses: Vec<_> = list.iter().map(|one| one.to.socket.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    // Eight other machines, two of them with an address outside, and the VIP.
    assert_eq!(addresses.len(), 8 + 2 + 1);
    let mut ports: Vec<_> = Port::ALL.map(|port| topology.ports().number(port)).to_vec();
    ports.sort_unstable();
    ports.dedup();
    let sources = 2;
    assert_eq!(list.len(), addresses.len() * (ports.len() + 3) * sources);
}

#[test]
fn whatever_is_found_is_read_as_it_was_written() {
    let text = || "said".to_owned();
    let by = Some("10.0.0.1".parse().unwrap());
    let all = [
        Found::Answered,
        Found::Connected,
        Found::Dropped,
        Found::Refused,
        Found::NoRoute { by },
        Found::Prohibited { by: None },
        Found::NotTls,
        Found::Alert { alert: text() },
        Found::WrongName {
            presented: vec![text()],
        },
        Found::Untrusted { reason: text() },
        Found::Closed,
        Found::Mute,
        Found::NoCertificateAsked,
        Found::StrangerLetIn,
        Found::WrongRole { said: text() },
        Found::NotLetIn { said: text() },
        Found::Unhealthy { said: text() },
        Found::Untried { reason: text() },
    ];
    let tries = from(EDGE, Extent::Nothing);
    let mut next = all.iter().cycle().cloned();
    let found: Vec<Found> = tries.list.iter().map(|_| next.next().unwrap()).collect();
    assert!(found.len() >= all.len());
    for lang in [Lang::En, Lang::Ko] {
        let report = Report::new(&reference(), lang, &tries, &found);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
