//! The machines of the reference deployment and what each is told.

use base::net::{Hop, Role, Server, Transport, WorkerId};
use directory::Algorithm;
use sip::Config;
use sip::config::{
    Address, Bounds, Delegate, Gateway, InternalSignIn, Keys, Pool, Registrations, SignIn,
    UserAgentRule,
};
use sip::token::Key;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The domain of every user.
pub const DOMAIN: &str = "contoso.com";

/// Where the Edge listens outside.
pub const EDGE_OUTSIDE: &str = "203.0.113.1:443";
/// Where the first Director listens.
pub const DIR1: &str = "10.0.0.11:5061";
/// Where the first Front End listens.
pub const FE1: &str = "10.0.0.21:5061";
/// Where the second Front End listens.
pub const FE2: &str = "10.0.0.22:5061";

/// Reads an address.
pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// One machine.
pub struct Machine {
    /// Its name.
    pub name: &'static str,
    /// The pool it belongs to.
    pub pool: &'static str,
    /// Its role.
    pub role: Role,
    /// Where it listens inside.
    pub inside: &'static str,
}

/// All of them.
pub const MACHINES: [Machine; 5] = [
    Machine {
        name: "edge01.contoso.net",
        pool: "edgepool01.contoso.net",
        role: Role::Edge,
        inside: "10.0.1.1:5061",
    },
    Machine {
        name: "dir01.contoso.net",
        pool: "dirpool01.contoso.net",
        role: Role::Director,
        inside: DIR1,
    },
    Machine {
        name: "dir02.contoso.net",
        pool: "dirpool01.contoso.net",
        role: Role::Director,
        inside: "10.0.0.12:5061",
    },
    Machine {
        name: "fe01.contoso.net",
        pool: "fepool01.contoso.net",
        role: Role::FrontEnd,
        inside: FE1,
    },
    Machine {
        name: "fe02.contoso.net",
        pool: "fepool02.contoso.net",
        role: Role::FrontEnd,
        inside: FE2,
    },
];

/// The machine as others know it.
pub fn server(machine: &Machine) -> Server {
    Server {
        name: machine.name.into(),
        pool: machine.pool.into(),
        role: machine.role,
    }
}

/// What the machine is told at its `boot`th start.
pub fn config(machine: &Machine, internal: InternalSignIn, boot: u32) -> Config {
    let secret = [machine.pool.len() as u8; 32];
    let outside = (machine.role == Role::Edge).then(|| Address {
        host: "sip.contoso.com".into(),
        port: 443,
    });
    Config {
        server: Arc::new(server(machine)),
        worker: WorkerId(0),
        workers: 1,
        boot,
        domains: vec![DOMAIN.into()],
        inside: Address {
            host: machine.name.into(),
            port: 5061,
        },
        aliases: vec![format!("sipcert.{}", machine.pool).into()],
        outside,
        plain: (machine.role != Role::Edge).then(|| Address {
            host: addr(machine.inside).ip().to_string().into(),
            port: 5060,
        }),
        pools: pools(),
        gateways: gateways(),
        delegates: vec![Delegate {
            user: "sip:bob@contoso.com".into(),
            may_register: vec!["sip:c*@contoso.com".to_owned()],
        }],
        federation: None,
        next_hop: (machine.role == Role::Edge).then(|| "dirpool01.contoso.net".into()),
        sign_in: SignIn {
            internal,
            digest: vec![Algorithm::Sha256],
            rules: vec![UserAgentRule {
                pattern: "old*".into(),
                internal_sign_in: Some(InternalSignIn::Proxy),
                digest: vec![Algorithm::Md5],
            }],
            certificate_label: "sipcert".into(),
        },
        registrations: Registrations {
            min: Duration::from_secs(60),
            default: Duration::from_secs(600),
            max: Duration::from_secs(900),
            endpoints: 3,
        },
        offline: None,
        limits: sip::msg::Limits::default(),
        bounds: Bounds::default(),
        keys: Keys {
            branch: Key::derive(&[boot as u8; 32], machine.name),
            token: Key::derive(&secret, "token"),
            nonce: secret,
            ticket: Key::derive(&[7; 32], "ticket"),
        },
        nonce_life: Duration::from_secs(300),
        ticket_life: Duration::from_secs(60),
        timer_c: Duration::from_secs(200),
    }
}

/// Two gateways of the model, by address.
pub const GATEWAYS: [&str; 2] = ["10.0.0.31:5060", "10.0.0.32:5060"];

fn gateways() -> Vec<Gateway> {
    let gateway = |(at, name): (&str, &str)| Gateway {
        hop: Hop {
            transport: Transport::Udp,
            ..Hop::inside(name, addr(at))
        },
        pool: "fepool01.contoso.net".into(),
        users: vec!["+82*".to_owned()],
    };
    let names = ["gw01.contoso.net", "gw02.contoso.net"];
    GATEWAYS.into_iter().zip(names).map(gateway).collect()
}

fn pools() -> Vec<Pool> {
    let names = [
        "edgepool01.contoso.net",
        "dirpool01.contoso.net",
        "fepool01.contoso.net",
        "fepool02.contoso.net",
    ];
    let pool = |name: &str| {
        let of_pool = || MACHINES.iter().filter(|machine| machine.pool == name);
        let backup = match name {
            "fepool01.contoso.net" => Some("fepool02.contoso.net".into()),
            "fepool02.contoso.net" => Some("fepool01.contoso.net".into()),
            _ => None,
        };
        Pool {
            name: name.into(),
            role: of_pool().next().unwrap().role,
            port: 5061,
            members: of_pool()
                .map(|m| Hop::inside(m.name, addr(m.inside)))
                .collect(),
            backup,
        }
    };
    names.into_iter().map(pool).collect()
}
