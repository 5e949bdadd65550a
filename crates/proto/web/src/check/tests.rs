//! Requests as the codec hands them over, and what becomes of them.

use http::{Request, StatusCode, Version};
use proptest::prelude::*;

use super::{Asked, Fault, Host, TARGET_MAX, request, same_name};

/// A request of HTTP/1.1 with these headers, each `name: value`.
fn asking(method: &str, target: &str, headers: &[&str]) -> http::request::Parts {
    let mut builder = Request::builder().method(method).uri(target);
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn get(target: &str) -> Result<(), Fault> {
    fault("GET", target, &["host: web.contoso.com"])
}

fn fault(method: &str, target: &str, headers: &[&str]) -> Result<(), Fault> {
    request(&asking(method, target, headers)).map(drop)
}

fn with(headers: &[&str]) -> Result<(), Fault> {
    let mut all = vec!["host: web.contoso.com"];
    all.extend(headers);
    fault("POST", "/", &all)
}

#[test]
fn a_request_that_says_one_thing_passes() {
    let parts = asking(
        "GET",
        "/Autodiscover/a.svc/root?sipuri=sip:alice@contoso.com",
        &["host: Web.contoso.com:4443"],
    );
    let expected = Asked {
        host: Host {
            name: "Web.contoso.com",
            port: Some(4443),
        },
        path: "/Autodiscover/a.svc/root",
        query: Some("sipuri=sip:alice@contoso.com"),
    };
    assert_eq!(request(&parts), Ok(expected));
}

#[test]
fn a_body_has_one_length() {
    assert_eq!(with(&["content-length: 5"]), Ok(()));
    assert_eq!(with(&["transfer-encoding: Chunked"]), Ok(()));
    let both = ["content-length: 5", "transfer-encoding: chunked"];
    let twice = ["content-length: 5", "content-length: 5"];
    for headers in [&both, &twice] {
        assert_eq!(with(headers), Err(Fault::Length));
    }
    for length in ["5, 5", "+5", "-1", "0x5", "5 5", "", "99999999999999999999"] {
        assert_eq!(
            with(&[&format!("content-length: {length}")]),
            Err(Fault::Length),
            "{length}"
        );
    }
}

#[test]
fn only_chunked_is_a_coding() {
    for coding in [
        "gzip",
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "xchunked",
        "chunked;q=1",
    ] {
        let refused = with(&[&format!("transfer-encoding: {coding}")]);
        assert_eq!(refused, Err(Fault::Coding), "{coding}");
    }
    let twice = ["transfer-encoding: chunked", "transfer-encoding: chunked"];
    assert_eq!(with(&twice), Err(Fault::Length));
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut parts = asking(
            "POST",
            "/",
            &["host: a.example", "transfer-encoding: chunked"],
        );
        parts.version = version;
        assert_eq!(request(&parts).map(drop), Err(Fault::Length));
    }
}

#[test]
fn a_request_names_one_host() {
    assert_eq!(fault("GET", "/", &[]), Err(Fault::Host));
    assert_eq!(
        fault("GET", "/", &["host: a.example", "host: a.example"]),
        Err(Fault::Host)
    );
    let bad = [
        "", "a b", "a..b", ".a", "a:", "a:0", "a:65536", "a:+80", "a:80:80", "u@a", "a/b", "a%2e",
        "a,b", "[::1", "[::1]x", "[a]", "a?b", "a#b", "*",
    ];
    for host in bad {
        assert_eq!(
            fault("GET", "/", &[&format!("host: {host}")]),
            Err(Fault::Host),
            "{host}"
        );
    }
    for host in [
        "a",
        "a.example.",
        "A.Example:443",
        "10.0.0.1",
        "[::1]:80",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(
            fault("GET", "/", &[&format!("host: {host}")]),
            Ok(()),
            "{host}"
        );
    }
    let long = format!("host: {}", ["a"; 128].join("."));
    assert_eq!(fault("GET", "/", &[&long]), Err(Fault::Host));
}

#[test]
fn a_target_that_names_a_host_names_the_same() {
    let absolute = "http://web.contoso.com/a";
    assert_eq!(get(absolute), Ok(()));
    assert_eq!(
        fault("GET", absolute, &["host: WEB.contoso.com:80"]),
        Ok(())
    );
    assert_eq!(
        fault("GET", absolute, &["host: other.contoso.com"]),
        Err(Fault::Host)
    );
    assert_eq!(
        fault(
            "GET",
            "http://web.contoso.com:81/",
            &["host: web.contoso.com:80"]
        ),
        Err(Fault::Host)
    );
    assert_eq!(
        fault(
            "GET",
            "http://u:p@web.contoso.com/",
            &["host: web.contoso.com"]
        ),
        Err(Fault::Host)
    );
    assert_eq!(get("ftp://web.contoso.com/"), Err(Fault::Target));
}

#[test]
fn http_2_may_name_its_host_in_the_target_alone() {
    let mut parts = asking("GET", "https://web.contoso.com/", &[]);
    assert_eq!(
        request(&parts).map(drop),
        Err(Fault::Host),
        "HTTP/1.1 needs Host"
    );
    parts.version = Version::HTTP_2;
    assert_eq!(
        request(&parts).map(|asked| asked.host.name),
        Ok("web.contoso.com")
    );
}

#[test]
fn an_authority_or_an_asterisk_is_no_path() {
    assert_eq!(get("web.contoso.com:443"), Err(Fault::Target));
    assert_eq!(get("*"), Err(Fault::Target));
    assert_eq!(fault("OPTIONS", "*", &["host: web.contoso.com"]), Ok(()));
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_refused() {
    let tricks = [
        "/../a",
        "/a/..",
        "/a/./b",
        "/.",
        "/..",
        "/a/%2e%2E/b",
        "/.%2e/a",
        "/%2e",
        "/..;x=1/a",
        "/.;/a",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%00",
        "/a%0d%0aX:1",
        "/%7f",
        "//a",
        "/a//b",
        "/a//",
        "//",
        "/a%252fb",
        "/%25",
    ];
    for path in tricks {
        assert_eq!(get(path), Err(Fault::Path), "{path}");
    }
    for path in [
        "/a\\b", "/a%", "/a%2", "/a%zz", "/a|b", "/a^b", "/a[b]", "/ä",
    ] {
        assert_eq!(get(path), Err(Fault::Target), "{path}");
    }
    for path in [
        "/",
        "/a/",
        "/...",
        "/.well-known/x",
        "/a..b",
        "/a%20b",
        "/%e2%82%ac",
        "/a;v=1.2/b",
        "/a:b@c",
    ] {
        assert_eq!(get(path), Ok(()), "{path}");
    }
}

#[test]
fn targets_are_bounded() {
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert_eq!(get(&target(TARGET_MAX)), Ok(()));
    assert_eq!(get(&target(TARGET_MAX + 1)), Err(Fault::TooLong));
}

#[test]
fn methods_that_nothing_knows_are_not_implemented() {
    for method in ["CONNECT", "TRACE", "TRACK", "PROPFIND", "get", "X"] {
        assert_eq!(
            fault(method, "/", &["host: a.example"]),
            Err(Fault::Method),
            "{method}"
        );
    }
}

#[test]
fn what_stands_once_stands_once() {
    assert_eq!(
        with(&["authorization: a", "authorization: b"]),
        Err(Fault::Repeated)
    );
    assert_eq!(
        with(&["upgrade: websocket", "upgrade: h2c"]),
        Err(Fault::Repeated)
    );
    assert_eq!(with(&["expect: 100-Continue"]), Ok(()));
    assert_eq!(with(&["expect: 200-ok"]), Err(Fault::Expectation));
}

#[test]
fn a_connection_is_for_the_name_that_was_called() {
    let host = Host::parse("web.contoso.com:443").unwrap();
    assert_eq!(same_name(None, &host), Ok(()));
    assert_eq!(same_name(Some("WEB.contoso.com"), &host), Ok(()));
    assert_eq!(
        same_name(Some("meet.contoso.com"), &host),
        Err(Fault::Misdirected)
    );
    assert_eq!(Fault::Misdirected.status(), StatusCode::MISDIRECTED_REQUEST);
}

proptest! {
    /// Whoever resolves the path of a request that passed, decoding it first, finds nothing to resolve.
    #[test]
    fn what_passes_has_no_segment_to_resolve(path in "(/|\\.|%2e|%2F|%5c|%25|a|;|\\\\|%00){0,12}") {
        let target = format!("/{path}");
        let parts = asking("GET", &target, &["host: a.example"]);
        if request(&parts).is_ok() {
            let decoded = target.replace("%2e", ".");
            prop_assert!(!decoded.contains('%') && !decoded.contains('\\') && !decoded.contains("//"));
            for segment in decoded.split('/') {
                let name = segment.split(';').next().unwrap();
                prop_assert!(!matches!(name, "." | ".."), "{}", target);
            }
        }
    }

    /// A host that passes is what it says, and reads the same when it is written again.
    #[test]
    fn hosts_are_stable(text in "[a-z0-9:.\\[\\]@%-]{0,20}") {
        if let Ok(host) = Host::parse(&text) {
            let again = host.to_string();
            prop_assert_eq!(Host::parse(&again), Ok(host));
        }
    }
}
