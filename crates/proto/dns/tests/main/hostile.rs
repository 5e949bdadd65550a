//! What is not a proper query.

use base::net::{Face, Transport};
use base::random::Random;
use dns::{AllUp, Outcome, QUERY_MAX, Query, Reply, Silence, UDP_MAX};
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;
use proptest::prelude::*;

use crate::desk::{Ask, contoso};

fn ask(bytes: &[u8]) -> Result<Reply, Silence> {
    let query = Query {
        bytes,
        face: Face::Inside,
        transport: Transport::Udp,
    };
    contoso().answer(query, &AllUp, &mut Random::new([1; 32]))
}

fn good() -> Vec<u8> {
    Ask::inside("sip.contoso.com", RecordType::A).bytes()
}

/// Asserts that only a header comes back, with this code.
fn assert_bare(bytes: &[u8], outcome: Outcome, code: ResponseCode) {
    let reply = ask(bytes).unwrap();
    assert_eq!(
        (reply.outcome, reply.bytes.len()),
        (outcome, 12),
        "{bytes:02x?}"
    );
    let message = Message::from_vec(&reply.bytes).unwrap();
    assert_eq!(message.metadata.response_code, code);
    assert_eq!(reply.bytes[..2], bytes[..2], "the identifier comes back");
}

#[test]
fn what_is_shorter_than_a_header_hears_nothing() {
    for length in 0..12 {
        assert_eq!(ask(&good()[..length]), Err(Silence::TooShort));
    }
}

#[test]
fn an_answer_is_never_answered() {
    let mut bytes = good();
    bytes[2] |= 0x80;
    assert_eq!(ask(&bytes), Err(Silence::NotAQuery));
}

#[test]
fn a_message_cut_anywhere_is_malformed() {
    let good = good();
    for length in 12..good.len() {
        assert_bare(&good[..length], Outcome::Malformed, ResponseCode::FormErr);
    }
}

#[test]
fn bytes_after_the_end_are_malformed() {
    let mut bytes = good();
    bytes.push(0);
    assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
    bytes.resize(QUERY_MAX + 1, 0);
    assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
}

#[test]
fn counts_that_promise_more_than_a_question_are_malformed() {
    // Questions, answers, authorities, additionals: the low byte of each count.
    for (at, count) in [(5, 0), (5, 2), (7, 1), (9, 2), (11, 5)] {
        let mut bytes = good();
        bytes[at] = count;
        assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
    }
    let mut bytes = good();
    bytes[4..12].fill(0xff);
    assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
}

#[test]
fn a_question_that_points_into_the_header_is_malformed() {
    let header = &good()[..12];
    for pointer in [[0xc0, 0x00], [0xc0, 0x04], [0xc0, 0x0c]] {
        let bytes = [header, &pointer, &[0, 1, 0, 1]].concat();
        assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
    }
}

#[test]
fn two_sets_of_options_are_malformed() {
    let mut ask = Ask::inside("sip.contoso.com", RecordType::A);
    ask.message.set_edns(Edns::new());
    let mut bytes = ask.bytes();
    let options = bytes[bytes.len() - 11..].to_vec();
    bytes.extend(options);
    bytes[11] = 2;
    assert_bare(&bytes, Outcome::Malformed, ResponseCode::FormErr);
}

#[test]
fn other_operations_are_not_implemented() {
    for operation in 1..16_u8 {
        let mut bytes = good();
        bytes[2] = operation << 3;
        assert_bare(&bytes, Outcome::NotImplemented, ResponseCode::NotImp);
    }
}

#[test]
fn asking_for_options_as_if_they_were_records_is_malformed() {
    let (reply, _) = Ask::inside("sip.contoso.com", RecordType::OPT).of(&contoso());
    assert_eq!(reply.outcome, Outcome::Malformed);
}

/// What holds for every reply, whatever was sent.
fn assert_sound(bytes: &[u8]) {
    let Ok(reply) = ask(bytes) else { return };
    assert!(reply.bytes.len() <= usize::from(UDP_MAX));
    assert_eq!(reply.bytes[..2], bytes[..2]);
    let message = Message::from_vec(&reply.bytes).unwrap();
    assert!(message.metadata.message_type == hickory_proto::op::MessageType::Response);
    let is_answer = matches!(
        reply.outcome,
        Outcome::Answered | Outcome::NoData | Outcome::NoSuchName
    );
    assert!(
        is_answer || reply.bytes.len() <= bytes.len(),
        "{:?}: {bytes:02x?}",
        reply.outcome
    );
}

/// A query as phones send them, to be damaged.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "sip.contoso.com",
        "_sipinternaltls._tcp.contoso.com",
        "www.example.org",
        ".",
    ];
    let kinds = [
        RecordType::A,
        RecordType::SRV,
        RecordType::ANY,
        RecordType::NS,
        RecordType::OPT,
    ];
    let chosen = (
        prop::sample::select(names.to_vec()),
        prop::sample::select(kinds.to_vec()),
    );
    (chosen, prop::option::of(any::<u16>())).prop_map(|((name, kind), payload)| {
        let mut ask = Ask::inside(name, kind);
        if let Some(payload) = payload {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            ask.message.set_edns(edns);
        }
        ask.bytes()
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_get_a_sound_reply_or_none(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        assert_sound(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_header_get_a_sound_reply(
        tail in prop::collection::vec(any::<u8>(), 0..300),
        authorities in 0..2_u8,
        additionals in 0..5_u8,
    ) {
        let mut bytes = vec![0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, authorities, 0, additionals];
        bytes.extend(tail);
        assert_sound(&bytes);
    }

    #[test]
    fn a_damaged_query_gets_a_sound_reply(
        mut bytes in query(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for (at, value) in damages {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        assert_sound(&bytes);
    }
}
