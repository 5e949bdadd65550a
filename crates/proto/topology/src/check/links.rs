//! What ties pools together, and what follows by convention where the file says nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use base::net::Role;

use super::machines::{Machines, address};
use super::pools::{Draft, Known};
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw};
use crate::{Balancing, Fqdn, Pool, VipMode, WebNames, role_name};

/// The most members that a pool of a SIP role has; what the topology was sized for.
const MEMBERS_MAX: usize = 12;

struct Links<'a, 'r> {
    known: &'a Known<'r>,
    machines: &'a Machines,
    domains: &'a [Fqdn],
}

/// Returns the pools with everything that they refer to.
pub(super) fn pools(
    known: &Known<'_>,
    machines: &Machines,
    domains: &[Fqdn],
    sink: &mut Sink,
) -> Vec<Pool> {
    let drafts = &known.drafts;
    let links = Links {
        known,
        machines,
        domains,
    };
    let master = links.master(sink);
    let mut pools: Vec<Pool> = drafts
        .iter()
        .map(|draft| links.pool(draft, master.as_ref(), sink))
        .collect();
    backups(drafts, &mut pools, sink);
    web_names(drafts, &pools, sink);
    pools
}

impl Links<'_, '_> {
    fn pool(&self, draft: &Draft<'_>, master: Option<&Fqdn>, sink: &mut Sink) -> Pool {
        let members = self.members(draft, sink);
        let vip = draft.raw.vip.as_ref().and_then(|text| address(text, sink));
        let balancing = self.balancing(draft, members, sink);
        let vip = vip.filter(|_| matches!(draft.role, Role::Director | Role::FrontEnd));
        let balancer = self.balancer(draft, sink).filter(|_| vip.is_some());
        Pool {
            fqdn: draft.fqdn.clone(),
            role: draft.role,
            site: draft.site.clone(),
            balancing,
            web: self.web(draft, sink),
            vip,
            vip_mode: super::vips::mode(draft, balancer.is_some(), sink),
            vip_cookie: super::vips::cookie(draft, sink),
            balancer,
            next_hop: self.next_hop(draft, sink),
            backup: self.backup(draft, sink),
            masters_directory: master == Some(&draft.fqdn),
            external_fqdn: self.external_fqdn(draft, sink),
        }
    }

    /// Counts the members and tells whether there may be so many.
    fn members(&self, draft: &Draft<'_>, sink: &mut Sink) -> usize {
        let count = self
            .machines
            .placed
            .iter()
            .filter(|m| m.pools.contains(&draft.fqdn))
            .count();
        let name = &draft.fqdn;
        if count == 0 && self.machines.complete {
            let help = format!("add a [[machine]] with `pool = \"{name}\"`");
            sink.report(
                &draft.span,
                Rule::PoolWithoutMachine,
                format!("pool {name} has no machine"),
                help,
            );
        }
        if draft.role == Role::FrontEnd && count > 1 {
            let message =
                format!("front_end pool {name} has {count} machines, which need a shared store");
            let help = "this version keeps the state of a pool on its one machine: make each a pool \
                        of its own, and two of them each other's `backup`";
            sink.report(&draft.span, Rule::SharedStore, message, help);
        } else if crate::has_sip(draft.role) && count > MEMBERS_MAX {
            let message = format!("pool {name} has {count} machines");
            let help = format!("a pool has at most {MEMBERS_MAX}: make a second pool");
            sink.report(&draft.span, Rule::PoolTooLarge, message, help);
        }
        count
    }

    fn balancing(&self, draft: &Draft<'_>, members: usize, sink: &mut Sink) -> Balancing {
        let has_vip = draft.raw.vip.is_some();
        let derived = match (has_vip, members) {
            (true, _) => Balancing::DnsHlb,
            (false, 0 | 1) => Balancing::Single,
            (false, _) => Balancing::Dns,
        };
        let Some(written) = &draft.raw.load_balancing else {
            return derived;
        };
        let needs_vip = matches!(written.value, Balancing::Hlb | Balancing::DnsHlb);
        let wrong = if draft.role == Role::Edge && needs_vip {
            Some((
                "an edge pool has no VIP",
                "write `dns`, or `none` for a single edge",
            ))
        } else if needs_vip && !has_vip {
            Some((
                "this kind of load balancing needs a `vip`",
                "add `vip = ...`, or write `dns`",
            ))
        } else if !needs_vip && has_vip {
            Some((
                "the `vip` is not used by this kind of load balancing",
                "write `dns+hlb` or `hlb`, or remove the `vip`",
            ))
        } else if written.value == Balancing::Single && members > 1 {
            Some((
                "a pool of several machines must share the load",
                "write `dns`, or `dns+hlb` and a `vip`",
            ))
        } else {
            None
        };
        if let Some((message, help)) = wrong {
            sink.report(&written.span, Rule::Balancing, message, help);
        }
        written.value
    }

    /// By convention the first label of the pool tells its web names.
    fn web(&self, draft: &Draft<'_>, sink: &mut Sink) -> Option<WebNames> {
        if !matches!(draft.role, Role::Director | Role::FrontEnd) {
            return None;
        }
        let written = draft.raw.web.as_ref();
        let mut read = |text: Option<&At<String>>| text.and_then(|text| super::name(text, sink));
        let internal = read(written.and_then(|web| web.internal.as_ref()));
        let external = read(written.and_then(|web| web.external.as_ref()));
        let (label, parent) = (draft.fqdn.label(), draft.fqdn.parent());
        let default_domain = self.domains.first().map_or(parent, Fqdn::as_str);
        Some(WebNames {
            internal: internal.unwrap_or_else(|| {
                if wants_vip(draft) {
                    Fqdn::below(&format!("{label}-web"), parent)
                } else {
                    draft.fqdn.clone()
                }
            }),
            external: external
                .unwrap_or_else(|| Fqdn::below(&format!("{label}-webext"), default_domain)),
        })
    }

    fn balancer(&self, draft: &Draft<'_>, sink: &mut Sink) -> Option<Fqdn> {
        if draft.raw.balancer.is_some() {
            if draft.raw.vip.is_none() {
                let at = draft
                    .raw
                    .balancer
                    .as_ref()
                    .map_or(&draft.span, |balancer| &balancer.span);
                let help = "add `vip = ...`, or remove `balancer`";
                sink.report(
                    at,
                    Rule::Balancing,
                    "a `balancer` without a `vip` has nothing to hold",
                    help,
                );
            }
            return self.target(draft, &draft.raw.balancer, &[Role::LoadBalancer], sink);
        }
        self.first(Role::LoadBalancer)
    }

    fn next_hop(&self, draft: &Draft<'_>, sink: &mut Sink) -> Option<Fqdn> {
        if draft.role != Role::Edge {
            return None;
        }
        let roles = [Role::Director, Role::FrontEnd];
        let written = self.target(draft, &draft.raw.next_hop, &roles, sink);
        let derived = || {
            self.first(Role::Director)
                .or_else(|| self.first(Role::FrontEnd))
        };
        written.or_else(derived)
    }

    fn backup(&self, draft: &Draft<'_>, sink: &mut Sink) -> Option<Fqdn> {
        if draft.role != Role::FrontEnd {
            return None;
        }
        self.target(draft, &draft.raw.backup, &[Role::FrontEnd], sink)
    }

    fn external_fqdn(&self, draft: &Draft<'_>, sink: &mut Sink) -> Option<Fqdn> {
        let written = draft
            .raw
            .external_fqdn
            .as_ref()
            .and_then(|text| super::name(text, sink));
        let derived = || {
            self.domains
                .first()
                .map(|domain| Fqdn::below("sip", domain.as_str()))
        };
        written
            .or_else(derived)
            .filter(|_| draft.role == Role::Edge)
    }

    /// The pool that masters the directory: the one marked, else the first Front End pool.
    fn master(&self, sink: &mut Sink) -> Option<Fqdn> {
        let mark = |draft: &&Draft<'_>| draft.raw.directory.as_ref().is_some_and(|at| at.value);
        let mut marked = self
            .known
            .drafts
            .iter()
            .filter(|d| d.role == Role::FrontEnd)
            .filter(mark);
        let first = marked.next();
        for second in marked {
            let at = second
                .raw
                .directory
                .as_ref()
                .map_or(&second.span, |at| &at.span);
            let message = format!("pool {} masters the directory as well", second.fqdn);
            let help = "leave `directory = true` to one front_end pool; the others follow it";
            sink.report(at, Rule::DirectoryMaster, message, help);
        }
        first
            .map(|draft| draft.fqdn.clone())
            .or_else(|| self.first_master())
    }

    /// A pool that says `directory = false` is passed over unless all do.
    fn first_master(&self) -> Option<Fqdn> {
        let declines =
            |draft: &&Draft<'_>| draft.raw.directory.as_ref().is_some_and(|at| !at.value);
        let mut pools = self
            .known
            .drafts
            .iter()
            .filter(|draft| draft.role == Role::FrontEnd);
        let willing = pools
            .find(|draft| !declines(draft))
            .map(|draft| draft.fqdn.clone());
        willing.or_else(|| self.first(Role::FrontEnd))
    }

    fn first(&self, role: Role) -> Option<Fqdn> {
        self.known
            .drafts
            .iter()
            .find(|draft| draft.role == role)
            .map(|draft| draft.fqdn.clone())
    }

    /// Finds the pool that a key names and tells if it is of the wrong role or the pool itself.
    fn target(
        &self,
        draft: &Draft<'_>,
        key: &Option<At<String>>,
        roles: &[Role],
        sink: &mut Sink,
    ) -> Option<Fqdn> {
        let text = key.as_ref()?;
        let found = self.known.find(text, sink)?;
        if found.fqdn == draft.fqdn {
            let message = format!("pool {} names itself", draft.fqdn);
            sink.report(&text.span, Rule::WrongRole, message, "name another pool");
            return None;
        }
        if !roles.contains(&found.role) {
            let wanted: Vec<&str> = roles.iter().map(|role| role_name(*role)).collect();
            let message = format!("pool {} has the role {}", found.fqdn, role_name(found.role));
            let help = format!("name a pool of role {}", wanted.join(" or "));
            sink.report(&text.span, Rule::WrongRole, message, help);
            return None;
        }
        Some(found.fqdn.clone())
    }
}

/// Tells whether a VIP is written or asked for.
fn wants_vip(draft: &Draft<'_>) -> bool {
    let kind = draft.raw.load_balancing.as_ref().map(|at| at.value);
    draft.raw.vip.is_some() || matches!(kind, Some(Balancing::Hlb | Balancing::DnsHlb))
}

/// Makes backups mutual and tells where they contradict each other.
fn backups(drafts: &[Draft<'_>], pools: &mut [Pool], sink: &mut Sink) {
    let named: Vec<(Fqdn, Fqdn)> = pools
        .iter()
        .filter(|pool| pool.role == Role::FrontEnd)
        .filter_map(|pool| Some((pool.fqdn.clone(), pool.backup.clone()?)))
        .collect();
    for (from, to) in named {
        let Some(other) = pools.iter_mut().find(|pool| pool.fqdn == to) else {
            continue;
        };
        let back = other.backup.get_or_insert_with(|| from.clone());
        if *back != from {
            let draft = drafts.iter().find(|draft| draft.fqdn == from);
            let at = draft
                .and_then(|d| d.raw.backup.as_ref())
                .map(|at| at.span.clone())
                .unwrap_or(0..0);
            let message = format!("{from} names {to} as backup, but {to} and {back} are a pair");
            let help = "backups are mutual and a pool has one: pair the pools two by two";
            sink.report(&at, Rule::Backup, message, help);
        }
    }
}

/// Web names are unique; behind a VIP the internal one is not the pool's, since that leads to the members.
fn web_names(drafts: &[Draft<'_>], pools: &[Pool], sink: &mut Sink) {
    let mut owners: BTreeMap<Fqdn, Fqdn> = BTreeMap::new();
    for (draft, pool) in drafts.iter().zip(pools) {
        let Some(web) = &pool.web else { continue };
        let written = draft.raw.web.as_ref();
        let sides = [
            (&web.internal, written.and_then(|web| web.internal.as_ref())),
            (&web.external, written.and_then(|web| web.external.as_ref())),
        ];
        for (name, text) in sides {
            let at = text.map_or(&draft.span, |text| &text.span);
            if let Some(owner) = owners.insert(name.clone(), pool.fqdn.clone()) {
                let message = format!("web name {name} is used by {owner} already");
                let help =
                    "every web name inside and outside is unique: requests are told apart by it";
                sink.report(at, Rule::WebName, message, help);
            }
            let of_other = pools
                .iter()
                .any(|other| other.fqdn == *name && other.fqdn != pool.fqdn);
            let apart = pool.balancing == Balancing::DnsHlb || pool.vip_mode == VipMode::Http;
            if of_other || (*name == pool.fqdn && apart) {
                let message = format!("web name {name} is the name of a pool");
                let help = if pool.balancing == Balancing::Hlb {
                    "where TLS ends at the VIP, the balancer proves the web names and never that of the pool"
                } else {
                    "with dns+hlb a pool needs two names: its own leads to the members, the web name to the VIP"
                };
                sink.report(at, Rule::WebName, message, help);
            }
        }
    }
}

/// Every address is used once: by one machine on one face, or by one VIP.
pub(super) fn addresses(raw: &Raw, pools: &[Pool], drafts: &[Draft<'_>], sink: &mut Sink) {
    let mut owners: BTreeMap<IpAddr, String> = BTreeMap::new();
    let mut claim = |owner: &str, at: &Range<usize>, address: IpAddr| {
        if let Some(other) = owners.insert(address, owner.to_owned()) {
            let message = format!("address {address} of {owner} is used by {other} already");
            let help = "every machine, face, VIP and gateway has an address of its own; one machine may have several pools";
            sink.report(at, Rule::Duplicate, message, help);
        }
    };
    for At { value: machine, .. } in &raw.machine {
        let owner = machine
            .fqdn
            .as_ref()
            .map_or("a machine", |fqdn| fqdn.value.as_str());
        let same = |published: &&At<String>| {
            machine
                .external
                .as_ref()
                .is_none_or(|external| external.value != published.value)
        };
        let texts = [&machine.address, &machine.external].into_iter().flatten();
        for text in texts.chain(machine.published.as_ref().filter(same)) {
            if let Some(address) = crate::units::address(&text.value) {
                claim(owner, &text.span, address);
            }
        }
    }
    for At { value: gateway, .. } in &raw.gateway {
        if let Some(text) = &gateway.address
            && let Some(address) = crate::units::address(&text.value)
        {
            let owner = gateway.fqdn.as_ref();
            let owner = owner.map_or("a gateway", |fqdn| fqdn.value.as_str());
            claim(owner, &text.span, address);
        }
    }
    for (pool, draft) in pools.iter().zip(drafts) {
        if let (Some(vip), Some(text)) = (pool.vip, &draft.raw.vip) {
            claim(&format!("the VIP of {}", pool.fqdn), &text.span, vip);
        }
    }
}
