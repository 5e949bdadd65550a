//! The table as `nft -f` reads it.

use super::TABLE_NAME;
use super::model::{self, Addresses, Chain, Content, Part, Rule, Set, Table, V6_SOURCE};
use crate::Family;
use crate::plan::{Direction, Place};
use crate::render::words;

/// Returns the file.
pub(super) fn file(place: &Place, table: &Table) -> String {
    let mut lines = vec![
        format!(
            "# The rules of {place}, written by vestibule. Loading replaces them as a whole and leaves other tables alone."
        ),
        format!("add table inet {TABLE_NAME}"),
        format!("delete table inet {TABLE_NAME}"),
        format!("table inet {TABLE_NAME} {{"),
    ];
    for set in &table.sets {
        lines.extend(self::set(set));
    }
    for (number, chain) in table.chains.iter().enumerate() {
        if number > 0 {
            lines.push(String::new());
        }
        lines.extend(self::chain(chain));
    }
    lines.push("}\n".to_owned());
    lines.join("\n")
}

fn set(set: &Set) -> Vec<String> {
    let mut lines = vec![
        format!("\tset {} {{", set.name),
        format!("\t\ttype {}", model::element(set.family)),
    ];
    match &set.content {
        Content::Addresses(addresses) => {
            lines.push("\t\tflags interval".to_owned());
            lines.push(format!(
                "\t\telements = {{ {} }}",
                addresses.words().join(", ")
            ));
        }
        Content::Sources { seconds } => {
            lines.push(format!("\t\tsize {}", words::SOURCES_MAX));
            lines.push("\t\tflags dynamic,timeout".to_owned());
            lines.push(format!("\t\ttimeout {seconds}s"));
        }
    }
    lines.extend(["\t}".to_owned(), String::new()]);
    lines
}

fn chain(chain: &Chain) -> Vec<String> {
    let hook = model::hook(chain.direction);
    let mut lines = vec![
        format!("\tchain {hook} {{"),
        format!("\t\ttype filter hook {hook} priority filter; policy drop;"),
    ];
    lines.extend(chain.rules.iter().map(rule));
    lines.push("\t}".to_owned());
    lines
}

fn rule(rule: &Rule) -> String {
    let parts: Vec<String> = rule.parts.iter().map(part).collect();
    format!("\t\t{} comment \"{}\"", parts.join(" "), rule.comment)
}

fn part(part: &Part) -> String {
    match part {
        Part::Loopback(Direction::Out) => "oif lo".to_owned(),
        Part::Loopback(Direction::In | Direction::Through) => "iif lo".to_owned(),
        Part::State(states) => format!("ct state {}", states.join(",")),
        Part::Icmp(family, types) => format!(
            "{} type {}",
            model::icmp(*family),
            braces(&model::icmp_types(*family, types))
        ),
        Part::OwnLink => "ip6 hoplimit 255".to_owned(),
        Part::Address {
            side,
            family,
            not,
            of,
        } => {
            let not = if *not { "!= " } else { "" };
            let of = match of {
                Addresses::Named(name) => format!("@{name}"),
                Addresses::Listed(set) => braces(&set.words()),
            };
            format!("{} {} {not}{of}", model::ip(*family), side.field())
        }
        Part::Ports(carrier, ports) => {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            format!("{} dport {}", words::carrier(*carrier), braces(&ports))
        }
        Part::Over { set, family, rate } => {
            let source = match family {
                Family::V4 => "ip saddr".to_owned(),
                Family::V6 => format!("ip6 saddr & {V6_SOURCE}"),
            };
            let (second, burst) = (rate.per_second, rate.burst);
            format!(
                "update @{set} {{ {source} limit rate over {second}/second burst {burst} packets }}"
            )
        }
        Part::AtMost(second) => format!("limit rate {second}/second"),
        Part::Counter => "counter".to_owned(),
        Part::Accept => "accept".to_owned(),
        Part::Drop => "drop".to_owned(),
        Part::Reject => "reject with icmpx type admin-prohibited".to_owned(),
    }
}

fn braces<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}
