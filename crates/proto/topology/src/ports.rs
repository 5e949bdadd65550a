//! The names of the ports and their default numbers: the only place in the product where a port number stands.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a port is for. In the file it stands under `[ports]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// SIP over TLS of Director, Front End and the inside of the Edge.
    Sip,
    /// Plain SIP inside; opened only where `[sip] plain` names a transport.
    SipPlain,
    /// Where remote users reach the Edge.
    EdgeAccess,
    /// Where federation partners reach the Edge.
    EdgeFederation,
    /// Internal web site, plain.
    WebHttp,
    /// Internal web site.
    WebHttps,
    /// External web site, plain, as the reverse proxy reaches it.
    WebExternalHttp,
    /// External web site, as the reverse proxy reaches it.
    WebExternalHttps,
    /// Server to server HTTPS.
    InterServer,
    /// Where the reverse proxy is reached from outside, plain.
    PublishedHttp,
    /// Where the reverse proxy is reached from outside.
    PublishedHttps,
    /// Name service.
    Dns,
    /// Logging: commands.
    LogCommand,
    /// Logging: search.
    LogSearch,
    /// Logging: live tail and collection.
    LogTail,
    /// The shared store of a pool.
    Store,
    /// Metrics and health, on loopback.
    Metrics,
    /// Time servers; other programs listen there.
    Ntp,
    /// Where lists of revoked certificates are fetched; other programs listen there.
    Revocation,
    /// Administration; other programs listen there.
    Ssh,
}

impl Port {
    /// Every port, in the order of their listing.
    pub const ALL: [Self; 20] = [
        Self::Sip,
        Self::SipPlain,
        Self::EdgeAccess,
        Self::EdgeFederation,
        Self::WebHttp,
        Self::WebHttps,
        Self::WebExternalHttp,
        Self::WebExternalHttps,
        Self::InterServer,
        Self::PublishedHttp,
        Self::PublishedHttps,
        Self::Dns,
        Self::LogCommand,
        Self::LogSearch,
        Self::LogTail,
        Self::Store,
        Self::Metrics,
        Self::Ntp,
        Self::Revocation,
        Self::Ssh,
    ];

    /// Returns the name under `[ports]`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::SipPlain => "sip_plain",
            Self::EdgeAccess => "edge_access",
            Self::EdgeFederation => "edge_federation",
            Self::WebHttp => "web_http",
            Self::WebHttps => "web_https",
            Self::WebExternalHttp => "web_external_http",
            Self::WebExternalHttps => "web_external_https",
            Self::InterServer => "inter_server",
            Self::PublishedHttp => "published_http",
            Self::PublishedHttps => "published_https",
            Self::Dns => "dns",
            Self::LogCommand => "log_command",
            Self::LogSearch => "log_search",
            Self::LogTail => "log_tail",
            Self::Store => "store",
            Self::Metrics => "metrics",
            Self::Ntp => "ntp",
            Self::Revocation => "revocation",
            Self::Ssh => "ssh",
        }
    }

    /// Returns the number used where the file names none.
    ///
    /// Up to `log_tail` they are the numbers of the Director topology. `store` is the client port of etcd, `metrics`
    /// the usual one of OpenTelemetry's Prometheus exporters, and the last three are registered for what they name.
    #[must_use]
    pub const fn default_number(self) -> u16 {
        match self {
            Self::Sip | Self::EdgeFederation => 5061,
            Self::SipPlain => 5060,
            Self::EdgeAccess | Self::WebHttps | Self::PublishedHttps => 443,
            Self::WebHttp | Self::PublishedHttp | Self::Revocation => 80,
            Self::WebExternalHttp => 8080,
            Self::WebExternalHttps => 4443,
            Self::InterServer => 444,
            Self::Dns => 53,
            Self::LogCommand => 50001,
            Self::LogSearch => 50002,
            Self::LogTail => 50003,
            Self::Store => 2379,
            Self::Metrics => 9464,
            Self::Ntp => 123,
            Self::Ssh => 22,
        }
    }

    /// Tells whether this product listens there; other ports are in the table because a firewall has to know of them.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        !matches!(self, Self::Ntp | Self::Revocation | Self::Ssh)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Numbers below this one need a privilege on most systems.
pub const FIRST_UNPRIVILEGED: u16 = 1024;

/// The numbers of one deployment: the defaults and what its file overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    overrides: BTreeMap<Port, u16>,
}

impl Ports {
    pub(crate) fn new(overrides: BTreeMap<Port, u16>) -> Self {
        Self { overrides }
    }

    /// Returns the number of a port.
    #[must_use]
    pub fn number(&self, port: Port) -> u16 {
        self.overrides
            .get(&port)
            .copied()
            .unwrap_or_else(|| port.default_number())
    }

    /// Returns the same ports with every privileged number moved up; `None` if one would pass the last port.
    pub(crate) fn low_shifted(&self, by: u16) -> Option<Self> {
        let mut overrides = BTreeMap::new();
        for port in Port::ALL {
            let number = self.number(port);
            let low = number < FIRST_UNPRIVILEGED;
            overrides.insert(port, if low { number.checked_add(by)? } else { number });
        }
        Some(Self { overrides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_listed_once_and_under_the_name_that_the_file_uses() {
        let unique: std::collections::BTreeSet<Port> = Port::ALL.into_iter().collect();
        assert_eq!(unique.len(), Port::ALL.len());
        for port in Port::ALL {
            assert_eq!(serde_json::to_value(port).unwrap(), port.name());
        }
    }

    #[test]
    fn only_privileged_numbers_move() {
        let ports = Ports::default().low_shifted(10_000).unwrap();
        assert_eq!(ports.number(Port::WebHttps), 10_443);
        assert_eq!(ports.number(Port::Sip), 5061);
        assert_eq!(Ports::default().low_shifted(65_500), None);
    }
}
