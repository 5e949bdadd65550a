//! What a checked file says of sign-in and of bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fqdn;
use crate::flows::Carrier;

/// What a Director does with a client inside that has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// Answers 301 with the home pool and its backup.
    Redirect,
    /// Passes the registration on and stays in the path.
    Proxy,
}

/// A hash of Digest authentication (RFC 8760), by its name on the wire.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Digest {
    /// SHA-256.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-512/256.
    #[serde(rename = "SHA-512-256")]
    Sha512_256,
    /// MD5: broken, for old phones only; allowed only where the file lists it.
    #[serde(rename = "MD5")]
    Md5,
}

impl Digest {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
            Self::Md5 => "MD5",
        }
    }
}

/// A transport on which plain SIP may be offered inside.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PlainTransport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl From<Carrier> for PlainTransport {
    fn from(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Tcp => Self::Tcp,
            Carrier::Udp => Self::Udp,
        }
    }
}

/// For how long others may remember what the name service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dns {
    /// An address: whoever remembers it does not hear that the machine has gone.
    pub address_ttl: Duration,
    /// Which host offers a service: that changes with the topology only.
    pub service_ttl: Duration,
}

/// With whom calls and messages are exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FederationMode {
    /// With nobody.
    #[default]
    Off,
    /// With the partners that are listed.
    Allow,
    /// With every domain that proves itself.
    Open,
}

/// Calls and messages with other organisations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Federation {
    /// With whom.
    pub mode: FederationMode,
    /// The name servers that Edges ask; empty for those of the machine's own configuration.
    pub resolvers: Vec<SocketAddr>,
    /// The file of authorities that partners' certificates come from; the system's if none.
    pub ca: Option<PathBuf>,
    /// The partners that are listed.
    pub partners: Vec<Partner>,
    /// What holds for a domain that is not listed, where those are let in.
    pub other: PartnerLimits,
}

/// Another organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partner {
    /// Its SIP domain.
    pub domain: Fqdn,
    /// Its servers in the order in which they are tried; looked up if empty.
    pub servers: Vec<(String, u16)>,
    /// Whether identities are told to it and believed of its own users.
    pub trusted: bool,
    /// What it may take.
    pub limits: PartnerLimits,
}

/// What a partner may take of one worker of an Edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartnerLimits {
    /// Requests in one second.
    pub requests: u32,
    /// Connections at a time.
    pub connections: u32,
}

/// How users sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sip {
    /// What a Director does with clients inside.
    pub internal_sign_in: SignIn,
    /// The hashes offered in challenges, best first.
    pub digest: Vec<Digest>,
    /// Exceptions, first match wins.
    pub user_agents: Vec<UserAgentRule>,
    /// Transports without TLS that Directors and Front Ends offer inside; none unless written.
    pub plain: Vec<PlainTransport>,
    /// What is kept of messages for users who are away; nothing unless written.
    pub offline_messages: Option<OfflineMessages>,
}

/// Messages for users who are away, kept at their home pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfflineMessages {
    /// For how long.
    pub keep: Duration,
    /// How many for one user.
    pub per_user: usize,
    /// The largest, in bytes.
    pub message: usize,
}

/// An exception for clients whose User-Agent matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserAgentRule {
    /// A text in which `*` stands for any characters, compared without case.
    pub pattern: String,
    /// What a Director does with them inside.
    pub internal_sign_in: SignIn,
    /// The hashes offered to them.
    pub digest: Vec<Digest>,
}

/// What applies to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInPolicy<'a> {
    /// What a Director does with it inside.
    pub internal_sign_in: SignIn,
    /// The hashes offered to it, best first.
    pub digest: &'a [Digest],
}

/// Bounds on what one client may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest SIP message, in bytes.
    pub message: usize,
    /// The shortest registration that is accepted (423 below).
    pub registration_min: Duration,
    /// The registration granted when none is asked for.
    pub registration_default: Duration,
    /// The longest registration that is granted.
    pub registration_max: Duration,
    /// How many endpoints a user may have registered.
    pub endpoints_per_user: usize,
    /// How many connections one source address may hold on one machine.
    pub connections_per_source: usize,
    /// How many handshakes a second one source address may begin on one machine.
    pub handshakes_per_source: u32,
    /// How many requests a second one source address may send to one machine.
    pub requests_per_source: u32,
    /// After how many failures in about five minutes a source address is slowed.
    pub failures_per_source: u32,
    /// After how many wrong passwords in about five minutes a user is slowed at that source address.
    pub failures_per_user: u32,
    /// Whether what scanners are known to send is dropped without an answer.
    pub drop_scanners: bool,
    /// After how long of silence a connection is closed.
    pub idle: Duration,
}

impl Sip {
    /// Returns what applies to a client that calls itself so.
    ///
    /// The header is the client's own word. It chooses among what the operator allows and proves nothing.
    #[must_use]
    pub fn policy(&self, user_agent: &str) -> SignInPolicy<'_> {
        let rule = self
            .user_agents
            .iter()
            .find(|rule| matches(&rule.pattern, user_agent));
        let (internal_sign_in, digest) = rule.map_or_else(
            || (self.internal_sign_in, self.digest.as_slice()),
            |rule| (rule.internal_sign_in, rule.digest.as_slice()),
        );
        SignInPolicy {
            internal_sign_in,
            digest,
        }
    }
}

/// Compares without case; `*` stands for any characters. Each star is tried once, so the cost is bounded by the product
/// of the lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let lower = |s: &str| s.to_ascii_lowercase();
    let (pattern, text) = (lower(pattern), lower(text));
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some((_, after)) = rest.split_once(middle) else {
                return false;
            };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_case_does_not_count() {
        for (pattern, text, expected) in [
            ("baresip*", "baresip v1.0.0 (x86_64/linux)", true),
            ("baresip*", "Baresip", true),
            ("baresip*", "my baresip", false),
            ("*linphone*", "Linphonec/5.1 (host)", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hashes_have_the_same_name_in_the_file_and_on_the_wire() {
        for digest in [Digest::Sha256, Digest::Sha512_256, Digest::Md5] {
            assert_eq!(serde_json::to_value(digest).unwrap(), digest.name());
        }
    }
}
