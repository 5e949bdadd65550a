//! Requests as they reach the reverse proxy, and as they leave it.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};

use super::{Arrival, BODY_MAX, Publication, Published, Refusal, Way, inward, outward};
use crate::check::Fault;

const MEET: &str = "host: meet.contoso.com";

fn publication() -> Publication {
    let mut publication = Publication::at(443);
    let one = |target, plain| Published { target, plain };
    publication.publish("Meet.contoso.com", one(0, false));
    publication.publish("lyncdiscover.contoso.com", one(0, true));
    publication.publish("fewebext.contoso.com", one(1, false));
    publication
}

fn over_tls(name: &str) -> Arrival<'_> {
    Arrival {
        source: "203.0.113.7".parse().unwrap(),
        secured: true,
        server_name: Some(name),
    }
}

fn plain() -> Arrival<'static> {
    Arrival {
        secured: false,
        server_name: None,
        ..over_tls("")
    }
}

fn asking(method: &str, target: &str, headers: &[&str]) -> Parts {
    let mut builder = Request::builder().method(method).uri(target);
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn decide(parts: &Parts, arrival: Arrival<'_>) -> Result<Way, Refusal> {
    publication().decide(parts, arrival)
}

fn pass(target: usize) -> Result<Way, Refusal> {
    Ok(Way::Pass {
        target,
        websocket: false,
    })
}

/// The headers with which a request leaves.
fn leaving(headers: &[&str]) -> HeaderMap {
    let mut parts = asking("GET", "/", headers);
    outward(&mut parts, over_tls("meet.contoso.com"), false);
    parts.headers
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn the_name_decides_where_a_request_goes() {
    let meet = asking("GET", "/alice/1", &[MEET]);
    assert_eq!(decide(&meet, over_tls("meet.contoso.com")), pass(0));
    let other = asking("GET", "/", &["host: FEWEBEXT.contoso.com:443"]);
    assert_eq!(decide(&other, over_tls("fewebext.contoso.com")), pass(1));
}

#[test]
fn unknown_names_and_wrong_pairs_get_the_same_answer() {
    let stranger = asking("GET", "/", &["host: fe01.contoso.net"]);
    let misdirected = Err(Refusal::Fault(Fault::Misdirected));
    assert_eq!(decide(&stranger, plain()), misdirected);
    assert_eq!(decide(&stranger, over_tls("fe01.contoso.net")), misdirected);
    let pair = asking("GET", "/", &[MEET]);
    assert_eq!(decide(&pair, over_tls("fewebext.contoso.com")), misdirected);
}

#[test]
fn what_is_plain_is_sent_to_https_unless_it_is_discovery() {
    let redirect = |method: &str, target: &str| match decide(
        &asking(method, target, &["host: meet.contoso.com:80"]),
        plain(),
    ) {
        Ok(Way::Redirect { location, status }) => (location.to_str().unwrap().to_owned(), status),
        other => panic!("{other:?}"),
    };
    let (location, status) = redirect("GET", "/a?b=c%20d");
    assert_eq!(location, "https://meet.contoso.com/a?b=c%20d");
    assert_eq!(status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(redirect("POST", "/").1, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(redirect("OPTIONS", "*").0, "https://meet.contoso.com/");
    let discovery = asking(
        "GET",
        "/?sipuri=sip:a@contoso.com",
        &["host: LyncDiscover.contoso.com"],
    );
    assert_eq!(decide(&discovery, plain()), pass(0));
}

#[test]
fn a_redirect_names_the_port_where_tls_is_if_it_is_not_the_usual_one() {
    let mut publication = Publication::at(10_443);
    let published = Published {
        target: 0,
        plain: false,
    };
    publication.publish("meet.contoso.com", published);
    let way = publication.decide(&asking("GET", "/a", &[MEET]), plain());
    let Ok(Way::Redirect { location, .. }) = way else {
        panic!("{way:?}");
    };
    assert_eq!(location, "https://meet.contoso.com:10443/a");
}

#[test]
fn bodies_are_bounded() {
    let of = |length: u64| asking("POST", "/", &[MEET, &format!("content-length: {length}")]);
    let name = over_tls("meet.contoso.com");
    assert_eq!(decide(&of(BODY_MAX), name), pass(0));
    assert_eq!(decide(&of(BODY_MAX + 1), name), Err(Refusal::TooLarge));
    assert_eq!(Refusal::TooLarge.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn only_a_whole_opening_is_a_websocket() {
    let opening = ["connection: keep-alive, Upgrade", "upgrade: WebSocket"];
    let is_websocket = |method: &str, headers: &[&str]| {
        let headers = [&[MEET], headers].concat();
        let way = decide(&asking(method, "/", &headers), over_tls("meet.contoso.com"));
        matches!(
            way,
            Ok(Way::Pass {
                websocket: true,
                ..
            })
        )
    };
    assert!(is_websocket("GET", &opening));
    assert!(!is_websocket("POST", &opening));
    assert!(!is_websocket("GET", &["upgrade: websocket"]));
    assert!(!is_websocket(
        "GET",
        &["connection: upgrade", "upgrade: h2c"]
    ));
    assert!(!is_websocket(
        "GET",
        &["connection: upgrade", "upgrade: websocket, h2c"]
    ));
    assert!(!is_websocket(
        "GET",
        &[opening[0], opening[1], "content-length: 1"]
    ));
}

#[test]
fn headers_of_the_connection_stay_on_it() {
    let headers = leaving(&[
        MEET,
        "connection: close, X-Hop",
        "x-hop: 1",
        "keep-alive: timeout=5",
        "te: trailers",
        "trailer: x",
        "transfer-encoding: chunked",
        "upgrade: h2c",
        "proxy-authorization: Basic x",
        "http2-settings: AA",
        "x-stays: Ünchanged",
    ]);
    let gone = [
        "connection",
        "x-hop",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-authorization",
        "http2-settings",
    ];
    for name in gone {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert!(headers.contains_key("x-stays"));
    assert_eq!(all(&headers, "host"), ["meet.contoso.com"]);
}

#[test]
fn nobody_has_headers_taken_off_that_the_target_needs() {
    for option in [
        "Host",
        "close, Authorization",
        "x-forwarded-for",
        "cookie",
        "Via",
    ] {
        let parts = asking("GET", "/", &[MEET, &format!("connection: {option}")]);
        assert_eq!(
            decide(&parts, over_tls("meet.contoso.com")),
            Err(Refusal::Connection),
            "{option}"
        );
    }
}

#[test]
fn who_a_request_is_for_is_said_by_the_proxy_alone() {
    let headers = leaving(&[
        MEET,
        "x-forwarded-for: 10.0.0.1",
        "X-Forwarded-Prefix: /evil",
        "forwarded: for=10.0.0.1",
        "forwarded: for=10.0.0.2",
        "x-real-ip: 10.0.0.1",
        "x-original-url: /admin",
    ]);
    assert_eq!(all(&headers, "x-forwarded-for"), ["203.0.113.7"]);
    assert_eq!(all(&headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&headers, "x-forwarded-host"), ["meet.contoso.com"]);
    assert_eq!(
        all(&headers, "forwarded"),
        ["for=203.0.113.7;host=meet.contoso.com;proto=https"]
    );
    for name in ["x-forwarded-prefix", "x-real-ip", "x-original-url"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[test]
fn nodes_and_hosts_with_colons_are_quoted() {
    let mut parts = asking("GET", "/", &["host: meet.contoso.com:80"]);
    let source: IpAddr = "2001:db8::7".parse().unwrap();
    outward(&mut parts, Arrival { source, ..plain() }, false);
    let expected = "for=\"[2001:db8::7]\";host=\"meet.contoso.com:80\";proto=http";
    assert_eq!(all(&parts.headers, "forwarded"), [expected]);
    assert_eq!(all(&parts.headers, "x-forwarded-for"), ["2001:db8::7"]);
}

#[test]
fn a_request_of_http_2_leaves_as_one_of_http_1() {
    let mut parts = asking(
        "GET",
        "https://meet.contoso.com/a?b",
        &["cookie: a=1", "cookie: b=2"],
    );
    parts.version = Version::HTTP_2;
    outward(&mut parts, over_tls("meet.contoso.com"), false);
    assert_eq!(parts.version, Version::HTTP_11);
    assert_eq!(parts.uri, "/a?b");
    assert_eq!(all(&parts.headers, "host"), ["meet.contoso.com"]);
    assert_eq!(all(&parts.headers, "cookie"), ["a=1; b=2"]);
    assert_eq!(all(&parts.headers, "via"), ["2.0 vestibule"]);
}

#[test]
fn what_outsiders_say_of_the_name_of_a_request_goes_no_further_and_no_answer_says_it() {
    let said = "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    let headers = leaving(&[MEET, said, "tracestate: a=b"]);
    assert!(
        headers
            .keys()
            .all(|name| !name.as_str().starts_with("trace"))
    );
    let answer = Response::builder()
        .header("traceparent", "00-a-b-01")
        .header("traceresponse", "00-a-b-01");
    let (mut parts, ()) = answer.body(()).unwrap().into_parts();
    inward(&mut parts, false);
    assert!(parts.headers.is_empty(), "{:?}", parts.headers);
}

#[test]
fn via_is_added_to_what_others_have_added() {
    let headers = leaving(&[MEET, "via: 1.1 other"]);
    assert_eq!(all(&headers, "via"), ["1.1 other", "1.1 vestibule"]);
}

#[test]
fn an_answer_leads_nobody_past_the_proxy() {
    let answer = Response::builder()
        .header("connection", "x-inner")
        .header("x-inner", "fe01")
        .header("keep-alive", "timeout=5")
        .header("alt-svc", "h2=\"fe01:4443\"")
        .header("content-type", "text/html");
    let (mut parts, ()) = answer.body(()).unwrap().into_parts();
    inward(&mut parts, false);
    let names: Vec<&str> = parts.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-type"]);
    inward(&mut parts, true);
    assert_eq!(all(&parts.headers, "upgrade"), ["websocket"]);
}
