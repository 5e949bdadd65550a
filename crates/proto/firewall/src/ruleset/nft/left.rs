//! What an expression of a rule asks a packet for: the left side of a match, the key of a map.

use serde_json::Value;

use super::text;
use crate::Family;
use crate::packet::protocol;
use crate::ruleset::{End, Test};
use crate::space::Field;

/// What is asked, and what has to be so before it can be asked.
pub(super) struct Left {
    /// Such as the family, before an address of that family is looked at.
    pub(super) needs: Vec<Test>,
    /// The question.
    pub(super) asks: Asks,
}

/// What is asked.
pub(super) enum Asks {
    /// A number, of which some bits count.
    Number {
        field: Field,
        mask: Option<u128>,
        names: Names,
    },
    /// The port of any protocol: where the protocol has no ports, the same bytes mean something else.
    AnyPort(Field),
    /// An interface.
    Interface(Field),
    /// `iiftype`: the loopback interface is the one of its type.
    InterfaceType(Field),
    /// The kind of an address.
    Type(End),
    /// The status of the connection.
    Status,
    /// The hop limit of IPv6, which is 255 in everything by which neighbours find each other.
    HopLimit,
    /// Something of this name.
    Beyond(String),
}

/// What names stand for numbers of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    None,
    Protocol,
    Family,
    EtherType,
    State,
    IcmpType,
    IcmpCode,
    Icmpv6Type,
    Icmpv6Code,
    TcpFlags,
    Address(Family),
}

impl Left {
    fn number(field: Field, names: Names) -> Self {
        Self::new(
            Vec::new(),
            Asks::Number {
                field,
                mask: None,
                names,
            },
        )
    }

    const fn new(needs: Vec<Test>, asks: Asks) -> Self {
        Self { needs, asks }
    }

    fn beyond(needs: Vec<Test>, expression: &Value) -> Self {
        Self::new(needs, Asks::Beyond(text::expression(expression)))
    }
}

/// Returns what an expression asks; several things where it is a concatenation.
pub(super) fn of(expression: &Value) -> Vec<Left> {
    match expression.get("concat").and_then(Value::as_array) {
        Some(parts) => parts.iter().map(one).collect(),
        None => vec![one(expression)],
    }
}

fn one(expression: &Value) -> Left {
    let Some((kind, body)) = expression.as_object().and_then(|o| o.iter().next()) else {
        return Left::beyond(Vec::new(), expression);
    };
    let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind.as_str() {
        "meta" => meta(word("key"), expression),
        "payload" => payload(word("protocol"), word("field"), expression),
        "ct" if body.get("dir").is_none() => match word("key") {
            "state" => Left::number(Field::State, Names::State),
            "status" => Left::new(Vec::new(), Asks::Status),
            _ => Left::beyond(Vec::new(), expression),
        },
        "fib" => fib(body, expression),
        "&" => masked(body, expression),
        _ => Left::beyond(Vec::new(), expression),
    }
}

fn meta(key: &str, expression: &Value) -> Left {
    match key {
        "l4proto" => Left::number(Field::Protocol, Names::Protocol),
        "nfproto" => Left::number(Field::Family, Names::Family),
        "protocol" => Left::number(Field::Family, Names::EtherType),
        "mark" => Left::number(Field::Mark, Names::None),
        "iif" | "iifname" => Left::new(Vec::new(), Asks::Interface(Field::InInterface)),
        "oif" | "oifname" => Left::new(Vec::new(), Asks::Interface(Field::OutInterface)),
        "iiftype" => Left::new(Vec::new(), Asks::InterfaceType(Field::InInterface)),
        "oiftype" => Left::new(Vec::new(), Asks::InterfaceType(Field::OutInterface)),
        _ => Left::beyond(Vec::new(), expression),
    }
}

fn payload(header: &str, field: &str, expression: &Value) -> Left {
    let port = match field {
        "sport" => Some(Field::SourcePort),
        "dport" => Some(Field::DestinationPort),
        _ => None,
    };
    let carried = |number: u8| {
        let needs = vec![Test::protocol(number)];
        match (port, field, number) {
            (Some(field), ..) => with(needs, field, Names::None),
            (None, "flags", protocol::TCP) => with(needs, Field::TcpFlags, Names::TcpFlags),
            _ => Left::beyond(needs, expression),
        }
    };
    match header {
        "ip" => internet(Family::V4, field, expression),
        "ip6" => internet(Family::V6, field, expression),
        "icmp" => message(Family::V4, field, expression),
        "icmpv6" => message(Family::V6, field, expression),
        "tcp" => carried(protocol::TCP),
        "udp" => carried(protocol::UDP),
        "sctp" => carried(protocol::SCTP),
        "dccp" => carried(protocol::DCCP),
        "udplite" => carried(protocol::UDPLITE),
        "th" => match port {
            Some(field) => Left::new(Vec::new(), Asks::AnyPort(field)),
            None => Left::beyond(Vec::new(), expression),
        },
        "esp" => Left::beyond(vec![Test::protocol(50)], expression),
        "ah" => Left::beyond(vec![Test::protocol(51)], expression),
        "comp" => Left::beyond(vec![Test::protocol(108)], expression),
        _ => Left::beyond(Vec::new(), expression),
    }
}

fn internet(family: Family, field: &str, expression: &Value) -> Left {
    let needs = vec![Test::family(family)];
    match field {
        "saddr" => with(needs, Field::Source(family), Names::Address(family)),
        "daddr" => with(needs, Field::Destination(family), Names::Address(family)),
        "hoplimit" => Left::new(needs, Asks::HopLimit),
        "protocol" | "nexthdr" => with(needs, Field::Protocol, Names::Protocol),
        _ => Left::beyond(needs, expression),
    }
}

fn message(family: Family, field: &str, expression: &Value) -> Left {
    let (number, types, codes) = match family {
        Family::V4 => (protocol::ICMP, Names::IcmpType, Names::IcmpCode),
        Family::V6 => (protocol::ICMPV6, Names::Icmpv6Type, Names::Icmpv6Code),
    };
    let needs = vec![Test::family(family), Test::protocol(number)];
    match field {
        "type" => with(needs, Field::DestinationPort, types),
        "code" => with(needs, Field::SourcePort, codes),
        _ => Left::beyond(needs, expression),
    }
}

fn with(needs: Vec<Test>, field: Field, names: Names) -> Left {
    Left {
        needs,
        ..Left::number(field, names)
    }
}

/// `fib daddr type` asks what an address is to this machine; other results depend on routes.
fn fib(body: &Value, expression: &Value) -> Left {
    let flags = body.get("flags");
    let flags: Vec<&str> = match flags {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(flag)) => vec![flag],
        _ => Vec::new(),
    };
    let is_type = body.get("result").and_then(Value::as_str) == Some("type");
    match flags.as_slice() {
        ["saddr"] if is_type => Left::new(Vec::new(), Asks::Type(End::Source)),
        ["daddr"] if is_type => Left::new(Vec::new(), Asks::Type(End::Destination)),
        _ => Left::beyond(Vec::new(), expression),
    }
}

/// `field & mask`: only the bits of the mask count.
fn masked(body: &Value, expression: &Value) -> Left {
    let Some([inner, mask]) = body.as_array().map(Vec::as_slice) else {
        return Left::beyond(Vec::new(), expression);
    };
    let left = one(inner);
    match left.asks {
        Asks::Number {
            field,
            mask: None,
            names,
        } if names != Names::State => match super::value::number(names, mask) {
            Some(mask) => Left::new(
                left.needs,
                Asks::Number {
                    field,
                    mask: Some(mask),
                    names,
                },
            ),
            None => Left::beyond(left.needs, expression),
        },
        Asks::Number { .. }
        | Asks::AnyPort(_)
        | Asks::Interface(_)
        | Asks::InterfaceType(_)
        | Asks::Type(_)
        | Asks::Status
        | Asks::HopLimit
        | Asks::Beyond(_) => Left::beyond(left.needs, expression),
    }
}
