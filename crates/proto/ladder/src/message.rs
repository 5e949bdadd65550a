//! What of a SIP message tells it from others: read from the head that a record keeps.

use logs::{Component, Direction, Record};

/// A message as one machine saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The record.
    pub(crate) record: &'a Record,
    /// Its method; of a response, that of its request.
    pub(crate) method: &'a str,
    /// The branch of the topmost Via, the same at both ends of a hop.
    pub(crate) branch: Option<&'a str>,
    /// The tag in To: it tells the branches of a forked request apart.
    pub(crate) tag: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// Takes a record that is a message which came or went.
    pub(crate) fn of(record: &'a Record) -> Option<Self> {
        let is_message = record.component == Component::SipStack && record.direction.is_some();
        let method = record.method.as_deref().filter(|_| is_message)?;
        Some(Self {
            record,
            method,
            branch: header(&record.text, "Via", "v").and_then(branch),
            tag: header(&record.text, "To", "t").and_then(tag),
        })
    }

    pub(crate) fn is_out(&self) -> bool {
        self.record.direction == Some(Direction::Out)
    }
}

/// The first value of a header.
fn header<'a>(text: &'a str, name: &str, short: &str) -> Option<&'a str> {
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        let found = found.trim_end();
        let is_it = found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(short);
        is_it.then(|| value.trim())
    })
}

fn branch(via: &str) -> Option<&str> {
    // Another Via may follow on the same line.
    let first = via.split(',').next()?;
    parameter(first, "branch")
}

fn tag(to: &str) -> Option<&str> {
    // Parameters inside the brackets are the URI's.
    let after = to.rsplit_once('>').map_or(to, |(_, after)| after);
    parameter(after, "tag")
}

fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|one| {
        let (found, value) = one.split_once('=')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// The reason phrase of a response: the peer's, or where its text was not kept the usual one.
pub(crate) fn phrase(record: &Record) -> String {
    let status = record.status.unwrap_or_default();
    let first = record.text.lines().next().unwrap_or_default();
    let given = first
        .strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(code, _)| code.parse() == Ok(status));
    given.map_or_else(
        || usual_phrase(status).to_owned(),
        |(_, phrase)| phrase.to_owned(),
    )
}

const fn usual_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        603 => "Decline",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{branch, header, tag};

    const TEXT: &str = "INVITE sip:b@x SIP/2.0\nv: SIP/2.0/TLS a;rport;BRANCH=z9hG4bK1 , SIP/2.0/TLS b;branch=z2\n\
                        To : \"x;tag=no\" <sip:b@x;tag=no>;tag=yes;x\n\nVia: SIP/2.0/TLS c;branch=z3\n";

    #[test]
    fn what_tells_messages_apart_is_read_from_the_topmost_via_and_from_to() {
        assert_eq!(header(TEXT, "Via", "v").and_then(branch), Some("z9hG4bK1"));
        assert_eq!(header(TEXT, "To", "t").and_then(tag), Some("yes"));
        assert_eq!(
            header("SIP/2.0 200 OK\n\nVia: a;branch=z\n", "Via", "v"),
            None
        );
    }
}
