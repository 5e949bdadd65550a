//! The one file that describes a deployment, and everything that follows from it.
//!
//! The way of a file: text, then its raw form (the shape, as serde and the schema for editors know it), then [`Topology`]
//! (checked, private fields), then [`View`] (what one machine has to know), which the roles turn into their settings.
//! Only the first two steps know the file's syntax.
//!
//! All ports and who may speak to whom are data: [`flows::TABLE`]. Listeners, trust, names of certificates, records
//! of DNS and the printed port summary are derived from it and cannot drift apart; no other crate names a port.
//!
//! All faults of a file are told in one run ([`Faults`]). Nothing here does I/O: the text comes in as text. Bounds: a
//! file of 1 MiB, 1000 machines, 500 pools, 100 domains.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod certificates;
pub mod change;
mod check;
mod delegate;
mod fault;
mod firewall;
pub mod flows;
mod gateway;
mod logging;
mod loopback;
mod model;
mod name;
mod ports;
mod raw;
mod records;
pub mod resolve;
mod settings;
mod shape;
mod summary;
mod units;
mod view;
mod websites;

pub use certificates::{CERTIFICATE_LABEL, CertificateNeed};
pub use delegate::Delegate;
pub use fault::{Fault, Faults, Rule};
pub use firewall::Firewall;
pub use gateway::Gateway;
pub use logging::Logging;
pub use model::{
    Balancing, Machine, Network, Pool, ROLES, SimpleUrl, SimpleUrls, Topology, VipMode, WebNames,
    role_name,
};
pub use name::{Fqdn, NotAName};
pub use ports::{FIRST_UNPRIVILEGED, Port, Ports};
pub use records::{Record, RecordData};
pub use settings::{
    Digest, Dns, Federation, FederationMode, Limits, OfflineMessages, Partner, PartnerLimits,
    PlainTransport, SignIn, SignInPolicy, Sip, UserAgentRule,
};
pub use summary::{Filter, HostLine, Line};
pub use view::{Listener, Member, PoolView, View, has_sip};

impl Topology {
    /// Reads and checks a file; `name` is what faults call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in one run.
    pub fn parse(text: &str, name: &str) -> Result<Self, Faults> {
        let (raw, mut sink) = shape::read(text).map_err(|sink| sink.into_faults(name, text))?;
        let topology = check::check(&raw, &mut sink);
        if sink.is_empty() {
            Ok(topology)
        } else {
            Err(sink.into_faults(name, text))
        }
    }

    /// Returns the JSON Schema of the file, for editors.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        raw::schema().into()
    }
}
