//! Who may ask for a certificate, and for whom.

use super::*;

const CERTIFICATES: &str = "/CertProv/Certificates";

fn post(fixture: &Fixture, ticket: Option<&str>) -> Answer {
    let mut request = Request::post(CERTIFICATES).header("host", "webdir.contoso.net");
    if let Some(ticket) = ticket {
        request = request.header("authorization", format!("Bearer {ticket}"));
    }
    fixture.answer((Inside, true), request.body(()).unwrap())
}

#[test]
fn a_certificate_is_for_the_holder_of_the_ticket() {
    let fixture = Fixture::director();
    for user in ["alice", "bob"] {
        let ticket = fixture.ticket_of(Inside, user);
        let answer = post(&fixture, Some(&ticket));
        let aor = answer.enrol.expect("a certificate is to be made");
        assert_eq!(aor.as_str(), format!("sip:{user}@contoso.com"));
        assert_eq!(answer.resource, Some(Resource::Certificates));
    }
}

#[test]
fn nobody_else_is_given_one() {
    let fixture = Fixture::director();
    let outside = fixture.ticket_of(Outside, "alice");
    let (off, gone) = (
        fixture.ticket_of(Inside, "dora"),
        fixture.ticket_of(Inside, "erin"),
    );
    let cases = [
        (None, 401),
        (Some("forged"), 401),
        (Some(&*outside), 401),
        (Some(&*off), 403),
        (Some(&*gone), 403),
    ];
    for (ticket, status) in cases {
        let answer = post(&fixture, ticket);
        assert!(answer.enrol.is_none(), "{ticket:?}");
        assert_eq!(answer.response.status(), status, "{ticket:?}");
    }
    assert_eq!(fixture.backing.forged.get(), 1);
    let ticket = fixture.ticket_of(Inside, "alice");
    let plain = Request::post(CERTIFICATES)
        .header("host", "webdir.contoso.net")
        .header("authorization", format!("Bearer {ticket}"));
    let answer = fixture.answer((Inside, false), plain.body(()).unwrap());
    assert_eq!(
        (answer.response.status().as_u16(), answer.enrol),
        (403, None)
    );
    let read = fixture.get(Inside, "webdir.contoso.net/CertProv/Certificates");
    assert_eq!(
        (read.status().as_u16(), header(&read, "allow")),
        (405, "POST")
    );
}

#[test]
fn what_came_of_it_is_told() {
    let fixture = Fixture::director();
    let (head, ()) = get("webdir.contoso.net/").into_parts();
    let tell = |outcome| {
        fixture
            .site
            .enrolled(&ask((Inside, true), &head), outcome)
            .response
    };
    let issued = tell(Enrolled::Issued("-----BEGIN".to_owned()));
    assert_eq!(issued.status(), 201);
    assert_eq!(
        header(&issued, "content-type"),
        "application/pem-certificate-chain"
    );
    assert_eq!(issued.body(), b"-----BEGIN");
    let refused = tell(Enrolled::Refused("it names bob".to_owned()));
    assert_eq!(
        (refused.status().as_u16(), &**refused.body()),
        (422, &b"it names bob\n"[..])
    );
    let away = tell(Enrolled::Away);
    assert_eq!(
        (away.status().as_u16(), header(&away, "retry-after")),
        (503, "10")
    );
}
