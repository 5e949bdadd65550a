//! One message: whatever is asked of it answers without panic; unchanged it is written as it came; a change leaves
//! every other byte alone and reads back; an answer to it is a message; URIs equal themselves, both ways round.

use bytes::Bytes;
use sip::msg::{Address, CSeq, Limits, Message, Name, Reply, Uri, Via};

/// Pairs of URIs that are compared for one message.
const URIS: usize = 8;

/// Reads the bytes as a message and checks what must hold for it.
///
/// # Panics
/// When a property does not hold.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (Via::parse(&text), Address::parse(&text), CSeq::parse(&text));
    if let Ok(uri) = Uri::parse(&text) {
        compare(&[uri]);
    }
    let Ok(message) = Message::parse(Bytes::copy_from_slice(bytes), &Limits::CLIENT) else {
        return;
    };
    assert!(bytes.starts_with(message.bytes()), "nothing is made up");
    ask(&message);
    let _ = message.check();
    assert_eq!(
        message.edit().write(),
        message.bytes(),
        "written as it came"
    );
    change(&message);
    let answer = Reply::to(&message, 400).to_tag("t").write();
    assert!(
        Message::parse(answer, &Limits::SERVER).is_ok(),
        "an answer is a message"
    );
}

fn ask(message: &Message) {
    let _ = (
        message.method_token(),
        message.reason(),
        message.accepts("a/b"),
    );
    let _ = (
        message.event().is_ok(),
        message.subscription_state().is_ok(),
    );
    let _ = (
        message.session_expires(),
        message.min_se(),
        message.min_expires(),
    );
    let _ = (
        message.flow_timer(),
        message.max_breadth(),
        message.timestamp(),
    );
    let _ = (
        message.retry_after().is_ok(),
        message.rack(),
        message.rseq(),
    );
    let _ = (
        message.replaces().is_ok(),
        message.join().is_ok(),
        message.privacy(),
    );
    let _ = (
        message.etag(),
        message.if_match(),
        message.refer_to().is_ok(),
    );
    let _ = (message.reasons().count(), message.warnings().count());
    let _ = (
        message.content_type().is_ok(),
        message.content_disposition(),
    );
    if let Ok(Some(seconds)) = message.date() {
        let shown = sip::msg::date(seconds).to_string();
        assert_eq!(
            sip::msg::unix_seconds(&shown),
            Some(seconds),
            "a date reads back"
        );
    }
    let mut uris: Vec<Uri<'_>> = Vec::new();
    uris.extend(Uri::parse(message.uri()));
    for field in message.fields() {
        for element in message.elements(field.name).take(URIS) {
            if let Ok(address) = element.address() {
                let _ = (
                    address.tag(),
                    address.param("q"),
                    address.params.iter().count(),
                );
                uris.extend(Uri::parse(address.uri));
            }
            if let Some(via) = element.text().and_then(|text| Via::parse(text).ok()) {
                let noted = via.noted(([192, 0, 2, 1], 5060).into());
                assert!(
                    noted.is_none_or(|noted| Via::parse(&noted).is_ok()),
                    "a noted Via is one"
                );
            }
        }
        if uris.len() > URIS {
            break;
        }
    }
    uris.truncate(URIS);
    compare(&uris);
}

fn compare(uris: &[Uri<'_>]) {
    for one in uris {
        assert!(one.matches(one), "equal to itself: {}", one.as_str());
        if let Some(aor) = one.aor() {
            let again = Uri::parse(&aor).ok().and_then(|uri| uri.aor());
            assert_eq!(
                again.as_ref(),
                Some(&aor),
                "canonical twice is canonical once"
            );
        }
        for other in uris {
            assert_eq!(
                one.matches(other),
                other.matches(one),
                "{} {}",
                one.as_str(),
                other.as_str()
            );
        }
    }
}

fn change(message: &Message) {
    let mut edit = message.edit();
    edit.push(Name::Via, "SIP/2.0/TLS new;branch=z9hG4bKn");
    edit.pop(Name::Route).append(Name::MinExpires, 7);
    let written = edit.write();
    let changed = Message::parse(written, &Limits::SERVER);
    let Ok(changed) = changed else {
        panic!("a changed message is one: {:?}", changed.err());
    };
    assert_eq!(changed.via().map(|via| via.host), Ok("new"));
    assert_eq!(changed.body(), message.body(), "the body is left alone");
    let others = |message: &Message, skip: &[Name]| -> Vec<(Vec<u8>, Vec<u8>)> {
        let fields = message.fields().filter(|field| !skip.contains(&field.name));
        fields
            .map(|field| (field.name_bytes.to_vec(), field.value.to_vec()))
            .collect()
    };
    let touched = [Name::Via, Name::Route, Name::MinExpires];
    assert_eq!(
        others(&changed, &touched),
        others(message, &touched),
        "others are left alone"
    );
    let values = |message: &Message, name| -> Vec<Vec<u8>> {
        message
            .elements(name)
            .map(|element| element.value.to_vec())
            .collect()
    };
    let (vias, old_vias) = (values(&changed, Name::Via), values(message, Name::Via));
    assert_eq!(vias.get(1..), Some(&*old_vias));
    let (routes, old) = (values(&changed, Name::Route), values(message, Name::Route));
    assert_eq!(Some(&*routes), old.get(1.min(old.len())..));
}
