//! From a machine's view to the configuration of its web sites.

use std::sync::Arc;

use base::net::{Face, Role};
use topology::{Fqdn, PoolView, Port, SimpleUrl, View, WebNames};
use web::Location;
use web::site::{Config, Home, Place, Server, Short};

/// What the sites of a machine are; `None` if it has none.
pub(super) fn config(view: &View) -> Option<Config> {
    let pool = view.web_pool()?;
    let web = pool.pool.web.as_ref()?;
    let first = view.is_first_stop(pool);
    let short = |url: &SimpleUrl| Short {
        host: name(&url.host),
        path: url.path.as_str().into(),
    };
    let meet = view.domains.iter().zip(&view.simple_urls.meet);
    let meet = meet.map(|(domain, url)| (name(domain), short(url)));
    let published = view.listeners.iter().any(|listener| {
        matches!(
            listener.port,
            Port::WebExternalHttp | Port::WebExternalHttps
        )
    });
    Some(Config {
        machine: name(&view.machine.fqdn),
        pool: name(&pool.pool.fqdn),
        domains: view.domains.iter().map(name).collect(),
        inside: inside(view, pool, web),
        outside: published.then(|| outside(view, pool, web)),
        homes: view.pools_of(Role::FrontEnd).filter_map(home).collect(),
        meet: meet.filter(|_| first).collect(),
        dialin: first.then(|| short(&view.simple_urls.dialin)),
        admin: view.simple_urls.admin.as_ref().filter(|_| first).map(short),
    })
}

/// Every name of a site: what a client may call in its hello.
pub(super) fn names(config: &Config, location: Location) -> Arc<[String]> {
    let Some(place) = config.place(location) else {
        return Arc::default();
    };
    let shorts = config.meet.iter().map(|(_, short)| short);
    let shorts = shorts.chain(&config.dialin).chain(&config.admin);
    let shorts = shorts.map(|short| &short.host);
    let names = [&place.web].into_iter().chain(&place.names);
    let names = names.chain(&place.discover).chain(shorts);
    names.map(|name| name.to_string()).collect()
}

fn inside(view: &View, pool: &PoolView, web: &WebNames) -> Place {
    let server = |fqdn: &Fqdn| Server {
        fqdn: name(fqdn),
        port: view.ports.number(Port::Sip),
    };
    Place {
        web: name(&web.internal),
        port: view.https_port(Port::WebHttps).into(),
        names: vec![name(&view.machine.fqdn), name(&pool.pool.fqdn)],
        discover: discovery(view, pool, Face::Inside),
        client: view.sign_in_pool.as_ref().map(server),
        server: Some(server(&pool.pool.fqdn)),
    }
}

/// What clients outside reach: the reverse proxy for the web, the Edge for SIP.
fn outside(view: &View, pool: &PoolView, web: &WebNames) -> Place {
    let edge = view.pools_of(Role::Edge).next();
    let edge = edge.and_then(|edge| edge.pool.external_fqdn.as_ref());
    let server = edge.map(|fqdn| Server {
        fqdn: name(fqdn),
        port: view.ports.number(Port::EdgeAccess),
    });
    Place {
        web: name(&web.external),
        port: view.https_port(Port::PublishedHttps).into(),
        names: Vec::new(),
        discover: discovery(view, pool, Face::Outside),
        client: server.clone(),
        server,
    }
}

fn discovery(view: &View, pool: &PoolView, from: Face) -> Vec<Arc<str>> {
    if !view.is_first_stop(pool) {
        return Vec::new();
    }
    view.discovery_names(from).iter().map(name).collect()
}

fn home(pool: &PoolView) -> Option<(Arc<str>, Home)> {
    let web = pool.pool.web.as_ref()?;
    let home = Home {
        inside: name(&web.internal),
        outside: name(&web.external),
    };
    Some((name(&pool.pool.fqdn), home))
}

fn name(fqdn: &Fqdn) -> Arc<str> {
    Arc::from(fqdn.as_str())
}

#[cfg(test)]
mod tests {
    use topology::Topology;

    use super::*;

    fn view(machine: &str) -> View {
        let text = include_str!("../../../../examples/reference.toml");
        let topology = Topology::parse(text, "sample").unwrap();
        topology.view(machine).unwrap()
    }

    #[test]
    fn a_director_has_the_names_of_discovery_and_the_short_addresses() {
        let config = config(&view("dir01.contoso.net")).unwrap();
        let inside = names(&config, Location::Inside);
        for name in [
            "webdir.contoso.net",
            "dir01.contoso.net",
            "dirpool01.contoso.net",
            "lyncdiscoverinternal.contoso.com",
            "lyncdiscover.contoso.com",
            "meet.contoso.com",
            "dialin.contoso.com",
        ] {
            assert!(inside.iter().any(|own| own == name), "{name}");
        }
        let outside = names(&config, Location::Outside);
        assert!(
            outside
                .iter()
                .any(|own| own == "webdirexternal.contoso.com")
        );
        assert!(
            outside.iter().all(|own| own.ends_with("contoso.com")),
            "{outside:?}"
        );
        assert_eq!(config.homes.len(), 2);
    }

    #[test]
    fn documents_lead_inside_to_the_directors_and_outside_to_the_edge() {
        let config = config(&view("fe02.contoso.net")).unwrap();
        let told =
            |server: Option<Server>| server.map(|server| (server.fqdn.to_string(), server.port));
        let inside = told(config.inside.client.clone());
        assert_eq!(inside, Some(("dirpool01.contoso.net".to_owned(), 5061)));
        let server = told(config.inside.server.clone());
        assert_eq!(server, Some(("fepool02.contoso.net".to_owned(), 5061)));
        let outside = told(config.outside.unwrap().client);
        assert_eq!(outside, Some(("sip.contoso.com".to_owned(), 443)));
        assert!(config.meet.is_empty() && config.inside.discover.is_empty());
    }

    #[test]
    fn other_machines_have_no_sites() {
        for machine in ["edge01.contoso.net", "rp01.contoso.net", "lb01.contoso.net"] {
            assert!(config(&view(machine)).is_none(), "{machine}");
        }
    }
}
