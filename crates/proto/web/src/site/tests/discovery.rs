//! Autodiscover and the short addresses: what clients find.

use super::*;

fn user_document(
    fixture: &Fixture,
    location: Location,
    host: &str,
    user: &str,
) -> Response<Vec<u8>> {
    let mut request = get(&format!("{host}{ROOT}/user?sipuri={user}@contoso.com"));
    let ticket = format!("opaque={}", fixture.ticket_of(location, user));
    request
        .headers_mut()
        .insert("x-ms-webticket", ticket.parse().unwrap());
    fixture.send((location, true), request)
}

#[test]
fn without_tls_the_root_has_one_link_and_it_leads_to_tls_on_the_same_site() {
    let fixture = Fixture::director();
    for (location, host, expected) in [
        (
            Inside,
            "lyncdiscoverinternal.contoso.com/",
            "https://webdir.contoso.net:10443",
        ),
        (
            Inside,
            "webdir.contoso.net/Autodiscover/AutodiscoverService.svc/root",
            "https://webdir.contoso.net:10443",
        ),
        (
            Outside,
            "lyncdiscover.contoso.com/",
            "https://webdirext.contoso.com",
        ),
    ] {
        let request = get(&format!("{host}?sipuri=alice@contoso.com"));
        let response = fixture.send((location, false), request);
        assert_eq!(response.status(), 200, "{host}");
        let links = json(&response)["Root"]["Links"].as_array().unwrap().clone();
        assert_eq!(links.len(), 1);
        let href = link(&response, "Root", "Redirect").unwrap();
        assert_eq!(
            href,
            format!("{expected}{ROOT}?sipuri=sip:alice@contoso.com")
        );
    }
}

#[test]
fn with_tls_the_root_says_the_same_of_everybody() {
    let fixture = Fixture::director();
    for user in ["alice", "bob", "nobody", "dora"] {
        let response = fixture.get(
            Outside,
            &format!("lyncdiscover.contoso.com/?sipuri={user}@contoso.com"),
        );
        assert_eq!(response.status(), 200);
        assert_eq!(json(&response)["AccessLocation"], "External");
        let href = link(&response, "Root", "User").unwrap();
        let expected =
            format!("https://webdirext.contoso.com{ROOT}/user?sipuri=sip:{user}@contoso.com");
        assert_eq!(href, expected);
        assert!(
            link(&response, "Root", "Domain").is_some()
                && link(&response, "Root", "Redirect").is_none()
        );
    }
    let response = fixture.get(Outside, "lyncdiscover.contoso.com/?sipuri=x@fabrikam.com");
    assert_eq!(
        (response.status().as_u16(), response.body().len()),
        (404, 0)
    );
}

#[test]
fn the_open_client_gets_the_form_that_it_reads() {
    let mut request = get(&format!(
        "webdir.contoso.net{ROOT}?sipuri=alice@contoso.com"
    ));
    let accept = "application/vnd.microsoft.rtc.autodiscover+xml;v=1";
    request
        .headers_mut()
        .insert("accept", accept.parse().unwrap());
    let response = Fixture::director().send((Inside, true), request);
    assert!(
        header(&response, "content-type")
            .starts_with("application/vnd.microsoft.rtc.autodiscover+xml")
    );
    let text = String::from_utf8(response.body().clone()).unwrap();
    assert!(
        text.contains(
            "AccessLocation=\"Internal\"><Root><Link token=\"User\" href=\"https://webdir"
        )
    );
}

#[test]
fn a_user_at_home_elsewhere_is_sent_there_and_one_at_home_is_told_where_to_sign_in() {
    let director = Fixture::director();
    for (location, host, user, expected) in [
        (
            Inside,
            "webdir.contoso.net",
            "alice",
            "https://web-fepool01.contoso.net:10443",
        ),
        (
            Inside,
            "webdir.contoso.net",
            "bob",
            "https://web-fepool02.contoso.net:10443",
        ),
        (
            Outside,
            "webdirext.contoso.com",
            "bob",
            "https://web-fepool02.contoso.com",
        ),
    ] {
        let response = user_document(&director, location, host, user);
        let href = link(&response, "User", "Redirect").unwrap();
        assert_eq!(
            href,
            format!("{expected}{ROOT}?sipuri=sip:{user}@contoso.com")
        );
        assert_eq!(
            json(&response)["User"].as_object().unwrap().len(),
            1,
            "nothing but links"
        );
    }
    let home = Fixture::of_pool("fepool01");
    let response = user_document(&home, Inside, "webdir.contoso.net", "alice");
    let user = json(&response)["User"].clone();
    assert_eq!(
        user["SipClientInternalAccess"]["fqdn"],
        "dirpool01.contoso.net"
    );
    assert_eq!(user["SipClientInternalAccess"]["port"], "5061");
    assert_eq!(user["SipClientExternalAccess"]["fqdn"], "sip.contoso.com");
    assert_eq!(
        user["SipServerInternalAccess"]["fqdn"],
        "fepool01.contoso.net"
    );
    assert!(
        link(&response, "User", "Self").is_some() && link(&response, "User", "Redirect").is_none()
    );
}

#[test]
fn a_user_who_moves_is_sent_to_the_new_home_at_once() {
    let fixture = Fixture::of_pool("fepool01");
    let at = |fixture: &Fixture| user_document(fixture, Inside, "webdir.contoso.net", "alice");
    assert_eq!(link(&at(&fixture), "User", "Redirect"), None);
    put(&fixture.users, 9, "alice", "fepool02", true);
    let href = link(&at(&fixture), "User", "Redirect").unwrap();
    assert!(
        href.starts_with("https://web-fepool02.contoso.net:10443/"),
        "{href}"
    );
}

#[test]
fn clients_outside_are_told_nothing_of_the_inside() {
    let home = Fixture::of_pool("fepool01");
    let documents = [
        user_document(&home, Outside, "webdirext.contoso.com", "alice"),
        home.get(Outside, &format!("webdirext.contoso.com{ROOT}/domain")),
        home.get(Outside, &format!("webdirext.contoso.com{ROOT}")),
        home.get(Outside, "webdirext.contoso.com/health"),
    ];
    for response in documents {
        assert_eq!(response.status(), 200);
        let text = String::from_utf8(response.body().clone()).unwrap();
        assert!(!text.contains("contoso.net"), "{text}");
    }
}

#[test]
fn an_account_that_is_gone_off_or_of_no_pool_has_no_document() {
    let fixture = Fixture::director();
    for user in ["nobody", "dora", "carl"] {
        let response = user_document(&fixture, Inside, "webdir.contoso.net", user);
        assert_eq!(
            (response.status().as_u16(), response.body().len()),
            (404, 0),
            "{user}"
        );
    }
}

#[test]
fn pages_have_a_strict_policy_and_lead_to_tls() {
    let fixture = Fixture::director();
    for address in [
        "meet.contoso.com/alice/4K2X",
        "meet.contoso.com/",
        "lync.contoso.com/Dialin",
    ] {
        let page = fixture.get(Outside, address);
        assert_eq!(page.status(), 200, "{address}");
        assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(header(&page, "x-frame-options"), "DENY");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let plain = fixture.send((Inside, false), get(address));
        assert_eq!(plain.status(), 301);
        let (host, path) = address.split_once('/').unwrap();
        assert_eq!(
            header(&plain, "location"),
            format!("https://{host}:10443/{path}")
        );
    }
}

#[test]
fn administration_is_for_those_inside() {
    let fixture = Fixture::director();
    let inside = fixture.get(Inside, "lync.contoso.com/admin");
    assert_eq!(inside.status(), 200);
    assert!(
        String::from_utf8(inside.body().clone())
            .unwrap()
            .contains("dir01.contoso.net")
    );
    assert_eq!(fixture.get(Outside, "lync.contoso.com/admin").status(), 404);
    assert_eq!(
        fixture
            .send((Outside, false), get("lync.contoso.com/admin"))
            .status(),
        404
    );
}

#[test]
fn a_head_is_answered_like_a_get_without_the_body() {
    let fixture = Fixture::director();
    let whole = fixture.get(Inside, "webdir.contoso.net/health");
    let mut request = get("webdir.contoso.net/health");
    *request.method_mut() = http::Method::HEAD;
    let head = fixture.send((Inside, true), request);
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(
        header(&head, "content-length"),
        whole.body().len().to_string()
    );
    assert_eq!(header(&head, "content-type"), "application/health+json");
}
