//! Whose names are whose: the trust list of the topology.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::net::{Face, Peer, Server};
use runtime::tls::{Identify, Stranger};
use topology::View;

/// The names of the deployment's machines and pools.
pub struct TrustList {
    servers: BTreeMap<String, Arc<Server>>,
}

impl TrustList {
    /// Takes the list out of a machine's view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let servers = view
            .trust
            .iter()
            .map(|(name, server)| (name.as_str().to_owned(), Arc::clone(server)));
        Self {
            servers: servers.collect(),
        }
    }
}

impl Identify for TrustList {
    /// A certificate names a pool and the machine in it; the machine's own name says most. On the outside face nobody
    /// is a server of ours.
    fn identify(&self, names: &[String], face: Face) -> Result<Peer, Stranger> {
        if face == Face::Outside {
            return Err(Stranger);
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
}
