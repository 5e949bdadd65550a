//! Parties that are no machines of ours: networks, and servers beside the deployment.

use std::net::IpAddr;

use base::net::Face;

use super::{Party, own_host};
use crate::flows::{End, Leg};
use crate::{Network, Topology};

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
            | End::RevocationServers => Vec::new(),
        }
    }

    /// Servers beside the deployment that are reached on this face. One of them may be a machine of ours, on which
    /// another program listens.
    pub(super) fn servers(&self, end: End, face: Face) -> Party {
        let listed = if end == End::TimeServers {
            &self.firewall.time_servers
        } else {
            &self.firewall.revocation_servers
        };
        let side = |address: &&IpAddr| self.is_within(**address) == (face == Face::Inside);
        let mut party = Party {
            end,
            vip: false,
            face,
            hosts: Vec::new(),
            networks: Vec::new(),
        };
        for address in listed.iter().filter(side) {
            let own = self.machines.iter().find(|m| m.address == *address);
            match own {
                Some(machine) => party.hosts.push(own_host(machine, *address, face)),
                None => party.networks.push(Network::of(*address)),
            }
        }
        party
    }
}

/// The faces of machines that a leg may concern: where a server stands decides from which one it is asked.
pub(super) fn faces(leg: &Leg) -> &'static [Face] {
    let has = |end: End| leg.from.contains(&end) || leg.to.contains(&end);
    if has(End::TimeServers) || has(End::RevocationServers) {
        &[Face::Inside, Face::Outside]
    } else if has(End::Outside) {
        &[Face::Outside]
    } else {
        &[Face::Inside]
    }
}
