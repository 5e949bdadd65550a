//! Whose names are whose: the trust list of the topology.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use base::net::{Face, Peer, Server, Transport};
use runtime::tls::{Identify, Stranger};
use topology::{FederationMode, Gateway, PlainTransport, View};

/// The names of the deployment's machines and pools, and who may speak to this machine without TLS.
pub struct TrustList {
    servers: BTreeMap<String, Arc<Server>>,
    /// The gateways of this machine's pool.
    gateways: BTreeMap<IpAddr, Arc<str>>,
    plain: Vec<PlainTransport>,
    partners: Partners,
}

/// Whom we take for a partner outside.
struct Partners {
    mode: FederationMode,
    listed: BTreeSet<String>,
    /// Nobody else's certificate can mean one of these.
    ours: BTreeSet<String>,
}

impl Partners {
    fn of(view: &View) -> Self {
        let text = |name: &topology::Fqdn| name.as_str().to_owned();
        let partners = &view.federation.partners;
        Self {
            mode: view.federation.mode,
            listed: partners.iter().map(|one| text(&one.domain)).collect(),
            ours: view
                .domains
                .iter()
                .chain(view.trust.keys())
                .map(text)
                .collect(),
        }
    }

    /// The proven names that are domains of partners, in the order of the certificate.
    fn among(&self, names: &[String]) -> Vec<Arc<str>> {
        let is_partner = |name: &&String| match self.mode {
            FederationMode::Off => false,
            FederationMode::Allow => self.listed.contains(*name),
            FederationMode::Open => !self.ours.contains(*name),
        };
        let found = names.iter().filter(is_partner);
        found.map(|name| Arc::from(name.as_str())).collect()
    }
}

impl TrustList {
    /// Takes the list out of a machine's view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let servers = view
            .trust
            .iter()
            .map(|(name, server)| (name.as_str().to_owned(), Arc::clone(server)));
        let is_ours = |gateway: &&Gateway| view.machine.pools.contains(&gateway.pool);
        let gateways = view.gateways.iter().filter(is_ours);
        let gateways = gateways.map(|g| (g.address, Arc::from(g.fqdn.as_str())));
        Self {
            servers: servers.collect(),
            gateways: gateways.collect(),
            plain: view.sip.plain.clone(),
            partners: Partners::of(view),
        }
    }
}

impl Identify for TrustList {
    /// A certificate names a pool and the machine in it; the machine's own name says most. On the outside face nobody
    /// is a server of ours; who proves a domain that we federate with is a partner.
    fn identify(&self, names: &[String], face: Face) -> Result<Peer, Stranger> {
        if face == Face::Outside {
            let domains = self.partners.among(names);
            if domains.is_empty() {
                return Err(Stranger);
            }
            return Ok(Peer::Partner(domains.into()));
        }
        let known: Vec<&Arc<Server>> = names
            .iter()
            .filter_map(|name| self.servers.get(name))
            .collect();
        let is_machine = |server: &&&Arc<Server>| names.iter().any(|name| **name == *server.name);
        let machine = known
            .iter()
            .filter(|server| server.name != server.pool)
            .find(is_machine);
        let found = machine.or_else(|| known.first());
        found
            .map(|server| Peer::Server(Arc::clone(server)))
            .ok_or(Stranger)
    }

    /// Gateways by their address; anyone else is a client, where clients are offered that transport at all.
    fn plain(&self, address: IpAddr, transport: Transport) -> Option<Peer> {
        if let Some(name) = self.gateways.get(&address.to_canonical()) {
            return Some(Peer::Gateway(Arc::clone(name)));
        }
        let offered = match transport {
            Transport::Tls => false,
            Transport::Tcp => self.plain.contains(&PlainTransport::Tcp),
            Transport::Udp => self.plain.contains(&PlainTransport::Udp),
        };
        offered.then_some(Peer::Client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::Topology;

    const GATEWAY: &str = include_str!("../../../examples/gateway.toml");

    #[test]
    fn a_gateway_is_known_by_its_address_and_others_are_clients_where_they_are_served() {
        let topology = Topology::parse(GATEWAY, "sample").unwrap();
        let known = TrustList::of(&topology.view("home.example.net").unwrap());
        let who = |address: &str, transport| known.plain(address.parse().unwrap(), transport);
        let gateway = Some(Peer::Gateway("gw1.example.net".into()));
        assert_eq!(who("192.168.10.21", Transport::Udp), gateway);
        assert_eq!(who("::ffff:192.168.10.21", Transport::Tcp), gateway);
        assert_eq!(who("192.168.10.99", Transport::Udp), Some(Peer::Client));
        assert_eq!(who("192.168.10.99", Transport::Tcp), None);
    }
}
