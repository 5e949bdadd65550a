//! Pools by themselves: name, role, site, and whether their keys belong to their role.

use std::ops::Range;

use base::net::Role;

use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawPool, RawRole};
use crate::shape::suggestion;
use crate::{Fqdn, role_name};

/// A pool whose name and role are known; what refers to others is still to be checked.
pub(super) struct Draft<'r> {
    pub(super) fqdn: Fqdn,
    pub(super) role: Role,
    pub(super) site: String,
    pub(super) raw: &'r RawPool,
    /// Where its name stands.
    pub(super) span: Range<usize>,
}

/// What is known of the pools of a file.
pub(super) struct Known<'r> {
    pub(super) drafts: Vec<Draft<'r>>,
    /// Names of pools that are there but not right; what refers to them is not at fault.
    spoilt: Vec<&'r str>,
}

/// A key of a pool that only some roles have.
struct Key {
    name: &'static str,
    roles: &'static [Role],
    /// Where it is written, if it is.
    at: Option<Range<usize>>,
}

fn keys_of(raw: &RawPool) -> [Key; 10] {
    const WEB: &[Role] = &[Role::Director, Role::FrontEnd];
    const SIP: &[Role] = &[Role::Director, Role::FrontEnd, Role::Edge];
    const HOME: &[Role] = &[Role::FrontEnd];
    const EDGE: &[Role] = &[Role::Edge];
    let key = |name, roles, at| Key { name, roles, at };
    [
        key("load_balancing", SIP, span(&raw.load_balancing)),
        key("web", WEB, web_span(raw)),
        key("vip", WEB, span(&raw.vip)),
        key("vip_mode", WEB, span(&raw.vip_mode)),
        key("vip_cookie", WEB, span(&raw.vip_cookie)),
        key("balancer", WEB, span(&raw.balancer)),
        key("next_hop", EDGE, span(&raw.next_hop)),
        key("backup", HOME, span(&raw.backup)),
        key("directory", HOME, span(&raw.directory)),
        key("external_fqdn", EDGE, span(&raw.external_fqdn)),
    ]
}

impl<'r> Known<'r> {
    /// Finds the pool that a text names and tells if there is none.
    pub(super) fn find(&self, name: &At<String>, sink: &mut Sink) -> Option<&Draft<'r>> {
        let same = |other: &str| other.eq_ignore_ascii_case(&name.value);
        let found = self.drafts.iter().find(|draft| same(draft.fqdn.as_str()));
        if found.is_none() && !self.spoilt.iter().any(|other| same(other)) {
            let known: Vec<&str> = self
                .drafts
                .iter()
                .map(|draft| draft.fqdn.as_str())
                .collect();
            let message = format!("there is no pool \"{}\"", name.value);
            sink.report(
                &name.span,
                Rule::UnknownReference,
                message,
                suggestion(&name.value, &known),
            );
        }
        found
    }
}

/// Returns the pools that have a name and a role.
pub(super) fn known<'r>(raw: &'r Raw, sites: &[String], sink: &mut Sink) -> Known<'r> {
    let mut drafts: Vec<Draft<'r>> = Vec::new();
    let mut spoilt = Vec::new();
    for At { value: pool, .. } in &raw.pool {
        let site = site(pool, sites, sink);
        let Some(text) = &pool.fqdn else { continue };
        let (Some(fqdn), Some(role)) = (super::name(text, sink), &pool.role) else {
            spoilt.push(text.value.as_str());
            continue;
        };
        if drafts.iter().any(|other| other.fqdn == fqdn) {
            super::twice(&text.span, "pool", &text.value, sink);
            continue;
        }
        let role = Role::from(role.value);
        keys(pool, role, sink);
        drafts.push(Draft {
            fqdn,
            role,
            site,
            raw: pool,
            span: text.span.clone(),
        });
    }
    if !raw.pool.iter().any(|pool| {
        pool.value
            .role
            .as_ref()
            .is_none_or(|r| r.value == RawRole::FrontEnd)
    }) {
        let help = "add a [[pool]] with role = \"front_end\" and its [[machine]]: users live there";
        sink.report(
            &(0..0),
            Rule::NoFrontEnd,
            "there is no front_end pool",
            help,
        );
    }
    Known { drafts, spoilt }
}

fn site(pool: &RawPool, sites: &[String], sink: &mut Sink) -> String {
    let first = || sites.first().cloned().unwrap_or_default();
    let Some(site) = &pool.site else {
        return first();
    };
    if sites.contains(&site.value) {
        return site.value.clone();
    }
    let known: Vec<&str> = sites.iter().map(String::as_str).collect();
    let message = format!("there is no site \"{}\"", site.value);
    sink.report(
        &site.span,
        Rule::UnknownReference,
        message,
        suggestion(&site.value, &known),
    );
    first()
}

fn keys(pool: &RawPool, role: Role, sink: &mut Sink) {
    for Key { name, roles, at } in keys_of(pool) {
        let Some(at) = at.filter(|_| !roles.contains(&role)) else {
            continue;
        };
        let message = format!("a pool of role {} has no use for `{name}`", role_name(role));
        let others: Vec<&str> = roles.iter().map(|role| role_name(*role)).collect();
        let help = format!("remove it; it belongs to {}", others.join(", "));
        sink.report(&at, Rule::KeyOfOtherRole, message, help);
    }
}

fn span<T>(value: &Option<At<T>>) -> Option<Range<usize>> {
    value.as_ref().map(|value| value.span.clone())
}

fn web_span(raw: &RawPool) -> Option<Range<usize>> {
    let web = raw.web.as_ref()?;
    span(&web.internal).or_else(|| span(&web.external))
}

impl From<RawRole> for Role {
    fn from(raw: RawRole) -> Self {
        match raw {
            RawRole::Director => Self::Director,
            RawRole::FrontEnd => Self::FrontEnd,
            RawRole::Edge => Self::Edge,
            RawRole::ReverseProxy => Self::ReverseProxy,
            RawRole::LoadBalancer => Self::LoadBalancer,
            RawRole::Dns => Self::Dns,
        }
    }
}
