//! Parties that are no machines of ours: networks, and servers beside the deployment.

use std::net::{IpAddr, SocketAddr};

use base::net::Face;

use super::{Party, own_host};
use crate::flows::{End, Leg};
use crate::{Gateway, Network, Topology};

impl Topology {
    /// The networks that a word stands for, whichever side they are on.
    pub(super) fn networks_of(&self, end: End) -> Vec<Network> {
        match end {
            End::Clients => self.client_networks.clone(),
            End::Administrators => self.firewall.admin_networks.clone(),
            End::Outside
            | End::Anyone
            | End::EveryMachine
            | End::Itself
            | End::Of(_)
            | End::Behind(_)
            | End::Probed(_)
            | End::Members(_)
            | End::DirectoryMaster
            | End::OtherFrontEnds
            | End::Store
            | End::Gateways
            | End::GatewayPools
            | End::TimeServers
            | End::RevocationServers
            | End::Resolvers => Vec::new(),
        }
    }

    /// Servers beside the deployment that are reached on this face, if it is such servers that a word stands for. One of
    /// them may be a machine of ours, on which another program listens.
    pub(super) fn servers(&self, end: End, face: Face) -> Option<Party> {
        let listed: Vec<IpAddr> = match end {
            End::TimeServers => self.firewall.time_servers.clone(),
            End::RevocationServers => self.firewall.revocation_servers.clone(),
            End::Resolvers => {
                let all = self.federation.resolvers.iter();
                all.map(SocketAddr::ip).collect()
            }
            End::Outside
            | End::Clients
            | End::Anyone
            | End::EveryMachine
            | End::Itself
            | End::Of(_)
            | End::Behind(_)
            | End::Probed(_)
            | End::Members(_)
            | End::DirectoryMaster
            | End::OtherFrontEnds
            | End::Store
            | End::Gateways
            | End::GatewayPools
            | End::Administrators => return None,
        };
        // Who names no resolver leaves it to the system of each edge; that, and a resolver on an edge itself, ask anybody.
        let is_elsewhere = listed.is_empty() || listed.iter().any(IpAddr::is_loopback);
        let is_anybody = end == End::Resolvers && is_elsewhere && face == Face::Outside;
        let mut party = Party {
            end: if is_anybody { End::Outside } else { end },
            vip: false,
            face,
            hosts: Vec::new(),
            networks: Vec::new(),
        };
        let side = |address: &IpAddr| self.is_within(*address) == (face == Face::Inside);
        for address in listed.into_iter().filter(|it| !is_anybody && side(it)) {
            let own = self.machines.iter().find(|m| m.address == address);
            match own {
                Some(machine) => party.hosts.push(own_host(machine, address, face)),
                None => party.networks.push(Network::of(address)),
            }
        }
        Some(party)
    }
}

impl Topology {
    /// Returns where a server listens that is one end of a row: at the port of the row, or where the file says otherwise.
    #[must_use]
    pub fn sockets(&self, end: End, address: IpAddr, usual: u16) -> Vec<SocketAddr> {
        let gateways = self.gateways.iter().map(Gateway::socket);
        let resolvers = self.federation.resolvers.iter().copied();
        let written = gateways
            .filter(|_| end == End::Gateways)
            .chain(resolvers.filter(|_| end == End::Resolvers));
        let written: Vec<SocketAddr> = written.filter(|it| it.ip() == address).collect();
        if written.is_empty() {
            return vec![SocketAddr::new(address, usual)];
        }
        written
    }
}

/// The faces of machines that a leg may concern: where a server stands decides from which one it is asked.
pub(super) fn faces(leg: &Leg) -> &'static [Face] {
    let has = |end: End| leg.from.contains(&end) || leg.to.contains(&end);
    let servers = [End::TimeServers, End::RevocationServers, End::Resolvers];
    if servers.into_iter().any(has) {
        &[Face::Inside, Face::Outside]
    } else if has(End::Outside) {
        &[Face::Outside]
    } else {
        &[Face::Inside]
    }
}
