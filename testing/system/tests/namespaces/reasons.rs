//! One flow, stopped on its way in every manner that a network knows: `verify` says which, and who said so.

use std::net::IpAddr;

use system::bed::INNER;
use system::verified::Verified;

use super::site::{Site, with};

const EDGE01: &str = "edge01.contoso.net";
const FE01: &str = "fe01.contoso.net";
const SIP: u16 = 5061;
/// SIP between Edge and Front End.
const FLOW: u8 = 12;

/// Where it is stopped and how, what is found, and who is said to have said so.
struct Case {
    place: &'static str,
    hook: &'static str,
    action: &'static str,
    found: &'static str,
    by: Option<IpAddr>,
}

fn verify(site: &Site) -> Verified {
    let file = site.bed.file().to_str().unwrap();
    let words = [
        file,
        "--from",
        EDGE01,
        "--unwanted",
        "none",
        "--patience",
        "2",
    ];
    let tried = || site.running.operator().verify(&words).unwrap();
    site.bed.at(EDGE01).enter(tried).1
}

#[test]
fn each_way_of_being_stopped_has_its_own_reason() {
    with(
        "namespaces::each_way_of_being_stopped_has_its_own_reason",
        &[],
        |site| {
            let topology = site.bed.topology();
            let inside = |name: &str| topology.machine(name).unwrap().address;
            let (edge, front_end) = (inside(EDGE01), inside(FE01));
            let router = Some(site.bed.ground().routers[2]);
            let before = verify(site);
            assert!(before.faults().is_empty(), "{:#?}", before.faults());
            let prohibit = "reject with icmpx admin-prohibited";
            let cases = [
                case(FE01, "input", "drop", "dropped", None),
                case(FE01, "input", "reject with tcp reset", "refused", None),
                case(FE01, "input", prohibit, "prohibited", Some(front_end)),
                case(INNER, "forward", "drop", "dropped", None),
                case(INNER, "forward", prohibit, "prohibited", router),
                case(
                    INNER,
                    "forward",
                    "reject with icmpx no-route",
                    "no_route",
                    router,
                ),
                case(EDGE01, "output", prohibit, "prohibited", Some(edge)),
            ];
            for Case {
                place,
                hook,
                action,
                found,
                by,
            } in cases
            {
                let rules = format!(
                    "table inet stray {{\nchain stray {{\ntype filter hook {hook} priority -10;\n\
                     ip saddr {edge} ip daddr {front_end} tcp dport {SIP} {action}\n}}\n}}\n"
                );
                site.bed.at(place).load(&rules).unwrap();
                let all = verify(site);
                site.bed
                    .at(place)
                    .load("delete table inet stray\n")
                    .unwrap();
                expect(&all, found, by, &format!("{action} at {place}"));
            }
            let route = |word: &str| {
                let words = ["route", word, "unreachable", &front_end.to_string()];
                site.bed.at(EDGE01).run("ip", &words, "").unwrap();
            };
            route("add");
            let all = verify(site);
            route("del");
            let lost = all.wrong().filter(|one| one.to == FE01);
            assert!(
                lost.clone().count() > 1
                    && lost
                        .clone()
                        .all(|one| one.found == "no_route" && one.by.is_none())
            );
            assert!(all.faults().iter().all(|(_, to, ..)| *to == FE01));
        },
    );
}

const fn case(
    place: &'static str,
    hook: &'static str,
    action: &'static str,
    found: &'static str,
    by: Option<IpAddr>,
) -> Case {
    Case {
        place,
        hook,
        action,
        found,
        by,
    }
}

fn expect(all: &Verified, found: &str, by: Option<IpAddr>, what: &str) {
    assert_eq!(all.faults(), [(EDGE01, FE01, SIP, found)].into(), "{what}");
    let one = all.wrong().find(|one| one.to == FE01).unwrap();
    assert_eq!(
        (one.flows.as_slice(), one.by),
        ([FLOW].as_slice(), by),
        "{what}: {:?}",
        one.why
    );
}
