//! The shape of the file: what may be written, before anything is checked.
//!
//! Whatever the schema for editors says is said here, and the descriptions in it are these comments. A field that must
//! be there is an `Option` all the same, so that reading goes on and all faults are told in one run; the schema marks
//! it as required and [`shape`](crate::shape) holds the file against the schema.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use toml::Spanned;

use crate::{Balancing, Digest, FederationMode, PlainTransport, Port, SignIn, VipMode};

/// A value and where it stands in the file.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            span: spanned.span(),
            value: spanned.into_inner(),
        })
    }
}

/// In the schema a value is just its value.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A deployment of Vestibule: its domains, pools, machines and settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Vestibule topology", rename = "Topology")]
pub(crate) struct Raw {
    /// The version of this format.
    #[schemars(required, extend("const" = 1))]
    pub(crate) version: Option<At<u32>>,
    /// The SIP domains, the part behind the @ of users; the first is the default.
    #[schemars(required)]
    pub(crate) domains: Option<At<Vec<At<String>>>>,
    /// The places where pools stand. Without any there is one, called `main`.
    #[serde(default)]
    pub(crate) site: Vec<RawSite>,
    /// The pools: machines that do one thing together.
    #[serde(default)]
    pub(crate) pool: Vec<At<RawPool>>,
    /// The machines.
    #[serde(default)]
    pub(crate) machine: Vec<At<RawMachine>>,
    /// Gateways to other telephone systems: hosts inside that speak SIP without TLS.
    #[serde(default)]
    pub(crate) gateway: Vec<At<RawGateway>>,
    /// Users who may register for others, as an adapter does for the old phones behind it.
    #[serde(default)]
    pub(crate) delegate: Vec<At<RawDelegate>>,
    /// The networks of clients inside, in CIDR form. Default: the private networks of RFC 1918. An empty list means none.
    pub(crate) client_networks: Option<Vec<At<String>>>,
    /// The short addresses that people click on.
    #[serde(default)]
    pub(crate) simple_urls: RawSimpleUrls,
    /// Numbers of ports that differ from the usual ones.
    #[serde(default)]
    pub(crate) ports: RawPorts,
    /// How users sign in.
    #[serde(default)]
    pub(crate) sip: RawSip,
    /// Bounds on what one client may ask.
    #[serde(default)]
    pub(crate) limits: RawLimits,
    /// Calls and messages with other organisations, through the edges.
    #[serde(default)]
    pub(crate) federation: RawFederation,
    /// How the name service answers.
    #[serde(default)]
    pub(crate) dns: RawDns,
    /// Who is beside the deployment and has to pass its packet filters.
    #[serde(default)]
    pub(crate) firewall: RawFirewall,
    /// What machines record of their work, and how much of it they keep.
    #[serde(default)]
    pub(crate) logging: RawLogging,
}

/// Numbers by the names of ports.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct RawPorts(pub(crate) BTreeMap<Port, At<u16>>);

/// In the schema every port is a key of its own, with its usual number.
impl JsonSchema for RawPorts {
    fn schema_name() -> Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let port = |port: Port| {
            let usual = port.default_number();
            let number = json!({
                "description": format!("The port `{port}`. Default: {usual}."),
                "type": "integer",
                "minimum": 1,
                "maximum": u16::MAX,
                "default": usual,
            });
            (port.name().to_owned(), number)
        };
        let properties: Map<String, Value> = Port::ALL.into_iter().map(port).collect();
        json_schema!({
            "description": "Numbers of ports that differ from the usual ones.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// A place where pools stand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Site")]
pub(crate) struct RawSite {
    /// Its name.
    #[schemars(required)]
    pub(crate) name: Option<At<String>>,
}

/// What a pool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Role")]
pub(crate) enum RawRole {
    /// Authenticates, then redirects users inside and proxies remote ones to their home pool.
    Director,
    /// Registrar and home of users.
    FrontEnd,
    /// The SIP crossing point in the perimeter.
    Edge,
    /// Publishes the web sites to the outside.
    ReverseProxy,
    /// Holds the VIPs of other pools.
    LoadBalancer,
    /// Answers for the names of the deployment.
    Dns,
}

/// Machines that do one thing together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pool")]
pub(crate) struct RawPool {
    /// Its name. A pool of one machine may have the machine's name.
    #[schemars(required)]
    pub(crate) fqdn: Option<At<String>>,
    /// What it does.
    #[schemars(required)]
    pub(crate) role: Option<At<RawRole>>,
    /// Where it stands. Default: the first site.
    pub(crate) site: Option<At<String>>,
    /// How its members share the load. Default: `dns+hlb` with a VIP, `dns` with several members, else `none`.
    pub(crate) load_balancing: Option<At<Balancing>>,
    /// The names of its web sites (director, front_end).
    pub(crate) web: Option<RawWeb>,
    /// The balancer's address for this pool (director, front_end).
    pub(crate) vip: Option<At<String>>,
    /// What the VIP does with web sites: `tcp` passes connections through, `http` ends TLS and balances each request. Default:
    /// `tcp`.
    pub(crate) vip_mode: Option<At<VipMode>>,
    /// Whether a VIP of mode `http` keeps clients from outside with their member by a cookie. Default: false.
    pub(crate) vip_cookie: Option<At<bool>>,
    /// The load_balancer pool that holds the VIP. Default: the first one; without any a box outside the topology does.
    pub(crate) balancer: Option<At<String>>,
    /// Where an edge sends what comes from outside. Default: the first director pool, else the first front_end pool.
    pub(crate) next_hop: Option<At<String>>,
    /// The front_end pool that takes over for this one; the relation is mutual and need be written on one side only.
    pub(crate) backup: Option<At<String>>,
    /// Whether this front_end pool holds the master of the directory of users. Default: the first one does.
    pub(crate) directory: Option<At<bool>>,
    /// The name under which an edge is known outside. Default: `sip.` and the default domain.
    pub(crate) external_fqdn: Option<At<String>>,
}

/// The names of a pool's web sites, each unique in the deployment.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Web")]
pub(crate) struct RawWeb {
    /// For clients inside. Default: the pool's name, or with a VIP its first label with `-web`.
    pub(crate) internal: Option<At<String>>,
    /// For clients outside. Default: the pool's first label with `-webext`, in the default domain.
    pub(crate) external: Option<At<String>>,
}

/// One machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Machine")]
pub(crate) struct RawMachine {
    /// Its name.
    #[schemars(required)]
    pub(crate) fqdn: Option<At<String>>,
    /// The pool that it belongs to.
    pub(crate) pool: Option<At<String>>,
    /// The pools that it belongs to, if there are several.
    pub(crate) pools: Option<At<Vec<At<String>>>>,
    /// Its address on the organisation's network.
    #[schemars(required)]
    pub(crate) address: Option<At<String>>,
    /// Its address outside: edge and reverse_proxy must have one, dns may, and answers there for the outside.
    pub(crate) external: Option<At<String>>,
    /// Where its reverse proxy listens outside. Default: `external`. Needed where the machine is an edge as well.
    pub(crate) published: Option<At<String>>,
}

/// A gateway to another telephone system, known by its address alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gateway")]
pub(crate) struct RawGateway {
    /// Its name.
    #[schemars(required)]
    pub(crate) fqdn: Option<At<String>>,
    /// Its address on the organisation's network; what comes from there is the gateway's.
    #[schemars(required)]
    pub(crate) address: Option<At<String>>,
    /// How it speaks. Default: `udp`.
    pub(crate) transport: Option<PlainTransport>,
    /// The port where it listens. Default: the port `sip_plain`.
    #[schemars(extend("minimum" = 1))]
    pub(crate) port: Option<At<u16>>,
    /// The front_end pool that speaks with it. Default: the first one.
    pub(crate) pool: Option<At<String>>,
    /// Which users are reached by it: texts in which `*` stands for any characters, held against the part before the @.
    /// Users of the directory come first. Default: none, so that calls only come from it.
    pub(crate) users: Option<Vec<At<String>>>,
}

/// A user who may register for others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Delegate")]
pub(crate) struct RawDelegate {
    /// Who, as `user@domain`; it signs in with its own password and stands in From.
    #[schemars(required)]
    pub(crate) user: Option<At<String>>,
    /// For whom: texts as `user@domain` in which `*` stands for any characters before the @; case does not count.
    #[schemars(required)]
    pub(crate) may_register: Option<At<Vec<At<String>>>>,
}

/// The short addresses that people click on: host and path, always HTTPS, no port.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SimpleUrls")]
pub(crate) struct RawSimpleUrls {
    /// Meetings, one for each SIP domain. Default: `meet.` and the domain.
    pub(crate) meet: Option<At<Vec<At<String>>>>,
    /// Dial-in numbers. Default: `dialin.` and the default domain.
    pub(crate) dialin: Option<At<String>>,
    /// Administration, inside only. Default: none.
    pub(crate) admin: Option<At<String>>,
}

/// How users sign in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sip")]
pub(crate) struct RawSip {
    /// What a director does with clients inside. Default: `redirect`.
    pub(crate) internal_sign_in: Option<SignIn>,
    /// The hashes offered in Digest challenges, best first. Default: SHA-256, SHA-512-256.
    pub(crate) digest: Option<At<Vec<At<Digest>>>>,
    /// Transports without TLS that directors and front ends offer inside. Default: none.
    pub(crate) plain: Option<Vec<At<PlainTransport>>>,
    /// Exceptions for clients that need them; the first match wins.
    #[serde(default)]
    pub(crate) user_agent: Vec<At<RawUserAgent>>,
    /// Keeps messages for users who are away until one of their phones signs in; an empty table is enough. Default:
    /// absent, so that the sender is told that nobody is there.
    pub(crate) offline_messages: Option<RawOfflineMessages>,
}

/// Messages for users who are away, kept at their home pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OfflineMessages")]
pub(crate) struct RawOfflineMessages {
    /// For how long one is kept, unless its sender says less. Default: 168h.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) keep: Option<At<String>>,
    /// How many are kept for one user. Default: 100.
    pub(crate) per_user: Option<At<u32>>,
    /// The largest that is kept. Default: 16KiB.
    #[schemars(extend("pattern" = "^[0-9]+(B|KiB|MiB)$"))]
    pub(crate) message: Option<At<String>>,
}

/// An exception for clients whose User-Agent matches a pattern.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserAgent")]
pub(crate) struct RawUserAgent {
    /// A text in which `*` stands for any characters; case does not count.
    #[schemars(required)]
    pub(crate) pattern: Option<At<String>>,
    /// What a director does with them inside. Default: as for all.
    pub(crate) internal_sign_in: Option<SignIn>,
    /// The hashes offered to them. Default: as for all.
    pub(crate) digest: Option<At<Vec<At<Digest>>>>,
}

/// Bounds on what one client may ask.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(crate) struct RawLimits {
    /// The largest SIP message. Default: 64KiB.
    #[schemars(extend("pattern" = "^[0-9]+(B|KiB|MiB)$"))]
    pub(crate) message: Option<At<String>>,
    /// The shortest registration that is accepted. Default: 300s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) registration_min: Option<At<String>>,
    /// The registration granted when none is asked for. Default: 600s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) registration_default: Option<At<String>>,
    /// The longest registration that is granted. Default: 900s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) registration_max: Option<At<String>>,
    /// How many endpoints a user may have registered. Default: 8.
    pub(crate) endpoints_per_user: Option<At<u32>>,
    /// How many connections one source address may hold on one machine. Default: 1000.
    pub(crate) connections_per_source: Option<At<u32>>,
    /// How many handshakes a second one source address may begin on one machine, over ten seconds. Default: 100.
    pub(crate) handshakes_per_source: Option<At<u32>>,
    /// How many requests a second one source address may send to one machine, over ten seconds. Default: 1000.
    pub(crate) requests_per_source: Option<At<u32>>,
    /// After how many failures in about five minutes a source address is slowed; after twice as many it gets no answer,
    /// after four times as many no connection. Default: 100.
    pub(crate) failures_per_source: Option<At<u32>>,
    /// After how many wrong passwords in about five minutes a user is slowed at that source address, and only there.
    /// Default: 10.
    pub(crate) failures_per_user: Option<At<u32>>,
    /// Whether what scanners are known to send is dropped without an answer. Default: true.
    pub(crate) drop_scanners: Option<bool>,
    /// After how long of silence a connection is closed. Default: 1800s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) idle: Option<At<String>>,
}

/// Calls and messages with other organisations, through the edges.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Federation")]
pub(crate) struct RawFederation {
    /// With whom: `off` with nobody, `allow` with the partners listed, `open` with every domain that proves itself.
    /// Default: `off`.
    pub(crate) mode: Option<At<FederationMode>>,
    /// The name servers that edges ask for partners' servers, as `address` or `address:port`; the planned packet filters
    /// let them ask no others. Default: those of the machine's own configuration, which have to be outside.
    pub(crate) resolvers: Option<At<Vec<At<String>>>>,
    /// A PEM file on each edge with the authorities that partners' certificates come from. Default: the system's.
    pub(crate) ca: Option<At<String>>,
    /// The partners, each with what holds for it.
    #[serde(default)]
    pub(crate) partner: Vec<At<RawPartner>>,
}

/// Another organisation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Partner")]
pub(crate) struct RawPartner {
    /// Its SIP domain, which its certificate must prove.
    #[schemars(required)]
    pub(crate) domain: Option<At<String>>,
    /// Its servers, as `host` or `host:port`, tried in this order. Default: looked up by NAPTR and SRV.
    pub(crate) servers: Option<At<Vec<At<String>>>>,
    /// Whether asserted identities are told to it and believed of its own users. Default: false.
    pub(crate) trusted: Option<bool>,
    /// Requests that it may send in a second to one worker of an edge. Default: 100.
    pub(crate) requests_per_second: Option<At<u32>>,
    /// Connections that it may hold to one worker of an edge. Default: 32.
    pub(crate) connections: Option<At<u32>>,
}

/// For how long others may remember the answers of the name service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Dns")]
pub(crate) struct RawDns {
    /// Addresses. Shorter is sooner without a machine that is down, and asks more of the name service. Default: 30s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) address_ttl: Option<At<String>>,
    /// Services (SRV). Default: 300s.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) service_ttl: Option<At<String>>,
}

/// Who is beside the deployment and has to pass its packet filters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Firewall")]
pub(crate) struct RawFirewall {
    /// The networks, in CIDR form, from which machines are administered by SSH. Default: none, so that nobody may.
    pub(crate) admin_networks: Option<Vec<At<String>>>,
    /// The addresses of the servers that machines ask for the time. Default: none.
    pub(crate) time_servers: Option<Vec<At<String>>>,
    /// The addresses of the servers from which edges fetch lists of revoked certificates. Default: none.
    pub(crate) revocation_servers: Option<Vec<At<String>>>,
}

/// What machines record of their work, and how much of it they keep.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Logging")]
pub(crate) struct RawLogging {
    /// A trace file is finished when its compressed records take so much room. Default: 32MiB.
    #[schemars(extend("pattern" = "^[0-9]+(B|KiB|MiB)$"))]
    pub(crate) file_size: Option<At<String>>,
    /// A trace file is finished when it is so old. Default: 60m.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) file_age: Option<At<String>>,
    /// Traces are removed when they are so old. Default: 336h.
    #[schemars(extend("pattern" = "^[0-9]+(s|m|h)$"))]
    pub(crate) retention: Option<At<String>>,
    /// The share of their file system that the traces of a machine may take, in per cent; the oldest go first. Default: 20.
    pub(crate) disk_share: Option<At<u8>>,
    /// When less than this share of their file system is free, in per cent, traces give way whoever fills it. Default: 5.
    pub(crate) keep_free: Option<At<u8>>,
    /// How much waits in memory to be written; what comes on top is dropped and counted. Default: 16MiB.
    #[schemars(extend("pattern" = "^[0-9]+(B|KiB|MiB)$"))]
    pub(crate) queue: Option<At<String>>,
    /// How many records a second one component of a machine may make; one that passes that three times within a minute is
    /// silenced for a minute. Default: 50000.
    pub(crate) throttle: Option<At<u32>>,
    /// Whether the bodies of SIP messages are kept, which are what people write to each other. Default: false.
    pub(crate) bodies: Option<bool>,
    /// Scenarios beside the predefined ones; one with the name of a predefined one takes its place.
    #[serde(default)]
    pub(crate) scenario: Vec<At<RawScenario>>,
}

/// A question's name, and whom one has to listen to for an answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scenario")]
pub(crate) struct RawScenario {
    /// Its name, by which it is started: letters, digits, `-` and `_`.
    #[schemars(required)]
    pub(crate) name: Option<At<String>>,
    /// What is listened to, each component once.
    #[serde(default)]
    pub(crate) watch: Vec<At<RawWatch>>,
}

/// What is listened to in one component.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Watch")]
pub(crate) struct RawWatch {
    /// The part of the product, as in `SipStack`.
    #[schemars(required)]
    pub(crate) component: Option<At<String>>,
    /// Records of this level and graver ones. Default: `Info`.
    pub(crate) level: Option<At<String>>,
    /// Records of these kinds, as in `TF_SECURITY`. Default: of every kind.
    pub(crate) flags: Option<At<Vec<At<String>>>>,
}

/// Returns the schema of the file.
pub(crate) fn schema() -> Schema {
    schemars::schema_for!(Raw)
}
