//! What a rule does, in words for people. What there are no words for is told as `nft` lists it.

use serde_json::Value;

use crate::addresses::number;

/// Says what statements do: whom they are about, then what becomes of it.
pub(super) fn of(statements: &[Value]) -> String {
    let mut about = Vec::new();
    let mut becomes = Vec::new();
    for statement in statements {
        if let Some(found) = statement.get("match") {
            about.extend(matched(found));
        } else if let Some(limit) = statement.get("limit") {
            about.push(rate(limit));
        } else if let Some(set) = statement.get("set") {
            about.push(per_source(set));
        } else {
            becomes.push(verdict(statement));
        }
    }
    if about.is_empty() {
        about.push("everything".to_owned());
    }
    format!("{}: {}", about.join(", "), becomes.join(", "))
}

/// That a connection is new goes without saying.
fn matched(found: &Value) -> Option<String> {
    let (left, right) = (found.get("left")?, found.get("right")?);
    let not = if found.get("op").is_some_and(|op| op == "!=") {
        "not "
    } else {
        ""
    };
    let right = value(right);
    let field = |key: &str| {
        let payload = left.get("payload")?;
        payload.get(key).and_then(Value::as_str)
    };
    let key = |of: &str| left.get(of)?.get("key").and_then(Value::as_str);
    Some(match (field("protocol"), field("field")) {
        (_, Some("saddr")) => format!("from {not}{right}"),
        (_, Some("daddr")) => format!("to {not}{right}"),
        (Some(carrier), Some("dport")) => format!("{} {not}{right}", carrier.to_uppercase()),
        (Some(protocol), Some(field)) => format!("{protocol} {field} {not}{right}"),
        _ => match (key("ct"), key("meta")) {
            (Some("state"), _) if right == "new" && not.is_empty() => return None,
            (Some(key), _) => format!("ct {key} {not}{right}"),
            (_, Some(key)) => format!("{key} {not}{right}"),
            _ => format!("{} {not}{right}", value(left)),
        },
    })
}

fn value(value: &Value) -> String {
    let joined = |all: &[Value]| {
        let mut words: Vec<String> = all.iter().map(self::value).collect();
        words.sort_by_cached_key(|word| place(word));
        words.join(", ")
    };
    match value {
        Value::String(word) => word.clone(),
        Value::Array(all) => joined(all),
        Value::Object(fields) => {
            let of = |key: &str| fields.get(key);
            if let Some(Value::Array(all)) = of("set") {
                joined(all)
            } else if let Some([first, last]) =
                of("range").and_then(Value::as_array).map(Vec::as_slice)
            {
                format!("{}-{}", self::value(first), self::value(last))
            } else if let Some(prefix) = of("prefix") {
                let part = |key: &str| prefix.get(key).map(self::value).unwrap_or_default();
                format!("{}/{}", part("addr"), part("len"))
            } else {
                value.to_string()
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Where a word stands in a list: numbers and addresses by their value, then words.
fn place(word: &str) -> (u128, String) {
    let first = word.split(['-', '/']).next().unwrap_or_default();
    let value = first.parse().map(number);
    let value = value.unwrap_or_else(|_| first.parse().unwrap_or(u128::MAX));
    (value, word.to_owned())
}

fn rate(limit: &Value) -> String {
    let count = |key: &str| limit.get(key).and_then(Value::as_u64).unwrap_or_default();
    let per = limit.get("per").and_then(Value::as_str);
    let bound = format!("{} a {}", count("rate"), per.unwrap_or("second"));
    if limit.get("inv").and_then(Value::as_bool) == Some(true) {
        format!("beyond {bound}")
    } else {
        format!("at most {bound} ({} at once)", count("burst"))
    }
}

fn per_source(set: &Value) -> String {
    let limit = set.get("stmt").and_then(|all| all.get(0)?.get("limit"));
    limit.map_or_else(
        || set.to_string(),
        |limit| format!("{} from each source", rate(limit)),
    )
}

fn verdict(statement: &Value) -> String {
    let fields = statement.as_object();
    let name = fields.and_then(|fields| fields.keys().next());
    match name.map(String::as_str) {
        Some("accept") => "passes".to_owned(),
        Some("drop") => "is dropped".to_owned(),
        Some("reject") => "is rejected".to_owned(),
        _ => statement.to_string(),
    }
}
