//! What is answered to whom.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base::net::Face;
use base::random::Random;
use dns::{AllUp, Health, Outcome, Query};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RData, RecordType};

use crate::desk::{Ask, addresses, contoso, name_of};

#[test]
fn a_pool_has_the_addresses_of_its_members_by_family() {
    let (reply, four) = Ask::inside("dirpool01.contoso.net", RecordType::A).of(&contoso());
    assert_eq!(reply.outcome, Outcome::Answered);
    assert_eq!(four.metadata.response_code, ResponseCode::NoError);
    assert!(four.metadata.authoritative && four.metadata.recursion_desired);
    assert!(!four.metadata.recursion_available);
    assert_eq!(four.metadata.id, 0x1234);
    assert_eq!(addresses(&four), ["10.0.0.11", "10.0.0.12"]);
    let (_, six) = Ask::inside("dirpool01.contoso.net", RecordType::AAAA).of(&contoso());
    assert_eq!(addresses(&six), ["fd00::11"]);
}

#[test]
fn a_service_brings_the_addresses_of_its_host() {
    let ask = Ask::inside("_sipinternaltls._tcp.contoso.com", RecordType::SRV);
    let (_, message) = ask.of(&contoso());
    let [record] = message.answers.as_slice() else {
        panic!("one SRV record")
    };
    let RData::SRV(service) = &record.data else {
        panic!("an SRV record")
    };
    assert_eq!(
        (service.port, &service.target),
        (5061, &name_of("sip.contoso.com"))
    );
    let hosts: BTreeSet<_> = message
        .additionals
        .iter()
        .filter_map(|r| r.data.ip_addr())
        .collect();
    assert_eq!(hosts.len(), 2);
    assert!(
        message
            .additionals
            .iter()
            .all(|record| record.name == name_of("sip.contoso.com"))
    );
}

#[test]
fn each_face_sees_its_own() {
    let mut ask = Ask::inside("sip.contoso.com", RecordType::A);
    assert_eq!(addresses(&ask.of(&contoso()).1), ["10.0.0.11", "10.0.0.12"]);
    ask.face = Face::Outside;
    assert_eq!(addresses(&ask.of(&contoso()).1), ["203.0.113.10"]);
    let mut inner = Ask::inside("_sipinternaltls._tcp.contoso.com", RecordType::SRV);
    inner.face = Face::Outside;
    assert_eq!(inner.of(&contoso()).0.outcome, Outcome::NoSuchName);
    let mut machine = Ask::inside("dirpool01.contoso.net", RecordType::A);
    machine.face = Face::Outside;
    assert_eq!(machine.of(&contoso()).0.outcome, Outcome::NotOurs);
}

#[test]
fn names_match_in_any_case_and_come_back_as_they_were_asked() {
    let (_, message) = Ask::inside("sIp.CoNtOsO.cOm", RecordType::A).of(&contoso());
    assert_eq!(addresses(&message).len(), 2);
    for name in [&message.answers[0].name, message.queries[0].name()] {
        assert!(name.eq_case(&name_of("sIp.CoNtOsO.cOm")));
    }
}

#[test]
fn a_name_that_is_not_there_is_denied_with_the_soa_of_its_domain() {
    let (reply, message) = Ask::inside("nobody.contoso.com", RecordType::A).of(&contoso());
    assert_eq!(reply.outcome, Outcome::NoSuchName);
    assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
    assert!(message.metadata.authoritative && message.answers.is_empty());
    let [soa] = message.authorities.as_slice() else {
        panic!("the SOA record")
    };
    assert_eq!((&soa.name, soa.ttl), (&name_of("contoso.com"), 30));
    let RData::SOA(soa) = &soa.data else {
        panic!("an SOA record")
    };
    assert_eq!(
        (&soa.mname, soa.minimum),
        (&name_of("dns01.contoso.net"), 30)
    );
}

#[test]
fn a_name_without_records_of_the_type_exists_all_the_same() {
    // RFC 8020: denying `_tcp.contoso.com` would deny the service beneath it.
    for (name, kind) in [
        ("sip.contoso.com", RecordType::AAAA),
        ("sip.contoso.com", RecordType::HTTPS),
        ("_tcp.contoso.com", RecordType::SRV),
    ] {
        let (reply, message) = Ask::inside(name, kind).of(&contoso());
        assert_eq!(reply.outcome, Outcome::NoData, "{name}");
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert_eq!((message.answers.len(), message.authorities.len()), (0, 1));
    }
}

#[test]
fn a_domain_says_who_answers_for_it() {
    let (_, soa) = Ask::inside("contoso.com", RecordType::SOA).of(&contoso());
    assert_eq!(soa.answers.len(), 1);
    let (_, ns) = Ask::inside("contoso.net", RecordType::NS).of(&contoso());
    let [record] = ns.answers.as_slice() else {
        panic!("one NS record")
    };
    assert!(matches!(&record.data, RData::NS(server) if server.0 == name_of("dns01.contoso.net")));
    assert_eq!(ns.additionals.len(), 1, "its address comes along");
    let mut outside = Ask::inside("contoso.com", RecordType::NS);
    outside.face = Face::Outside;
    assert_eq!(
        outside.of(&contoso()).0.outcome,
        Outcome::NoData,
        "machines are not named outside"
    );
}

#[test]
fn names_of_others_other_classes_and_transfers_are_refused() {
    let mut chaos = Ask::inside("contoso.com", RecordType::TXT);
    chaos.message.queries[0].set_query_class(DNSClass::CH);
    for (ask, outcome) in [
        (
            Ask::inside("www.example.org", RecordType::A),
            Outcome::NotOurs,
        ),
        (Ask::inside("xcontoso.com", RecordType::A), Outcome::NotOurs),
        (Ask::inside(".", RecordType::NS), Outcome::NotOurs),
        (
            Ask::inside("contoso.com", RecordType::AXFR),
            Outcome::NotOffered,
        ),
        (
            Ask::inside("contoso.com", RecordType::IXFR),
            Outcome::NotOffered,
        ),
        (chaos, Outcome::NotOffered),
    ] {
        let (reply, message) = ask.of(&contoso());
        assert_eq!(reply.outcome, outcome);
        assert_eq!(message.metadata.response_code, ResponseCode::Refused);
        assert!(!message.metadata.authoritative);
        assert_eq!(message.all_sections().count(), 0);
        assert!(reply.bytes.len() <= ask.bytes().len());
    }
}

#[test]
fn whoever_asks_for_anything_gets_next_to_nothing() {
    let (_, message) = Ask::inside("dirpool01.contoso.net", RecordType::ANY).of(&contoso());
    let [record] = message.answers.as_slice() else {
        panic!("one record")
    };
    assert_eq!(record.record_type(), RecordType::HINFO);
    let (reply, _) = Ask::inside("nobody.contoso.net", RecordType::ANY).of(&contoso());
    assert_eq!(reply.outcome, Outcome::NoSuchName);
}

#[test]
fn an_alias_is_followed_within_the_zone_and_no_further() {
    let count = |name: &str, kind| {
        let (reply, message) = Ask::inside(name, kind).of(&contoso());
        (
            reply.outcome,
            message.answers.len(),
            message.authorities.len(),
        )
    };
    assert_eq!(
        count("old.contoso.com", RecordType::A),
        (Outcome::Answered, 3, 0)
    );
    assert_eq!(
        count("old.contoso.com", RecordType::CNAME),
        (Outcome::Answered, 1, 0)
    );
    assert_eq!(
        count("old.contoso.com", RecordType::TXT),
        (Outcome::NoData, 1, 1)
    );
    assert_eq!(
        count("gone.contoso.com", RecordType::A),
        (Outcome::NoSuchName, 1, 1)
    );
    assert_eq!(
        count("away.contoso.com", RecordType::A),
        (Outcome::Answered, 1, 0)
    );
    let (outcome, steps, _) = count("round.contoso.com", RecordType::A);
    assert_eq!((outcome, steps), (Outcome::Answered, dns::ALIASES_MAX + 1));
}

#[test]
fn text_comes_in_its_pieces() {
    let (_, message) = Ask::inside("about.contoso.com", RecordType::TXT).of(&contoso());
    let RData::TXT(text) = &message.answers[0].data else {
        panic!("a TXT record")
    };
    assert_eq!(text.txt_data.len(), 2);
}

/// Takes one address for unreachable, or all.
struct Down(Option<IpAddr>);

impl Health for Down {
    fn is_up(&self, name: &str, address: IpAddr) -> bool {
        assert_eq!(name, name.to_ascii_lowercase());
        self.0.is_some_and(|down| down != address)
    }
}

#[test]
fn what_is_down_is_left_out_unless_nothing_is_up() {
    let one = Down(Some("10.0.0.11".parse().unwrap()));
    let ask = Ask::inside("SIP.contoso.com", RecordType::A);
    assert_eq!(addresses(&ask.with(&contoso(), &one).1), ["10.0.0.12"]);
    assert_eq!(addresses(&ask.with(&contoso(), &Down(None)).1).len(), 2);
    let service = Ask::inside("_sipinternaltls._tcp.contoso.com", RecordType::SRV);
    assert_eq!(service.with(&contoso(), &one).1.additionals.len(), 1);
}

#[test]
fn members_take_turns_and_the_same_stream_gives_the_same_bytes() {
    let zone = contoso();
    let bytes = Ask::inside("sip.contoso.com", RecordType::A).bytes();
    let run = |seed: u8| {
        let mut random = Random::new([seed; 32]);
        let query = Query {
            bytes: &bytes,
            face: Face::Inside,
            transport: base::net::Transport::Udp,
        };
        (0..100)
            .map(|_| zone.answer(query, &AllUp, &mut random).unwrap().bytes)
            .collect::<Vec<_>>()
    };
    let first = run(1);
    assert_eq!(first, run(1));
    let different: BTreeSet<_> = first.iter().collect();
    assert_eq!(
        different.len(),
        2,
        "both orders occur, and nothing but the order changes"
    );
    let ahead = first.iter().filter(|bytes| *bytes == &first[0]).count();
    assert!((25..=75).contains(&ahead), "{ahead} of 100");
}
