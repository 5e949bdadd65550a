//! What holds at an address and port for everybody who comes there, whichever row brings them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use topology::Topology;
use topology::flows::{Carrier, Security};
use topology::resolve::Instance;

use super::expected::is_passed_on;

/// What holds at an address and port, whoever comes.
#[derive(Default)]
pub(super) struct Doors {
    /// Whether both sides prove their names, for everybody.
    pub(super) mutual: BTreeMap<(SocketAddr, Carrier), bool>,
    /// The balancers that pass connections on to it.
    pub(super) balancers: BTreeMap<(SocketAddr, Carrier), BTreeSet<IpAddr>>,
}

impl Doors {
    pub(super) fn of(topology: &Topology, instances: &[Instance]) -> Self {
        let mut doors = Self::default();
        for instance in instances {
            let port = topology.ports().number(instance.service.port);
            let is_mutual = instance.service.security == Security::Mutual;
            for host in instance.destinations.iter().flat_map(|party| &party.hosts) {
                let pool = host.vip_of.as_ref();
                let pool = pool.and_then(|name| topology.pool(name.as_str()));
                let members = pool.into_iter().flat_map(|pool| topology.members(pool));
                let members = members.map(|machine| machine.address);
                for address in members.chain([host.address]) {
                    let door = (SocketAddr::new(address, port), instance.service.carrier);
                    *doors.mutual.entry(door).or_insert(true) &= is_mutual;
                    if is_passed_on(instance) {
                        let from = instance.sources.iter().flat_map(|party| &party.hosts);
                        let told = doors.balancers.entry(door).or_default();
                        told.extend(from.map(|host| host.address));
                    }
                }
            }
        }
        doors
    }
}
