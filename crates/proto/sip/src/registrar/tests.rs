//! The rules of RFC 3261 10.3, one by one.

use super::*;
use crate::location::{Locations as _, Table};
use crate::msg::Limits;

const NOW: UnixMillis = UnixMillis(1_000_000);
pub(super) const RULES: Registrations = Registrations {
    min: Duration::from_secs(60),
    default: Duration::from_secs(600),
    max: Duration::from_secs(900),
    endpoints: 2,
};
pub(super) const AOR: &str = "sip:alice@contoso.com";

/// Lets the registrar decide about a REGISTER of call `call` with these lines.
fn ask(bound: &[Arc<Binding>], call: &str, cseq: u32, lines: &[&str]) -> Result<Outcome, Refusal> {
    request(NOW, bound, call, cseq, lines)
}

/// The same at any time.
pub(super) fn request(
    now: UnixMillis,
    bound: &[Arc<Binding>],
    call: &str,
    cseq: u32,
    lines: &[&str],
) -> Result<Outcome, Refusal> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!(
        "REGISTER sip:contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\nFrom: <{AOR}>;tag=1\r\n\
         To: <{AOR}>\r\nCall-ID: {call}\r\nSupported: outbound\r\nCSeq: {cseq} REGISTER\r\nUser-Agent: a phone\r\n{lines}\
         Content-Length: 0\r\n\r\n"
    );
    let message = Message::parse(text.into_bytes().into(), &Limits::CLIENT)?;
    let request = Request {
        message: &message,
        aor: AOR,
        route: vec!["<sip:edge;lr>".to_owned()],
        remote: true,
        outbound: true,
    };
    register(&RULES, now, bound, &request)
}

/// A user whose REGISTERs are carried out at once.
#[derive(Default)]
struct User {
    table: Table,
}

impl User {
    fn bound(&self) -> Vec<Arc<Binding>> {
        self.table.find(AOR, NOW)
    }

    fn ask(&self, call: &str, cseq: u32, lines: &[&str]) -> Result<(), Refusal> {
        if let Outcome::Change(change) = ask(&self.bound(), call, cseq, lines)? {
            self.table.apply(&change);
        }
        Ok(())
    }

    fn contacts(&self) -> Vec<String> {
        let mut contacts: Vec<_> = self.bound().iter().map(|b| b.contact.clone()).collect();
        contacts.sort();
        contacts
    }
}

#[test]
fn without_a_contact_it_only_asks() {
    assert_eq!(ask(&[], "a", 1, &[]), Ok(Outcome::Fetch));
    assert_eq!(ask(&[], "a", 1, &["Expires: 0"]), Ok(Outcome::Fetch));
}

#[test]
fn a_contact_is_bound_with_all_that_belongs_to_it() {
    let user = User::default();
    let contact = "Contact: \"A\" <sip:a@192.0.2.1:5071;transport=tls>;+sip.instance=\"<urn:uuid:1>\";reg-id=2;q=0.5;\
                   methods=\"INVITE, ACK\";expires=120";
    user.ask("call", 7, &[contact]).unwrap();
    let expected = Binding {
        contact: "sip:a@192.0.2.1:5071;transport=tls".to_owned(),
        params: ";+sip.instance=\"<urn:uuid:1>\";reg-id=2;methods=\"INVITE, ACK\"".to_owned(),
        instance: Some("<urn:uuid:1>".to_owned()),
        reg_id: 2,
        q: 500,
        expires_at: NOW.0 + 120_000,
        call_id: "call".to_owned(),
        cseq: 7,
        route: vec!["<sip:edge;lr>".to_owned()],
        user_agent: "a phone".to_owned(),
        remote: true,
    };
    assert_eq!(user.bound(), [Arc::new(expected.clone())]);
    assert_eq!(
        contact_value(&expected, NOW),
        format!(
            "<{}>{};expires=120;q=0.500",
            expected.contact, expected.params
        )
    );
}

#[test]
fn how_long_a_binding_lives() {
    let cases: [(&[&str], Result<u64, Refusal>); 13] = [
        (&["Contact: <sip:a@b>"], Ok(600)),
        (&["Contact: <sip:a@b>", "Expires: 90"], Ok(90)),
        (&["Contact: <sip:a@b>;expires=70", "Expires: 90"], Ok(70)),
        (&["Contact: sip:a@b;expires=70"], Ok(70)),
        (&["Contact: <sip:a@b>", "Expires: 99999"], Ok(900)),
        (&["Contact: <sip:a@b>;expires=99999999999"], Ok(900)),
        (&["Contact: <sip:a@b>;expires=soon", "Expires: 90"], Ok(900)),
        (&["Contact: <sip:a@b>;expires=", "Expires: 90"], Ok(900)),
        (&["Contact: <sip:a@b>;expires=+80", "Expires: 90"], Ok(900)),
        (&["Contact: <sip:a@b>;expires=-1", "Expires: 90"], Ok(900)),
        (&["Contact: <sip:a@b>", "Expires: 60"], Ok(60)),
        (
            &["Contact: <sip:a@b>", "Expires: 59"],
            Err(Refusal::TooBrief),
        ),
        (&["Contact: <sip:a@b>;expires=1"], Err(Refusal::TooBrief)),
    ];
    for (lines, expected) in cases {
        let user = User::default();
        let outcome = user.ask("a", 1, lines);
        let life = outcome.map(|()| (user.bound()[0].expires_at - NOW.0) / 1000);
        assert_eq!(life, expected, "{lines:?}");
    }
}

#[test]
fn how_much_a_binding_is_preferred() {
    let cases = [
        ("", 1000),
        (";q=1", 1000),
        (";q=0.3", 300),
        (";q=0", 0),
        (";q=7", 1000),
        (";q=-1", 0),
        (";q=nan", 0),
        (";q=much", 1000),
    ];
    for (param, expected) in cases {
        let user = User::default();
        user.ask("a", 1, &[&format!("Contact: <sip:a@b>{param}")])
            .unwrap();
        assert_eq!(user.bound()[0].q, expected, "{param}");
    }
}

/// Steps 6 and 7: what is refused changes nothing, not even by the contacts before the bad one.
#[test]
fn what_breaks_a_rule_is_refused_as_a_whole() {
    let many: Vec<String> = (0..17).map(|n| format!("Contact: <sip:{n}@b>")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: [(&[&str], Refusal); 12] = [
        (&["Contact: *"], Refusal::Star),
        (&["Contact: *", "Expires: 60"], Refusal::Star),
        (&["Contact: *, <sip:a@b>", "Expires: 0"], Refusal::Star),
        (
            &["Contact: <sip:c@d>", "Contact: *", "Expires: 0"],
            Refusal::Star,
        ),
        (&["Contact: <sip:c@d>, <mailto:a@b>"], Refusal::ContactForm),
        (&["Contact: <sip:c@d>, <tel:+15551>"], Refusal::ContactForm),
        (&["Contact: <sip:c@d>, <sip:>"], Refusal::ContactForm),
        (
            &["Contact: <sip:c@d>, <sip:e@f>;expires=1"],
            Refusal::TooBrief,
        ),
        (&["Contact: <sip:c@d>, <sip:e@f>"], Refusal::TooMany),
        (&many, Refusal::TooMany),
        (
            &["Contact: <sip:alice@contoso.com;gr=urn:uuid:1>"],
            Refusal::Circular,
        ),
        (
            &["Contact: <sip:tgruu.x@Contoso.com;gr>"],
            Refusal::Circular,
        ),
    ];
    for (lines, expected) in cases {
        let user = User::default();
        user.ask("a", 1, &["Contact: <sip:a@b>"]).unwrap();
        assert_eq!(user.ask("a", 2, lines), Err(expected), "{lines:?}");
        assert_eq!(user.contacts(), ["sip:a@b"]);
    }
}

#[test]
fn each_refusal_has_its_status() {
    for (refusal, status) in [
        (Refusal::Malformed, 400),
        (Refusal::ContactForm, 400),
        (Refusal::Star, 400),
        (Refusal::OutOfOrder, 400),
        (Refusal::TooLong, 400),
        (Refusal::ManyFlows, 400),
        (Refusal::NoOutbound, 439),
        (Refusal::TooBrief, 423),
        (Refusal::TooMany, 403),
        (Refusal::Circular, 403),
    ] {
        assert_eq!(refusal.status(), status, "{refusal}");
    }
}

/// Step 7: the order of requests with one Call-ID counts; that of others is unknown.
#[test]
fn an_older_request_changes_nothing_and_the_same_one_again_does_no_harm() {
    let cases = [
        ("a", 6, true),
        ("a", 5, true),
        ("a", 4, false),
        ("b", 1, true),
    ];
    for (call, cseq, is_done) in cases {
        for lines in [
            &["Contact: <sip:a@b>"][..],
            &["Contact: <sip:a@b>;expires=0"],
            &["Contact: *", "Expires: 0"],
        ] {
            let user = User::default();
            user.ask("a", 5, &["Contact: <sip:a@b>"]).unwrap();
            let expected = if is_done {
                Ok(())
            } else {
                Err(Refusal::OutOfOrder)
            };
            assert_eq!(
                user.ask(call, cseq, lines),
                expected,
                "{call} {cseq} {lines:?}"
            );
        }
    }
}

#[test]
fn what_is_removed_is_gone_and_the_rest_stays() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["Contact: <sip:a@b>;expires=0"], &["sip:c@d"]),
        (&["Contact: <sip:a@b>", "Expires: 0"], &["sip:c@d"]),
        (&["Contact: <sip:x@y>;expires=0"], &["sip:a@b", "sip:c@d"]),
        (&["Contact: *", "Expires: 0"], &[]),
        (
            &["Contact: <sip:a@b>;expires=0, <sip:e@f>"],
            &["sip:c@d", "sip:e@f"],
        ),
        (
            &["Contact: <sip:e@f>, <sip:c@d>;expires=0"],
            &["sip:a@b", "sip:e@f"],
        ),
    ];
    for (lines, left) in cases {
        let user = User::default();
        user.ask("a", 1, &["Contact: <sip:a@b>, <sip:c@d>"])
            .unwrap();
        user.ask("a", 2, lines).unwrap();
        assert_eq!(user.contacts(), left, "{lines:?}");
    }
}

/// RFC 3261 19.1.4 says when two contacts are one, RFC 5626 6 when two flows are; later ones replace earlier ones, in
/// one request as over several.
#[test]
fn the_same_binding_is_kept_once() {
    let one = "+sip.instance=\"<urn:uuid:1>\"";
    let cases = [
        ("<sip:a@b>", "<sip:a@B>", 1),
        ("<sip:a@b>", "<sip:%61@b>", 1),
        ("<sip:a@b>", "<sip:A@b>", 2),
        ("<sip:a@b>", "<sip:a@b:5060>", 2),
        ("<sip:a@b>", "<sip:a@b;transport=tls>", 2),
        (&format!("<sip:a@b>;{one}"), &format!("<sip:a@c>;{one}"), 1),
        (
            &format!("<sip:a@b>;{one};reg-id=1"),
            &format!("<sip:a@b>;{one};reg-id=2"),
            2,
        ),
        (&format!("<sip:a@b>;{one}"), "<sip:a@b>", 1),
    ];
    for (first, second, count) in cases {
        let user = User::default();
        user.ask("a", 1, &[&format!("Contact: {first}")]).unwrap();
        user.ask("b", 1, &[&format!("Contact: {second}")]).unwrap();
        assert_eq!(user.bound().len(), count, "{first} {second}");
        let user = User::default();
        let both = user.ask("a", 1, &[&format!("Contact: {first}, {second}")]);
        if first.contains("reg-id") {
            assert_eq!(both, Err(Refusal::ManyFlows), "RFC 5626 6");
            continue;
        }
        assert_eq!(both, Ok(()));
        assert_eq!(user.bound().len(), count, "{first}, {second}");
    }
    let user = User::default();
    let on_and_off = ["Contact: <sip:a@b>, <sip:a@b>;expires=0"];
    user.ask("a", 1, &on_and_off).unwrap();
    assert!(user.bound().is_empty(), "the later counts");
}

#[test]
fn removing_is_possible_whatever_the_number_of_endpoints() {
    let user = User::default();
    for (call, contact) in [("a", "sip:a@b"), ("b", "sip:c@d")] {
        user.ask(call, 1, &[&format!("Contact: <{contact}>")])
            .unwrap();
    }
    let third = ["Contact: <sip:e@f>"];
    assert_eq!(user.ask("c", 1, &third), Err(Refusal::TooMany));
    user.ask("c", 2, &["Contact: <sip:a@b>;expires=0"]).unwrap();
    user.ask("c", 3, &third).unwrap();
    assert_eq!(user.contacts(), ["sip:c@d", "sip:e@f"]);
}

/// RFC 5626 6: a flow counts from a client that says `outbound`, with an instance, and over a first hop that keeps it.
#[test]
fn what_makes_a_flow() {
    let cases = [
        ("outbound", ";+sip.instance=\"<i>\";reg-id=1", true, Ok(1)),
        (
            "outbound",
            ";+sip.instance=\"<i>\";reg-id=1",
            false,
            Err(Refusal::NoOutbound),
        ),
        ("path", ";+sip.instance=\"<i>\";reg-id=1", false, Ok(0)),
        ("outbound", ";reg-id=1", false, Ok(0)),
        ("outbound", ";+sip.instance=\"<i>\"", false, Ok(0)),
    ];
    for (supported, params, outbound, expected) in cases {
        let text = format!(
            "REGISTER sip:contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\nFrom: <{AOR}>;tag=1\r\n\
             To: <{AOR}>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\nSupported: {supported}\r\n\
             Contact: <sip:a@b>{params}\r\nContent-Length: 0\r\n\r\n"
        );
        let message = Message::parse(text.into_bytes().into(), &Limits::CLIENT).unwrap();
        let request = Request {
            message: &message,
            aor: AOR,
            route: Vec::new(),
            remote: false,
            outbound,
        };
        let number = register(&RULES, NOW, &[], &request).map(|outcome| match outcome {
            Outcome::Change(change) => change.put[0].reg_id,
            Outcome::Fetch => panic!("there is a contact"),
        });
        assert_eq!(number, expected, "{supported} {params} {outbound}");
    }
}

#[test]
fn a_contact_of_any_length_is_not_kept() {
    let long = format!("Contact: <sip:{}@b>", "a".repeat(MAX_CONTACT));
    assert_eq!(User::default().ask("a", 1, &[&long]), Err(Refusal::TooLong));
}
