//! What a machine tells a monitoring system.

use runtime::metrics::{Kind, Page};

use super::status::MessageStatus;
use super::{Shared, balanced, logged, published};
use crate::health::MemberStatus;

/// Writes every number that a machine has.
pub(super) fn write(shared: &Shared, page: &mut Page) {
    let machine = shared.view.machine.fqdn.as_str();
    let own: [(&str, &str); 1] = [("machine", machine)];
    if let Some(read) = &shared.counters {
        for (name, kind, help, value) in read().each() {
            page.metric(&format!("vestibule_net_{name}"), kind, help)
                .value(&format!("vestibule_net_{name}"), &own, value);
        }
    }
    logged::write(&shared.agent, machine, page);
    if let Some(names) = &shared.names {
        for (name, kind, help, value) in names.counters().each() {
            let name = format!("vestibule_dns_{name}");
            page.metric(&name, kind, help).value(&name, &own, value);
        }
    }
    if let Some(web) = &shared.web {
        for (name, kind, help, value) in web.each() {
            let name = format!("vestibule_web_{name}");
            page.metric(&name, kind, help).value(&name, &own, value);
        }
    }
    if let Some(board) = &shared.board {
        health(page, machine, &board.status(shared.clock.now()));
    }
    if let Some(node) = &shared.node {
        write_sip(&node.total(), machine, page);
        let guard = node.guard();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        gauge(
            page,
            "vestibule_abuse_sources",
            "Sources whose limits are kept.",
            &own,
            count(guard.known()),
        );
        gauge(
            page,
            "vestibule_abuse_nonces",
            "Used nonces that are remembered.",
            &own,
            count(guard.uses().len()),
        );
    }
    if let Some(vips) = &shared.vips {
        balanced::write(vips, machine, page);
    }
    if let Some(proxy) = &shared.proxy {
        published::write(proxy, machine, page);
    }
    if let Some(directory) = &shared.directory {
        let users = u64::try_from(directory.directory().len()).unwrap_or(u64::MAX);
        gauge(
            page,
            "vestibule_directory_users",
            "Users that this machine knows.",
            &own,
            users,
        );
    }
    if let Some(kept) = &shared.bindings {
        let (users, bindings) = kept.table().counts();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        gauge(
            page,
            "vestibule_registered_users",
            "Users with registrations.",
            &own,
            count(users),
        );
        gauge(
            page,
            "vestibule_bindings",
            "Registrations.",
            &own,
            count(bindings),
        );
    }
    if let Some(status) = shared.message_status() {
        messages(page, &own, &status);
    }
}

/// What waits for users who are away, and what became of what has waited.
fn messages(page: &mut Page, own: &[(&str, &str)], status: &MessageStatus) {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let gauges = [
        (
            "vestibule_messages_waiting",
            "Messages that wait for their users.",
            count(status.messages),
        ),
        (
            "vestibule_messages_waiting_bytes",
            "Bytes of the messages that wait for their users.",
            count(status.bytes),
        ),
    ];
    for (name, help, value) in gauges {
        gauge(page, name, help, own, value);
    }
    let counters = [
        (
            "kept",
            "Messages kept for users who were away.",
            status.kept,
        ),
        (
            "delivered",
            "Kept messages that a phone has taken.",
            status.delivered,
        ),
        (
            "declined",
            "Kept messages that the phones of their user have refused for good.",
            status.declined,
        ),
        (
            "expired",
            "Kept messages that have expired.",
            status.expired,
        ),
        (
            "refused",
            "Messages that were not kept for want of room.",
            status.refused,
        ),
    ];
    for (name, help, value) in counters {
        let name = format!("vestibule_messages_{name}");
        page.metric(&name, Kind::Counter, help)
            .value(&name, own, value);
    }
}

fn counters(node: &sip::Stats) -> Vec<(&'static str, &'static str, u64)> {
    vec![
        (
            "vestibule_sip_requests",
            "SIP requests that came.",
            node.requests,
        ),
        (
            "vestibule_sip_responses",
            "SIP responses that came.",
            node.responses,
        ),
        (
            "vestibule_sip_forwarded",
            "SIP requests sent on with state.",
            node.forwarded,
        ),
        (
            "vestibule_sip_relayed",
            "SIP requests sent on without state.",
            node.relayed_stateless,
        ),
        (
            "vestibule_sip_malformed",
            "SIP messages that broke a rule.",
            node.malformed,
        ),
        (
            "vestibule_sip_closed_for_cause",
            "Connections closed because of what came on them.",
            node.closed_for_cause,
        ),
        (
            "vestibule_sip_silent_flows",
            "Flows closed since nothing came for longer than their clients promised.",
            node.silent,
        ),
        (
            "vestibule_sip_stray_responses",
            "SIP responses that belonged to nothing.",
            node.stray_responses,
        ),
        (
            "vestibule_sip_withheld",
            "SIP answers not given, as they would have been much longer than what a source without proof had sent.",
            node.withheld,
        ),
        (
            "vestibule_sip_failovers",
            "SIP requests that moved to another server.",
            node.failovers,
        ),
        (
            "vestibule_sip_held_back",
            "SIP requests not sent to a server that asked for relief.",
            node.held_back,
        ),
        (
            "vestibule_sip_registrations",
            "Registrations made, refreshed or removed.",
            node.registrations,
        ),
    ]
}

fn event_counters(node: &sip::Stats) -> Vec<(&'static str, &'static str, u64)> {
    vec![
        (
            "vestibule_sip_publishes",
            "Presence published, refreshed or removed.",
            node.publishes,
        ),
        (
            "vestibule_sip_notifies",
            "Notifications sent.",
            node.notifies,
        ),
        (
            "vestibule_sip_notifies_throttled",
            "Changes told later, since the watcher had just been told something.",
            node.notifies_throttled,
        ),
        (
            "vestibule_sip_notifies_failed",
            "Notifications that nobody took; their subscriptions ended.",
            node.notifies_failed,
        ),
    ]
}

fn write_sip(node: &sip::Stats, machine: &str, page: &mut Page) {
    let own: [(&str, &str); 1] = [("machine", machine)];
    for (name, help, value) in [counters(node), event_counters(node)].concat() {
        page.metric(name, Kind::Counter, help)
            .value(name, &own, value);
    }
    page.metric(
        "vestibule_sip_ended",
        Kind::Counter,
        "SIP requests that ended here, by reason.",
    );
    for (why, count) in &node.ended {
        page.value(
            "vestibule_sip_ended",
            &[("machine", machine), ("why", why)],
            *count,
        );
    }
    partners(page, machine, node);
}

/// What each partner sent and took; an Edge with federation has some.
fn partners(page: &mut Page, machine: &str, node: &sip::Stats) {
    type Figure = fn(&sip::PartnerStats) -> u64;
    let figures: [(&str, &str, Figure); 3] = [
        (
            "vestibule_sip_partner_received",
            "Requests from a federation partner.",
            |one| one.received,
        ),
        (
            "vestibule_sip_partner_sent",
            "Requests to a federation partner.",
            |one| one.sent,
        ),
        (
            "vestibule_sip_partner_refused",
            "Requests and connections of a federation partner beyond its limits.",
            |one| one.refused,
        ),
    ];
    for (name, help, figure) in figures {
        page.metric(name, Kind::Counter, help);
        for (partner, one) in &node.partners {
            let labels = [("machine", machine), ("partner", &**partner)];
            page.value(name, &labels, figure(one));
        }
    }
}

/// How the machines are that this one asks.
fn health(page: &mut Page, machine: &str, members: &[MemberStatus]) {
    let label = |one: &MemberStatus| (one.member.clone(), one.standing.clone());
    let name = "vestibule_member_standing";
    page.metric(name, Kind::Gauge, "1 for how a server is believed to be.");
    for (member, standing) in members.iter().map(label) {
        let labels = [
            ("machine", machine),
            ("member", &*member),
            ("standing", &*standing),
        ];
        page.value(name, &labels, 1);
    }
    let name = "vestibule_member_failures";
    page.metric(name, Kind::Counter, "Questions to a server that failed.");
    for one in members {
        let labels = [("machine", machine), ("member", &*one.member)];
        page.value(name, &labels, one.failures);
    }
}

fn gauge(page: &mut Page, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
    page.metric(name, Kind::Gauge, help)
        .value(name, labels, value);
}
