//! The pieces of bad input, and what has to come of each.

use std::fmt::Write as _;

/// What has to come of a piece of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// This status, and the connection goes on.
    Answered(u16),
    /// This status, and the connection is closed.
    AnsweredAndClosed(u16),
    /// The connection is closed without a word.
    Closed,
}
use Fate::{Answered, AnsweredAndClosed, Closed};

/// A piece of input; it counts as malformed.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) fate: Fate,
}

/// An OPTIONS request that is in order but for what a case replaces.
pub(super) struct Sample {
    start: String,
    extra: String,
    length: String,
    body: Vec<u8>,
}

impl Sample {
    pub(super) fn of(server: &str) -> Self {
        Self {
            start: format!("OPTIONS sip:{server} SIP/2.0"),
            extra: String::new(),
            length: "Content-Length: 0\r\n".to_owned(),
            body: Vec::new(),
        }
    }

    fn starting(self, start: &str) -> Self {
        let start = start.to_owned();
        Self { start, ..self }
    }

    /// Adds header lines.
    pub(super) fn with(self, lines: &str) -> Self {
        let extra = lines.to_owned();
        Self { extra, ..self }
    }

    /// Says this of the length of this body.
    pub(super) fn long(self, lines: &str, body: &[u8]) -> Self {
        let (length, body) = (lines.to_owned(), body.to_vec());
        Self {
            length,
            body,
            ..self
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self {
            start,
            extra,
            length,
            body,
        } = self;
        let mut bytes = format!(
            "{start}\r\nVia: SIP/2.0/TLS bad.invalid;branch=z9hG4bKbad\r\nFrom: <sip:bad@bad.invalid>;tag=1\r\n\
             To: <sip:good@bad.invalid>\r\nCall-ID: bad\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{extra}{length}\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

/// All cases, for a server of this name.
pub(super) fn cases(server: &str) -> Vec<Case> {
    let sample = || Sample::of(server);
    let broken = broken_heads(&sample)
        .into_iter()
        .chain(wrong_lengths(&sample));
    let broken = broken.map(|(name, sample, fate)| Case {
        name,
        bytes: sample.bytes(),
        fate,
    });
    not_sip().into_iter().chain(broken).collect()
}

fn not_sip() -> Vec<Case> {
    let noise = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1] | 0x80);
    let case = |name, bytes| Case {
        name,
        bytes,
        fate: Closed,
    };
    vec![
        case("binary", noise.collect()),
        case(
            "a web request",
            b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec(),
        ),
        case("a first line without end", vec![b'A'; 70_000]),
    ]
}

type Broken = (&'static str, Sample, Fate);

fn broken_heads(sample: &dyn Fn() -> Sample) -> Vec<Broken> {
    let without_end = format!("X: {}", "y".repeat(70_000));
    let other_version = sample().start.replace("SIP/2.0", "SIP/3.0");
    vec![
        ("a head without end", sample().with(&without_end), Closed),
        (
            "another version",
            sample().starting(&other_version),
            Answered(505),
        ),
        (
            "no Request-URI",
            sample().starting("OPTIONS SIP/2.0"),
            Answered(400),
        ),
        (
            "a strange scheme",
            sample().starting("OPTIONS mailto:a@b SIP/2.0"),
            Answered(416),
        ),
        (
            "a line without colon",
            sample().with("no colon here\r\n"),
            Answered(400),
        ),
        (
            "a header twice",
            sample().with("Call-ID: other\r\n"),
            Answered(400),
        ),
        // The length of the body stands behind them and is not read any more.
        (
            "a thousand headers",
            sample().with(&headers(1_000)),
            AnsweredAndClosed(513),
        ),
        (
            "thousands of headers",
            sample().with(&headers(8_000)),
            Closed,
        ),
    ]
}

fn wrong_lengths(sample: &dyn Fn() -> Sample) -> Vec<Broken> {
    let says = |lines: &str, body: &[u8]| sample().long(lines, body);
    let refused = AnsweredAndClosed(400);
    let two = "Content-Length: 4\r\nContent-Length: 5\r\n";
    vec![
        (
            "a body of gigabytes",
            says("Content-Length: 4000000000\r\n", b""),
            AnsweredAndClosed(413),
        ),
        ("no Content-Length", says("", b""), refused),
        (
            "a negative Content-Length",
            says("Content-Length: -1\r\n", b""),
            refused,
        ),
        (
            "Content-Length in words",
            says("Content-Length: many\r\n", b""),
            refused,
        ),
        ("two values of Content-Length", says(two, b"body"), refused),
        // What is left over is no message.
        (
            "a small Content-Length",
            says("Content-Length: 1\r\n", b"\x01\x02\x03"),
            AnsweredAndClosed(200),
        ),
    ]
}

fn headers(count: usize) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        // Writing to a string does not fail.
        let _ = write!(all, "X-{number}: y\r\n");
        all
    })
}
