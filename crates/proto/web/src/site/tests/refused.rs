//! Requests that get nothing: other hosts, tricks in paths, other methods.

use http::{Method, Version};
use proptest::prelude::*;

use super::*;

fn status(location: Location, address: &str) -> u16 {
    Fixture::director().get(location, address).status().as_u16()
}

#[test]
fn a_host_that_is_not_of_this_site_is_refused_and_the_answer_names_none() {
    for (location, host) in [
        (Inside, "www.fabrikam.com"),
        (Inside, "webdirext.contoso.com"),
        (Outside, "webdir.contoso.net"),
        (Outside, "dir01.contoso.net"),
        (Outside, "lyncdiscoverinternal.contoso.com"),
        (Inside, "127.0.0.1"),
        (Inside, "localhost"),
    ] {
        for path in ["/health", "/", "/x"] {
            let response = Fixture::director().get(location, &format!("{host}{path}"));
            assert_eq!(
                (response.status().as_u16(), response.body().len()),
                (421, 0),
                "{host}"
            );
            let mut headers = response.headers().values();
            assert!(!headers.any(|value| value.to_str().unwrap().contains("contoso")));
        }
    }
}

#[test]
fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let fixture = Fixture::director();
    let none = Request::get("/health").body(()).unwrap();
    assert_eq!(fixture.send((Inside, true), none).status(), 400);
    let mut two = get("webdir.contoso.net/health");
    two.headers_mut()
        .append("host", "webdir.contoso.net".parse().unwrap());
    assert_eq!(fixture.send((Inside, true), two).status(), 400);
    for (target, expected) in [
        ("https://WEBDIR.contoso.net:10443/health", 200),
        ("https://www.fabrikam.com/health", 421),
    ] {
        let request = Request::get(target).version(Version::HTTP_2);
        let request = request.body(()).unwrap();
        let status = fixture.send((Inside, true), request).status();
        assert_eq!(status, expected, "{target}");
    }
}

#[test]
fn tricks_in_a_path_are_refused_and_what_is_unknown_is_not_there() {
    for path in [
        "/../health",
        "/./health",
        "/a/../health",
        "//health",
        "/%2e%2e/health",
        "/health%00",
        "/a\\..\\health",
        "/Autodiscover/..%2fhealth",
    ] {
        assert_eq!(
            status(Inside, &format!("webdir.contoso.net{path}")),
            400,
            "{path}"
        );
    }
    for address in [
        "webdir.contoso.net/",
        "webdir.contoso.net/healthy",
        "webdir.contoso.net/%68ealth",
        "webdir.contoso.net/health;x=1",
        "webdir.contoso.net/health/",
        "webdir.contoso.net/Autodiscover",
        "webdir.contoso.net/alice/1",
        "meet.contoso.com/alice",
        "meet.contoso.com/health",
        "lync.contoso.com/",
        "lync.contoso.com/dialinx",
        "lync.contoso.com/dialin/x",
    ] {
        assert_eq!(status(Inside, address), 404, "{address}");
    }
    assert_eq!(status(Inside, "webdir.contoso.net/HEALTH?x"), 200);
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let fixture = Fixture::director();
    for (address, method, allow) in [
        ("webdir.contoso.net/health", Method::POST, "GET, HEAD"),
        ("webdir.contoso.net/health", Method::PUT, "GET, HEAD"),
        ("webdir.contoso.net/WebTicket/Ticket", Method::GET, "POST"),
        ("meet.contoso.com/alice/1", Method::DELETE, "GET, HEAD"),
        ("lyncdiscover.contoso.com/", Method::OPTIONS, "GET, HEAD"),
    ] {
        let mut request = get(address);
        *request.method_mut() = method.clone();
        let response = fixture.send((Inside, true), request);
        let got = (response.status().as_u16(), header(&response, "allow"));
        assert_eq!(got, (405, allow), "{method} {address}");
    }
}

#[test]
fn a_user_that_cannot_be_read_is_a_bad_request() {
    for query in [
        "sipuri=",
        "sipuri=a@contoso.com&sipuri=b@contoso.com",
        "sipuri=%00@contoso.com",
    ] {
        for resource in ["", "/user", "/domain"] {
            let address = format!("webdir.contoso.net{ROOT}{resource}?{query}");
            assert_eq!(status(Inside, &address), 400, "{address}");
        }
    }
}

#[test]
fn services_without_tls_begin_again_with_tls() {
    let fixture = Fixture::director();
    let request = get(&format!(
        "webdir.contoso.net{ROOT}/user?sipuri=alice@contoso.com"
    ));
    let response = fixture.send((Inside, false), request);
    assert_eq!(response.status(), 301);
    let expected = format!("https://webdir.contoso.net:10443{ROOT}?sipuri=sip:alice@contoso.com");
    assert_eq!(header(&response, "location"), expected);
}

proptest! {
    #[test]
    fn any_request_is_answered_and_none_by_a_fault_of_ours(
        target in "(/[!-~]{0,30}|/Autodiscover/AutodiscoverService.svc/root(/user|/domain)?)(\\?(sipuri=)?[!-~]{0,30})?",
        host in "(webdir.contoso.net|meet.contoso.com|lync.contoso.com|lyncdiscover.contoso.com|[!-~]{0,20})",
        name in "(authorization|accept|x-ms-webticket)",
        value in "(Basic |Bearer |opaque=)?[ -~]{0,40}",
        secure in any::<bool>(),
        outside in any::<bool>(),
    ) {
        let request = Request::get(&target).header("host", &host).header(&name, &value).body(());
        prop_assume!(request.is_ok());
        let location = if outside { Outside } else { Inside };
        let response = Fixture::director().send((location, secure), request.unwrap());
        prop_assert!(response.status().as_u16() < 500, "{}", response.status());
        let text = String::from_utf8_lossy(response.body()).into_owned();
        prop_assert!(!outside || !text.contains("contoso.net"), "{}", text);
    }
}
