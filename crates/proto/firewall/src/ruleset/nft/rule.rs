//! The statements of one rule as steps.

use serde_json::Value;

use super::left::{self, Asks, Left};
use super::{Named, text, value};
use crate::ruleset::{Note, Rule, Step, Test, Verdict};
use crate::space::Field;

/// What a rule may name.
pub(super) struct Context<'a> {
    /// Family and name of its table.
    pub(super) table: &'a str,
    /// Sets, maps and limits of all tables.
    pub(super) named: &'a Named<'a>,
}

/// Reads a rule.
pub(super) fn of(
    context: &Context<'_>,
    at: String,
    expressions: &[Value],
    comment: Option<&str>,
    notes: &mut Vec<Note>,
) -> Rule {
    let mut steps = Vec::new();
    for expression in expressions {
        steps.extend(context.step(expression));
        notes.extend(note(context, expression));
    }
    let counters = expressions.iter().filter_map(|e| e.get("counter"));
    let counted = counters.filter_map(|c| c.get("packets")).next_back();
    Rule {
        at,
        text: text::rule(expressions, comment),
        steps,
        counted: counted.and_then(Value::as_u64),
    }
}

/// What has to be said once about a statement.
fn note(context: &Context<'_>, statement: &Value) -> Option<Note> {
    let limits = ["limit", "meter", "ct count"]
        .iter()
        .any(|key| statement.get(key).is_some());
    if limits {
        return Some(Note {
            what: format!("limits and meters of table {}", context.table),
            meaning: "they are judged for a packet that comes alone: it is within every rate and over none",
        });
    }
    let set = statement.get("set")?;
    Some(Note {
        what: format!(
            "set {} of table {}",
            text::expression(set.get("set").unwrap_or(&Value::Null)).trim_start_matches('@'),
            context.table
        ),
        meaning: "packets change it; it is judged with the elements that it has",
    })
}

impl Context<'_> {
    fn step(&self, statement: &Value) -> Vec<Step> {
        let Some((kind, body)) = statement.as_object().and_then(|o| o.iter().next()) else {
            return vec![beyond(statement, true)];
        };
        match kind.as_str() {
            "match" => vec![Step::Ask(self.matched(body))],
            "vmap" => vec![self.map(body)],
            "accept" | "drop" | "reject" | "return" | "continue" | "jump" | "goto" => {
                let verdict = verdict(statement);
                vec![verdict.map_or_else(|| beyond(statement, true), Step::Decide)]
            }
            "limit" => vec![Step::Ask(Test::Alone(self.is_within(body)))],
            "ct count" => vec![Step::Ask(Test::Alone(is_count_within(body)))],
            "set" | "map" | "meter" => self.filling(body),
            "mangle" => mangle(body, statement),
            "dnat" | "redirect" => vec![Step::Destination(text::statement(statement))],
            "snat" | "masquerade" => vec![Step::Source(text::statement(statement))],
            "tproxy" => vec![Step::Change(text::statement(statement))],
            "notrack" => vec![Step::Untrack],
            "queue" => vec![beyond(statement, false)],
            "xt" => extension(body, statement),
            // None of these decides, or changes what later rules see.
            "counter" | "log" | "flow" | "dup" | "ct helper" | "ct timeout" | "ct expectation"
            | "secmark" | "last" => Vec::new(),
            _ => vec![beyond(statement, true)],
        }
    }

    fn matched(&self, body: &Value) -> Test {
        let null = Value::Null;
        let part = |key: &str| body.get(key).unwrap_or(&null);
        if part("left").get("exthdr").is_some() {
            // Packets are judged without extension headers: nothing but "missing" is true of one.
            let is_missing = body.get("right") == Some(&Value::Bool(false));
            return if is_missing {
                Test::ALWAYS
            } else {
                Test::NEVER
            };
        }
        let left = left::of(part("left"));
        let right = part("right");
        match body.get("op").and_then(Value::as_str).unwrap_or_default() {
            "==" => self.equals(&left, right),
            "!=" => unequal(&left, self.equals(&left, right)),
            "in" => self.has_any(&left, right),
            "!" => unequal(&left, self.has_any(&left, right)),
            operator @ ("<" | ">" | "<=" | ">=") => compared(&left, operator, right),
            _ => Test::Beyond(text::statement(&serde_json::json!({ "match": body }))),
        }
    }

    fn equals(&self, left: &[Left], right: &Value) -> Test {
        if let Some(elements) = self.elements(right) {
            return elements.map_or_else(
                || Test::Beyond(text::expression(right)),
                |elements| value::among(left, &elements),
            );
        }
        value::among(left, &[right])
    }

    /// One of several flags: for states, of which a packet has one, the same as being among them.
    fn has_any(&self, left: &[Left], right: &Value) -> Test {
        let [single] = left else {
            return self.equals(left, right);
        };
        match (&single.asks, right) {
            (
                Asks::Number {
                    field: field @ (Field::TcpFlags | Field::Mark),
                    mask,
                    names,
                },
                _,
            ) => match value::number(*names, right) {
                Some(flags) => {
                    let seen = flags & mask.unwrap_or(u128::MAX);
                    let none = Test::masked(*field, seen, vec![(0, 0)]);
                    Test::All([single.needs.clone(), vec![none.negated()]].concat())
                }
                None => Test::Beyond(text::expression(right)),
            },
            (_, Value::Array(flags)) => value::among(left, &flags.iter().collect::<Vec<_>>()),
            _ => self.equals(left, right),
        }
    }

    /// The elements of a set, if the right side is one; `Some(None)` if it is a set that is not there.
    fn elements<'a>(&'a self, right: &'a Value) -> Option<Option<Vec<&'a Value>>> {
        let list = match right {
            Value::String(name) => {
                let name = name.strip_prefix('@')?;
                let Some(set) = self.named.get(&(self.table.to_owned(), name)) else {
                    return Some(None);
                };
                match set.get("elem") {
                    Some(elements) => elements,
                    None => return Some(Some(Vec::new())),
                }
            }
            Value::Object(_) => right.get("set")?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        let elements = list.as_array().map(|elements| elements.iter().collect());
        Some(Some(elements.unwrap_or_else(|| vec![list])))
    }

    fn map(&self, body: &Value) -> Step {
        let null = Value::Null;
        let left = left::of(body.get("key").unwrap_or(&null));
        let data = body.get("data").unwrap_or(&null);
        let Some(Some(elements)) = self.elements(data) else {
            return beyond(&serde_json::json!({ "vmap": body }), true);
        };
        let mut choices = Vec::with_capacity(elements.len());
        let mut rest = Vec::new();
        for element in elements {
            let pair = element.as_array().map(Vec::as_slice);
            let Some([key, to]) = pair else {
                return beyond(&serde_json::json!({ "vmap": body }), true);
            };
            let Some(verdict) = verdict(to) else {
                return beyond(&serde_json::json!({ "vmap": body }), true);
            };
            let choice = (value::among(&left, &[key]), verdict);
            if value::is_rest(value::bare(key)) {
                rest.push(choice);
            } else {
                choices.push(choice);
            }
        }
        choices.extend(rest);
        Step::Choose(choices)
    }

    /// Whether a packet that comes alone is within a limit.
    fn is_within(&self, body: &Value) -> bool {
        let named = body
            .as_str()
            .and_then(|name| self.named.get(&(self.table.to_owned(), name)));
        let inverted = match named {
            Some(limit) => limit.get("inv"),
            None => body.get("inv"),
        };
        inverted.and_then(Value::as_bool) != Some(true)
    }

    /// A statement that fills a set, with statements of its own that apply to each element.
    fn filling(&self, body: &Value) -> Vec<Step> {
        match body.get("stmt") {
            Some(Value::Array(inner)) => inner.iter().flat_map(|inner| self.step(inner)).collect(),
            Some(single @ Value::Object(_)) => self.step(single),
            _ => Vec::new(),
        }
    }
}

fn is_count_within(body: &Value) -> bool {
    let over = body.get("inv").and_then(Value::as_bool) == Some(true);
    let most = body.get("val").and_then(Value::as_u64).unwrap_or_default();
    over != (most >= 1)
}

fn beyond(statement: &Value, goes_on: bool) -> Step {
    Step::Beyond {
        name: text::statement(statement),
        goes_on,
    }
}

/// What must be so to ask at all stays as it is; only the question is negated.
fn unequal(left: &[Left], test: Test) -> Test {
    let needs = left.iter().flat_map(|left| left.needs.iter().cloned());
    Test::All(needs.chain([test.negated()]).collect())
}

fn compared(left: &[Left], operator: &str, right: &Value) -> Test {
    let test = match left {
        [single] => value::compared(single, operator, right),
        _ => None,
    };
    test.unwrap_or_else(|| Test::Beyond(format!("{operator} {}", text::expression(right))))
}

fn verdict(value: &Value) -> Option<Verdict> {
    let (kind, body) = value.as_object()?.iter().next()?;
    let target = || Some(body.get("target")?.as_str()?.to_owned());
    match kind.as_str() {
        "accept" => Some(Verdict::Accept),
        "drop" => Some(Verdict::Drop),
        "reject" => Some(Verdict::Reject),
        "return" => Some(Verdict::Return),
        "continue" => Some(Verdict::Continue),
        "jump" => Some(Verdict::Jump(target()?)),
        "goto" => Some(Verdict::Goto(target()?)),
        _ => None,
    }
}

/// Writes into a packet or what is kept with it; most of that no test of the model looks at.
fn mangle(body: &Value, statement: &Value) -> Vec<Step> {
    let key = body.get("key");
    let part = |kind: &str, name: &str| {
        let named = key
            .and_then(|key| key.get(kind))
            .and_then(|inner| inner.get(name));
        named.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if part("meta", "key") == "mark" {
        return vec![Step::Mark(text::statement(statement))];
    }
    let is_seen = matches!(
        part("payload", "field").as_str(),
        "saddr" | "daddr" | "sport" | "dport" | "protocol" | "nexthdr" | "type" | "code" | "flags"
    );
    if is_seen {
        return vec![Step::Change(text::statement(statement))];
    }
    Vec::new()
}

/// Modules of iptables, of which the list tells only the name.
fn extension(body: &Value, statement: &Value) -> Vec<Step> {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if body.get("type").and_then(Value::as_str) == Some("match") {
        return vec![Step::Ask(Test::Beyond(text::statement(statement)))];
    }
    match name {
        "LOG" | "NFLOG" | "TRACE" | "CHECKSUM" | "TCPMSS" | "CLASSIFY" | "TOS" | "DSCP" | "SET"
        | "AUDIT" | "CONNSECMARK" | "SECMARK" => Vec::new(),
        "MARK" | "CONNMARK" => vec![Step::Mark(text::statement(statement))],
        "DNAT" | "REDIRECT" | "NETMAP" => vec![Step::Destination(text::statement(statement))],
        "SNAT" | "MASQUERADE" => vec![Step::Source(text::statement(statement))],
        _ => vec![beyond(statement, true)],
    }
}
