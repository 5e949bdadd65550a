//! The flow table: who may speak to whom, on which port, for what. It is data, and everything else follows from it.
//!
//! Listeners, trust, certificate names, the printed port summary and whatever filters packets are derived from
//! [`TABLE`]; a port that no flow names is not opened. Rows 1 to 9 are those of the Director's port table, in its
//! order; rows 10 to 19 complete it; rows from 20 on are needed by this product's own parts, and the last three by the
//! machines under it: other programs listen there ([`Port::is_ours`]), and they exist only where `[firewall]` names who
//! is meant. A row says which kind of party speaks to which; [`resolve`](crate::resolve) finds the machines.

mod table;

use base::net::Role;
use serde::{Deserialize, Serialize};

use crate::Port;

pub use table::TABLE;

/// A language of the port summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Korean.
    pub ko: &'static str,
}

impl Text {
    /// Returns the text in one language.
    #[must_use]
    pub const fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Ko => self.ko,
        }
    }
}

/// A kind of party to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Anybody outside.
    Outside,
    /// The networks of clients inside.
    Clients,
    /// Any address inside.
    Anyone,
    /// Every machine of the topology.
    EveryMachine,
    /// The machine itself, over loopback.
    Itself,
    /// The machines of one role, by the VIP where the pool has one for that port.
    Of(Role),
    /// The members behind a VIP, as the balancer reaches them.
    Behind(Role),
    /// The members behind a VIP, as the balancer asks for their health.
    Probed(Role),
    /// Every member of the pools of one role at its own address, as the name service asks for their health.
    Members(Role),
    /// The Front Ends of the pool that masters the directory of users.
    DirectoryMaster,
    /// The Front Ends of all other pools.
    OtherFrontEnds,
    /// The shared store of a pool.
    Store,
    /// Gateways to other telephone systems.
    Gateways,
    /// The Front Ends of the pools that speak with gateways.
    GatewayPools,
    /// The servers that machines ask for the time.
    TimeServers,
    /// The servers of lists of revoked certificates.
    RevocationServers,
    /// The name servers that edges ask where a partner's servers are: those of the file, or anybody outside.
    Resolvers,
    /// The networks from which machines are administered.
    Administrators,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
    /// SIP.
    Sip,
    /// Centralized logging.
    Logging,
    /// Name service.
    Dns,
    /// The store's own protocol.
    Store,
    /// Time.
    Ntp,
    /// Administration.
    Ssh,
}

impl Protocol {
    /// Returns the name as it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Sip => "SIP",
            Self::Logging => "LOG",
            Self::Dns => "DNS",
            Self::Store => "STORE",
            Self::Ntp => "NTP",
            Self::Ssh => "SSH",
        }
    }
}

/// How the two sides of a flow are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Not at all.
    Plain,
    /// TLS; only the server proves its name.
    Tls,
    /// TLS; both sides prove their names.
    Mutual,
    /// TLS; the other side may prove its name. Servers do, clients do not.
    Either,
    /// By the protocol's own means, without TLS.
    Own,
}

/// The layer below TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// One thing offered on one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What is spoken.
    pub protocol: Protocol,
    /// How it is protected.
    pub security: Security,
    /// What carries it.
    pub carrier: Carrier,
    /// On which port.
    pub port: Port,
}

/// One direction of a flow: who opens connections to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Who opens.
    pub from: &'static [End],
    /// Who listens.
    pub to: &'static [End],
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The port table of the Director topology.
    Seed,
    /// The text around that table.
    Prose,
    /// What the parts of this product need of each other.
    Derived,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its number.
    pub id: u8,
    /// Its directions.
    pub legs: &'static [Leg],
    /// What is offered.
    pub services: &'static [Service],
    /// Where the row comes from.
    pub origin: Origin,
    /// What it is for, in a few words.
    pub purpose: Text,
    /// What a person who opens the port should know.
    pub note: Text,
}
