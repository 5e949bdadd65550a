//! Requests of HTTP/1.1 that two readers could understand differently are found here, before the library sees them.
//!
//! The library is lenient where RFC 9112 allows it: it takes a lone LF for an end of line, and of `Content-Length`
//! beside `Transfer-Encoding` it drops the former. Both are how requests are smuggled past one element to another, so
//! here they are faults. [`Heads`] looks at the bytes of a connection as they arrive, whatever their cuts:
//!
//! ```text
//! Head --(Content-Length: n)--> Body(n) --> Head      Head --(neither)--> Head
//!   |--(Transfer-Encoding, Upgrade, CONNECT)--> Rest: nothing is looked at any more
//! ```
//!
//! After a request that leads to `Rest` the connection is closed with its answer unless it becomes something else
//! (`serve`), so no further head of it is ever read.
//!
//! Bounds: a line that is cut is kept; the caller bounds heads by [`super::Limits::head_bytes`].

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A line that does not end with CR LF (RFC 9112 section 2.2).
    #[error("a line does not end with CR LF")]
    LineEnd,
    /// CR or NUL within a line (RFC 9112 section 2.2, RFC 9110 section 5.5).
    #[error("a line holds CR or NUL")]
    Control,
    /// A line that continues the one before (RFC 9112 section 5.2).
    #[error("a header is folded over lines")]
    Folded,
    /// White space before the colon, or no colon at all (RFC 9112 section 5.1).
    #[error("a line of the head is no header")]
    NoHeader,
    /// `Content-Length` beside `Transfer-Encoding`, or more than once, or no number (RFC 9112 section 6.3).
    #[error("the length of the body can be understood in more than one way")]
    Length,
    /// Larger than any head may be.
    #[error("the head is too large")]
    TooLarge,
}

/// Follows the heads of one connection.
#[derive(Debug)]
pub(super) struct Heads {
    stage: Stage,
    most: usize,
    /// A line of which the end has not arrived.
    line: Vec<u8>,
    /// Bytes of the head so far.
    size: usize,
    head: Head,
}

#[derive(Debug)]
enum Stage {
    Head,
    Body(u64),
    Rest,
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
struct Head {
    lines: usize,
    length: Option<u64>,
    coded: bool,
    leaves: bool,
}

impl Heads {
    /// Begins with a connection whose heads have at most this many bytes.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            stage: Stage::Head,
            most,
            line: Vec::new(),
            size: 0,
            head: Head {
                lines: 0,
                length: None,
                coded: false,
                leaves: false,
            },
        }
    }

    /// Looks at bytes that have arrived.
    ///
    /// # Errors
    /// The fault, with how many of these bytes came before the head in which it is.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<(), (usize, Fault)> {
        let mut rest = bytes;
        // Where, in these bytes, the head begins that is being read.
        let mut begun = 0;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            match &mut self.stage {
                Stage::Rest => return Ok(()),
                Stage::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= here as u64;
                    if *left == 0 {
                        self.stage = Stage::Head;
                    }
                    rest = rest.get(here..).unwrap_or_default();
                    begun = at + here;
                }
                Stage::Head => {
                    if self.size == 0 {
                        begun = at;
                    }
                    let taken = self.head_bytes(rest).map_err(|fault| (begun, fault))?;
                    rest = rest.get(taken..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// Takes a line, or its beginning; returns how many bytes that was.
    fn head_bytes(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.size += taken;
        if self.size > self.most {
            return Err(Fault::TooLarge);
        }
        let piece = bytes.get(..taken).unwrap_or_default();
        if end.is_none() {
            self.line.extend_from_slice(piece);
        } else if self.line.is_empty() {
            self.line_ended(piece)?;
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(piece);
            self.line_ended(&line)?;
        }
        Ok(taken)
    }

    fn line_ended(&mut self, line: &[u8]) -> Result<(), Fault> {
        let line = line.strip_suffix(b"\r\n").ok_or(Fault::LineEnd)?;
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(Fault::Control);
        }
        if line.is_empty() {
            // Empty lines before a request are passed over (RFC 9112 section 2.2).
            if self.head.lines > 0 {
                self.ended();
            }
            return Ok(());
        }
        self.head.lines += 1;
        if self.head.lines == 1 {
            self.head.leaves = line.starts_with(b"CONNECT ");
            return Ok(());
        }
        self.head.header(line)
    }

    fn ended(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.size = 0;
        self.stage = match head {
            Head { coded: true, .. } | Head { leaves: true, .. } => Stage::Rest,
            Head {
                length: Some(length @ 1..),
                ..
            } => Stage::Body(length),
            Head { .. } => Stage::Head,
        };
    }
}

impl Head {
    fn header(&mut self, line: &[u8]) -> Result<(), Fault> {
        if matches!(line, [b' ' | b'\t', ..]) {
            return Err(Fault::Folded);
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.ok_or(Fault::NoHeader)?);
        if name.is_empty() || name.ends_with(b" ") || name.ends_with(b"\t") {
            return Err(Fault::NoHeader);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if self.length.is_some() || self.coded {
                return Err(Fault::Length);
            }
            self.length = Some(number(value).ok_or(Fault::Length)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.length.is_some() || self.coded {
                return Err(Fault::Length);
            }
            self.coded = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.leaves = true;
        }
        Ok(())
    }
}

/// Digits and nothing else; a sign or a list is not a length.
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| digits)?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Result<(), (usize, Fault)> {
        Heads::new(1 << 10).look(bytes)
    }

    #[test]
    fn requests_of_every_kind_pass_in_a_row() {
        let all = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n\n\r\0\n\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(look(all), Ok(()));
    }

    #[test]
    fn each_way_to_smuggle_is_a_fault() {
        let cases: [(&[u8], Fault); 10] = [
            (b"GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::LineEnd),
            (b"GET / HTTP/1.1\r\nHost: a\n\n", Fault::LineEnd),
            (b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", Fault::Control),
            (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Fault::Folded),
            (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", Fault::NoHeader),
            (b"GET / HTTP/1.1\r\nhello\r\n\r\n", Fault::NoHeader),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Fault::Length,
            ),
            (
                b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
                Fault::Length,
            ),
            (
                b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                Fault::Length,
            ),
            (
                b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
                Fault::Length,
            ),
        ];
        for (bytes, fault) in cases {
            assert_eq!(look(bytes), Err((0, fault)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_fault_is_found_however_the_bytes_are_cut_and_after_good_requests() {
        let good = b"GET / HTTP/1.1\r\n\r\n";
        let bad = b"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n";
        let both = [&good[..], &bad[..]].concat();
        assert_eq!(look(&both), Err((good.len(), Fault::Folded)));
        for cut in 1..both.len() {
            let mut heads = Heads::new(1 << 10);
            let (one, other) = both.split_at(cut);
            assert!(
                heads.look(one).and_then(|()| heads.look(other)).is_err(),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_head_has_a_bound() {
        let flood = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(200)].concat();
        assert_eq!(look(&flood), Err((0, Fault::TooLarge)));
        let endless = vec![b'a'; 2 << 10];
        assert_eq!(look(&endless), Err((0, Fault::TooLarge)));
    }

    #[test]
    fn what_follows_a_coded_body_is_not_read_as_a_head() {
        let coded = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\nanything\n";
        assert_eq!(look(coded), Ok(()));
    }
}
