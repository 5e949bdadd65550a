//! Which published name leads where.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base::net::{Face, Hop, Transport};
use runtime::clock::Clock;
use topology::{Port, RecordData, Topology, View};
use web::balance::{Balancer, Rules};
use web::publish::{Publication, Published};

use crate::relay::Servers;

/// How long a server that fails is left alone at most: there is often no other.
const REST_MAX: std::time::Duration = std::time::Duration::from_secs(4);

/// The published names and the sites behind them.
pub struct Publishing {
    publication: Publication,
    targets: Vec<Target>,
    /// Every server of every target, first as it is reached over TLS and then without.
    hops: Vec<Hop>,
    own: IpAddr,
}

/// The external web site of a pool.
pub(super) struct Target {
    pub(super) servers: Servers,
    /// The places of its servers over TLS and without.
    secured: usize,
    plain: usize,
}

impl Publishing {
    /// Derives everything from the topology; `seed` decides among servers that are equally busy.
    #[must_use]
    pub fn of(topology: &Topology, view: &View, seed: [u8; 32], clock: Clock) -> Self {
        let mut publishing = Self {
            publication: Publication::at(view.ports.number(Port::PublishedHttps)),
            targets: Vec::new(),
            hops: Vec::new(),
            own: view.machine.address,
        };
        let mut first_names = Vec::new();
        for pool in &view.pools {
            let Some(web) = &pool.pool.web else {
                continue;
            };
            let name = web.external.as_str();
            let place = publishing.target(view, name, seed, clock);
            let published = Published {
                target: place,
                plain: false,
            };
            publishing.publication.publish(name, published);
            if view.sign_in_pool.as_ref() == Some(&pool.pool.fqdn) {
                first_names.push(place);
            }
        }
        // Discovery and the short addresses are of the pool where clients sign in first.
        if let Some(target) = first_names.first().copied() {
            let discovery: Vec<_> = topology.discovery_names().collect();
            for name in topology.published_names() {
                let plain = discovery.contains(&name);
                let published = Published { target, plain };
                publishing.publication.publish(name.as_str(), published);
            }
        }
        publishing
    }

    /// The site of this external web name, at the addresses that the name has inside.
    fn target(&mut self, view: &View, name: &str, seed: [u8; 32], clock: Clock) -> usize {
        let records = view.records.iter();
        let own =
            records.filter(|it| it.face == Face::Inside && it.name.eq_ignore_ascii_case(name));
        let addresses: Vec<IpAddr> = own
            .filter_map(|record| match record.data {
                RecordData::Address(address) => Some(address),
                RecordData::Service { .. } => None,
            })
            .collect();
        let mut hops = |port, transport| {
            let first = self.hops.len();
            let port = view.ports.number(port);
            self.hops.extend(addresses.iter().map(|address| Hop {
                name: name.to_ascii_lowercase().into(),
                addr: SocketAddr::new(*address, port),
                transport,
                face: Face::Inside,
            }));
            first
        };
        let secured = hops(Port::WebExternalHttps, Transport::Tls);
        let plain = hops(Port::WebExternalHttp, Transport::Tcp);
        let rules = Rules {
            rest_max: REST_MAX,
            ..Rules::default()
        };
        let names = addresses.iter().map(ToString::to_string);
        self.targets.push(Target {
            servers: Servers::new(Balancer::new(names, rules, seed), clock),
            secured,
            plain,
        });
        self.targets.len() - 1
    }

    /// Returns what is published.
    #[must_use]
    pub const fn publication(&self) -> &Publication {
        &self.publication
    }

    pub(super) fn target_at(&self, place: usize) -> Option<&Target> {
        self.targets.get(place)
    }

    pub(super) fn names(&self) -> Arc<[String]> {
        self.publication.names().map(str::to_owned).collect()
    }

    pub(super) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The address from which the inside is reached.
    pub(super) const fn own(&self) -> IpAddr {
        self.own
    }
}

impl Target {
    /// The place of its first server.
    pub(super) const fn first(&self, secured: bool) -> usize {
        if secured { self.secured } else { self.plain }
    }
}
