//! What scanners are known to send. Each of these names is that of a tool that looks for extensions and passwords; the
//! word of a client proves nothing, so whoever hides is caught by the limits instead.

use crate::config::glob;
use crate::msg::{Message, Name};

/// A header and what it says, with `*` for any text; letters match in either case.
const PATTERNS: [(Name, &str); 17] = [
    (Name::UserAgent, "*friendly-scanner*"),
    (Name::UserAgent, "*friendly-request*"),
    (Name::UserAgent, "*sipvicious*"),
    (Name::UserAgent, "sundayddr*"),
    (Name::UserAgent, "*VaxSIPUserAgent*"),
    (Name::UserAgent, "sipcli/*"),
    (Name::UserAgent, "sip-scan*"),
    (Name::UserAgent, "sipscan*"),
    (Name::UserAgent, "*siparmyknife*"),
    (Name::UserAgent, "smap *"),
    (Name::UserAgent, "iWar*"),
    (Name::UserAgent, "Gulp*"),
    (Name::UserAgent, "pplsip*"),
    (Name::From, "*sipvicious*"),
    (Name::From, "*sip:100@1.1.1.1*"),
    (Name::To, "*sipvicious*"),
    (Name::To, "*sip:100@1.1.1.1*"),
];

/// Tells whether a request is one that scanners send.
pub(crate) fn is_scanner(request: &Message) -> bool {
    let [agent, from, to] =
        [Name::UserAgent, Name::From, Name::To].map(|name| (name, request.get(name)));
    [agent, from, to].into_iter().any(|(name, field)| {
        let Some(field) = field else {
            return false;
        };
        let mut patterns = PATTERNS.iter().filter(|(of, _)| *of == name);
        patterns.any(|(_, pattern)| glob(pattern.as_bytes(), field.value))
    })
}
