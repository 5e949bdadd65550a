//! Tickets: who gets one, and what it opens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const TICKET: &str = "webdir.contoso.net/WebTicket/Ticket";

fn ask(fixture: &Fixture, secure: bool, credentials: Option<&str>) -> Response<Vec<u8>> {
    let mut request = get(TICKET);
    *request.method_mut() = http::Method::POST;
    if let Some(credentials) = credentials {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        request
            .headers_mut()
            .insert("authorization", value.parse().unwrap());
    }
    fixture.send((Inside, secure), request)
}

fn user_with(fixture: &Fixture, location: Location, bearer: Option<&str>) -> Response<Vec<u8>> {
    let host = if location == Inside {
        "webdir.contoso.net"
    } else {
        "webdirext.contoso.com"
    };
    let mut request = get(&format!("{host}{ROOT}/user?sipuri=alice@contoso.com"));
    if let Some(bearer) = bearer {
        let value = format!("Bearer {bearer}");
        request
            .headers_mut()
            .insert("authorization", value.parse().unwrap());
    }
    fixture.send((location, true), request)
}

#[test]
fn who_has_no_ticket_is_told_where_to_get_one_and_with_it_gets_the_document() {
    let fixture = Fixture::of_pool("fepool01");
    let first = user_with(&fixture, Inside, None);
    assert_eq!(first.status(), 401);
    assert_eq!(
        header(&first, "x-ms-webticketurl"),
        "https://webdir.contoso.net:10443/WebTicket/Ticket"
    );
    assert_eq!(
        header(&first, "www-authenticate"),
        "Bearer realm=\"contoso.com\""
    );
    let issued = ask(&fixture, true, Some("alice@contoso.com:secret"));
    assert_eq!(
        (issued.status().as_u16(), header(&issued, "cache-control")),
        (200, "no-store")
    );
    let ticket = json(&issued)["access_token"].as_str().unwrap().to_owned();
    assert_eq!(json(&issued)["expires_in"], 600);
    assert_eq!(user_with(&fixture, Inside, Some(&ticket)).status(), 200);
    let other_member = Fixture::of_pool("fepool02");
    let there = user_with(&other_member, Inside, Some(&ticket));
    assert!(
        link(&there, "User", "Redirect").is_some(),
        "another pool believes it"
    );
}

#[test]
fn a_wrong_password_an_unknown_user_and_one_who_is_off_are_answered_alike() {
    let fixture = Fixture::director();
    let wrong = ask(&fixture, true, Some("alice:other"));
    assert_eq!((wrong.status().as_u16(), wrong.body().len()), (401, 0));
    assert_eq!(
        header(&wrong, "www-authenticate"),
        "Basic realm=\"contoso.com\", charset=\"UTF-8\""
    );
    for credentials in ["nobody:secret", "dora:secret", "alice@fabrikam.com:secret"] {
        let other = ask(&fixture, true, Some(credentials));
        assert_eq!(other.status(), wrong.status());
        assert_eq!(other.headers(), wrong.headers(), "{credentials}");
    }
    assert_eq!(fixture.backing.asked.get(), 4, "each of them was looked at");
    assert_eq!(ask(&fixture, true, None).headers(), wrong.headers());
    assert_eq!(
        fixture.backing.asked.get(),
        4,
        "no password, nothing to look at"
    );
}

#[test]
fn who_failed_too_often_waits_and_without_tls_no_password_is_looked_at() {
    let fixture = Fixture::director();
    fixture.backing.slowed.set(true);
    let slowed = ask(&fixture, true, Some("alice:secret"));
    assert_eq!(
        (slowed.status().as_u16(), header(&slowed, "retry-after")),
        (503, "60")
    );
    fixture.backing.slowed.set(false);
    let plain = ask(&fixture, false, Some("alice:secret"));
    assert_eq!(
        (plain.status().as_u16(), header(&plain, "www-authenticate")),
        (403, "")
    );
    assert_eq!(fixture.backing.asked.get(), 1);
}

#[test]
fn a_ticket_opens_nothing_of_others_nothing_elsewhere_and_nothing_when_it_is_forged() {
    let fixture = Fixture::of_pool("fepool01");
    let bobs = fixture.ticket_of(Inside, "bob");
    assert_eq!(user_with(&fixture, Inside, Some(&bobs)).status(), 403);
    let outside = fixture.ticket_of(Outside, "alice");
    assert_eq!(user_with(&fixture, Outside, Some(&outside)).status(), 200);
    let elsewhere = user_with(&fixture, Inside, Some(&outside));
    assert_eq!(elsewhere.status(), 401);
    assert!(header(&elsewhere, "www-authenticate").ends_with("error=\"invalid_token\""));
    assert_eq!(fixture.backing.forged.get(), 0);
    let strangers = Keys::new(&[9; 32]).mint(NOON, "sip:alice@contoso.com", Inside);
    let old = UnixMillis(NOON.0 - 600_000);
    let over = fixture.site.keys.mint(old, "sip:alice@contoso.com", Inside);
    for (ticket, forged) in [(&*strangers, 1), ("x", 2), (&*over, 2)] {
        assert_eq!(user_with(&fixture, Inside, Some(ticket)).status(), 401);
        assert_eq!(fixture.backing.forged.get(), forged, "{ticket}");
    }
}
