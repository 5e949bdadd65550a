//! Requests of HTTP/1.1 that two readers could understand differently, and requests that are too much.
//!
//! In the tables `HOST` stands for the host of the site, and `SMUGGLED` for a whole request that would be answered if
//! what comes before it were read in another way.

/// What is sent, and what may come back: one of these statuses, or with 0 nothing but the end.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) fate: &'static [u16],
}

const BAD: &[u16] = &[400];
const BAD_OR_UNKNOWN: &[u16] = &[400, 501];
const BAD_OR_SILENCE: &[u16] = &[0, 400, 505];
const TOO_MUCH: &[u16] = &[400, 414, 431];
const TOO_LARGE: &[u16] = &[413];

/// Headers of a POST, and what comes after them.
const POSTS: [(&str, &[u16], &str, &str); 25] = [
    (
        "a length and a coding",
        BAD,
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a coding and a length",
        BAD,
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "two lengths",
        BAD,
        "Content-Length: 0\r\nContent-Length: 60\r\n",
        "SMUGGLED",
    ),
    (
        "two equal lengths",
        BAD,
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "SMUGGLED",
    ),
    (
        "a list of lengths",
        BAD,
        "Content-Length: 0, 60\r\n",
        "SMUGGLED",
    ),
    (
        "a length with a sign",
        BAD,
        "Content-Length: +0\r\n",
        "SMUGGLED",
    ),
    (
        "a length in hexadecimal",
        BAD,
        "Content-Length: 0x0\r\n",
        "SMUGGLED",
    ),
    (
        "a length without a number",
        BAD,
        "Content-Length: \r\n",
        "SMUGGLED",
    ),
    (
        "two codings",
        BAD_OR_UNKNOWN,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a coding that is not last",
        BAD_OR_UNKNOWN,
        "Transfer-Encoding: chunked, identity\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a coding like chunked",
        BAD_OR_UNKNOWN,
        "Transfer-Encoding: xchunked\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a coding behind a tab",
        BAD_OR_UNKNOWN,
        "Transfer-Encoding:\x0bchunked\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a space before the colon",
        BAD,
        "Transfer-Encoding : chunked\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a folded header",
        BAD,
        "X-Some: a\r\n Content-Length: 60\r\n",
        "SMUGGLED",
    ),
    (
        "a folded coding",
        BAD,
        "Transfer-Encoding:\r\n chunked\r\n",
        "0\r\n\r\nSMUGGLED",
    ),
    (
        "a line that ends with LF",
        BAD,
        "X-Some: a\nContent-Length: 60\r\n",
        "SMUGGLED",
    ),
    (
        "a line with CR in it",
        BAD,
        "X-Some: a\rContent-Length: 60\r\n",
        "SMUGGLED",
    ),
    ("a line with NUL in it", BAD, "X-Some: a\0b\r\n", "SMUGGLED"),
    (
        "a line without a colon",
        BAD,
        "Content-Length\r\n",
        "SMUGGLED",
    ),
    (
        "a name with a space",
        BAD,
        "Content Length: 60\r\n",
        "SMUGGLED",
    ),
    (
        "a chunk of a negative size",
        BAD,
        "Transfer-Encoding: chunked\r\n",
        "-1\r\n\r\nSMUGGLED",
    ),
    (
        "a chunk of more than there are",
        BAD,
        "Transfer-Encoding: chunked\r\n",
        "fffffffffffffffff\r\nSMUGGLED",
    ),
    (
        "a chunk without its end",
        BAD,
        "Transfer-Encoding: chunked\r\n",
        "1\r\nabc\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "a chunk whose size ends with LF",
        BAD,
        "Transfer-Encoding: chunked\r\n",
        "1\na\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "a chunk of no size",
        BAD,
        "Transfer-Encoding: chunked\r\n",
        "\r\nSMUGGLED",
    ),
];

/// First lines; the host and the end of the connection follow.
const LINES: [(&str, &[u16], &str); 18] = [
    (
        "a version that is none",
        BAD_OR_SILENCE,
        "GET /health HTTP/9.9",
    ),
    (
        "a target of somebody else",
        BAD,
        "GET http://www.fabrikam.com/health HTTP/1.1",
    ),
    ("another scheme", BAD, "GET ftp://HOST/health HTTP/1.1"),
    ("a target that is no path", BAD, "GET health HTTP/1.1"),
    (
        "a method that nobody knows",
        BAD_OR_UNKNOWN,
        "STEAL /health HTTP/1.1",
    ),
    ("a method that mirrors", &[501], "TRACE /health HTTP/1.1"),
    (
        "a method that tunnels",
        BAD_OR_UNKNOWN,
        "CONNECT HOST:443 HTTP/1.1",
    ),
    ("two spaces", BAD, "GET  /health HTTP/1.1"),
    ("a path with two dots", BAD, "GET /../health HTTP/1.1"),
    ("a path with a dot", BAD, "GET /./health HTTP/1.1"),
    ("a path with an empty segment", BAD, "GET //health HTTP/1.1"),
    (
        "a path with escaped dots",
        BAD,
        "GET /%2e%2e/health HTTP/1.1",
    ),
    (
        "a path with an escaped slash",
        BAD,
        "GET /x%2fhealth HTTP/1.1",
    ),
    ("a path with an escaped NUL", BAD, "GET /health%00 HTTP/1.1"),
    ("a path with a backslash", BAD, "GET /x\\health HTTP/1.1"),
    (
        "a path with dots and a parameter",
        BAD,
        "GET /..;/health HTTP/1.1",
    ),
    ("a path with half an escape", BAD, "GET /%zz HTTP/1.1"),
    (
        "a proxy's header of a stranger",
        BAD,
        "PROXY TCP4 10.1.1.1 10.1.1.2 1 80\r\nGET /health HTTP/1.1",
    ),
];

/// Whole requests.
const WHOLE: [(&str, &[u16], &[u8]); 9] = [
    ("no host", BAD, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"),
    ("two hosts", BAD, b"GET /health HTTP/1.1\r\nHost: a.b\r\nHost: a.b\r\nConnection: close\r\n\r\n"),
    ("a host with a user", BAD, b"GET /health HTTP/1.1\r\nHost: x@a.b\r\nConnection: close\r\n\r\n"),
    ("a host with a path", BAD, b"GET /health HTTP/1.1\r\nHost: a.b/x\r\nConnection: close\r\n\r\n"),
    ("HTTP/1.0 without a host", BAD, b"GET /health HTTP/1.0\r\n\r\n"),
    ("HTTP/0.9", BAD_OR_SILENCE, b"GET /health\r\n\r\n"),
    ("a hello of TLS and noise", BAD_OR_SILENCE, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("an early hello of HTTP/2", BAD_OR_SILENCE, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (
        "a binary proxy's header of a stranger",
        BAD_OR_SILENCE,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\x01\x01\x01\x0a\x01\x01\x02\x00\x01\x00\x50GET /health HTTP/1.1\r\n\r\n",
    ),
];

/// Every family.
pub(super) fn cases(host: &str) -> Vec<Case> {
    let smuggled = format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let fill = |text: &str| {
        text.replace("SMUGGLED", &smuggled)
            .replace("HOST", host)
            .into_bytes()
    };
    let posts = POSTS.into_iter().map(|(name, fate, headers, body)| Case {
        name,
        fate,
        bytes: fill(&format!(
            "POST /WebTicket/Ticket HTTP/1.1\r\nHost: HOST\r\n{headers}\r\n{body}"
        )),
    });
    let lines = LINES.into_iter().map(|(name, fate, line)| Case {
        name,
        fate,
        bytes: fill(&format!(
            "{line}\r\nHost: HOST\r\nConnection: close\r\n\r\n"
        )),
    });
    let whole = WHOLE.into_iter().map(|(name, fate, bytes)| Case {
        name,
        fate,
        bytes: bytes.to_vec(),
    });
    posts
        .chain(lines)
        .chain(whole)
        .chain(floods(host))
        .collect()
}

/// Too much of something that is good in itself.
fn floods(host: &str) -> Vec<Case> {
    let large = "a".repeat(64 << 10);
    let of = |name, fate, line: &str, headers: &str, body: &str| Case {
        name,
        fate,
        bytes: format!("{line} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{body}").into_bytes(),
    };
    let post = |name, fate, headers: &str, body: &str| {
        of(name, fate, "POST /WebTicket/Ticket", headers, body)
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        post(
            "a body that is too large",
            TOO_LARGE,
            "Content-Length: 1048576\r\n",
            &large,
        ),
        post(
            "a chunk that is too large",
            TOO_LARGE,
            chunked,
            &format!("100000\r\n{large}"),
        ),
        post(
            "an extension without end",
            BAD,
            chunked,
            &format!("1;{large}\r\n"),
        ),
        post(
            "a flood of headers",
            TOO_MUCH,
            &"X-Flood: a\r\n".repeat(200),
            "",
        ),
        post(
            "a header that is too wide",
            TOO_MUCH,
            &format!("X-Wide: {large}\r\n"),
            "",
        ),
        of(
            "a target that is too long",
            TOO_MUCH,
            &format!("GET /{}", "a".repeat(12 << 10)),
            "Connection: close\r\n",
            "",
        ),
    ]
}
