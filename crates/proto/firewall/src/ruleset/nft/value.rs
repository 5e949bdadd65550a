//! The right side of a match and the elements of sets: numbers, ranges, networks, names.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::left::{Asks, Left, Names};
use super::text;
use crate::packet::{State, protocol};
use crate::ruleset::{Kind, Test, names};
use crate::space::{Field, Pattern};
use crate::{Family, addresses};

/// Returns the test that one of these elements is what is asked for.
pub(super) fn among(left: &[Left], elements: &[&Value]) -> Test {
    let needs = left.iter().flat_map(|left| left.needs.iter().cloned());
    let fits = match left {
        [single] => one_of(&single.asks, elements),
        parts => {
            let rows = elements.iter().map(|element| row(parts, element));
            Test::Any(rows.collect())
        }
    };
    Test::All(needs.chain([fits]).collect())
}

/// Takes the wrapping (timeout, counter, comment) off an element.
pub(super) fn bare(element: &Value) -> &Value {
    match element.get("elem").and_then(|inner| inner.get("val")) {
        Some(value) => value,
        None => element,
    }
}

/// Returns a value as a number: itself, an address, a name, or several flags at once.
pub(super) fn number(kind: Names, value: &Value) -> Option<u128> {
    match value {
        Value::Number(number) => number.as_u64().map(u128::from),
        Value::String(word) => named(kind, word),
        Value::Array(flags) => {
            let flags = flags.iter().map(|flag| number(kind, flag));
            flags.reduce(|all, flag| Some(all? | flag?))?
        }
        Value::Object(_) => {
            let flags = value.get("|")?;
            number(kind, flags)
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// Returns the test that what is asked for is less or more than a value; `None` where that cannot be said.
pub(super) fn compared(left: &Left, operator: &str, right: &Value) -> Option<Test> {
    let (field, mask, names) = match &left.asks {
        Asks::Number { field, mask, names } => (*field, *mask, *names),
        Asks::AnyPort(field) => (*field, None, Names::None),
        Asks::Interface(_)
        | Asks::InterfaceType(_)
        | Asks::Type(_)
        | Asks::Status
        | Asks::HopLimit
        | Asks::Beyond(_) => return None,
    };
    let value = number(names, right)?;
    let range = match operator {
        "<" => value.checked_sub(1).map(|last| (0, last)),
        "<=" => Some((0, value)),
        ">" => value.checked_add(1).map(|first| (first, field.last())),
        _ => Some((value, field.last())),
    };
    let mask = mask.unwrap_or_else(|| field.last());
    let mut test = Test::masked(field, mask, range.into_iter().collect());
    if matches!(left.asks, Asks::AnyPort(_)) {
        test = any_port(test);
    }
    Some(Test::All([left.needs.clone(), vec![test]].concat()))
}

/// An element of a concatenation: each of its parts fits.
fn row(parts: &[Left], element: &Value) -> Test {
    let element = bare(element);
    if is_rest(element) {
        return Test::ALWAYS;
    }
    match element.get("concat").and_then(Value::as_array) {
        Some(values) if values.len() == parts.len() => {
            let each = parts.iter().zip(values);
            Test::All(
                each.map(|(left, value)| one_of(&left.asks, &[value]))
                    .collect(),
            )
        }
        _ => Test::Beyond(text::expression(element)),
    }
}

/// `*` in a set: every value that no other element has.
pub(super) fn is_rest(element: &Value) -> bool {
    element.as_str() == Some("*")
}

fn one_of(asks: &Asks, elements: &[&Value]) -> Test {
    let elements: Vec<&Value> = elements.iter().map(|element| bare(element)).collect();
    if elements.iter().any(|element| is_rest(element)) && !matches!(asks, Asks::Interface(_)) {
        return Test::ALWAYS;
    }
    match asks {
        Asks::Number { field, mask, names } => numbers(*field, *mask, *names, &elements),
        Asks::AnyPort(field) => any_port(numbers(*field, None, Names::None, &elements)),
        Asks::Interface(side) => each(&elements, |element| {
            let name = element.as_str()?;
            Some(Test::Interface {
                side: *side,
                pattern: pattern(name),
            })
        }),
        Asks::InterfaceType(side) => each(&elements, |element| {
            (element.as_str() == Some("loopback")).then(|| Test::Interface {
                side: *side,
                pattern: Pattern::exact("lo"),
            })
        }),
        Asks::Type(of) => {
            let kinds: BTreeSet<Kind> = elements.iter().map(|element| kind(element)).collect();
            Test::Type { of: *of, kinds }
        }
        Asks::Status => each(&elements, |element| {
            (element.as_str() == Some("dnat")).then_some(Test::Translated)
        }),
        Asks::HopLimit => {
            let farthest = |element: &&Value| number(Names::None, element) == Some(255);
            let known = elements.iter().any(farthest).then(Test::neighbours);
            let other = Test::Beyond("ip6 hoplimit".to_owned());
            Test::Any(known.into_iter().chain([other]).collect())
        }
        Asks::Beyond(name) => Test::Beyond(name.clone()),
    }
}

/// Where a protocol has no ports, `th dport` looks at bytes that mean something else.
fn any_port(test: Test) -> Test {
    let has_ports = Test::Any(protocol::WITH_PORTS.map(Test::protocol).to_vec());
    let other = Test::Beyond("bytes in the place of ports".to_owned());
    Test::Any(vec![
        Test::All(vec![has_ports.clone(), test]),
        Test::All(vec![has_ports.negated(), other]),
    ])
}

fn each(elements: &[&Value], test: impl Fn(&Value) -> Option<Test>) -> Test {
    let tests = elements
        .iter()
        .map(|element| test(element).unwrap_or_else(|| Test::Beyond(text::expression(element))));
    Test::Any(tests.collect())
}

/// The numbers in one test; what is no number stays beyond it.
fn numbers(field: Field, mask: Option<u128>, names: Names, elements: &[&Value]) -> Test {
    let mut ranges = Vec::with_capacity(elements.len());
    let mut beyond = Vec::new();
    for element in elements {
        match range(names, element) {
            Some(range) => ranges.push(range),
            None if names == Names::EtherType => {}
            None => beyond.push(Test::Beyond(text::expression(element))),
        }
    }
    let known = Test::masked(field, mask.unwrap_or_else(|| field.last()), ranges);
    if beyond.is_empty() {
        return known;
    }
    beyond.push(known);
    Test::Any(beyond)
}

fn range(names: Names, element: &Value) -> Option<(u128, u128)> {
    if let Some([first, last]) = element
        .get("range")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        return Some((number(names, first)?, number(names, last)?));
    }
    if let Some(prefix) = element.get("prefix") {
        let first = number(names, prefix.get("addr")?)?;
        let length = u32::try_from(prefix.get("len")?.as_u64()?).ok()?;
        let Names::Address(family) = names else {
            return None;
        };
        let host = u32::from(family.bits()).checked_sub(length)?;
        let rest = u128::MAX.checked_shl(host).map_or(u128::MAX, |high| !high);
        return Some((first & !rest, first | rest));
    }
    let value = number(names, element)?;
    Some((value, value))
}

fn named(kind: Names, word: &str) -> Option<u128> {
    match kind {
        Names::None => None,
        Names::Protocol => names::protocol(word),
        Names::Family => match word {
            "ipv4" => Some(0),
            "ipv6" => Some(1),
            _ => None,
        },
        Names::EtherType => match word {
            "ip" => Some(0),
            "ip6" => Some(1),
            _ => None,
        },
        Names::State => {
            let mut states = State::ALL.into_iter();
            states.find(|state| state.name() == word).map(State::number)
        }
        Names::IcmpType => names::icmp_type(word),
        Names::IcmpCode => names::icmp_code(word),
        Names::Icmpv6Type => names::icmpv6_type(word),
        Names::Icmpv6Code => names::icmpv6_code(word),
        Names::TcpFlags => names::tcp_flag(word),
        Names::Address(family) => {
            let address: IpAddr = word.parse().ok()?;
            (Family::of(address) == family).then(|| addresses::number(address))
        }
    }
}

/// `eth*` means every name that begins so; a star that is meant itself is written `\*`.
fn pattern(name: &str) -> Pattern {
    match name.strip_suffix('*') {
        Some(beginning) => match beginning.strip_suffix('\\') {
            Some(before) => Pattern::exact(&format!("{before}*")),
            None => Pattern::beginning(beginning),
        },
        None => Pattern::exact(name),
    }
}

fn kind(element: &Value) -> Kind {
    match element.as_str() {
        Some("local") => Kind::Local,
        Some("broadcast") => Kind::Broadcast,
        Some("multicast") => Kind::Multicast,
        _ => Kind::Other,
    }
}
