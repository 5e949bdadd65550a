//! What a rule does, in a form in which equal rules are equal values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The named sets and maps of a table, without their names.
#[derive(Debug, Default)]
pub(super) struct Sets(BTreeMap<String, Value>);

/// What of a set says what it is for; of one that fills by itself, its content says nothing.
const KIND: [&str; 5] = ["type", "flags", "timeout", "size", "map"];

impl Sets {
    /// Notes a set as it is listed.
    pub(super) fn learn(&mut self, listed: Value) {
        let Value::Object(listed) = listed else {
            return;
        };
        let Some(name) = listed.get("name").and_then(Value::as_str) else {
            return;
        };
        // Some versions of nft list the flag `dynamic` as text only; `timeout` tells such a set as well.
        let is = |flag: &str| {
            listed
                .get("flags")
                .is_some_and(|flags| mentions(flags, flag))
        };
        let meaning = if is("dynamic") || is("timeout") {
            let kind = KIND.iter().filter_map(|key| {
                let value = listed.get(*key)?;
                Some(((*key).to_owned(), value.clone()))
            });
            json!({ "filling": kind.collect::<Map<String, Value>>() })
        } else {
            one_or_set(listed.get("elem"))
        };
        self.0.insert(name.to_owned(), meaning);
    }

    /// Returns the statements of a rule without its counter, with the content of sets where they are named.
    pub(super) fn statements(&self, listed: &[Value]) -> Vec<Value> {
        let counts = |one: &&Value| one.get("counter").is_some();
        let told = listed.iter().filter(|one| !counts(one));
        told.map(|one| self.resolved(one)).collect()
    }

    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::String(word) => {
                let named = word.strip_prefix('@').and_then(|name| self.0.get(name));
                named.unwrap_or(value).clone()
            }
            Value::Array(all) => all.iter().map(|one| self.resolved(one)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| {
                    let content = value.as_array().filter(|_| key == "set");
                    let value = content.map_or_else(|| self.resolved(value), |all| sorted(all));
                    (key.clone(), value)
                });
                Value::Object(fields.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

/// A set is written as it would be where a rule lists its content itself.
fn one_or_set(content: Option<&Value>) -> Value {
    match content.and_then(Value::as_array).map(Vec::as_slice) {
        Some([one]) => one.clone(),
        all => json!({ "set": sorted(all.unwrap_or_default()) }),
    }
}

fn sorted(content: &[Value]) -> Value {
    let mut all = content.to_vec();
    all.sort_by_cached_key(Value::to_string);
    Value::Array(all)
}

fn mentions(flags: &Value, flag: &str) -> bool {
    match flags {
        Value::String(one) => one == flag,
        Value::Array(all) => all.iter().any(|one| one == flag),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
