//! What the web sites of a machine are called, and how they are reached.

use base::net::{Face, Role};

use crate::certificates::{DISCOVER_INSIDE, DISCOVER_OUTSIDE};
use crate::{Fqdn, PoolView, Port, View};

impl View {
    /// Returns the machine's pool that has web sites; a Director or Front End is in one.
    #[must_use]
    pub fn web_pool(&self) -> Option<&PoolView> {
        let own = [Role::Director, Role::FrontEnd].map(|role| self.own_pool(role));
        let mut own = own.into_iter().flatten();
        own.find(|pool| pool.pool.web.is_some())
    }

    /// Tells whether names of discovery and short addresses lead to a pool: to Directors, and without any to the pool
    /// where clients sign in.
    #[must_use]
    pub fn is_first_stop(&self, pool: &PoolView) -> bool {
        let first = self.sign_in_pool.as_ref();
        pool.pool.role == Role::Director || first == Some(&pool.pool.fqdn)
    }

    /// Returns the names by which clients look for their web site; a client inside may ask by both kinds.
    #[must_use]
    pub fn discovery_names(&self, from: Face) -> Vec<Fqdn> {
        let labels: &[&str] = match from {
            Face::Inside => &[DISCOVER_INSIDE, DISCOVER_OUTSIDE],
            Face::Outside => &[DISCOVER_OUTSIDE],
        };
        let domains = self.domains.iter();
        let names = domains.flat_map(|domain| {
            let below = |label: &&str| Fqdn::below(label, domain.as_str());
            labels.iter().map(below)
        });
        names.collect()
    }

    /// Returns what follows a host in an address with `https:`: nothing where the port is the usual one.
    #[must_use]
    pub fn https_port(&self, port: Port) -> String {
        let number = self.ports.number(port);
        if number == Port::WebHttps.default_number() {
            String::new()
        } else {
            format!(":{number}")
        }
    }
}
