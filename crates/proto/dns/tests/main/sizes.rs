//! How long an answer may be.

use base::net::Transport;
use dns::{Outcome, UDP_MAX, Zone};
use hickory_proto::op::{Edns, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::desk::{Ask, address, addresses, contoso, origin, service};

/// A pool of so many members, and a service that leads to it.
fn crowd(members: u8) -> Zone {
    let records = (0..members).map(|last| address("pool.contoso.net", &format!("10.0.1.{last}")));
    let face = base::net::Face::Inside;
    let to_pool = service(face, "_sip._tls.contoso.net", 5061, "pool.contoso.net");
    Zone::new([origin(face, "contoso.net")], records.chain([to_pool])).unwrap()
}

fn with_edns(mut ask: Ask, payload: u16) -> Ask {
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    ask.message.set_edns(edns);
    ask
}

#[test]
fn an_answer_keeps_to_what_the_client_and_the_network_take() {
    let zone = crowd(70);
    let ask = || Ask::inside("pool.contoso.net", RecordType::A);
    // 70 addresses of 16 bytes each make about 1150 bytes.
    for (ask, limit, truncated) in [
        (ask(), 512, true),
        (with_edns(ask(), 100), 512, true),
        (with_edns(ask(), 1000), 1000, true),
        (with_edns(ask(), 1232), 1232, false),
        (with_edns(ask(), 65_000), usize::from(UDP_MAX), false),
    ] {
        let (reply, message) = ask.of(&zone);
        assert!(reply.bytes.len() <= limit);
        assert_eq!(
            (reply.truncated, message.metadata.truncation),
            (truncated, truncated)
        );
        assert_eq!(message.answers.len(), if truncated { 0 } else { 70 });
        assert_eq!(message.edns.is_some(), ask.message.edns.is_some());
        assert_eq!(message.queries, ask.message.queries);
    }
}

#[test]
fn whoever_comes_over_tcp_gets_everything() {
    let mut ask = Ask::inside("pool.contoso.net", RecordType::A);
    ask.transport = Transport::Tcp;
    let (reply, message) = ask.of(&crowd(250));
    assert!(!reply.truncated && !message.metadata.truncation);
    assert_eq!(addresses(&message).len(), 250);
}

#[test]
fn additional_records_give_way_without_a_sign() {
    let (reply, message) = Ask::inside("_sip._tls.contoso.net", RecordType::SRV).of(&crowd(70));
    assert!(!reply.truncated && !message.metadata.truncation);
    assert_eq!((message.answers.len(), message.additionals.len()), (1, 0));
}

#[test]
fn options_are_answered_with_options_of_ours() {
    let ask = with_edns(Ask::inside("sip.contoso.com", RecordType::A), 4096);
    let (_, message) = ask.of(&contoso());
    let edns = message.edns.unwrap();
    assert_eq!((edns.version(), edns.max_payload()), (0, UDP_MAX));
    assert_eq!(
        Ask::inside("sip.contoso.com", RecordType::A)
            .of(&contoso())
            .1
            .edns,
        None
    );
}

#[test]
fn options_of_a_version_to_come_are_refused_with_the_version_we_know() {
    let mut ask = with_edns(Ask::inside("sip.contoso.com", RecordType::A), 1232);
    if let Some(edns) = &mut ask.message.edns {
        edns.set_version(1);
    }
    let (reply, message) = ask.of(&contoso());
    assert_eq!(reply.outcome, Outcome::EdnsVersion);
    // The same number as BADSIG, which only signed messages know.
    assert_eq!(
        u16::from(message.metadata.response_code),
        u16::from(ResponseCode::BADVERS)
    );
    assert_eq!(message.edns.map(|edns| edns.version()), Some(0));
    assert!(message.answers.is_empty());
}
