//! The names of the deployment as the inside and the outside resolve them.
//!
//! Inside, a pool name has the addresses of its members (or of the VIP where there is nothing else), and web names lead
//! to the VIP. Outside, SIP leads to the Edge and everything of the web to the reverse proxy. Targets of SRV records
//! lie in the domain of the record, because clients refuse others.

use std::net::IpAddr;

use base::net::{Face, Role};

use crate::certificates::{
    CERTIFICATE_LABEL, DISCOVER_INSIDE, DISCOVER_OUTSIDE, SIP_LABEL, signs_in,
};
use crate::resolve::fronted;
use crate::{FederationMode, Fqdn, Machine, PlainTransport, Pool, Port, Topology};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Who sees it.
    pub face: Face,
    /// The owner's name; underscores begin the labels of services.
    pub name: String,
    /// What the name leads to.
    pub data: RecordData,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordData {
    /// An address: A or AAAA.
    Address(IpAddr),
    /// A service: SRV (RFC 2782).
    Service {
        /// Lower goes first.
        priority: u16,
        /// Share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: Fqdn,
    },
}

impl Topology {
    /// Returns every record, the inside's first, sorted, each once.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        self.inside_records(&mut records);
        self.outside_records(&mut records);
        let order = |r: &Record| (r.face == Face::Outside, r.name.clone(), r.data.clone());
        records.sort_by_cached_key(order);
        records.dedup();
        records
    }

    fn inside_records(&self, records: &mut Vec<Record>) {
        for machine in &self.machines {
            push(records, Face::Inside, &machine.fqdn, [machine.address]);
        }
        for pool in &self.pools {
            let sip = self.addresses(pool, Port::Sip);
            push(records, Face::Inside, &pool.fqdn, sip.iter().copied());
            if signs_in(pool.role) {
                let name = Fqdn::below(CERTIFICATE_LABEL, pool.fqdn.as_str());
                push(records, Face::Inside, &name, sip);
            }
            if let Some(web) = &pool.web {
                push(
                    records,
                    Face::Inside,
                    &web.internal,
                    self.addresses(pool, Port::WebHttps),
                );
                push(
                    records,
                    Face::Inside,
                    &web.external,
                    self.addresses(pool, Port::WebExternalHttps),
                );
            }
        }
        let Some(first) = self.sign_in_pool() else {
            return;
        };
        let web = self.addresses(first, Port::WebHttps);
        for url in self.simple_urls.all() {
            push(records, Face::Inside, &url.host, web.iter().copied());
        }
        let discover = self.per_domain(DISCOVER_INSIDE);
        for name in discover.chain(self.per_domain(DISCOVER_OUTSIDE)) {
            push(records, Face::Inside, &name, web.iter().copied());
        }
        let services = self.per_domain(SIP_LABEL);
        for name in services.chain(self.per_domain(CERTIFICATE_LABEL)) {
            push(
                records,
                Face::Inside,
                &name,
                self.addresses(first, Port::Sip),
            );
        }
        self.inside_services(records);
    }

    /// What phones ask for inside: those of the Director topology by its own names, others by those of RFC 3263 and by
    /// `_sip._tls`, which many have taken over from outside.
    fn inside_services(&self, records: &mut Vec<Record>) {
        for service in ["_sipinternaltls._tcp", "_sips._tcp", "_sip._tls"] {
            self.push_service(records, Face::Inside, service, Port::Sip);
        }
        for transport in &self.sip.plain {
            let services: &[&str] = match transport {
                PlainTransport::Tcp => &["_sipinternal._tcp", "_sip._tcp"],
                PlainTransport::Udp => &["_sip._udp"],
            };
            for service in services {
                self.push_service(records, Face::Inside, service, Port::SipPlain);
            }
        }
    }

    fn outside_records(&self, records: &mut Vec<Record>) {
        let outer = |role: Role, of: fn(&Machine) -> Option<IpAddr>| {
            let pools = self.pools_of(role).flat_map(|pool| self.members(pool));
            pools.filter_map(of).collect::<Vec<IpAddr>>()
        };
        let edges = outer(Role::Edge, |machine| machine.external);
        for name in self.published_names() {
            push(
                records,
                Face::Outside,
                &name,
                outer(Role::ReverseProxy, |machine| machine.published),
            );
        }
        if edges.is_empty() {
            return;
        }
        let named = self
            .pools_of(Role::Edge)
            .filter_map(|pool| pool.external_fqdn.clone());
        for name in self.per_domain(SIP_LABEL).chain(named) {
            push(records, Face::Outside, &name, edges.iter().copied());
        }
        for service in ["_sip._tls", "_sips._tcp"] {
            self.push_service(records, Face::Outside, service, Port::EdgeAccess);
        }
        if self.federation.mode != FederationMode::Off {
            self.push_service(
                records,
                Face::Outside,
                "_sipfederationtls._tcp",
                Port::EdgeFederation,
            );
        }
    }

    /// Where a pool is reached on a port: at the VIP or at its members.
    fn addresses(&self, pool: &Pool, port: Port) -> Vec<IpAddr> {
        match pool.vip {
            Some(vip) if fronted(pool, port) => vec![vip],
            _ => self.members(pool).map(|machine| machine.address).collect(),
        }
    }

    fn push_service(&self, records: &mut Vec<Record>, face: Face, service: &str, port: Port) {
        let port = self.ports.number(port);
        for domain in &self.domains {
            let target = Fqdn::below(SIP_LABEL, domain.as_str());
            let data = RecordData::Service {
                priority: 0,
                weight: 0,
                port,
                target,
            };
            let name = format!("{service}.{domain}");
            records.push(Record { face, name, data });
        }
    }
}

fn push(
    records: &mut Vec<Record>,
    face: Face,
    name: &Fqdn,
    addresses: impl IntoIterator<Item = IpAddr>,
) {
    records.extend(addresses.into_iter().map(|address| Record {
        face,
        name: name.to_string(),
        data: RecordData::Address(address),
    }));
}
