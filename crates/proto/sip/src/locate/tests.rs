//! Searches through their questions and answers.

use super::*;
use std::collections::BTreeMap;

const TTL: Duration = Duration::from_secs(60);

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record::Srv {
        priority,
        weight,
        port,
        target: target.to_owned(),
    }
}

fn ip(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

/// Plays a name service that knows these records; returns the questions and what was found.
fn search(mut lookup: Lookup, zone: &[(Kind, &str, Vec<Record>)]) -> (Vec<String>, Vec<String>) {
    let mut random = Random::new([7; 32]);
    let mut asked = Vec::new();
    loop {
        match lookup.next() {
            Next::Found { addresses, .. } => {
                return (asked, addresses.iter().map(ToString::to_string).collect());
            }
            Next::Ask(question) => {
                let known = zone
                    .iter()
                    .find(|(kind, name, _)| *kind == question.kind && *name == question.name);
                asked.push(format!("{:?} {}", question.kind, question.name));
                assert!(asked.len() < 20, "it never ends");
                let answer = known.map_or(Answer::Nothing, |(_, _, records)| Answer::Records {
                    records: records.clone(),
                    life: TTL,
                });
                lookup.answer(answer, &mut random);
            }
        }
    }
}

fn fabrikam() -> Lookup {
    Lookup::of_domain("fabrikam.com".into(), 5061)
}

#[test]
fn naptr_for_tls_leads_to_its_srv_and_other_services_are_passed_over() {
    let naptr = |preference, service: &str, replacement: &str| Record::Naptr {
        order: 10,
        preference,
        service: service.to_owned(),
        replacement: replacement.to_owned(),
    };
    let zone = [
        (
            Kind::Naptr,
            "fabrikam.com",
            vec![
                naptr(1, "SIP+D2U", "_sip._udp.fabrikam.com"),
                naptr(2, "SIPS+D2T", "_sips._tcp.hosting.example"),
            ],
        ),
        (
            Kind::Srv,
            "_sips._tcp.hosting.example",
            vec![srv(1, 0, 7061, "a.hosting.example")],
        ),
        (
            Kind::Address,
            "a.hosting.example",
            vec![ip("192.0.2.1"), ip("2001:db8::1")],
        ),
    ];
    let (asked, found) = search(fabrikam(), &zone);
    assert_eq!(found, ["192.0.2.1:7061", "[2001:db8::1]:7061"]);
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[test]
fn without_naptr_the_names_of_federation_and_of_sips_are_asked_then_the_domain_itself() {
    let (asked, found) = search(fabrikam(), &[]);
    assert!(found.is_empty());
    assert_eq!(
        asked,
        [
            "Naptr fabrikam.com",
            "Srv _sipfederationtls._tcp.fabrikam.com",
            "Srv _sips._tcp.fabrikam.com",
            "Address fabrikam.com"
        ]
    );
    let itself = [(Kind::Address, "fabrikam.com", vec![ip("192.0.2.9")])];
    assert_eq!(search(fabrikam(), &itself).1, ["192.0.2.9:5061"]);
}

#[test]
fn a_target_of_a_lone_dot_says_that_the_service_is_not_there() {
    let zone = [
        (
            Kind::Srv,
            "_sipfederationtls._tcp.fabrikam.com",
            vec![srv(0, 0, 0, "")],
        ),
        (Kind::Address, "fabrikam.com", vec![ip("192.0.2.9")]),
    ];
    assert!(search(fabrikam(), &zone).1.is_empty());
}

#[test]
fn priorities_order_and_weights_share() {
    let mut firsts: BTreeMap<String, u32> = BTreeMap::new();
    let mut random = Random::new([3; 32]);
    for _ in 0..4000 {
        let records = vec![
            srv(2, 9, 1, "last"),
            srv(1, 30, 1, "heavy"),
            srv(1, 10, 1, "light"),
        ];
        let ordered = by_weight(records, &mut random);
        assert_eq!(ordered[2].0, "last");
        *firsts.entry(ordered[0].0.clone()).or_default() += 1;
    }
    let heavy = firsts["heavy"];
    assert!((2800..3200).contains(&heavy), "{firsts:?}");
}

#[test]
fn servers_that_are_written_down_are_found_without_srv_and_addresses_without_any_question() {
    let servers = [
        (Arc::from("192.0.2.1"), 5061),
        (Arc::from("[2001:db8::7]"), 5071),
        (Arc::from("b.fabrikam.com"), 5081),
    ];
    let zone = [(Kind::Address, "b.fabrikam.com", vec![ip("192.0.2.3")])];
    let (asked, found) = search(Lookup::of_servers("fabrikam.com".into(), &servers), &zone);
    assert_eq!(asked, ["Address b.fabrikam.com"]);
    assert_eq!(
        found,
        ["192.0.2.1:5061", "[2001:db8::7]:5071", "192.0.2.3:5081"]
    );
}

#[test]
fn a_thousand_records_end_in_a_bounded_search() {
    let many = (0..1000)
        .map(|n| srv(1, n, 5061, "a.fabrikam.com"))
        .collect();
    let addresses = (0..200)
        .map(|n: u8| Record::Address(IpAddr::from([192, 0, 2, n])))
        .collect();
    let zone = [
        (Kind::Srv, "_sipfederationtls._tcp.fabrikam.com", many),
        (Kind::Address, "a.fabrikam.com", addresses),
    ];
    let (asked, found) = search(fabrikam(), &zone);
    assert_eq!(found.len(), MAX_ADDRESSES);
    assert!(asked.len() <= 2 + MAX_TARGETS, "{asked:?}");
}
