//! The names that the certificates of each machine must carry.
//!
//! Inside, one default certificate per machine: its subject is the pool, since peers and clients ask for the pool by
//! name; it also carries the machine's own name, which others use to tell members apart, and the names of the web
//! sites that it serves. A balancer that ends TLS for a pool carries the names of that pool's web sites. An Edge and a
//! reverse proxy have a second certificate for the outside, which carries public names only, so that nothing of the
//! inside is told to strangers. Wildcards are never asked for.
//!
//! Who finds its server by the records of a SIP domain, be it a phone or a partner, expects the certificate to prove
//! that domain (RFC 5922 section 7.3). So servers where one arrives first carry the domains themselves beside the names
//! that the records lead to.

use base::net::{Face, Role};

use crate::{Fqdn, Machine, Pool, Topology, VipMode};

/// One certificate that a machine needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateNeed {
    /// On which face it is shown.
    pub face: Face,
    /// The subject, which is also the first of the names.
    pub subject: Fqdn,
    /// Every name, the subject first, each once.
    pub names: Vec<Fqdn>,
}

/// Names of discovery, one of each for every SIP domain.
pub(crate) const DISCOVER_INSIDE: &str = "lyncdiscoverinternal";
pub(crate) const DISCOVER_OUTSIDE: &str = "lyncdiscover";
/// The name of the SIP service of a domain.
pub(crate) const SIP_LABEL: &str = "sip";
/// Who calls a SIP service by a name below this label is asked for a certificate of their own.
pub const CERTIFICATE_LABEL: &str = "sipcert";

impl Topology {
    /// Returns the certificates that a machine needs, that for the inside first.
    #[must_use]
    pub fn certificates(&self, machine: &Machine) -> Vec<CertificateNeed> {
        let inside = self.inside_names(machine);
        let outside = self.outside_names(machine);
        [(Face::Inside, inside), (Face::Outside, outside)]
            .into_iter()
            .filter_map(|(face, names)| need(face, names))
            .collect()
    }

    fn inside_names(&self, machine: &Machine) -> Vec<Fqdn> {
        let main = self.main_pool(machine).map(|pool| pool.fqdn.clone());
        let mut names: Vec<Fqdn> = main.into_iter().collect();
        names.push(machine.fqdn.clone());
        for pool in self.pools_at(machine) {
            names.push(pool.fqdn.clone());
            names.extend(self.web_names(pool));
            if self.is_sign_in_pool(pool) {
                names.extend(self.per_domain(SIP_LABEL));
                names.extend(self.domains.iter().cloned());
                names.extend(self.per_domain(CERTIFICATE_LABEL));
            }
            if signs_in(pool.role) {
                names.push(Fqdn::below(CERTIFICATE_LABEL, pool.fqdn.as_str()));
            }
        }
        let fronted = self
            .pools
            .iter()
            .filter(|pool| self.ends_tls_for(machine, pool));
        names.extend(fronted.flat_map(|pool| self.web_names(pool)));
        names
    }

    /// What clients call the web sites of a pool.
    fn web_names(&self, pool: &Pool) -> Vec<Fqdn> {
        let web = pool.web.iter();
        let web = web.flat_map(|web| [web.internal.clone(), web.external.clone()]);
        let mut names: Vec<Fqdn> = web.collect();
        if self.is_sign_in_pool(pool) {
            names.extend(self.simple_urls.all().map(|url| url.host.clone()));
            names.extend(self.per_domain(DISCOVER_INSIDE));
            names.extend(self.per_domain(DISCOVER_OUTSIDE));
        }
        names
    }

    /// Tells whether TLS of a pool's web sites ends at this machine, which holds the pool's VIP.
    fn ends_tls_for(&self, machine: &Machine, pool: &Pool) -> bool {
        let holder = pool.balancer.as_ref();
        pool.vip_mode == VipMode::Http && holder.is_some_and(|it| machine.pools.contains(it))
    }

    fn outside_names(&self, machine: &Machine) -> Vec<Fqdn> {
        let mut names = Vec::new();
        for pool in self.pools_at(machine) {
            if pool.role == Role::Edge {
                names.extend(pool.external_fqdn.clone());
                names.extend(self.per_domain(SIP_LABEL));
                names.extend(self.domains.iter().cloned());
            }
            if pool.role == Role::ReverseProxy {
                names.extend(self.published_names());
            }
        }
        names
    }

    /// Returns the web names that the reverse proxy publishes: every pool's, discovery and the short addresses that
    /// people outside use.
    #[must_use]
    pub fn published_names(&self) -> Vec<Fqdn> {
        let front_ends = self.pools_of(Role::FrontEnd);
        let pools = front_ends.chain(self.pools_of(Role::Director));
        let web = pools.filter_map(|pool| pool.web.as_ref().map(|web| web.external.clone()));
        let mut names: Vec<Fqdn> = web.collect();
        let urls = self
            .simple_urls
            .meet
            .iter()
            .chain([&self.simple_urls.dialin]);
        names.extend(urls.map(|url| url.host.clone()));
        names.extend(self.per_domain(DISCOVER_OUTSIDE));
        once(names)
    }

    /// Returns the names at which clients outside look for their pool, which they may ask without TLS.
    pub fn discovery_names(&self) -> impl Iterator<Item = Fqdn> {
        self.per_domain(DISCOVER_OUTSIDE)
    }

    /// Directors of every site are targets of sign-in; without any, the pool that masters the directory is.
    pub(crate) fn is_sign_in_pool(&self, pool: &Pool) -> bool {
        pool.role == Role::Director
            || self
                .sign_in_pool()
                .is_some_and(|first| first.fqdn == pool.fqdn)
    }

    pub(crate) fn per_domain(&self, label: &str) -> impl Iterator<Item = Fqdn> {
        self.domains
            .iter()
            .map(move |domain| Fqdn::below(label, domain.as_str()))
    }
}

/// Whether users sign in at machines that do this, and so may prove themselves by a certificate there. At an Edge they
/// may not: nobody inside would take its word for it.
pub(crate) const fn signs_in(role: Role) -> bool {
    matches!(role, Role::Director | Role::FrontEnd)
}

impl CertificateNeed {
    /// Returns those of the names by which clients call the SIP service of a domain or ask to prove themselves by a
    /// certificate.
    pub fn sip_names(&self) -> impl Iterator<Item = &Fqdn> {
        let called = |name: &&Fqdn| {
            let label = name.as_str().split('.').next();
            label.is_some_and(|label| [SIP_LABEL, CERTIFICATE_LABEL].contains(&label))
        };
        self.names.iter().filter(called)
    }
}

fn need(face: Face, names: Vec<Fqdn>) -> Option<CertificateNeed> {
    let names = once(names);
    let subject = names.first()?.clone();
    Some(CertificateNeed {
        face,
        subject,
        names,
    })
}

/// Keeps the first of each.
fn once(names: Vec<Fqdn>) -> Vec<Fqdn> {
    let mut seen = std::collections::BTreeSet::new();
    names
        .into_iter()
        .filter(|name| seen.insert(name.clone()))
        .collect()
}
