//! Each row of the flow table has rules of its own, and what it is for passes by them and is counted there; and nothing
//! that the product does of itself is refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use logs::wire::{Answer, Request};
use logs::{Query, Span, Time};
use system::agent::{Agent, Call, Link};
use system::authority::Identity;
use system::bed::{CLIENTS, Rule, STRANGERS};
use system::controller::Controller;
use system::dig;
use system::tls::{Manner, Wire};

use super::paths::{ROOT, browse};
use super::site::{DNS01, Site, with};

const DIR01: &str = "dir01.contoso.net";
const EDGE01: &str = "edge01.contoso.net";
const FE01: &str = "fe01.contoso.net";
const SIP: u16 = 5061;
/// Where logging agents listen, with something to ask there.
const LOGGING: [u16; 3] = [50_001, 50_002, 50_003];

#[test]
fn each_flow_is_counted_on_its_own_rules() {
    let test = "namespaces::each_flow_is_counted_on_its_own_rules";
    with(test, &["curl", "dig"], |site| {
        // All that machines have to say to each other is said anew.
        site.running.restart(&site.bed).unwrap();
        users(site);
        web(site);
        names(site);
        let counted = counted(site);
        let refused: Vec<_> = counted
            .iter()
            .filter(|(_, rule)| is_refusal(rule))
            .collect();
        assert!(refused.is_empty(), "the product was refused: {refused:#?}");
        servers(site, EDGE01, FE01);
        operators(site);
        let counted = self::counted(site);
        for flow in 1..=18 {
            for (chain, packets) in by_chain(&counted, flow) {
                assert!(
                    packets > 0,
                    "flow {flow} counted nothing in any chain {chain}"
                );
            }
        }
    });
}

/// The seed's own sentence: the way from the Director and the Front Ends to the Edge needs rules beside the way in.
#[test]
fn directors_and_front_ends_reach_the_inside_of_the_edge() {
    let test = "namespaces::directors_and_front_ends_reach_the_inside_of_the_edge";
    with(test, &[], |site| {
        servers(site, DIR01, EDGE01);
        servers(site, FE01, EDGE01);
        // Only there: the Edge's outside is nobody's inside.
        let outside = SocketAddr::new(site.outermost(EDGE01), SIP);
        for machine in [DIR01, FE01] {
            let manner = manner_of(site, machine);
            let at = site.bed.at(machine);
            let refused = at.enter(|| Wire::connect(&manner, outside, EDGE01).map(drop));
            assert!(refused.unwrap_err().is_end(), "{machine}");
        }
    });
}

/// Users sign in, call and write, outside and inside.
fn users(site: &Site) {
    let doors = site.running.doors(&site.bed).unwrap();
    let users = site.running.users();
    let inside = |place, user| {
        site.bed
            .at(place)
            .enter(|| doors.sign_in_inside(user))
            .unwrap()
    };
    let outside = site.bed.at(STRANGERS[0]);
    let alice = outside.enter(|| doors.sign_in_outside(&users[0])).unwrap();
    let (bob, carol) = (inside(CLIENTS[0], &users[1]), inside(CLIENTS[1], &users[2]));
    let mut call = Call::between(alice, bob).unwrap();
    call.caller_asks("MESSAGE", 200).unwrap();
    call.callee_asks("BYE", 200).unwrap();
    // Back out again, and to the other pool.
    let mut call = Call::between(call.callee, call.caller).unwrap();
    call.callee_asks("BYE", 200).unwrap();
    let mut call = Call::between(call.caller, carol).unwrap();
    call.callee_asks("BYE", 200).unwrap();
}

/// Every kind of web site, with and without TLS.
fn web(site: &Site) {
    let web = |pool: &str| site.bed.topology().pool(pool).unwrap().web.clone().unwrap();
    let (directors, front_ends) = (web("dirpool01.contoso.net"), web("fepool01.contoso.net"));
    let outside = [
        "http://lyncdiscover.contoso.com".to_owned(),
        format!("https://{}", directors.external),
        format!("https://{}", front_ends.external),
    ];
    let inside = ["http", "https"].map(|scheme| format!("{scheme}://{}", directors.internal));
    let all = outside.map(|url| (STRANGERS[0], url)).into_iter();
    for (place, url) in all.chain(inside.map(|url| (CLIENTS[0], url))) {
        let answer = browse(site, place, &format!("{url}{ROOT}"));
        assert_eq!(answer.status, 200, "{url}: {answer:?}");
    }
}

/// A machine asks for names, as its system does for other programs.
fn names(site: &Site) {
    let server = SocketAddr::new(site.outermost(DNS01), 53);
    for machine in [EDGE01, FE01] {
        for carrier in ["+notcp", "+tcp"] {
            let words = ["+short", carrier, "dirpool01.contoso.net", "A"];
            let answer = site.bed.at(machine).enter(|| dig::dig(server, &words));
            assert!(answer.unwrap().contains("10.0.0.11"), "{machine} {carrier}");
        }
    }
}

/// One machine asks another how it is, by mutual TLS.
fn servers(site: &Site, from: &str, to: &str) {
    let manner = manner_of(site, from);
    let address = site.bed.topology().machine(to).unwrap().address;
    let at = SocketAddr::new(address, SIP);
    let wire = site.bed.at(from).enter(|| Wire::connect(&manner, at, to));
    let mut agent = Agent::new(Link::Tls(Box::new(wire.unwrap()))).unwrap();
    let options = agent.request("OPTIONS", &format!("sip:{to}"));
    let options = agent.begin(options).unwrap();
    agent.expect_status(&options, 200).unwrap();
}

fn manner_of(site: &Site, machine: &str) -> Manner {
    let operator = site.running.operator();
    Manner::showing(&operator.root(), &operator.identity(machine)).unwrap()
}

/// An operator asks logging agents at each of their ports, from a desk and from another machine.
fn operators(site: &Site) {
    let operator = site.running.operator();
    let words = [
        "certs",
        "issue",
        site.bed.file().to_str().unwrap(),
        "--operator",
        "ann",
    ];
    operator.done(&words, "").unwrap();
    let folder = operator.state().join("operators/ann");
    let identity = Identity {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    let manner = Manner::showing(&operator.root(), &identity).unwrap();
    let now = Time(1_700_000_000_000_000);
    let span = Span::new(now, now).unwrap();
    let requests = [
        Request::Show,
        Request::Search(Query::within(span)),
        Request::Collect(span),
    ];
    for (from, to) in [(CLIENTS[0], DIR01), (EDGE01, FE01)] {
        let address = site.bed.topology().machine(to).unwrap().address;
        for (port, request) in LOGGING.into_iter().zip(&requests) {
            let at = SocketAddr::new(address, port);
            let asked = site.bed.at(from).enter(|| {
                let mut agent = Controller::connect(&manner, at, to)?;
                agent.ask(request)
            });
            let answer = asked.unwrap();
            assert!(
                matches!(answer.last(), Some(Answer::Done(_))),
                "{from} {to} {port}: {answer:?}"
            );
        }
    }
}

type Counted = Vec<(String, Rule)>;

fn counted(site: &Site) -> Counted {
    let places = site.filters.places();
    let all = places.flat_map(|place| {
        let rules = site.bed.at(place).rules().unwrap().into_iter();
        rules.map(|rule| (place.to_owned(), rule))
    });
    all.collect()
}

/// A machine that was not let out.
fn is_refusal(rule: &Rule) -> bool {
    rule.chain == "output" && rule.comment == "basic rest" && rule.packets != Some(0)
}

/// What the rules of a flow have counted: in machines, out of them and on the way, as far as it has rules there.
fn by_chain(counted: &Counted, flow: u8) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    for (_, rule) in counted.iter().filter(|(_, rule)| rule.flow() == Some(flow)) {
        *sums.entry(rule.chain.as_str()).or_default() += rule.packets.unwrap();
    }
    assert!(
        sums.contains_key("input"),
        "flow {flow} has no rule at its destination"
    );
    sums
}
