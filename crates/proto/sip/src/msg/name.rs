//! The names of header fields, from one table.
//!
//! The table gives each name its canonical text and, where there is one, its compact form (RFC 3261 7.3.3 and the
//! RFCs that define the field). Lookup reads a name as three words, hashes them into a table that is built at compile
//! time, and compares them with those of one entry; case does not matter. To add a header, add a line.

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
    AcceptResourcePriority "Accept-Resource-Priority";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AllowEvents "Allow-Events" "u";
    AnswerMode "Answer-Mode";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallId "Call-ID" "i";
    CallInfo "Call-Info";
    Contact "Contact" "m";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" "e";
    ContentId "Content-ID";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    CSeq "CSeq";
    Date "Date";
    ErrorInfo "Error-Info";
    Event "Event" "o";
    Expires "Expires";
    FeatureCaps "Feature-Caps";
    FlowTimer "Flow-Timer";
    From "From" "f";
    Geolocation "Geolocation";
    GeolocationError "Geolocation-Error";
    GeolocationRouting "Geolocation-Routing";
    HistoryInfo "History-Info";
    Identity "Identity" "y";
    IdentityInfo "Identity-Info" "n";
    InfoPackage "Info-Package";
    InReplyTo "In-Reply-To";
    Join "Join";
    MaxBreadth "Max-Breadth";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAccessNetworkInfo "P-Access-Network-Info";
    PAnswerState "P-Answer-State";
    PAssertedIdentity "P-Asserted-Identity";
    PAssociatedUri "P-Associated-URI";
    Path "Path";
    PCalledPartyId "P-Called-Party-ID";
    PChargingVector "P-Charging-Vector";
    PEarlyMedia "P-Early-Media";
    PermissionMissing "Permission-Missing";
    PMediaAuthorization "P-Media-Authorization";
    PPreferredIdentity "P-Preferred-Identity";
    Priority "Priority";
    Privacy "Privacy";
    PrivAnswerMode "Priv-Answer-Mode";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    PServedUser "P-Served-User";
    PVisitedNetworkId "P-Visited-Network-ID";
    RAck "RAck";
    Reason "Reason";
    RecordRoute "Record-Route";
    RecvInfo "Recv-Info";
    ReferredBy "Referred-By" "b";
    ReferSub "Refer-Sub";
    ReferTo "Refer-To" "r";
    RejectContact "Reject-Contact" "j";
    RemotePartyId "Remote-Party-ID";
    Replaces "Replaces";
    ReplyTo "Reply-To";
    RequestDisposition "Request-Disposition" "d";
    Require "Require";
    ResourcePriority "Resource-Priority";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    SecurityClient "Security-Client";
    SecurityServer "Security-Server";
    SecurityVerify "Security-Verify";
    Server "Server";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires" "x";
    SessionId "Session-ID";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    Subject "Subject" "s";
    SubscriptionState "Subscription-State";
    Supported "Supported" "k";
    SuppressIfMatch "Suppress-If-Match";
    TargetDialog "Target-Dialog";
    Timestamp "Timestamp";
    To "To" "t";
    TriggerConsent "Trigger-Consent";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    UserToUser "User-to-User";
    Via "Via" "v";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

const SLOTS: usize = 512;

/// One more than the index into [`TABLE`]; zero is an empty slot. Collisions move on to the next slot.
static HASHED: [u8; SLOTS] = hashed();
/// The same for the letters `a` to `z` as compact forms.
static COMPACT: [u8; 26] = compact();
/// The entries of [`TABLE`] as they are compared.
static KEYS: [Key; TABLE.len()] = keys();

/// A name of the table as three words. A name that was sent is the same if it has the same length and, with the bits
/// of `fold` set, the same words: they make letters lower case and leave the rest as it is.
#[derive(Clone, Copy)]
struct Key {
    len: usize,
    words: [u64; 3],
    fold: [u64; 3],
}

impl Key {
    fn is(&self, words: [u64; 3]) -> bool {
        let mut pairs = words.iter().zip(&self.fold).zip(&self.words);
        pairs.all(|((sent, fold), word)| sent | fold == *word)
    }
}

impl Name {
    /// Finds the name that these bytes spell, in any case, in full or compact.
    #[must_use]
    pub fn of(spelled: &[u8]) -> Self {
        if let [letter] = spelled {
            let place = usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'));
            return found(COMPACT.get(place)).map_or(Self::Other, |(entry, _)| entry.name);
        }
        let Some(words) = words(spelled) else {
            return Self::Other;
        };
        let mut slot = hash(spelled.len(), words);
        while let Some((entry, key)) = found(HASHED.get(slot)) {
            if spelled.len() == key.len && key.is(words) {
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

fn found(slot: Option<&u8>) -> Option<(&'static Entry, &'static Key)> {
    let index = usize::from(*slot?).checked_sub(1)?;
    Some((TABLE.get(index)?, KEYS.get(index)?))
}

/// Returns the bytes of a name as three words, which overlap unless it has eight, sixteen or twenty-four; `None` for
/// lengths that no name of the table has.
const fn words(bytes: &[u8]) -> Option<[u64; 3]> {
    match bytes {
        [first, last] => Some([*first as u64, 0, *last as u64]),
        [first, middle, last] => Some([*first as u64, *middle as u64, *last as u64]),
        _ if bytes.len() < 8 => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => Some([
                u32::from_le_bytes(*first) as u64,
                0,
                u32::from_le_bytes(*last) as u64,
            ]),
            _ => None,
        },
        _ if bytes.len() <= 24 => {
            let middle = bytes.split_at((bytes.len() - 8) / 2).1;
            match (
                bytes.first_chunk(),
                middle.first_chunk(),
                bytes.last_chunk(),
            ) {
                (Some(first), Some(middle), Some(last)) => Some([
                    u64::from_le_bytes(*first),
                    u64::from_le_bytes(*middle),
                    u64::from_le_bytes(*last),
                ]),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Hashes a name in any case.
const fn hash(len: usize, words: [u64; 3]) -> usize {
    /// Makes letters lower case; what it does to other bytes is undone by the comparison.
    const FOLD: u64 = 0x2020_2020_2020_2020;
    /// Odd, with bits all over; searched for so that no two names of the table collide. One that is added may.
    const SPREAD: u64 = 0x1dcd_14dc_c5b5_142b;
    let sum = (words[0] | FOLD)
        .wrapping_add((words[1] | FOLD).rotate_left(20))
        .wrapping_add((words[2] | FOLD).rotate_left(40))
        .wrapping_add(len as u64);
    (sum.wrapping_mul(SPREAD) >> 55) as usize % SLOTS
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn keys() -> [Key; TABLE.len()] {
    let mut keys = [Key {
        len: 0,
        words: [0; 3],
        fold: [0; 3],
    }; TABLE.len()];
    let mut index = 0;
    while index < keys.len() {
        let text = TABLE[index].text.as_bytes();
        let mut letters = [0; 24];
        let mut at = 0;
        while at < text.len() {
            letters[at] = if text[at].is_ascii_alphabetic() {
                0x20
            } else {
                0
            };
            at += 1;
        }
        let (Some(words), Some(fold)) = (words(text), words(letters.split_at(text.len()).0)) else {
            panic!("a name is too long");
        };
        keys[index] = Key {
            len: text.len(),
            words: [words[0] | fold[0], words[1] | fold[1], words[2] | fold[2]],
            fold,
        };
        index += 1;
    }
    keys
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
        let Some(words) = words(text) else {
            panic!("a name is too long");
        };
        let mut slot = hash(text.len(), words);
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
        // One bit away from a name, but in a byte that has no upper case.
        for spelled in [
            &b"Call\x0dID"[..],
            b"call\x0did",
            b"To\0",
            b"\x56ia\0",
            b"\x36ia",
        ] {
            assert_eq!(Name::of(spelled), Name::Other, "{spelled:?}");
        }
        assert_eq!(Name::of(&[0xff; 40]), Name::Other);
        assert_eq!(Name::Other.as_str(), "");
    }
}
