//! What a balancer tells of the pools whose VIPs it holds.

use base::health::Standing;
use runtime::metrics::{Kind, Page};
use serde::{Deserialize, Serialize};
use web::balance::{Health, MemberState};

use super::Vips;

/// A pool whose VIP a balancer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancedPool {
    /// Its name.
    pub pool: String,
    /// Its members.
    pub members: Vec<BalancedMember>,
}

/// A member as the balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancedMember {
    /// Its name.
    pub member: String,
    /// `up`, `down`, `draining`, `resting` after failures, or `unknown`.
    pub state: String,
    /// Connections that it carries.
    pub open: usize,
}

/// What the balancer makes of a member's standing.
pub(super) const fn health(standing: Standing) -> Health {
    match standing {
        Standing::Up => Health::Up,
        Standing::Down => Health::Down,
        Standing::Draining => Health::Draining,
    }
}

/// The pools, for `vestibule status`.
pub(super) fn pools(vips: &Vips) -> Vec<BalancedPool> {
    let member = |member: &MemberState| BalancedMember {
        member: member.name.clone(),
        state: state(member).to_owned(),
        open: member.open,
    };
    let pools = vips.pools.states().into_iter();
    pools
        .map(|(pool, members)| BalancedPool {
            pool,
            members: members.iter().map(member).collect(),
        })
        .collect()
}

const fn state(member: &MemberState) -> &'static str {
    if member.drained {
        return "draining";
    }
    match member.health {
        Health::Down => "down",
        Health::Draining => "draining",
        Health::Up | Health::Unknown if member.rests => "resting",
        Health::Up => "up",
        Health::Unknown => "unknown",
    }
}

/// The same for a monitoring system, with what was counted.
pub(super) fn write(vips: &Vips, machine: &str, page: &mut Page) {
    let passed = vips.stats.iter().flat_map(|stats| stats.each());
    let passed = passed.map(|figure| ("", figure));
    let read = vips.requests.iter().flat_map(|counted| {
        let sets = [
            ("requests_", counted.requests.each()),
            ("clients_", counted.clients.each()),
            ("members_", counted.members.each()),
        ];
        let named = |(prefix, set): (_, Vec<_>)| set.into_iter().map(move |it| (prefix, it));
        sets.into_iter().flat_map(named)
    });
    for (prefix, (name, kind, help, value)) in passed.chain(read) {
        let name = format!("vestibule_vip_{prefix}{name}");
        page.metric(&name, kind, help)
            .value(&name, &[("machine", machine)], value);
    }
    let (open, up) = ("vestibule_vip_member_open", "vestibule_vip_member_up");
    let all = pools(vips);
    let members = || {
        let members = all
            .iter()
            .flat_map(|pool| pool.members.iter().map(move |one| (pool, one)));
        members.map(|(pool, one)| {
            let labels = [
                ("machine", machine),
                ("pool", pool.pool.as_str()),
                ("member", one.member.as_str()),
            ];
            (labels, one)
        })
    };
    page.metric(open, Kind::Gauge, "Connections that a member carries.");
    for (labels, one) in members() {
        page.value(open, &labels, u64::try_from(one.open).unwrap_or(u64::MAX));
    }
    page.metric(up, Kind::Gauge, "Whether a member is given connections.");
    for (labels, one) in members() {
        page.value(
            up,
            &labels,
            u64::from(matches!(one.state.as_str(), "up" | "unknown")),
        );
    }
}
