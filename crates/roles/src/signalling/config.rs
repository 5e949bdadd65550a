//! From a machine's view to the configuration of its SIP node.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Hop, Role, Server, Transport, WorkerId};
use directory::Algorithm;
use sip::config::{
    Address, Bounds, Config, Delegate, Federation, Gateway, InternalSignIn, Keys, Offline, Partner,
    Pool, Registrations, SignIn, UserAgentRule,
};
use sip::msg::Limits;
use sip::token::Key;
use topology::{
    CERTIFICATE_LABEL, CertificateNeed, Digest, FederationMode, PartnerLimits, PlainTransport,
    PoolView, Port, View, has_sip,
};

/// How long a nonce may be used: longer than a phone takes to answer, shorter than is worth stealing.
const NONCE_LIFE: Duration = Duration::from_secs(300);
/// How long a redirected client may take to sign in at its Front End.
const TICKET_LIFE: Duration = Duration::from_secs(60);
/// RFC 3261 16.6 step 11: more than three minutes.
const TIMER_C: Duration = Duration::from_secs(200);
/// Head of a message out of its whole size.
const HEAD_MAX: usize = 16 << 10;

/// Keys of a machine; the same pool key in all members of its pool.
#[derive(Clone)]
pub struct Secrets {
    pool: [u8; 32],
    ticket: [u8; 32],
    pub(super) process: [u8; 32],
}

impl Secrets {
    /// Puts the keys that are shared (with the pool, with all who sign users in) beside one that lives as long as this
    /// process.
    #[must_use]
    pub const fn new(pool: [u8; 32], ticket: [u8; 32], process: [u8; 32]) -> Self {
        Self {
            pool,
            ticket,
            process,
        }
    }

    /// Returns the seed of one worker's random choices.
    pub(super) fn seed(&self, worker: WorkerId) -> [u8; 32] {
        let mut seed = self.process;
        if let Some(last) = seed.last_mut() {
            *last ^= worker.0;
        }
        seed
    }

    /// Tells this run of the process from others, in tokens.
    fn boot(&self) -> u32 {
        let key = Key::derive(&self.process, "boot");
        u32::try_from(key.checksum(&[]) & u64::from(u32::MAX)).unwrap_or(0)
    }
}

/// Builds the configuration of the node of one worker out of `workers`.
#[must_use]
pub fn sip_config(view: &View, secrets: &Secrets, worker: WorkerId, workers: u8) -> Config {
    let server = own_server(view);
    let port = |port: Port| view.ports.number(port);
    let inside = Address {
        host: Arc::clone(&server.name),
        port: port(Port::Sip),
    };
    let outside = (server.role == Role::Edge).then(|| Address {
        host: external_name(view, &server),
        port: port(Port::EdgeAccess),
    });
    let served = |listener: &topology::Listener| listener.port == Port::SipPlain;
    let plain = view.listeners.iter().find(|listener| served(listener));
    let plain = plain.map(|listener| Address {
        host: host(listener.address.ip()),
        port: listener.address.port(),
    });
    let limits = &view.limits;
    let federation = federation(view, &server);
    Config {
        worker,
        workers,
        boot: secrets.boot(),
        domains: view
            .domains
            .iter()
            .map(|domain| Arc::from(domain.as_str()))
            .collect(),
        inside,
        aliases: view
            .certificates
            .iter()
            .flat_map(CertificateNeed::sip_names)
            .filter(|name| !view.domains.contains(name))
            .map(|name| Arc::from(name.as_str()))
            .collect(),
        outside,
        plain,
        pools: view
            .pools
            .iter()
            .filter(|pool| has_sip(pool.pool.role))
            .map(|pool| sip_pool(view, pool))
            .collect(),
        gateways: view.gateways.iter().map(gateway).collect(),
        delegates: view.delegates.iter().map(delegate).collect(),
        next_hop: view.next_hop.as_ref().map(|name| Arc::from(name.as_str())),
        federation,
        sign_in: sign_in(view),
        registrations: Registrations {
            min: limits.registration_min,
            default: limits.registration_default,
            max: limits.registration_max,
            endpoints: limits.endpoints_per_user,
        },
        offline: view.sip.offline_messages.map(|kept| Offline {
            keep: kept.keep,
            per_user: kept.per_user,
            message: kept.message,
        }),
        limits: Limits {
            message: limits.message,
            body: limits.message,
            head: HEAD_MAX.min(limits.message),
            ..Limits::CLIENT
        },
        bounds: Bounds::default(),
        keys: Keys {
            branch: Key::derive(&secrets.process, "branch"),
            token: Key::derive(&secrets.pool, "token"),
            nonce: secrets.pool,
            ticket: Key::derive(&secrets.ticket, "ticket"),
        },
        nonce_life: NONCE_LIFE,
        ticket_life: TICKET_LIFE,
        timer_c: TIMER_C,
        server,
    }
}

/// An address as it stands in a URI.
fn host(address: IpAddr) -> Arc<str> {
    match address {
        IpAddr::V4(address) => address.to_string().into(),
        IpAddr::V6(address) => format!("[{address}]").into(),
    }
}

fn own_server(view: &View) -> Arc<Server> {
    let known = view.trust.get(view.machine.fqdn.as_str()).cloned();
    known.unwrap_or_else(|| {
        let name: Arc<str> = Arc::from(view.machine.fqdn.as_str());
        let role = view.roles.first().copied().unwrap_or(Role::Director);
        Arc::new(Server {
            pool: Arc::clone(&name),
            name,
            role,
        })
    })
}

/// The public name of an Edge: the subject of its outside certificate.
fn external_name(view: &View, server: &Server) -> Arc<str> {
    let outside = view
        .certificates
        .iter()
        .find(|need| need.face == Face::Outside);
    outside.map_or_else(
        || Arc::clone(&server.name),
        |need| Arc::from(need.subject.as_str()),
    )
}

fn sip_pool(view: &View, pool: &PoolView) -> Pool {
    let member = |member: &topology::Member| {
        Hop::inside(member.fqdn.as_str(), view.socket(member, Port::Sip))
    };
    Pool {
        name: Arc::from(pool.pool.fqdn.as_str()),
        role: pool.pool.role,
        port: view.ports.number(Port::Sip),
        members: pool.members.iter().map(member).collect(),
        backup: pool
            .pool
            .backup
            .as_ref()
            .map(|name| Arc::from(name.as_str())),
    }
}

fn gateway(gateway: &topology::Gateway) -> Gateway {
    let hop = Hop {
        transport: match gateway.transport {
            PlainTransport::Tcp => Transport::Tcp,
            PlainTransport::Udp => Transport::Udp,
        },
        ..Hop::inside(gateway.fqdn.as_str(), gateway.socket())
    };
    Gateway {
        hop,
        pool: Arc::from(gateway.pool.as_str()),
        users: gateway.users.clone(),
    }
}

fn delegate(delegate: &topology::Delegate) -> Delegate {
    let address = |text: &String| format!("sip:{text}");
    Delegate {
        user: address(&delegate.user).into(),
        may_register: delegate.may_register.iter().map(address).collect(),
    }
}

fn federation(view: &View, server: &Server) -> Option<Federation> {
    let federation = &view.federation;
    let edge = view.pools_of(Role::Edge).next()?;
    let terms = |domain: &str, limits: PartnerLimits| Partner {
        domain: Arc::from(domain),
        servers: Vec::new(),
        trusted: false,
        requests: limits.requests,
        connections: usize::try_from(limits.connections).unwrap_or(usize::MAX),
    };
    let partner = |one: &topology::Partner| Partner {
        servers: one
            .servers
            .iter()
            .map(|(host, port)| (Arc::from(host.as_str()), *port))
            .collect(),
        trusted: one.trusted,
        ..terms(one.domain.as_str(), one.limits)
    };
    (federation.mode != FederationMode::Off).then(|| Federation {
        open: federation.mode == FederationMode::Open,
        edge: Arc::from(edge.pool.fqdn.as_str()),
        address: Address {
            host: external_name(view, server),
            port: view.ports.number(Port::EdgeFederation),
        },
        partners: federation.partners.iter().map(partner).collect(),
        other: terms("", federation.other),
    })
}

fn sign_in(view: &View) -> SignIn {
    let rule = |rule: &topology::UserAgentRule| UserAgentRule {
        pattern: rule.pattern.clone(),
        internal_sign_in: Some(internal(rule.internal_sign_in)),
        digest: rule.digest.iter().copied().map(algorithm).collect(),
    };
    SignIn {
        internal: internal(view.sip.internal_sign_in),
        digest: view.sip.digest.iter().copied().map(algorithm).collect(),
        rules: view.sip.user_agents.iter().map(rule).collect(),
        certificate_label: CERTIFICATE_LABEL.into(),
    }
}

const fn internal(sign_in: topology::SignIn) -> InternalSignIn {
    match sign_in {
        topology::SignIn::Redirect => InternalSignIn::Redirect,
        topology::SignIn::Proxy => InternalSignIn::Proxy,
    }
}

/// The same hash in the words of the directory.
#[must_use]
pub const fn algorithm(digest: Digest) -> Algorithm {
    match digest {
        Digest::Sha256 => Algorithm::Sha256,
        Digest::Sha512_256 => Algorithm::Sha512_256,
        Digest::Md5 => Algorithm::Md5,
    }
}
