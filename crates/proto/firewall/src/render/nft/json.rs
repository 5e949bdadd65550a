//! The table as `nft -j -f` reads it: commands in one transaction.

use serde_json::{Value, json};

use super::TABLE_NAME;
use super::model::{self, Addresses, Chain, Content, Part, Rule, Set, Table, V6_SOURCE};
use crate::plan::Direction;
use crate::render::words;
use crate::{AddressSet, Family};

/// Returns the commands.
pub(super) fn file(table: &Table) -> Value {
    let own = json!({ "family": "inet", "name": TABLE_NAME });
    let mut commands = vec![
        json!({ "metainfo": { "json_schema_version": 1 } }),
        json!({ "add": { "table": own } }),
        json!({ "delete": { "table": own } }),
        json!({ "add": { "table": own } }),
    ];
    commands.extend(
        table
            .sets
            .iter()
            .map(|set| json!({ "add": { "set": self::set(set) } })),
    );
    for chain in &table.chains {
        commands.push(json!({ "add": { "chain": self::chain(chain) } }));
        let hook = model::hook(chain.direction);
        let rules = chain
            .rules
            .iter()
            .map(|rule| json!({ "add": { "rule": self::rule(hook, rule) } }));
        commands.extend(rules);
    }
    json!({ "nftables": commands })
}

fn set(set: &Set) -> Value {
    let mut value = json!({
        "family": "inet",
        "table": TABLE_NAME,
        "name": set.name,
        "type": model::element(set.family),
    });
    let more = match &set.content {
        Content::Addresses(addresses) => {
            json!({ "flags": ["interval"], "elem": elements(addresses) })
        }
        Content::Sources { seconds } => {
            // That rules fill it, nft sees from them; before 1.0.8 it does not know the word for it.
            json!({ "flags": ["timeout"], "size": words::SOURCES_MAX, "timeout": seconds })
        }
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

fn chain(chain: &Chain) -> Value {
    let hook = model::hook(chain.direction);
    json!({
        "family": "inet",
        "table": TABLE_NAME,
        "name": hook,
        "type": "filter",
        "hook": hook,
        "prio": 0,
        "policy": "drop",
    })
}

fn rule(chain: &str, rule: &Rule) -> Value {
    let expressions: Vec<Value> = rule.parts.iter().map(part).collect();
    json!({
        "family": "inet",
        "table": TABLE_NAME,
        "chain": chain,
        "expr": expressions,
        "comment": rule.comment,
    })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Loopback(direction) => {
            let key = if *direction == Direction::Out {
                "oif"
            } else {
                "iif"
            };
            matches("==", &json!({ "meta": { "key": key } }), &json!("lo"))
        }
        Part::State(states) => matches("in", &json!({ "ct": { "key": "state" } }), &json!(states)),
        Part::Icmp(family, types) => {
            let words = model::icmp_types(*family, types);
            let words = words.into_iter().map(Value::from).collect();
            matches("==", &field(model::icmp(*family), "type"), &one_of(words))
        }
        Part::OwnLink => matches("==", &field("ip6", "hoplimit"), &json!(255)),
        Part::Address {
            side,
            family,
            not,
            of,
        } => {
            let of = match of {
                Addresses::Named(name) => json!(format!("@{name}")),
                Addresses::Listed(set) => one_of(elements(set)),
            };
            let operator = if *not { "!=" } else { "==" };
            matches(operator, &field(model::ip(*family), side.field()), &of)
        }
        Part::Ports(carrier, ports) => {
            let ports: Vec<Value> = ports.iter().map(|port| json!(port)).collect();
            matches(
                "==",
                &field(words::carrier(*carrier), "dport"),
                &one_of(ports),
            )
        }
        Part::Over { set, family, rate } => {
            let source = field(model::ip(*family), "saddr");
            let source = match family {
                Family::V4 => source,
                Family::V6 => json!({ "&": [source, V6_SOURCE] }),
            };
            let limit = json!({
                "rate": rate.per_second, "burst": rate.burst, "per": "second", "inv": true,
            });
            json!({ "set": {
                "op": "update",
                "elem": source,
                "set": format!("@{set}"),
                "stmt": [{ "limit": limit }],
            } })
        }
        Part::AtMost(second) => json!({ "limit": { "rate": second, "per": "second" } }),
        Part::Counter => json!({ "counter": null }),
        Part::Accept => json!({ "accept": null }),
        Part::Drop => json!({ "drop": null }),
        Part::Reject => json!({ "reject": { "type": "icmpx", "expr": "admin-prohibited" } }),
    }
}

fn matches(operator: &str, left: &Value, right: &Value) -> Value {
    json!({ "match": { "op": operator, "left": left, "right": right } })
}

fn field(protocol: &str, field: &str) -> Value {
    json!({ "payload": { "protocol": protocol, "field": field } })
}

fn one_of(mut values: Vec<Value>) -> Value {
    match values.pop() {
        Some(only) if values.is_empty() => only,
        last => {
            values.extend(last);
            json!({ "set": values })
        }
    }
}

/// A value for each range: an address, a network, or first and last.
fn elements(set: &AddressSet) -> Vec<Value> {
    let element = |(first, last): &(u128, u128)| {
        let range = AddressSet::from_ranges(set.family(), [(*first, *last)]);
        let address = |number| json!(set.family().address(number));
        match range.networks().as_slice() {
            _ if first == last => address(*first),
            [network] => {
                json!({ "prefix": { "addr": network.address, "len": network.prefix } })
            }
            _ => json!({ "range": [address(*first), address(*last)] }),
        }
    };
    set.ranges().iter().map(element).collect()
}
