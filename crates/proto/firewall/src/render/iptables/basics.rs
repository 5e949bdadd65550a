//! What belongs to no flow, in the words of iptables.

use super::builtin;
use crate::Family;
use crate::plan::{Basic, Direction, ECHO_PER_SECOND, GROUPS, NEIGHBOURS};

/// Returns the rules of a basic in a chain, none where it does not apply.
pub(super) fn rules(basic: Basic, direction: Direction, family: Family) -> Vec<String> {
    if !basic.applies(direction) {
        return Vec::new();
    }
    let (chain, name) = (builtin(direction), basic.name());
    let rule = |(matches, verdict): (String, &str)| {
        let comment = format!("-m comment --comment \"basic {name}\"");
        let words = ["-A", chain, &matches, &comment, "-j", verdict];
        let filled: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        filled.join(" ")
    };
    matches(basic, direction, family)
        .into_iter()
        .map(rule)
        .collect()
}

fn matches(basic: Basic, direction: Direction, family: Family) -> Vec<(String, &'static str)> {
    let icmp = match family {
        Family::V4 => "-p icmp -m icmp --icmp-type",
        Family::V6 => "-p ipv6-icmp -m icmp6 --icmpv6-type",
    };
    let of_type = |kind: &u8| format!("{icmp} {kind}");
    let messages = basic.messages(family).iter();
    let state = |states: &str| format!("-m conntrack --ctstate {states}");
    match basic {
        Basic::Loopback if direction == Direction::Out => vec![("-o lo".to_owned(), "ACCEPT")],
        Basic::Loopback => vec![("-i lo".to_owned(), "ACCEPT")],
        Basic::Established => vec![(state("RELATED,ESTABLISHED"), "ACCEPT")],
        Basic::Invalid => vec![(state("INVALID"), "DROP")],
        Basic::Errors => messages.map(|kind| (of_type(kind), "ACCEPT")).collect(),
        Basic::Echo => {
            let bounded =
                |kind| format!("{} -m limit --limit {ECHO_PER_SECOND}/sec", of_type(kind));
            messages.map(|kind| (bounded(kind), "ACCEPT")).collect()
        }
        Basic::Neighbours if family == Family::V4 => Vec::new(),
        Basic::Neighbours => {
            let near = |kind: &u8| {
                let kind = of_type(kind);
                kind.replace("-p ipv6-icmp ", "-p ipv6-icmp -m hl --hl-eq 255 ")
            };
            let near = NEIGHBOURS.iter().map(|kind| (near(kind), "ACCEPT"));
            near.chain(GROUPS.iter().map(|kind| (of_type(kind), "ACCEPT")))
                .collect()
        }
        Basic::Rest if direction == Direction::Out => vec![(String::new(), reject(family))],
        Basic::Rest => vec![(String::new(), "DROP")],
    }
}

const fn reject(family: Family) -> &'static str {
    match family {
        Family::V4 => "REJECT --reject-with icmp-admin-prohibited",
        Family::V6 => "REJECT --reject-with icmp6-adm-prohibited",
    }
}
