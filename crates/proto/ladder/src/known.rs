//! What is known of a deployment beside its records: who belongs to it, and who could not be asked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::net::Role;

/// A machine of the topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// What it does first, where it has several roles the one nearest to the outside.
    pub role: Option<Role>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Why its agent gave no records, if it gave none.
    pub missing: Option<String>,
}

/// Who is who. All of it may be empty: then records alone decide, and what they cannot tell stays open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The machines by FQDN, lower case.
    pub servers: BTreeMap<String, Server>,
    /// The names of gateways.
    pub gateways: Vec<String>,
}

impl Known {
    /// Names the machine that has an address, if only one does.
    pub(crate) fn at(&self, address: IpAddr) -> Option<&str> {
        let mut found = self
            .servers
            .iter()
            .filter(|(_, server)| server.addresses.contains(&address));
        let (name, _) = found.next()?;
        found.next().is_none().then_some(name)
    }
}
