//! Who speaks in a record, how grave it is, and of what kind: names that are checked, since a misspelt one would silently
//! capture nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} {name:?}{}; there are: {known}", hint.as_ref().map(|hint| format!(", did you mean {hint}?")).unwrap_or_default())]
pub struct UnknownName {
    /// What was named: "component", "level", "flag" or "scenario".
    pub kind: &'static str,
    /// The name as it was given.
    pub name: String,
    /// The one that is near it.
    pub hint: Option<String>,
    /// All that exist.
    pub known: String,
}

impl UnknownName {
    pub(crate) fn of(kind: &'static str, name: &str, known: &[&str]) -> Self {
        let name: String = name.chars().take(64).collect();
        let near = |known: &&&str| {
            strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase())
        };
        let hint = known.iter().min_by_key(near);
        Self {
            kind,
            hint: hint
                .filter(|hint| near(hint) <= 3)
                .map(|hint| (*hint).to_owned()),
            known: known.join(", "),
            name,
        }
    }
}

/// Makes an enum whose members have one name each, in one table.
macro_rules! named {
    ($(#[$about:meta])* $type:ident, $kind:literal: $($(#[$doc:meta])* $member:ident = $name:literal),+ $(,)?) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$doc])* $member),+ }

        impl $type {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$member => $name),+ }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                let known = Self::ALL.iter().find(|one| one.name().eq_ignore_ascii_case(name));
                known.copied().ok_or_else(|| UnknownName::of($kind, name, Self::NAMES))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// The part of the product that a record comes from; what the original calls a provider. New ones stand at the end:
    /// their numbers travel in the logging protocol.
    Component, "component":
    /// SIP messages as they come and go, connections of SIP, transactions.
    SipStack = "SipStack",
    /// Where a request is sent and why: home pools, redirects, next hops, forking.
    Routing = "Routing",
    /// Digest, certificates of users, tickets, and who is whom.
    Authentication = "Authentication",
    /// Bindings: registrations, refreshes, their end.
    Registrar = "Registrar",
    /// The crossing to the outside: identity, hiding of the inside, admission.
    Edge = "Edge",
    /// Partners: their servers, what they prove, what they may send.
    Federation = "Federation",
    /// Subscriptions, publications and notifications.
    Presence = "Presence",
    /// Messages, also those kept for users who are away.
    Messaging = "Messaging",
    /// Penalties against sources.
    Guard = "Guard",
    /// Handshakes and the certificates shown in them.
    Tls = "Tls",
    /// The web sites of Directors and Front Ends.
    Web = "Web",
    /// Requests from the outside to the web sites.
    ReverseProxy = "ReverseProxy",
    /// Which member of a pool a connection is given to.
    Balancer = "Balancer",
    /// Whether servers are well, and drain.
    Health = "Health",
    /// Answers of the name service.
    Names = "Names",
    /// Look-ups of names by our own machines.
    Resolver = "Resolver",
    /// Users, and copies of their directory.
    Directory = "Directory",
    /// What the packet filter does, and whether it is as the topology wants it.
    Firewall = "Firewall",
    /// The logging agent itself: commands, what was dropped, its disk.
    Logging = "Logging",
    /// The process: start, stop, configuration, workers.
    Process = "Process",
}

named! {
    /// How grave a record is; the graver, the less. Asking for a level means it and all that are graver.
    Level, "level":
    /// The process cannot go on.
    Fatal = "Fatal",
    /// Something is broken, and somebody must act.
    Error = "Error",
    /// Unusual, yet it works.
    Warning = "Warning",
    /// What an operator wants to see of ordinary work.
    Info = "Info",
    /// Each step of it.
    Verbose = "Verbose",
    /// What only a developer reads.
    Debug = "Debug",
}

/// Of what kinds a record is. A set; what is captured is what has a flag in common with what is asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flags(u8);

impl Flags {
    /// No kind at all: such a record is captured by its level alone.
    pub const NONE: Self = Self(0);
    /// Connections opened and closed, and what the network says.
    pub const CONNECTION: Self = Self(1);
    /// Identity, credentials, certificates, what was refused.
    pub const SECURITY: Self = Self(1 << 1);
    /// Trouble, and what helps to find its cause.
    pub const DIAG: Self = Self(1 << 2);
    /// Messages of a protocol, whole.
    pub const PROTOCOL: Self = Self(1 << 3);
    /// What a part of the product does inside.
    pub const COMPONENT: Self = Self(1 << 4);
    /// HTTP requests and answers.
    pub const HTTP: Self = Self(1 << 5);
    /// Every kind.
    pub const ALL: Self = Self((1 << 6) - 1);

    /// The names, in the order of their bits.
    pub const NAMES: &'static [&'static str] = &[
        "TF_CONNECTION",
        "TF_SECURITY",
        "TF_DIAG",
        "TF_PROTOCOL",
        "TF_COMPONENT",
        "TF_HTTP",
    ];

    /// Returns both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether the two have a kind in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().enumerate();
        names
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| *name)
    }
}

impl FromStr for Flags {
    type Err = UnknownName;

    /// Reads names joined by `|`, `All`, or `-` for none.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == "-" {
            return Ok(Self::NONE);
        }
        let mut flags = Self::NONE;
        for name in text.split('|').map(str::trim) {
            if name.eq_ignore_ascii_case("All") {
                flags = Self::ALL;
                continue;
            }
            let bit = Self::NAMES
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name));
            let bit = bit.ok_or_else(|| UnknownName::of("flag", name, Self::NAMES))?;
            flags.0 |= 1 << bit;
        }
        Ok(flags)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("-");
        }
        for (place, name) in self.names().enumerate() {
            if place > 0 {
                f.write_str("|")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Component, Flags, Level};

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for component in Component::ALL {
            assert_eq!(component.name().parse(), Ok(*component));
        }
        for level in Level::ALL {
            assert_eq!(level.name().to_lowercase().parse(), Ok(*level));
        }
        for bits in 0..64 {
            let flags = Flags(bits);
            assert_eq!(flags.to_string().parse(), Ok(flags));
        }
        assert_eq!("all".parse(), Ok(Flags::ALL));
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_right_one() {
        let error = "SIPStak".parse::<Component>().unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("SipStack"));
        assert!(error.to_string().contains("did you mean SipStack?"));
        assert!("TF_PROTO".parse::<Flags>().is_err());
        assert!("".parse::<Flags>().is_err());
        assert_eq!("xyzzy".parse::<Level>().unwrap_err().hint, None);
    }

    #[test]
    fn levels_are_in_a_strict_order() {
        assert!(Level::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
