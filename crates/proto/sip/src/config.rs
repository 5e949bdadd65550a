//! What a SIP node is told at its start. Plain values; [`crate::Node`] only reads them.

use crate::msg::Limits;
use crate::token::Key;
use base::net::{Hop, Role, Server, WorkerId};
use directory::Algorithm;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A name and port that we write into Via, Path and Record-Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A host name that our certificate proves.
    pub host: Arc<str>,
    /// The port that we listen on.
    pub port: u16,
}

/// A pool of servers that speak SIP.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its FQDN, lower case.
    pub name: Arc<str>,
    /// What it does.
    pub role: Role,
    /// Its SIP port.
    pub port: u16,
    /// Its machines.
    pub members: Vec<Hop>,
    /// The pool that stands in for it.
    pub backup: Option<Arc<str>>,
}

/// A gateway to another telephone system, reached without TLS.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Its name and where it is.
    pub hop: Hop,
    /// The Front End pool that speaks with it.
    pub pool: Arc<str>,
    /// Patterns of the users that are reached by it, with `*` for any text.
    pub users: Vec<String>,
}

impl Gateway {
    /// Tells whether the user of this name is reached by it.
    #[must_use]
    pub fn reaches(&self, user: &str) -> bool {
        let mut patterns = self.users.iter();
        patterns.any(|pattern| glob(pattern.as_bytes(), user.as_bytes()))
    }
}

/// What happens to a user inside who signs in at a Director.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalSignIn {
    /// `301` to the home pool and its backup.
    Redirect,
    /// The Director stays in between.
    Proxy,
}

/// What differs for clients whose User-Agent matches.
#[derive(Clone, Debug)]
pub struct UserAgentRule {
    /// A pattern with `*` for any text; letters match in either case.
    pub pattern: String,
    /// Redirect or proxy.
    pub internal_sign_in: Option<InternalSignIn>,
    /// The Digest algorithms offered, first choice first; empty means those of the deployment.
    pub digest: Vec<Algorithm>,
}

/// How users sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// For all that no rule matches.
    pub internal: InternalSignIn,
    /// The Digest algorithms offered, first choice first.
    pub digest: Vec<Algorithm>,
    /// The first that matches counts.
    pub rules: Vec<UserAgentRule>,
    /// What stands before the name of a pool for those who prove themselves by a certificate: they are asked for it
    /// there.
    pub certificate_label: Arc<str>,
}

impl SignIn {
    /// Returns whether this client is redirected or proxied.
    #[must_use]
    pub fn internal_for(&self, user_agent: Option<&str>) -> InternalSignIn {
        self.rule(user_agent)
            .and_then(|rule| rule.internal_sign_in)
            .unwrap_or(self.internal)
    }

    /// Returns the algorithms offered to this client.
    #[must_use]
    pub fn digest_for(&self, user_agent: Option<&str>) -> &[Algorithm] {
        let own = self.rule(user_agent).map_or(&[][..], |rule| &rule.digest);
        if own.is_empty() { &self.digest } else { own }
    }

    fn rule(&self, user_agent: Option<&str>) -> Option<&UserAgentRule> {
        let agent = user_agent?;
        self.rules
            .iter()
            .find(|rule| glob(rule.pattern.as_bytes(), agent.as_bytes()))
    }
}

/// How long registrations last and how many a user may have (RFC 3261 10.2.1.1, 10.3).
#[derive(Clone, Copy, Debug)]
pub struct Registrations {
    /// Less is answered 423.
    pub min: Duration,
    /// When the client names none.
    pub default: Duration,
    /// More is shortened to this.
    pub max: Duration,
    /// Bindings of one user.
    pub endpoints: usize,
}

/// What is kept of messages for users who are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offline {
    /// For how long, unless the sender says less.
    pub keep: Duration,
    /// How many for one user.
    pub per_user: usize,
    /// The largest, in bytes of its request.
    pub message: usize,
}

/// A user who may register for others (RFC 3261 10.2: a third party).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// Who, as `sip:user@domain`.
    pub user: Arc<str>,
    /// For whom: patterns of addresses-of-record in which `*` stands for any text.
    pub may_register: Vec<String>,
}

/// A domain of others that we exchange calls and messages with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The domain, lower case.
    pub domain: Arc<str>,
    /// Where its servers are, tried in this order; looked up by name if empty.
    pub servers: Vec<(Arc<str>, u16)>,
    /// Whether it belongs to our trust domain (RFC 3325 2.3): identities are told and believed.
    pub trusted: bool,
    /// Requests that it may send in one second to one worker; more are answered 503.
    pub requests: u32,
    /// Connections that it may hold to one worker; more are closed.
    pub connections: usize,
}

/// What crosses the border to other organisations.
#[derive(Clone, Debug)]
pub struct Federation {
    /// Whether every domain that proves itself is a partner, not only those listed.
    pub open: bool,
    /// The Edge pool through which everything goes.
    pub edge: Arc<str>,
    /// What an Edge is called by partners.
    pub address: Address,
    /// The domains that are listed.
    pub partners: Vec<Partner>,
    /// What holds for a domain that is not.
    pub other: Partner,
}

impl Federation {
    /// Returns what holds for a domain of others; `None` if we do not speak with it.
    #[must_use]
    pub fn partner(&self, domain: &str) -> Option<&Partner> {
        let listed = |one: &&Partner| one.domain.eq_ignore_ascii_case(domain);
        let found = self.partners.iter().find(listed);
        found.or_else(|| (self.open && is_domain_name(domain)).then_some(&self.other))
    }
}

/// Whether a certificate can prove it: not an address, not a single label.
fn is_domain_name(host: &str) -> bool {
    let letters = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(letters)
        && host.parse::<IpAddr>().is_err()
}

/// Bounds of one node. Each is per worker.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Requests being proxied at once; more are answered 503.
    pub relays: usize,
    /// Answers kept for requests over UDP that may come again; what is not kept is worked out anew.
    pub answers: usize,
    /// Registrations waiting for the change log; more are answered 503.
    pub commits: usize,
    /// Bytes of an unfinished message that all flows together may hold.
    pub unfinished: usize,
    /// Requests of our own that are not answered; what is to be told then ends the subscription.
    pub own: usize,
    /// Subscriptions and publications.
    pub events: crate::event::Bounds,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            relays: 100_000,
            answers: 30_000,
            commits: 20_000,
            unfinished: 64 << 20,
            own: 50_000,
            events: crate::event::Bounds::default(),
        }
    }
}

/// Keys for what we sign. Those for routes and nonces are the same in all members of a pool.
#[derive(Clone, Debug)]
pub struct Keys {
    /// For branches; lives as long as the process.
    pub branch: Key,
    /// For tokens in routes.
    pub token: Key,
    /// For nonces.
    pub nonce: [u8; 32],
    /// For tickets; the same in all Directors and Front Ends.
    pub ticket: Key,
}

/// Everything a node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub server: Arc<Server>,
    /// Which worker of the process.
    pub worker: WorkerId,
    /// How many workers the process has; theirs are the numbers below this.
    pub workers: u8,
    /// Differs in each run of the process.
    pub boot: u32,
    /// The SIP domains we serve, lower case; the first is the default.
    pub domains: Vec<Arc<str>>,
    /// How we are called inside.
    pub inside: Address,
    /// Further names that clients call us by: those of the SIP service.
    pub aliases: Vec<Arc<str>>,
    /// How an Edge is called outside.
    pub outside: Option<Address>,
    /// How we are called inside where there is no TLS: by address, as not every old phone asks for names. `None` if
    /// nobody is served without TLS.
    pub plain: Option<Address>,
    /// Every pool that speaks SIP, our own included.
    pub pools: Vec<Pool>,
    /// Every gateway, whichever pool speaks with it; the first that fits is preferred.
    pub gateways: Vec<Gateway>,
    /// Users who may register for others.
    pub delegates: Vec<Delegate>,
    /// Where an Edge sends what comes from outside.
    pub next_hop: Option<Arc<str>>,
    /// Which other organisations we speak with; none if there is no federation.
    pub federation: Option<Federation>,
    /// How users sign in.
    pub sign_in: SignIn,
    /// Limits on registrations.
    pub registrations: Registrations,
    /// Whether messages for users who are away are kept, and how many; `None` if none are.
    pub offline: Option<Offline>,
    /// Limits on messages.
    pub limits: Limits,
    /// Limits on this node.
    pub bounds: Bounds,
    /// Keys.
    pub keys: Keys,
    /// How long a nonce may be used.
    pub nonce_life: Duration,
    /// How long a ticket may be used.
    pub ticket_life: Duration,
    /// RFC 3261 16.6 step 11: how long a call may ring.
    pub timer_c: Duration,
}

impl Config {
    /// Tells whether this is one of our SIP domains.
    #[must_use]
    pub fn is_our_domain(&self, host: &str) -> bool {
        self.domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(host))
    }

    /// Returns what holds for a domain of others; `None` for our own and for those that we do not speak with.
    #[must_use]
    pub fn partner(&self, domain: &str) -> Option<&Partner> {
        let foreign = (!self.is_our_domain(domain)).then_some(domain)?;
        self.federation.as_ref()?.partner(foreign)
    }

    /// Tells whether a user may change the bindings of an address-of-record (RFC 3261 10.3 step 4): their own, or one
    /// that they are a delegate for.
    #[must_use]
    pub fn may_register(&self, user: &str, aor: &str) -> bool {
        let for_it = |pattern: &String| glob(pattern.as_bytes(), aor.as_bytes());
        let mut own = self.delegates.iter().filter(|one| &*one.user == user);
        user == aor || own.any(|one| one.may_register.iter().any(for_it))
    }

    /// Tells whether this host name means this machine, its pool, or the service that it offers clients.
    #[must_use]
    pub fn is_me(&self, host: &str) -> bool {
        let mut faces = [&self.outside, &self.plain].into_iter().flatten();
        faces.any(|face| face.host.eq_ignore_ascii_case(host))
            || self.server.name.eq_ignore_ascii_case(host)
            || self.server.pool.eq_ignore_ascii_case(host)
            || self
                .aliases
                .iter()
                .any(|alias| alias.eq_ignore_ascii_case(host))
    }

    /// Tells whether this host name is one that others know us by.
    #[must_use]
    pub fn is_outer(&self, host: &str) -> bool {
        let federation = self.federation.as_ref().map(|f| &f.address);
        let mut faces = [self.outside.as_ref(), federation].into_iter().flatten();
        faces.any(|face| face.host.eq_ignore_ascii_case(host))
    }

    /// Tells whether a host is of the inside: one of our machines or pools, another name of the domain that they are
    /// in, or an address of a private network.
    #[must_use]
    pub fn is_inner(&self, host: &str) -> bool {
        if self.is_outer(host) || self.is_our_domain(host) {
            return false;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return is_private(address);
        }
        let mut names = self.pools.iter().flat_map(|pool| {
            let members = pool.members.iter().map(|hop| &hop.name);
            members.chain([&pool.name])
        });
        names.any(|name| name.eq_ignore_ascii_case(host) || shares_domain(name, host))
    }

    /// Returns the pool of this name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools
            .iter()
            .find(|pool| pool.name.eq_ignore_ascii_case(name))
    }
}

/// Whether an address means nothing outside of its own network (RFC 1918, RFC 6598, RFC 4193 and the like).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|address| is_private(address.into()))
        }
    }
}

/// Whether a host is in the domain of a machine: what follows its first label, if that is not a whole top-level domain.
fn shares_domain(machine: &str, host: &str) -> bool {
    let domain = machine.split_once('.').map(|(_, domain)| domain);
    let Some(domain) = domain.filter(|domain| domain.contains('.')) else {
        return false;
    };
    let Some(at) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let ends_so = host
        .get(at..)
        .is_some_and(|end| end.eq_ignore_ascii_case(domain));
    ends_so && (at == 0 || host.get(..at).is_some_and(|front| front.ends_with('.')))
}

/// Matches a pattern in which `*` stands for any text.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match (pattern.get(at), text.get(from)) {
            (Some(b'*'), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some(want), Some(have)) if want.eq_ignore_ascii_case(have) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star_at, star_from)) = star else {
                    return false;
                };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::{glob, is_private, shares_domain};

    #[test]
    fn a_host_of_the_inside_is_a_neighbour_of_our_machines_or_has_a_private_address() {
        for (host, expected) in [
            ("fe01.contoso.net", true),
            ("pc17.sales.Contoso.net", true),
            ("contoso.net", true),
            ("notcontoso.net", false),
            ("net", false),
            ("contoso.com", false),
        ] {
            assert_eq!(shares_domain("dir01.contoso.net", host), expected, "{host}");
        }
        assert!(!shares_domain("fe01.local", "other.local"));
        for (address, expected) in [
            ("10.0.0.1", true),
            ("127.0.0.1", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("203.0.113.1", false),
            ("fd00::1", true),
            ("::ffff:10.0.0.1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_texts_in_either_case() {
        let cases = [
            ("baresip*", "Baresip v1.0.0 (x86_64/Linux)", true),
            ("baresip*", "my baresip", false),
            ("*linphone*5*", "Belle-sip linphone/5.1", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
