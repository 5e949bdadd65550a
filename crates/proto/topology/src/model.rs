//! What a checked file means: domains, pools, machines and settings.
//!
//! Values of these types come only out of [`Topology::parse`](crate::Topology::parse) and what derives from it, so
//! whoever holds one need not check again: every name resolves, every address is used once, backups are mutual.

use std::fmt;
use std::net::IpAddr;

use base::net::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Delegate, Dns, Federation, Firewall, Fqdn, Gateway, Limits, Logging, Ports, Sip};

/// A whole deployment, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub(crate) domains: Vec<Fqdn>,
    pub(crate) sites: Vec<String>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) delegates: Vec<Delegate>,
    pub(crate) client_networks: Vec<Network>,
    pub(crate) simple_urls: SimpleUrls,
    pub(crate) ports: Ports,
    pub(crate) sip: Sip,
    pub(crate) limits: Limits,
    pub(crate) federation: Federation,
    pub(crate) dns: Dns,
    pub(crate) firewall: Firewall,
    pub(crate) logging: Logging,
}

/// How clients and servers are spread over the members of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Balancing {
    /// One member; nothing to spread.
    #[serde(rename = "none")]
    Single,
    /// The pool name has every member's address.
    #[serde(rename = "dns")]
    Dns,
    /// Web and SIP go to the VIP.
    #[serde(rename = "hlb")]
    Hlb,
    /// Web goes to the VIP, everything else straight to the members.
    #[serde(rename = "dns+hlb")]
    DnsHlb,
}

/// What a VIP does with the web sites of its pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VipMode {
    /// It passes connections through, unread.
    #[default]
    Tcp,
    /// It ends TLS and gives each request to a member.
    Http,
}

/// Machines that do one thing together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pool {
    /// Its name.
    pub fqdn: Fqdn,
    /// What it does.
    pub role: Role,
    /// Where it stands.
    pub site: String,
    /// How its members share the load.
    pub balancing: Balancing,
    /// Its web sites; Directors and Front Ends have them.
    pub web: Option<WebNames>,
    /// The balancer's address for it.
    pub vip: Option<IpAddr>,
    /// What the VIP does with web sites; what else comes there is always passed through.
    pub vip_mode: VipMode,
    /// Whether a VIP that ends TLS keeps clients from outside with their member by a cookie.
    pub vip_cookie: bool,
    /// The pool of balancers that holds the VIP; `None` if the VIP is held by a box outside the topology.
    pub balancer: Option<Fqdn>,
    /// Where an Edge sends what comes from outside.
    pub next_hop: Option<Fqdn>,
    /// The Front End pool that takes over; the relation is mutual.
    pub backup: Option<Fqdn>,
    /// Whether this Front End pool holds the master of the directory of users; exactly one does.
    pub masters_directory: bool,
    /// The name under which an Edge is known outside.
    pub external_fqdn: Option<Fqdn>,
}

/// The two names of a pool's web sites, each unique in the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebNames {
    /// For clients inside.
    pub internal: Fqdn,
    /// For clients that come by the reverse proxy.
    pub external: Fqdn,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Its name.
    pub fqdn: Fqdn,
    /// The pools that it belongs to, at least one.
    pub pools: Vec<Fqdn>,
    /// Its address on the organisation's network.
    pub address: IpAddr,
    /// Its address outside; Edges and reverse proxies have one.
    pub external: Option<IpAddr>,
    /// Where its reverse proxy listens outside; the same as `external` unless the file says otherwise.
    pub published: Option<IpAddr>,
}

/// A network in CIDR form; the bits of the host are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl Network {
    /// Returns the network of one address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, prefix }
    }

    /// Tells whether an address lies in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(host)) => {
                let bits = 32_u32.saturating_sub(u32::from(self.prefix));
                (u64::from(net.to_bits()) >> bits) == (u64::from(host.to_bits()) >> bits)
            }
            (IpAddr::V6(net), IpAddr::V6(host)) => {
                let bits = 128_u32.saturating_sub(u32::from(self.prefix));
                net.to_bits().checked_shr(bits) == host.to_bits().checked_shr(bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A short address that people click on: host and path, always HTTPS, no port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimpleUrl {
    /// The host.
    pub host: Fqdn,
    /// The path, empty or with a leading slash and none at the end.
    pub path: String,
}

impl fmt::Display for SimpleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path)
    }
}

/// The short addresses of the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimpleUrls {
    /// Meetings: one for each SIP domain, in the order of the domains.
    pub meet: Vec<SimpleUrl>,
    /// Dial-in numbers.
    pub dialin: SimpleUrl,
    /// Administration, inside only.
    pub admin: Option<SimpleUrl>,
}

impl SimpleUrls {
    /// Returns all of them; those for administration come last.
    pub fn all(&self) -> impl Iterator<Item = &SimpleUrl> {
        self.meet.iter().chain([&self.dialin]).chain(&self.admin)
    }
}

impl Topology {
    /// Returns the SIP domains; the first is the default.
    #[must_use]
    pub fn domains(&self) -> &[Fqdn] {
        &self.domains
    }

    /// Returns the names of the sites.
    #[must_use]
    pub fn sites(&self) -> &[String] {
        &self.sites
    }

    /// Returns the pools in the order of the file.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Returns the machines in the order of the file.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// Returns the pool of this name.
    #[must_use]
    pub fn pool(&self, fqdn: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.fqdn == *fqdn)
    }

    /// Returns the machine of this name.
    #[must_use]
    pub fn machine(&self, fqdn: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.fqdn == *fqdn)
    }

    /// Returns the pools that do one thing.
    pub fn pools_of(&self, role: Role) -> impl Iterator<Item = &Pool> {
        self.pools.iter().filter(move |pool| pool.role == role)
    }

    /// Returns the machines of a pool in the order of the file.
    pub fn members<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Machine> {
        self.machines
            .iter()
            .filter(|machine| machine.pools.contains(&pool.fqdn))
    }

    /// Returns the pools of a machine in the order in which it names them.
    pub fn pools_at<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = &'a Pool> {
        machine
            .pools
            .iter()
            .filter_map(|name| self.pool(name.as_str()))
    }

    /// Returns the pool that holds the master of the directory of users.
    #[must_use]
    pub fn directory_master(&self) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.masters_directory)
    }

    /// Returns the pool where clients come first: the first Director pool, else the pool that masters the directory.
    #[must_use]
    pub fn sign_in_pool(&self) -> Option<&Pool> {
        self.pools_of(Role::Director)
            .next()
            .or_else(|| self.directory_master())
    }

    /// Returns the networks of the clients inside.
    #[must_use]
    pub fn client_networks(&self) -> &[Network] {
        &self.client_networks
    }

    /// Returns the short addresses.
    #[must_use]
    pub fn simple_urls(&self) -> &SimpleUrls {
        &self.simple_urls
    }

    /// Returns the port numbers.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Returns how users sign in.
    #[must_use]
    pub fn sip(&self) -> &Sip {
        &self.sip
    }

    /// Returns with whom calls and messages are exchanged.
    #[must_use]
    pub fn federation(&self) -> &Federation {
        &self.federation
    }

    /// Returns how names are answered.
    #[must_use]
    pub const fn dns(&self) -> Dns {
        self.dns
    }

    /// Returns the bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Returns the word for a role in the file.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Director => "director",
        Role::FrontEnd => "front_end",
        Role::Edge => "edge",
        Role::ReverseProxy => "reverse_proxy",
        Role::LoadBalancer => "load_balancer",
        Role::Dns => "dns",
    }
}

/// Every role, in the order of their listing.
pub const ROLES: [Role; 6] = [
    Role::Director,
    Role::FrontEnd,
    Role::Edge,
    Role::ReverseProxy,
    Role::LoadBalancer,
    Role::Dns,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_shares_its_leading_bits() {
        let net = |address: &str, prefix| Network {
            address: address.parse().unwrap(),
            prefix,
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(net("10.0.0.0", 8).contains(ip("10.9.8.7")));
        assert!(!net("10.0.0.0", 8).contains(ip("11.0.0.0")));
        assert!(net("0.0.0.0", 0).contains(ip("203.0.113.1")));
        assert!(net("fd00::", 8).contains(ip("fd12::1")));
        assert!(net("::", 0).contains(ip("fd12::1")));
        assert!(!net("::", 0).contains(ip("10.0.0.1")));
    }
}
