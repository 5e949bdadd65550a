//! Reads `nft -j list ruleset`.
//!
//! The list is gone through twice: tables' sets, maps and chains first, then the rules, which name them. An object or a
//! statement of a kind that the model does not have is kept by name (`Note`, `Step::Beyond`, `Test::Beyond`).

mod left;
mod rule;
mod text;
mod value;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Base, Chain, Fault, Hook, MOST_ELEMENTS, MOST_RULES, Note, Ruleset};
use crate::Family;

/// Sets, maps and limits of all tables, by family and name of the table and their own name.
type Named<'a> = BTreeMap<(String, &'a str), &'a Map<String, Value>>;

/// Reads a ruleset.
///
/// # Errors
/// Fails when the text is not what `nft -j list ruleset` prints, or is more than is taken in.
pub fn read(text: &str) -> Result<Ruleset, Fault> {
    let value: Value = serde_json::from_str(text).map_err(|error| Fault::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let list = value.get("nftables").and_then(Value::as_array);
    let objects: Vec<Object<'_>> = list
        .ok_or(Fault::NotNft)?
        .iter()
        .enumerate()
        .filter_map(|(index, value)| Object::of(index + 1, value))
        .collect();
    let mut reading = Reading::default();
    for object in &objects {
        reading.declare(object)?;
    }
    let rules = objects.iter().filter(|object| object.kind == "rule");
    if rules.clone().count() > MOST_RULES {
        return Err(Fault::TooManyRules { most: MOST_RULES });
    }
    for object in rules {
        reading.rule(object)?;
    }
    Ruleset::new(reading.chains, reading.notes)
}

/// One entry of the list.
struct Object<'a> {
    number: usize,
    kind: &'a str,
    body: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn of(number: usize, value: &'a Value) -> Option<Self> {
        let (kind, body) = value.as_object()?.iter().next()?;
        Some(Self {
            number,
            kind,
            body: body.as_object()?,
        })
    }

    fn text(&self, key: &'static str) -> Result<&'a str, Fault> {
        self.body
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| Fault::Lacks {
                number: self.number,
                kind: self.kind.to_owned(),
                key,
            })
    }

    /// Family and name of the table, as one word.
    fn table(&self) -> Result<String, Fault> {
        Ok(format!("{} {}", self.text("family")?, self.text("table")?))
    }
}

#[derive(Default)]
struct Reading<'a> {
    named: Named<'a>,
    elements: usize,
    chains: Vec<Chain>,
    places: BTreeMap<(String, String), usize>,
    notes: Vec<Note>,
}

impl<'a> Reading<'a> {
    fn declare(&mut self, object: &Object<'a>) -> Result<(), Fault> {
        match object.kind {
            "chain" => self.chain(object),
            "set" | "map" | "limit" => self.keep(object),
            "table" => {
                let family = object.text("family")?;
                if families(family).is_none() {
                    self.note(
                        format!("table {family} {}", object.text("name")?),
                        "only tables ip, ip6 and inet are judged; what is said holds for packets that pass this one",
                    );
                }
                Ok(())
            }
            "flowtable" => {
                self.note(
                    format!("flowtable {} of {}", object.text("name")?, object.table()?),
                    "later packets of a connection that was handed over pass without the rules",
                );
                Ok(())
            }
            "metainfo" | "rule" | "counter" | "quota" | "ct helper" | "ct timeout"
            | "ct expectation" | "secmark" | "synproxy" => Ok(()),
            other => {
                self.note(
                    format!("object {} of the list, of kind {other}", object.number),
                    "objects of this kind are not known",
                );
                Ok(())
            }
        }
    }

    fn keep(&mut self, object: &Object<'a>) -> Result<(), Fault> {
        let elements = object.body.get("elem").and_then(Value::as_array);
        self.elements += elements.map_or(0, Vec::len);
        if self.elements > MOST_ELEMENTS {
            return Err(Fault::TooManyElements {
                most: MOST_ELEMENTS,
            });
        }
        let name = object.text("name")?;
        self.named.insert((object.table()?, name), object.body);
        Ok(())
    }

    fn chain(&mut self, object: &Object<'_>) -> Result<(), Fault> {
        let (table, name) = (object.table()?, object.text("name")?);
        let Some(families) = families(object.text("family")?) else {
            return Ok(());
        };
        let hook = object.body.get("hook").and_then(Value::as_str);
        let base = match hook.map(hook_of) {
            None => None,
            Some(Some(hook)) => Some(Base {
                hook,
                priority: object.body.get("prio").and_then(Value::as_i64).unwrap_or(0),
                translates: object.body.get("type").and_then(Value::as_str) == Some("nat"),
                accepts: object.body.get("policy").and_then(Value::as_str) != Some("drop"),
            }),
            Some(None) => {
                self.note(
                    format!("chain {table} {name} at hook {}", hook.unwrap_or_default()),
                    "this hook is not judged; what is said holds for packets that pass this chain",
                );
                None
            }
        };
        self.places
            .insert((table.clone(), name.to_owned()), self.chains.len());
        self.chains.push(Chain {
            table,
            families,
            name: name.to_owned(),
            base,
            rules: Vec::new(),
        });
        Ok(())
    }

    fn rule(&mut self, object: &Object<'a>) -> Result<(), Fault> {
        if families(object.text("family")?).is_none() {
            return Ok(());
        }
        let (table, name) = (object.table()?, object.text("chain")?);
        let place = self.places.get(&(table.clone(), name.to_owned()));
        let chain = place.and_then(|place| self.chains.get_mut(*place));
        let chain = chain.ok_or_else(|| Fault::RuleWithoutChain {
            number: object.number,
            chain: format!("{table} {name}"),
        })?;
        let expressions = object.body.get("expr").and_then(Value::as_array);
        let expressions = expressions.ok_or_else(|| Fault::Lacks {
            number: object.number,
            kind: "rule".to_owned(),
            key: "expr",
        })?;
        let at = match object.body.get("handle").and_then(Value::as_u64) {
            Some(handle) => format!("handle {handle}"),
            None => format!("rule {}", chain.rules.len() + 1),
        };
        let comment = object.body.get("comment").and_then(Value::as_str);
        let context = rule::Context {
            table: &table,
            named: &self.named,
        };
        let rule = rule::of(&context, at, expressions, comment, &mut self.notes);
        chain.rules.push(rule);
        Ok(())
    }

    fn note(&mut self, what: String, meaning: &'static str) {
        self.notes.push(Note { what, meaning });
    }
}

/// The families whose packets a table sees; none if it is of another kind.
fn families(word: &str) -> Option<Vec<Family>> {
    match word {
        "ip" => Some(vec![Family::V4]),
        "ip6" => Some(vec![Family::V6]),
        "inet" => Some(Family::ALL.to_vec()),
        _ => None,
    }
}

fn hook_of(word: &str) -> Option<Hook> {
    match word {
        "prerouting" => Some(Hook::Prerouting),
        "input" => Some(Hook::Input),
        "forward" => Some(Hook::Forward),
        "output" => Some(Hook::Output),
        "postrouting" => Some(Hook::Postrouting),
        _ => None,
    }
}
