//! What a balancer does with what comes at its VIPs, derived from its view of the topology.

use std::net::{IpAddr, SocketAddr};

use base::net::{Face, Hop, Transport};
use topology::{Fqdn, Listener, PoolView, Port, View, VipMode};
use web::affinity::Cookies;
use web::balance::Persistence;
use web::publish::{Publication, Published};

/// What is passed on at one address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DoorPlan {
    /// Which pool, by its place.
    pub(super) pool: usize,
    /// The port of the VIP, and of the members.
    pub(super) port: u16,
    pub(super) persistence: Persistence,
}

/// A web site of a pool, where each request is given to a member.
#[derive(Debug)]
pub(super) struct SitePlan {
    /// Which pool, by its place.
    pub(super) pool: usize,
    pub(super) persistence: Persistence,
    /// What clients may call it.
    pub(super) names: Publication,
    /// Whether it is for those who come by the reverse proxy.
    pub(super) outside: bool,
    pub(super) secured: bool,
    /// The place of its first member among the servers of the client.
    pub(super) first: usize,
    /// By which clients come back to their member, if that is asked for here.
    pub(super) cookies: Option<Cookies>,
}

/// The listeners at VIPs that this machine holds, each with its pool.
pub(super) fn vips(view: &View) -> impl Iterator<Item = (&Listener, &PoolView)> {
    view.listeners.iter().filter_map(|listener| {
        let pool = view.pool(listener.vip_of.as_ref()?.as_str())?;
        Some((listener, pool))
    })
}

/// Whether requests are read at a listener, or connections passed through.
pub(super) fn is_read(listener: &Listener, pool: &PoolView) -> bool {
    let is_web = is_inside(listener.port)
        || matches!(
            listener.port,
            Port::WebExternalHttp | Port::WebExternalHttps
        );
    is_web && pool.pool.vip_mode == VipMode::Http
}

const fn is_inside(port: Port) -> bool {
    matches!(port, Port::WebHttp | Port::WebHttps)
}

/// Clients inside stay with their member; through the reverse proxy all clients look like one.
pub(super) const fn persistence(port: Port) -> Persistence {
    if is_inside(port) {
        Persistence::Source
    } else {
        Persistence::None
    }
}

impl SitePlan {
    /// The site at a listener; `key` makes its cookies. Its members are added to `hops`; each proves the web name of the pool there.
    pub(super) fn of(
        view: &View,
        listener: &Listener,
        found: &PoolView,
        (pool, key): (usize, &[u8; 32]),
        hops: &mut Vec<Hop>,
    ) -> Option<Self> {
        let web = found.pool.web.as_ref()?;
        let outside = !is_inside(listener.port);
        let name = if outside {
            &web.external
        } else {
            &web.internal
        };
        let port = listener.address.port();
        let secured = listener.transport == Transport::Tls;
        let mut names = Publication::at(port);
        for name in all_names(view, found, name, outside) {
            // What is plain is the members' to send to TLS, or not.
            let published = Published {
                target: 0,
                plain: true,
            };
            names.publish(name.as_str(), published);
        }
        let first = hops.len();
        let hop = |address: IpAddr| Hop {
            name: name.to_arc(),
            addr: SocketAddr::new(address, port),
            transport: listener.transport,
            face: Face::Inside,
        };
        hops.extend(found.members.iter().map(|member| hop(member.address)));
        Some(Self {
            pool,
            persistence: persistence(listener.port),
            names,
            outside,
            secured,
            first,
            cookies: (found.pool.vip_cookie && outside && secured).then(|| {
                let members = found.members.iter().map(|member| member.fqdn.as_str());
                Cookies::new(key, found.pool.fqdn.as_str(), members)
            }),
        })
    }
}

/// The web name of a pool, and where clients look first.
fn all_names(view: &View, pool: &PoolView, web: &Fqdn, outside: bool) -> Vec<Fqdn> {
    let mut names = vec![web.clone()];
    if view.is_first_stop(pool) {
        let face = if outside { Face::Outside } else { Face::Inside };
        names.extend(view.discovery_names(face));
        names.extend(view.simple_urls.all().map(|url| url.host.clone()));
    }
    names
}
