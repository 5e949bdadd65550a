//! What a site knows of its deployment, as plain values.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Location;

/// The web services of one pool.
#[derive(Clone, Debug)]
pub struct Config {
    /// The machine, named to clients inside only.
    pub machine: Arc<str>,
    /// Its pool.
    pub pool: Arc<str>,
    /// The SIP domains; the first is the default.
    pub domains: Vec<Arc<str>>,
    /// The internal site.
    pub inside: Place,
    /// The external site, where there is one.
    pub outside: Option<Place>,
    /// The web names of every pool where users are at home.
    pub homes: BTreeMap<Arc<str>, Home>,
    /// The addresses of meetings, each with its domain; none if they lead to other machines.
    pub meet: Vec<(Arc<str>, Short)>,
    /// The address of the dial-in page, if it leads here.
    pub dialin: Option<Short>,
    /// The address of the page for administrators, if it leads here; answered inside only.
    pub admin: Option<Short>,
}

/// One of the two sites of a pool.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The name of the site, which no other pool has.
    pub web: Arc<str>,
    /// What follows a host in links: nothing, or a colon and the port where it is not the usual one.
    pub port: Arc<str>,
    /// Other names that serve as well as `web`.
    pub names: Vec<Arc<str>>,
    /// The names by which clients look for it, `lyncdiscover.` of each domain and its kin.
    pub discover: Vec<Arc<str>>,
    /// Where clients sign in.
    pub client: Option<Server>,
    /// Where servers are reached.
    pub server: Option<Server>,
}

/// A SIP server that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub fqdn: Arc<str>,
    /// Its port.
    pub port: u16,
}

/// The names of the web sites of a pool where users are at home.
#[derive(Clone, Debug)]
pub struct Home {
    /// For clients inside.
    pub inside: Arc<str>,
    /// For clients outside.
    pub outside: Arc<str>,
}

/// A short address: a host, and a path that is empty or begins with a slash.
#[derive(Clone, Debug)]
pub struct Short {
    /// The host.
    pub host: Arc<str>,
    /// The path.
    pub path: Arc<str>,
}

impl Config {
    /// Returns the site of a location.
    #[must_use]
    pub fn place(&self, location: Location) -> Option<&Place> {
        match location {
            Location::Inside => Some(&self.inside),
            Location::Outside => self.outside.as_ref(),
        }
    }

    /// Tells whether a SIP domain is ours.
    pub(super) fn is_ours(&self, domain: &str) -> bool {
        let mut domains = self.domains.iter();
        domains.any(|own| domain.eq_ignore_ascii_case(own))
    }

    /// The default domain, which is also the realm of sign-in.
    pub(super) fn realm(&self) -> &str {
        self.domains.first().map_or("", |domain| domain)
    }
}

impl Place {
    /// Writes an address on a host of the deployment, as it is reached from here.
    pub(super) fn link(&self, host: &str, path: &str) -> String {
        format!("https://{host}{}{path}", self.port)
    }
}

impl Home {
    /// Returns the name for a location.
    pub(super) fn web(&self, location: Location) -> &str {
        match location {
            Location::Inside => &self.inside,
            Location::Outside => &self.outside,
        }
    }
}
