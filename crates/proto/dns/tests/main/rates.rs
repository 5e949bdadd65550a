//! Nobody is buried under our answers.

use std::net::IpAddr;
use std::time::Duration;

use base::Mono;
use base::net::{Face, Transport};
use base::random::Random;
use dns::{AllUp, BURST, Outcome, Query, RATE, Rates, Reply, Verdict, cut};
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::RecordType;

use crate::desk::{Ask, contoso};

const VICTIM: &str = "192.0.2.7";

fn reply(query: &[u8]) -> Reply {
    let query = Query {
        bytes: query,
        face: Face::Inside,
        transport: Transport::Udp,
    };
    contoso()
        .answer(query, &AllUp, &mut Random::new([1; 32]))
        .unwrap()
}

fn with_options(name: &str, kind: RecordType) -> Vec<u8> {
    let mut ask = Ask::inside(name, kind);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    ask.message.set_edns(edns);
    ask.bytes()
}

/// Sends queries at an even pace for ten seconds; returns bytes in, bytes out, and answers with records.
fn flood(
    rates: &mut Rates,
    per_second: u64,
    queries: &[Vec<u8>],
    to: IpAddr,
) -> (usize, usize, usize) {
    let (mut came, mut went, mut full) = (0, 0, 0);
    let replies: Vec<Reply> = queries.iter().map(|query| reply(query)).collect();
    for number in 0..per_second * 10 {
        let now = Mono::from_micros(number * 1_000_000 / per_second);
        let at = usize::try_from(number).unwrap() % queries.len();
        let query = &queries[at];
        let reply = &replies[at];
        came += query.len();
        match rates.judge(now, to, reply) {
            Verdict::Send => {
                went += reply.bytes.len();
                full += 1;
            }
            Verdict::Slip => went += cut(query).unwrap().len(),
            Verdict::Drop => {}
        }
    }
    (came, went, full)
}

#[test]
fn a_flood_of_questions_under_anothers_address_sends_there_less_than_it_costs() {
    let kinds = [
        ("_sipinternaltls._tcp.contoso.com", RecordType::SRV),
        ("dirpool01.contoso.net", RecordType::A),
        ("contoso.com", RecordType::ANY),
        ("nothing.contoso.com", RecordType::A),
        ("elsewhere.example.org", RecordType::A),
    ];
    for (name, kind) in kinds {
        let mut rates = Rates::new([1; 32]);
        let query = with_options(name, kind);
        let (came, went, full) = flood(&mut rates, 2_000, &[query], VICTIM.parse().unwrap());
        assert!(went < came, "{name} {kind}: {went} bytes out for {came} in");
        let most = usize::try_from(BURST + 10 * RATE).unwrap() + 1;
        assert!(full <= most, "{name} {kind}: {full} answers");
    }
}

#[test]
fn endless_names_that_do_not_exist_are_one_answer() {
    let queries: Vec<Vec<u8>> = (0..500)
        .map(|n| with_options(&format!("x{n}.contoso.com"), RecordType::A))
        .collect();
    let mut rates = Rates::new([2; 32]);
    let (came, went, _) = flood(&mut rates, 2_000, &queries, VICTIM.parse().unwrap());
    assert!(went < came, "{went} bytes out for {came} in");
}

#[test]
fn spelling_makes_no_other_answer_and_neighbours_are_one_network() {
    let mut rates = Rates::new([3; 32]);
    let spelt = ["sip.contoso.com", "SIP.contoso.com", "sIp.CONTOSO.com"];
    let now = Mono::ZERO;
    for number in 0..BURST {
        let query = with_options(spelt[number as usize % 3], RecordType::A);
        let from = format!("192.0.2.{}", number % 256).parse().unwrap();
        assert_eq!(rates.judge(now, from, &reply(&query)), Verdict::Send);
    }
    let query = with_options("sip.contoso.com", RecordType::A);
    let judged: Vec<Verdict> = (0..4)
        .map(|_| rates.judge(now, VICTIM.parse().unwrap(), &reply(&query)))
        .collect();
    let slips = [Verdict::Drop, Verdict::Slip, Verdict::Drop, Verdict::Slip];
    assert_eq!(judged, slips);
    let elsewhere = "198.51.100.1".parse().unwrap();
    assert_eq!(rates.judge(now, elsewhere, &reply(&query)), Verdict::Send);
    let other = with_options("dirpool01.contoso.net", RecordType::A);
    assert_eq!(
        rates.judge(now, VICTIM.parse().unwrap(), &reply(&other)),
        Verdict::Send
    );
    let later = now.after(Duration::from_secs(1));
    assert_eq!(
        rates.judge(later, VICTIM.parse().unwrap(), &reply(&query)),
        Verdict::Send
    );
}

#[test]
fn more_networks_than_there_are_places_are_still_answered() {
    let mut rates = Rates::new([4; 32]);
    let answer = reply(&with_options("sip.contoso.com", RecordType::A));
    for number in 0..100_000_u32 {
        let from = IpAddr::from((number << 8).to_be_bytes());
        assert_eq!(rates.judge(Mono::ZERO, from, &answer), Verdict::Send);
    }
}

#[test]
fn what_sends_a_client_to_tcp_is_no_longer_than_its_question() {
    for query in [
        Ask::inside("sip.contoso.com", RecordType::A).bytes(),
        with_options("sip.contoso.com", RecordType::A),
    ] {
        let bytes = cut(&query).unwrap();
        assert!(bytes.len() <= query.len());
        let message = Message::from_vec(&bytes).unwrap();
        assert!(message.metadata.truncation && message.answers.is_empty());
        assert_eq!(message.metadata.id, 0x1234);
        let asked = Message::from_vec(&query).unwrap();
        assert_eq!(message.edns.is_some(), asked.edns.is_some());
    }
    assert_eq!(cut(b"short"), None);
    assert_eq!(
        reply(&with_options("contoso.com", RecordType::ANY)).outcome,
        Outcome::Answered
    );
}
