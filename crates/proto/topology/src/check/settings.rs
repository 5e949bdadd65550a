//! Settings of the deployment: simple URLs, sign-in, bounds, networks of clients.

use std::ops::Range;
use std::time::Duration;

use super::pools::Draft;
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawLimits, RawUserAgent};
use crate::{
    Digest, Dns, Fqdn, Limits, Network, OfflineMessages, SignIn, SimpleUrl, SimpleUrls, Sip,
    UserAgentRule, units,
};

/// The private networks of RFC 1918: where clients inside are unless the file says otherwise.
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
/// RFC 8760: SHA-256 is what every client of it must know; the stronger one comes second for those that prefer it.
const DIGEST: [Digest; 2] = [Digest::Sha256, Digest::Sha512_256];
/// Room for every header of a call with a large body; a phone's messages are 1 to 4 KiB.
const MESSAGE: usize = 64 << 10;
const MESSAGE_BOUNDS: (usize, usize, &str) = (4 << 10, 1 << 20, "write 4KiB to 1MiB");
/// The registration times of the Director topology: 300 to 900 s, 600 s unless asked for.
const REGISTRATION: (u64, u64, u64) = (300, 600, 900);
const REGISTRATION_BOUNDS: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(24 * 3600));
/// The Director topology's bound on endpoints of a user.
const ENDPOINTS: u32 = 8;
/// Many phones share one address behind a branch's NAT.
const CONNECTIONS: u32 = 1000;
/// All of them come back within seconds when the branch's power does: a burst is ten times this.
const HANDSHAKES: u32 = 100;
/// A phone sends some requests a minute; a branch, or a busy application, some hundred a second.
const REQUESTS: u32 = 1000;
/// A phone with an old password tries it twice a minute for days, and there are several in a branch.
const FAILURES: u32 = 100;
/// People mistype a password a few times; whoever guesses gets two tries a minute.
const FAILURES_OF_USER: u32 = 10;
/// Longer than the 20 minutes between keep-alives that clients of the topology may take.
const IDLE: Duration = Duration::from_secs(1800);
/// Short, because the machine behind an address may go; long enough that a phone does not ask twice in a sign-in.
const ADDRESS_TTL: Duration = Duration::from_secs(30);
const SERVICE_TTL: Duration = Duration::from_secs(300);
const TTL_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// Longer than a weekend and a holiday beside it.
const OFFLINE_KEEP: Duration = Duration::from_secs(168 * 3600);
const OFFLINE_KEEP_BOUNDS: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(60 * 24 * 3600));
/// More than people write to somebody who does not answer.
const OFFLINE_PER_USER: u32 = 100;
/// A text with room for what a client puts around it, not a picture.
const OFFLINE_MESSAGE: usize = 16 << 10;
const OFFLINE_MESSAGE_BOUNDS: (usize, usize, &str) = (1 << 10, 256 << 10, "write 1KiB to 256KiB");
const IDLE_BOUNDS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(24 * 3600));

/// Returns the short addresses.
pub(super) fn simple_urls(
    raw: &Raw,
    domains: &[Fqdn],
    drafts: &[Draft<'_>],
    sink: &mut Sink,
) -> SimpleUrls {
    let written = &raw.simple_urls;
    let mut all: Vec<(SimpleUrl, Range<usize>)> = Vec::new();
    let mut read = |text: &At<String>, sink: &mut Sink| {
        let url = simple_url(text, drafts, &all, sink)?;
        all.push((url.clone(), text.span.clone()));
        Some(url)
    };
    let meet = written.meet.as_ref().map(|list| {
        if list.value.len() != domains.len() && !domains.is_empty() {
            let message = format!(
                "{} meet URLs for {} domains",
                list.value.len(),
                domains.len()
            );
            let help = "write one for each SIP domain, in the order of `domains`";
            sink.report(&list.span, Rule::SimpleUrl, message, help);
        }
        list.value
            .iter()
            .filter_map(|text| read(text, sink))
            .collect()
    });
    let dialin = written.dialin.as_ref().and_then(|text| read(text, sink));
    let admin = written.admin.as_ref().and_then(|text| read(text, sink));
    let derived = |label: &str, domain: &str| SimpleUrl {
        host: Fqdn::below(label, domain),
        path: String::new(),
    };
    let default = domains.first().map_or("", Fqdn::as_str);
    SimpleUrls {
        meet: meet.unwrap_or_else(|| {
            domains
                .iter()
                .map(|d| derived("meet", d.as_str()))
                .collect()
        }),
        dialin: dialin.unwrap_or_else(|| derived("dialin", default)),
        admin,
    }
}

fn simple_url(
    text: &At<String>,
    drafts: &[Draft<'_>],
    others: &[(SimpleUrl, Range<usize>)],
    sink: &mut Sink,
) -> Option<SimpleUrl> {
    let wrong = |why: &str, sink: &mut Sink| {
        let message = format!("\"{}\" is not a simple URL of its own", text.value);
        sink.report(&text.span, Rule::SimpleUrl, message, why.to_owned());
    };
    let url = match units::simple_url(&text.value) {
        Ok(url) => url,
        Err(why) => {
            wrong(why, sink);
            return None;
        }
    };
    if drafts.iter().any(|draft| draft.fqdn == url.host) {
        wrong(
            "its host is a pool, whose name leads to servers: give it a name of its own",
            sink,
        );
    }
    if others
        .iter()
        .any(|(other, _)| is_prefix(other, &url) || is_prefix(&url, other))
    {
        wrong(
            "no simple URL is the beginning of another: give it another host or path",
            sink,
        );
    }
    Some(url)
}

fn is_prefix(short: &SimpleUrl, long: &SimpleUrl) -> bool {
    let path = |url: &SimpleUrl| format!("{}/", url.path.to_ascii_lowercase());
    short.host == long.host && path(long).starts_with(&path(short))
}

/// Returns how users sign in.
pub(super) fn sip(raw: &Raw, sink: &mut Sink) -> Sip {
    let internal_sign_in = raw.sip.internal_sign_in.unwrap_or(SignIn::Redirect);
    let digest = digest(&raw.sip.digest, &DIGEST, sink);
    let rules = raw.sip.user_agent.iter();
    let user_agents = rules
        .filter_map(|at| user_agent(at, internal_sign_in, &digest, sink))
        .collect();
    let mut plain: Vec<_> = raw.sip.plain.iter().flatten().map(|at| at.value).collect();
    plain.sort_unstable();
    plain.dedup();
    Sip {
        internal_sign_in,
        digest,
        user_agents,
        plain,
        offline_messages: raw
            .sip
            .offline_messages
            .as_ref()
            .map(|written| OfflineMessages {
                keep: duration(&written.keep, OFFLINE_KEEP, OFFLINE_KEEP_BOUNDS, sink),
                per_user: one_or_more(
                    &written.per_user,
                    OFFLINE_PER_USER,
                    "0 would keep nothing",
                    sink,
                ) as usize,
                message: size(
                    &written.message,
                    OFFLINE_MESSAGE,
                    OFFLINE_MESSAGE_BOUNDS,
                    sink,
                ),
            }),
    }
}

fn user_agent(
    at: &At<RawUserAgent>,
    sign_in: SignIn,
    usual: &[Digest],
    sink: &mut Sink,
) -> Option<UserAgentRule> {
    let rule = &at.value;
    let pattern = rule.pattern.as_ref()?;
    if rule.internal_sign_in.is_none() && rule.digest.is_none() {
        let help = "add `internal_sign_in` or `digest`, or remove the rule";
        sink.report(
            &pattern.span,
            Rule::Empty,
            "the rule makes no exception",
            help,
        );
    }
    if pattern.value.is_empty() {
        let help = "write a text in which `*` stands for any characters";
        sink.report(
            &pattern.span,
            Rule::Empty,
            "the pattern is empty and matches nobody",
            help,
        );
    }
    Some(UserAgentRule {
        pattern: pattern.value.clone(),
        internal_sign_in: rule.internal_sign_in.unwrap_or(sign_in),
        digest: digest(&rule.digest, usual, sink),
    })
}

fn digest(list: &Option<At<Vec<At<Digest>>>>, usual: &[Digest], sink: &mut Sink) -> Vec<Digest> {
    let Some(list) = list else {
        return usual.to_vec();
    };
    if list.value.is_empty() {
        let help = "name at least one hash, or nobody can sign in";
        sink.report(&list.span, Rule::Empty, "`digest` is empty", help);
    }
    let mut digest = Vec::new();
    for at in &list.value {
        if digest.contains(&at.value) {
            super::twice(&at.span, "hash", at.value.name(), sink);
        } else {
            digest.push(at.value);
        }
    }
    digest
}

/// Returns the bounds.
pub(super) fn limits(raw: &Raw, sink: &mut Sink) -> Limits {
    let RawLimits {
        message,
        registration_min,
        registration_default,
        registration_max,
        ..
    } = &raw.limits;
    let (least, usual, most) = REGISTRATION;
    let mut time = |at: &Option<At<String>>, seconds| {
        duration(at, Duration::from_secs(seconds), REGISTRATION_BOUNDS, sink)
    };
    let (min, default, max) = (
        time(registration_min, least),
        time(registration_default, usual),
        time(registration_max, most),
    );
    if !(min <= default && default <= max) {
        let written = [registration_default, registration_min, registration_max];
        let at = written
            .into_iter()
            .flatten()
            .next()
            .map_or(0..0, |at| at.span.clone());
        let message = format!(
            "the registration times are not in order: {} s, {} s, {} s",
            min.as_secs(),
            default.as_secs(),
            max.as_secs()
        );
        let help = "registration_min <= registration_default <= registration_max";
        sink.report(&at, Rule::Range, message, help);
    }
    Limits {
        message: size(message, MESSAGE, MESSAGE_BOUNDS, sink),
        registration_min: min,
        registration_default: default,
        registration_max: max,
        endpoints_per_user: count(&raw.limits.endpoints_per_user, ENDPOINTS, sink) as usize,
        connections_per_source: count(&raw.limits.connections_per_source, CONNECTIONS, sink)
            as usize,
        handshakes_per_source: count(&raw.limits.handshakes_per_source, HANDSHAKES, sink),
        requests_per_source: count(&raw.limits.requests_per_source, REQUESTS, sink),
        failures_per_source: count(&raw.limits.failures_per_source, FAILURES, sink),
        failures_per_user: count(&raw.limits.failures_per_user, FAILURES_OF_USER, sink),
        drop_scanners: raw.limits.drop_scanners.unwrap_or(true),
        idle: duration(&raw.limits.idle, IDLE, IDLE_BOUNDS, sink),
    }
}

/// Returns how long answers of the name service may be remembered.
pub(super) fn dns(raw: &Raw, sink: &mut Sink) -> Dns {
    Dns {
        address_ttl: duration(&raw.dns.address_ttl, ADDRESS_TTL, TTL_BOUNDS, sink),
        service_ttl: duration(&raw.dns.service_ttl, SERVICE_TTL, TTL_BOUNDS, sink),
    }
}

/// Reads a duration within bounds, telling what is wrong with it.
pub(super) fn duration(
    at: &Option<At<String>>,
    usual: Duration,
    (least, most): (Duration, Duration),
    sink: &mut Sink,
) -> Duration {
    let Some(text) = at else { return usual };
    let range = format!("write {}s to {}s", least.as_secs(), most.as_secs());
    match units::duration(&text.value) {
        Some(time) if (least..=most).contains(&time) => return time,
        Some(_) => {
            let message = format!("\"{}\" is out of range", text.value);
            sink.report(&text.span, Rule::Range, message, range);
        }
        None => {
            let message = format!("\"{}\" is not a duration", text.value);
            let help = "write a whole number and s, m or h, as in \"600s\"";
            sink.report(&text.span, Rule::Duration, message, help);
        }
    }
    usual
}

/// Reads a size within bounds, telling what is wrong with it.
pub(super) fn size(
    at: &Option<At<String>>,
    usual: usize,
    (least, most, range): (usize, usize, &'static str),
    sink: &mut Sink,
) -> usize {
    let Some(text) = at else { return usual };
    match units::size(&text.value) {
        Some(size) if (least..=most).contains(&size) => return size,
        Some(_) => {
            let message = format!("\"{}\" is out of range", text.value);
            sink.report(&text.span, Rule::Range, message, range);
        }
        None => {
            let message = format!("\"{}\" is not a size", text.value);
            let help = "write a whole number and B, KiB or MiB, as in \"64KiB\"";
            sink.report(&text.span, Rule::Size, message, help);
        }
    }
    usual
}

fn count(at: &Option<At<u32>>, usual: u32, sink: &mut Sink) -> u32 {
    one_or_more(at, usual, "0 would shut everybody out", sink)
}

/// Reads a number that must not be zero; `zero` says what that would mean.
pub(super) fn one_or_more(
    at: &Option<At<u32>>,
    usual: u32,
    zero: &'static str,
    sink: &mut Sink,
) -> u32 {
    if let Some(at) = at.as_ref().filter(|at| at.value == 0) {
        sink.report(&at.span, Rule::Range, zero, "write 1 or more");
    }
    at.as_ref().map_or(usual, |at| at.value)
}

/// Returns the networks of clients inside; a list that is empty means none.
pub(super) fn client_networks(raw: &Raw, sink: &mut Sink) -> Vec<Network> {
    let Some(list) = &raw.client_networks else {
        return PRIVATE.into_iter().filter_map(units::network).collect();
    };
    networks(list, sink)
}

/// Reads networks, each once, telling what is wrong with them.
pub(super) fn networks(list: &[At<String>], sink: &mut Sink) -> Vec<Network> {
    let mut networks = Vec::new();
    for text in list {
        match units::network(&text.value) {
            Some(network) if networks.contains(&network) => {
                super::twice(&text.span, "network", &text.value, sink);
            }
            Some(network) => networks.push(network),
            None => {
                let message = format!("\"{}\" is not a network", text.value);
                let help =
                    "write address/bits with the bits of the host zero, as in \"10.0.0.0/8\"";
                sink.report(&text.span, Rule::Network, message, help);
            }
        }
    }
    networks
}
