//! What only a packet filter has to know: who administers the machines, and whom they ask for what is not ours.

use std::net::IpAddr;

use crate::{Network, Topology};

/// Hosts and networks beside the deployment. A flow exists only where somebody is named for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firewall {
    /// From where machines are administered; without any, a filter that drops what it does not know lets nobody in.
    pub admin_networks: Vec<Network>,
    /// Whom machines ask for the time.
    pub time_servers: Vec<IpAddr>,
    /// Where Edges fetch lists of revoked certificates.
    pub revocation_servers: Vec<IpAddr>,
}

impl Topology {
    /// Returns what only a packet filter has to know.
    #[must_use]
    pub const fn firewall(&self) -> &Firewall {
        &self.firewall
    }

    /// Tells whether an address is inside: one of ours, or in a network of clients.
    pub(crate) fn is_within(&self, address: IpAddr) -> bool {
        self.machines
            .iter()
            .any(|machine| machine.address == address)
            || self.pools.iter().any(|pool| pool.vip == Some(address))
            || self
                .gateways
                .iter()
                .any(|gateway| gateway.address == address)
            || self
                .client_networks
                .iter()
                .any(|network| network.contains(address))
    }
}
