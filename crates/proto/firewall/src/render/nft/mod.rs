//! nftables: a table of its own, `inet vestibule`, which is replaced as a whole and touches nobody else's.

use std::fmt::{self, Write as _};

use topology::flows::{Carrier, TABLE};

use crate::plan::{Admit, Basic, Chain, Direction, ECHO_PER_SECOND, Rate, Rules};
use crate::{AddressSet, Family};

/// The name of the table.
pub const TABLE_NAME: &str = "vestibule";

/// How many sources a set of rates remembers; while it is full, further strangers wait.
const SOURCES_MAX: u32 = 65_535;

/// Returns the rules of a place as `nft -f` reads them.
#[must_use]
pub fn text(rules: &Rules) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = file(&mut out, rules);
    out
}

fn file(out: &mut String, rules: &Rules) -> fmt::Result {
    writeln!(
        out,
        "# {}: written by vestibule, replaced as a whole.",
        rules.place
    )?;
    writeln!(out, "add table inet {TABLE_NAME}")?;
    writeln!(out, "delete table inet {TABLE_NAME}")?;
    writeln!(out, "table inet {TABLE_NAME} {{")?;
    for rate_of in rated(rules) {
        sources_set(out, &rate_of)?;
    }
    for chain in &rules.chains {
        self::chain(out, chain)?;
    }
    writeln!(out, "}}")
}

fn rated(rules: &Rules) -> Vec<String> {
    let admits = rules.chains.iter().flat_map(|chain| &chain.admits);
    let mut names: Vec<String> = admits
        .filter(|admit| admit.rate.is_some())
        .map(set_name)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn set_name(admit: &Admit) -> String {
    format!("flow_{}_sources_{}", admit.flow, version(admit.family))
}

const fn version(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

fn sources_set(out: &mut String, name: &str) -> fmt::Result {
    let kind = if name.ends_with("v4") {
        "ipv4_addr"
    } else {
        "ipv6_addr"
    };
    writeln!(out, "\tset {name} {{")?;
    writeln!(out, "\t\ttype {kind}")?;
    writeln!(out, "\t\tsize {SOURCES_MAX}")?;
    writeln!(out, "\t\tflags dynamic,timeout")?;
    writeln!(out, "\t\ttimeout 1m")?;
    writeln!(out, "\t}}\n")
}

fn chain(out: &mut String, chain: &Chain) -> fmt::Result {
    let hook = match chain.direction {
        Direction::In => "input",
        Direction::Out => "output",
        Direction::Through => "forward",
    };
    writeln!(out, "\tchain {hook} {{")?;
    writeln!(
        out,
        "\t\ttype filter hook {hook} priority filter; policy drop;"
    )?;
    for basic in Basic::ALL.into_iter().filter(|basic| *basic != Basic::Rest) {
        self::basic(out, basic, chain.direction)?;
    }
    for admit in &chain.admits {
        writeln!(out, "\t\t{}", rule(admit))?;
    }
    basic(out, Basic::Rest, chain.direction)?;
    writeln!(out, "\t}}")
}

fn basic(out: &mut String, basic: Basic, direction: Direction) -> fmt::Result {
    if !basic.applies(direction) {
        return Ok(());
    }
    let name = basic.name();
    let interface = if direction == Direction::Out {
        "oif"
    } else {
        "iif"
    };
    let lines = match basic {
        Basic::Loopback => vec![format!("{interface} lo counter accept")],
        Basic::Established => vec!["ct state established,related counter accept".to_owned()],
        Basic::Invalid => vec!["ct state invalid counter drop".to_owned()],
        Basic::Errors => vec![
            "icmp type { destination-unreachable, time-exceeded, parameter-problem } counter accept".to_owned(),
            "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } counter accept".to_owned(),
        ],
        Basic::Echo => ["icmp", "icmpv6"]
            .map(|icmp| format!("{icmp} type echo-request limit rate {ECHO_PER_SECOND}/second counter accept"))
            .into(),
        Basic::Neighbours => vec![
            "ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } counter accept".to_owned(),
            "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } counter accept".to_owned(),
        ],
        Basic::Rest if direction == Direction::Out => {
            vec!["counter reject with icmpx type admin-prohibited".to_owned()]
        }
        Basic::Rest => vec!["counter drop".to_owned()],
    };
    for line in lines {
        writeln!(out, "\t\t{line} comment \"basic {name}\"")?;
    }
    Ok(())
}

fn rule(admit: &Admit) -> String {
    let carrier = match admit.carrier {
        Carrier::Tcp => "tcp",
        Carrier::Udp => "udp",
    };
    let ports: Vec<String> = admit.ports.iter().map(ToString::to_string).collect();
    let rate = admit
        .rate
        .map(|rate| limit(admit, rate))
        .unwrap_or_default();
    format!(
        "{}{}{carrier} dport {} ct state new {rate}counter accept comment \"{}\"",
        addresses("saddr", &admit.sources),
        addresses("daddr", &admit.destinations),
        braces(&ports),
        comment(admit),
    )
}

fn limit(admit: &Admit, rate: Rate) -> String {
    format!(
        "update @{} {{ {} saddr limit rate {}/second burst {} packets }} ",
        set_name(admit),
        ip(admit.family),
        rate.per_second,
        rate.burst
    )
}

const fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// The match of one side; the other way round where that is shorter, as for strangers.
fn addresses(side: &str, set: &AddressSet) -> String {
    let ip = ip(set.family());
    let others = set.complement();
    if others.is_empty() {
        return String::new();
    }
    let (not, set) = if others.ranges().len() < set.ranges().len() {
        ("!= ", &others)
    } else {
        ("", set)
    };
    format!("{ip} {side} {not}{} ", braces(&set.words()))
}

fn braces(words: &[String]) -> String {
    match words {
        [one] => one.clone(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}

fn comment(admit: &Admit) -> String {
    let flow = TABLE.iter().find(|flow| flow.id == admit.flow);
    let purpose = flow.map_or("", |flow| flow.purpose.en);
    let also: Vec<String> = admit.also.iter().map(ToString::to_string).collect();
    if also.is_empty() {
        format!("flow {}: {purpose}", admit.flow)
    } else {
        format!("flow {}: {purpose}; also {}", admit.flow, also.join(", "))
    }
}
