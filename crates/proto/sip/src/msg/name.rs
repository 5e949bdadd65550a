//! The names of header fields, from one table.
//!
//! The table gives each name its canonical text and, where there is one, its compact form (RFC 3261 7.3.3 and the
//! RFCs that define the field). Lookup hashes length and three letters into a table that is built at compile
//! time, then compares once; case does not matter. To add a header, add a line.

use std::fmt;

/// Declares [`Name`] and the table behind it.
macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?;)*) => {
        /// The name of a header field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
            /// A name that the table does not hold; its text is in the message.
            Other,
        }

        const TABLE: &[Entry] = &[
            $(Entry { name: Name::$variant, text: $text, compact: concat!("" $(, $compact)?) },)*
        ];
    };
}

struct Entry {
    name: Name,
    text: &'static str,
    compact: &'static str,
}

names! {
    Accept "Accept";
    AcceptContact "Accept-Contact" "a";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AllowEvents "Allow-Events" "u";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallId "Call-ID" "i";
    CallInfo "Call-Info";
    Contact "Contact" "m";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" "e";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    CSeq "CSeq";
    Date "Date";
    ErrorInfo "Error-Info";
    Event "Event" "o";
    Expires "Expires";
    FlowTimer "Flow-Timer";
    From "From" "f";
    HistoryInfo "History-Info";
    Identity "Identity" "y";
    InReplyTo "In-Reply-To";
    MaxBreadth "Max-Breadth";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Path "Path";
    Priority "Priority";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RAck "RAck";
    Reason "Reason";
    RecordRoute "Record-Route";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    RejectContact "Reject-Contact" "j";
    Replaces "Replaces";
    ReplyTo "Reply-To";
    RequestDisposition "Request-Disposition" "d";
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    Server "Server";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires" "x";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    Subject "Subject" "s";
    SubscriptionState "Subscription-State";
    Supported "Supported" "k";
    Timestamp "Timestamp";
    To "To" "t";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    Via "Via" "v";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

const SLOTS: usize = 256;

/// One more than the index into [`TABLE`]; zero is an empty slot. Collisions move on to the next slot.
static HASHED: [u8; SLOTS] = hashed();
/// The same for the letters `a` to `z` as compact forms.
static COMPACT: [u8; 26] = compact();

impl Name {
    /// Finds the name that these bytes spell, in any case, in full or compact.
    #[must_use]
    pub fn of(spelled: &[u8]) -> Self {
        let mut slot = match spelled {
            [] => return Self::Other,
            [letter] => {
                let place = usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'));
                return entry(COMPACT.get(place)).map_or(Self::Other, |entry| entry.name);
            }
            [first, .., last] => {
                let middle = spelled.get(spelled.len() / 2).copied().unwrap_or_default();
                hash(spelled.len(), *first, middle, *last)
            }
        };
        while let Some(entry) = entry(HASHED.get(slot)) {
            let text = entry.text.as_bytes();
            // Nearly everyone sends the canonical text, which is the quicker comparison.
            if text == spelled || text.eq_ignore_ascii_case(spelled) {
                return entry.name;
            }
            slot = (slot + 1) % SLOTS;
        }
        Self::Other
    }

    /// Returns the canonical text; empty for [`Name::Other`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TABLE.get(self as usize).map_or("", |entry| entry.text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            "" => f.write_str("another header"),
            text => f.write_str(text),
        }
    }
}

fn entry(slot: Option<&u8>) -> Option<&'static Entry> {
    TABLE.get(usize::from(*slot?).checked_sub(1)?)
}

/// The factors were searched for so that no two names of the table collide; one that is added may.
const fn hash(len: usize, first: u8, middle: u8, last: u8) -> usize {
    /// Makes letters lower case; what it does to other bytes is undone by the comparison.
    const fn fold(byte: u8) -> usize {
        (byte | 0x20) as usize
    }
    (len * 21 + fold(first) * 114 + fold(last) * 236 + fold(middle) * 185) % SLOTS
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler only"
)]
const fn hashed() -> [u8; SLOTS] {
    let mut slots = [0; SLOTS];
    let mut index = 0;
    while index < TABLE.len() {
        let text = TABLE[index].text.as_bytes();
        let mut slot = hash(
            text.len(),
            text[0],
            text[text.len() / 2],
            text[text.len() - 1],
        );
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        index += 1;
        slots[slot] = index as u8;
    }
    slots
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler only"
)]
const fn compact() -> [u8; 26] {
    let mut letters = [0; 26];
    let mut index = 0;
    while index < TABLE.len() {
        let text = TABLE[index].compact.as_bytes();
        index += 1;
        if text.len() == 1 {
            letters[(text[0] - b'a') as usize] = index as u8;
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_in_its_compact_form() {
        for (index, entry) in TABLE.iter().enumerate() {
            assert_eq!(
                entry.name as usize, index,
                "the order of the table is that of the enum"
            );
            assert_eq!(Name::of(entry.text.as_bytes()), entry.name);
            assert_eq!(
                Name::of(entry.text.to_ascii_uppercase().as_bytes()),
                entry.name
            );
            assert_eq!(entry.name.as_str(), entry.text);
            if !entry.compact.is_empty() {
                assert_eq!(Name::of(entry.compact.as_bytes()), entry.name);
                assert_eq!(
                    Name::of(entry.compact.to_ascii_uppercase().as_bytes()),
                    entry.name
                );
            }
        }
    }

    #[test]
    fn what_the_table_does_not_hold_is_other() {
        for spelled in ["", "q", "{", "Vi", "Viaa", "X-Thing", "Call-Id-"] {
            assert_eq!(Name::of(spelled.as_bytes()), Name::Other, "{spelled}");
        }
        assert_eq!(Name::of(&[0xff; 40]), Name::Other);
        assert_eq!(Name::Other.as_str(), "");
    }
}
