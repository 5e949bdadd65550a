//! Whose names are whose: the trust list of the topology.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::net::{Face, Peer, Server};
use runtime::tls::{Identify, Stranger};
use topology::{FederationMode, View};

/// The names of the deployment's machines and pools.
pub struct TrustList {
    servers: BTreeMap<String, Arc<Server>>,
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
        Self {
            servers: servers.collect(),
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
}
