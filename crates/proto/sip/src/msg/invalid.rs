//! What can be wrong with a message, and with a stream of them.

use super::Name;

/// What is wrong with a message that could be told apart from its neighbours. The fault is the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The start line is neither a request line nor a status line: answer 400, or drop a response.
    #[error("start line is malformed")]
    StartLine,
    /// The version is another than 2.0: answer 505.
    #[error("version is not SIP/2.0")]
    Version,
    /// The Request-URI, or one that was parsed by itself, breaks the grammar: answer 400.
    #[error("uri is malformed")]
    Uri,
    /// The scheme of the Request-URI is not `sip`, `sips` or `tel`: answer 416.
    #[error("uri scheme is not supported")]
    Scheme,
    /// An address (`name-addr` or `addr-spec`) that was parsed by itself breaks the grammar: answer 400.
    #[error("address is malformed")]
    Address,
    /// A header line has no name, no colon, or a control character: answer 400.
    #[error("header line {line} is malformed")]
    Line {
        /// The number of the line, the first one after the start line being 1.
        line: u16,
    },
    /// The blank line after the header lines is missing: answer 400.
    #[error("head does not end")]
    NoEnd,
    /// The head is longer than the limit: answer 513.
    #[error("head is too long")]
    HeadTooLong,
    /// There are more header lines than the limit: answer 513.
    #[error("too many header lines")]
    TooManyLines,
    /// The body is longer than the limit: answer 413.
    #[error("body is too long")]
    BodyTooLong,
    /// Content-Length names more bytes than came (RFC 3261 18.3): answer 400.
    #[error("body is shorter than content-length")]
    Truncated,
    /// A header that must be there is not: answer 400.
    #[error("{0} is missing")]
    Missing(Name),
    /// A header that may occur once occurs again: answer 400.
    #[error("{0} occurs more than once")]
    Repeated(Name),
    /// The value of a header breaks its grammar or its range: answer 400.
    #[error("{0} is malformed")]
    Malformed(Name),
    /// The method in CSeq is not the request's: answer 400.
    #[error("method in cseq is not that of the request")]
    CSeqMethod,
}

impl Invalid {
    /// Returns the status with which a request is answered.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::Scheme => 416,
            Self::HeadTooLong | Self::TooManyLines => 513,
            Self::BodyTooLong => 413,
            Self::StartLine
            | Self::Uri
            | Self::Address
            | Self::Line { .. }
            | Self::NoEnd
            | Self::Truncated
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Malformed(_)
            | Self::CSeqMethod => 400,
        }
    }
}

/// Why a connection cannot be read any further: close it. A datagram is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first bytes are a TLS record: the sender takes this for a TLS port.
    #[error("tls on a plain connection")]
    Tls,
    /// The first line is one of HTTP.
    #[error("http on a sip connection")]
    Http,
    /// The first line is not one of SIP.
    #[error("not sip")]
    NotSip,
    /// No end of the head within the limit.
    #[error("head is too long")]
    HeadTooLong,
}
