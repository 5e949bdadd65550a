//! Where an agent is reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use logs::wire::Service;
use topology::{Machine, Port, Topology};

/// One agent, by the machine whose name it has to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The machine's FQDN.
    pub machine: Arc<str>,
    address: IpAddr,
    command: u16,
    search: u16,
    tail: u16,
}

impl Target {
    /// Returns the agent of a machine: on its inner address, whatever other faces the machine has.
    #[must_use]
    pub fn of(topology: &Topology, machine: &Machine) -> Self {
        let ports = topology.ports();
        Self {
            machine: machine.fqdn.to_arc(),
            address: machine.address,
            command: ports.number(Port::LogCommand),
            search: ports.number(Port::LogSearch),
            tail: ports.number(Port::LogTail),
        }
    }

    /// Returns where it is asked.
    #[must_use]
    pub const fn at(&self, service: Service) -> SocketAddr {
        let port = match service {
            Service::Command => self.command,
            Service::Search => self.search,
            Service::Tail => self.tail,
        };
        SocketAddr::new(self.address, port)
    }

    /// An agent that has all services at one address, as those of tests do.
    #[cfg(test)]
    pub(super) fn single(machine: &str, at: SocketAddr) -> Self {
        Self {
            machine: machine.into(),
            address: at.ip(),
            command: at.port(),
            search: at.port(),
            tail: at.port(),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::net::Face;
    use topology::flows::Protocol;

    use super::*;

    #[test]
    fn an_agent_is_where_the_flow_table_has_it_listen() {
        let text = include_str!("../../../../examples/reference.toml");
        let topology = Topology::parse(text, "reference.toml").unwrap();
        for machine in topology.machines() {
            let target = Target::of(&topology, machine);
            let listeners = topology.listeners(machine).into_iter();
            let logging = listeners.filter(|one| one.protocol == Protocol::Logging);
            let mut listening = Vec::new();
            for one in logging {
                assert_eq!(one.face, Face::Inside, "{}", machine.fqdn);
                listening.push(one.address);
            }
            let asked = [Service::Command, Service::Search, Service::Tail];
            assert_eq!(listening, asked.map(|service| target.at(service)));
        }
    }
}
