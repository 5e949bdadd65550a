//! What must hold for any bytes and any cut of them.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::framing::{frames, summary};
use super::{INVITE, REGISTER};

/// Sound messages, keep-alives and messages that are garbled in ways that keep the boundary.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let garbled = "OPTIONS sip:a SIP/3.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nbad line\r\nl: 4\r\n\r\n\r\n\r\n";
    prop_oneof![
        Just(INVITE.to_vec()),
        Just(REGISTER.to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(garbled.into()),
        vec(any::<u8>(), 0..60).prop_map(|body| {
            let head = format!(
                "SIP/2.0 200 OK\r\nX: folded\r\n here\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), &body].concat()
        }),
    ]
}

/// A sample with a few bytes overwritten, taken out or put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"\r\n \t:;,<>\"\\@=/%0\0".to_vec())
    ];
    let change = (any::<proptest::sample::Index>(), 0..3_u8, byte);
    (proptest::bool::ANY, vec(change, 1..6)).prop_map(|(is_invite, changes)| {
        let mut bytes = if is_invite { INVITE } else { REGISTER }.to_vec();
        for (place, kind, byte) in changes {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// Asks everything that can be asked; none of it may panic.
fn interrogate(message: &Message) {
    let _ = message.check();
    let _ = (
        message.method_token(),
        message.uri(),
        message.reason(),
        message.body(),
    );
    for field in message.fields() {
        let _ = (
            field.text(),
            message.named(&String::from_utf8_lossy(field.name_bytes)),
        );
        for element in message.elements(field.name) {
            if let Ok(address) = element.address() {
                let _ = (
                    address.tag(),
                    Uri::parse(address.uri).map(|uri| (uri.aor(), uri.matches(&uri))),
                );
            }
            if let Some(via) = element.text().and_then(|text| Via::parse(text).ok()) {
                let _ = via.noted("192.0.2.1:5060".parse().unwrap());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_stream_gives_the_same_messages_however_it_is_cut(
        pieces in vec(piece(), 1..6),
        cuts in vec(1..400_usize, 1..40),
    ) {
        let stream = pieces.concat();
        let whole = frames(&[&stream]);
        let mut rest = &stream[..];
        let mut cut = Vec::new();
        for len in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*len).min(rest.len()));
            cut.push(now);
            rest = later;
        }
        let cut = frames(&cut);
        // A ping that comes in halves is reported as a lone line end first.
        let without_pongs = |frames: &[Frame]| summary(frames).into_iter().filter(|word| word != "pong").collect::<Vec<_>>();
        prop_assert_eq!(without_pongs(&whole.0), without_pongs(&cut.0));
        prop_assert_eq!(whole.1, cut.1);
        prop_assert_eq!(whole.0.iter().filter(|frame| !matches!(frame, Frame::Pong)).count(), pieces.len());
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400), cut in 1..50_usize) {
        let _ = frames(&bytes.chunks(cut).collect::<Vec<_>>());
        let _ = datagram(bytes.clone().into(), &Limits::CLIENT);
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Via::parse(&text), Address::parse(&text), CSeq::parse(&text));
        if let Ok(uri) = Uri::parse(&text) {
            let _ = uri.aor();
        }
    }

    #[test]
    fn mutated_messages_are_survived_and_written_back_as_they_came(bytes in mutated(), cut in 1..2000_usize) {
        let _ = frames(&bytes.chunks(cut).collect::<Vec<_>>());
        let _ = datagram(bytes.clone().into(), &Limits::CLIENT);
        if let Ok(message) = Message::parse(bytes.clone().into(), &Limits::CLIENT) {
            interrogate(&message);
            prop_assert!(bytes.starts_with(message.bytes()));
            prop_assert_eq!(&message.edit().write(), message.bytes());
            // Written by copying, not by handing on the buffer.
            let set = message.edit().set(Name::Subject, "x").remove(Name::Subject).write();
            if message.get(Name::Subject).is_none() {
                prop_assert_eq!(&set, message.bytes());
            }
            let answer = Reply::to(&message, 400).to_tag("t").write();
            prop_assert!(Message::parse(answer, &Limits::SERVER).is_ok());
        }
    }

    #[test]
    fn what_was_changed_is_read_back(bytes in mutated(), hops in 0..=255_u8, pops in 0..4_usize, text in "\\PC{0,30}") {
        let Ok(message) = Message::parse(bytes.into(), &Limits::CLIENT) else { return Ok(()) };
        let mut edit = message.edit();
        edit.push(Name::Via, "SIP/2.0/TLS new;branch=z9hG4bKn").set(Name::MaxForwards, hops).append_named("X-New", &text);
        for _ in 0..pops {
            edit.pop(Name::Route);
        }
        let written = Message::parse(edit.write(), &Limits::SERVER);
        prop_assert!(written.is_ok());
        let written = written.unwrap();
        prop_assert_eq!(written.via().unwrap().host, "new");
        prop_assert_eq!(written.max_forwards(), Ok(Some(hops)));
        prop_assert_eq!(written.named("x-new").unwrap().text(), Some(text.trim_matches([' ', '\t'])));
        prop_assert_eq!(written.body(), message.body());
        let routes = |message: &Message| message.elements(Name::Route).map(|e| Bytes::copy_from_slice(e.value)).collect::<Vec<_>>();
        prop_assert_eq!(routes(&written), routes(&message).split_off(pops.min(routes(&message).len())));
        let vias = message.elements(Name::Via).count();
        prop_assert_eq!(written.elements(Name::Via).count(), vias + 1);
    }
}
