//! The same topology on one machine: every address moved into 127.0.0.0/8, and ports that need no privilege.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::flows::Carrier;
use crate::{Firewall, Fqdn, Machine, Network, Port, Topology};

/// The network of loopback and how many bits of an address are its host's.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 0);
const HOST_BITS: u32 = 24;

impl Topology {
    /// Returns the same topology with each machine, VIP and gateway on its own loopback address, from `base` on.
    ///
    /// Addresses are given in the order of the file: machines first, each with its inside and then its outside ones,
    /// then the VIPs, then the gateways. The first and the last address of 127.0.0.0/8 are left out. All clients are inside,
    /// and nobody is named for packet filters: there is nothing to filter between machines of one kernel.
    #[must_use]
    pub fn on_loopback(&self, base: Ipv4Addr) -> Self {
        let mut next = Addresses {
            next: base.to_bits(),
        };
        let mut moved = self.clone();
        for machine in &mut moved.machines {
            next.move_machine(machine);
        }
        for pool in &mut moved.pools {
            pool.vip = pool.vip.map(|_| next.take());
        }
        for gateway in &mut moved.gateways {
            gateway.address = next.take();
        }
        moved.client_networks = vec![Network {
            address: IpAddr::V4(LOOPBACK),
            prefix: 8,
        }];
        moved.firewall = Firewall::default();
        moved
    }

    /// Returns the same topology with every port below 1024 moved up by `by`, for those who may not open them.
    ///
    /// `None` if a number would pass 65535 or two different ports of one machine would meet.
    #[must_use]
    pub fn with_low_ports_shifted(&self, by: u16) -> Option<Self> {
        let moved = Self {
            ports: self.ports.low_shifted(by)?,
            ..self.clone()
        };
        moved.port_clashes().is_empty().then_some(moved)
    }

    /// Returns the sockets that two different ports of the flow table claim. An address belongs to one machine, or to
    /// one VIP, so a socket claimed twice is claimed on one machine.
    pub(crate) fn port_clashes(&self) -> Vec<Clash> {
        let mut owners: BTreeMap<(SocketAddr, bool), Port> = BTreeMap::new();
        let mut clashes = Vec::new();
        for instance in self.flows() {
            let second = instance.service.port;
            let is_udp = instance.service.carrier == Carrier::Udp;
            for host in self.listening(&instance) {
                let socket = SocketAddr::new(host.address, self.ports.number(second));
                let first = *owners.entry((socket, is_udp)).or_insert(second);
                let clash = Clash {
                    machine: host.machines.first().cloned(),
                    socket,
                    first,
                    second,
                };
                if first != second && !clashes.contains(&clash) {
                    clashes.push(clash);
                }
            }
        }
        clashes
    }
}

/// Two ports of the flow table that meet on one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) machine: Option<Fqdn>,
    pub(crate) socket: SocketAddr,
    pub(crate) first: Port,
    pub(crate) second: Port,
}

struct Addresses {
    next: u32,
}

impl Addresses {
    fn take(&mut self) -> IpAddr {
        let hosts = (1_u32 << HOST_BITS) - 2;
        let host = (self.next & ((1 << HOST_BITS) - 1)).saturating_sub(1) % hosts + 1;
        self.next = host + 1;
        IpAddr::V4(Ipv4Addr::from_bits(LOOPBACK.to_bits() | host))
    }

    fn move_machine(&mut self, machine: &mut Machine) {
        machine.address = self.take();
        let shared = machine.published == machine.external;
        machine.external = machine.external.map(|_| self.take());
        machine.published = match machine.published {
            Some(_) if shared => machine.external,
            Some(_) => Some(self.take()),
            None => None,
        };
    }
}
