//! A rule as `nft` would write it, from its JSON, for people who look for it in their ruleset.
//!
//! What is not known here is written as its JSON, so nothing is hidden.

use serde_json::Value;

/// Returns the text of a rule.
pub(super) fn rule(expressions: &[Value], comment: Option<&str>) -> String {
    let mut words: Vec<String> = expressions.iter().map(statement).collect();
    words.extend(comment.map(|comment| format!("comment \"{comment}\"")));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// Returns the text of a statement; none for counters, whose numbers are told apart.
pub(super) fn statement(statement: &Value) -> String {
    let Some((kind, body)) = entry(statement) else {
        return statement.to_string();
    };
    match kind {
        "match" => matched(body),
        "counter" => String::new(),
        "accept" | "drop" | "return" | "continue" | "notrack" | "masquerade" | "reject" | "log" => {
            kind.to_owned()
        }
        "jump" | "goto" => format!("{kind} {}", word(body, "target")),
        "vmap" => format!("{} vmap {}", part(body, "key"), part(body, "data")),
        "mangle" => format!("{} set {}", part(body, "key"), part(body, "value")),
        "limit" => limit(body),
        "set" => format!(
            "{} {} {{ {}{} }}",
            word(body, "op"),
            word(body, "set"),
            part(body, "elem"),
            inner(body)
        ),
        "meter" => format!(
            "meter {} {{ {}{} }}",
            word(body, "name"),
            part(body, "key"),
            inner(body)
        ),
        "dnat" | "snat" | "redirect" => {
            let to = ["addr", "port"].map(|key| body.get(key).map(expression).unwrap_or_default());
            format!("{kind} to {}", to.join(":").trim_matches(':'))
        }
        "xt" => format!("xt {} {}", word(body, "type"), word(body, "name")),
        "ct count" => {
            let over = body.get("inv").and_then(Value::as_bool) == Some(true);
            let over = if over { "over " } else { "" };
            format!("ct count {over}{}", part(body, "val"))
        }
        _ if body.is_null() => kind.to_owned(),
        _ => format!("{kind} {body}"),
    }
}

/// Returns the text of an expression.
pub(super) fn expression(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Array(flags) => joined(flags, ","),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Object(_) => object(value),
    }
}

fn object(value: &Value) -> String {
    let Some((kind, body)) = entry(value) else {
        return value.to_string();
    };
    match kind {
        "payload" if body.get("field").is_some() => {
            format!("{} {}", word(body, "protocol"), word(body, "field"))
        }
        "meta" => match word(body, "key") {
            key @ ("iif" | "oif" | "iifname" | "oifname") => key.to_owned(),
            key => format!("meta {key}"),
        },
        "ct" => match word(body, "dir") {
            "" => format!("ct {}", word(body, "key")),
            direction => format!("ct {direction} {}", word(body, "key")),
        },
        "fib" => {
            let flags = body.get("flags").and_then(Value::as_array);
            let flags = flags.map(|flags| joined(flags, " . ")).unwrap_or_default();
            format!("fib {flags} {}", word(body, "result"))
        }
        "prefix" => format!("{}/{}", part(body, "addr"), part(body, "len")),
        "range" => list(body, "-"),
        "concat" => list(body, " . "),
        "set" => format!("{{ {} }}", list(body, ", ")),
        "&" | "|" | "^" | "<<" | ">>" => list(body, &format!(" {kind} ")),
        "elem" => part(body, "val"),
        "accept" | "drop" | "return" | "continue" => kind.to_owned(),
        "jump" | "goto" => format!("{kind} {}", word(body, "target")),
        _ => value.to_string(),
    }
}

fn matched(body: &Value) -> String {
    let (left, right) = (part(body, "left"), part(body, "right"));
    let right = match right.as_str() {
        "false" => "missing".to_owned(),
        _ => right,
    };
    match word(body, "op") {
        "==" | "in" => format!("{left} {right}"),
        operator => format!("{left} {operator} {right}"),
    }
}

fn limit(body: &Value) -> String {
    let over = body.get("inv").and_then(Value::as_bool) == Some(true);
    let over = if over { "over " } else { "" };
    match body.as_str() {
        Some(name) => format!("limit name {name}"),
        None => format!(
            "limit rate {over}{}/{}",
            part(body, "rate"),
            word(body, "per")
        ),
    }
}

/// The statements within a statement that fills a set.
fn inner(body: &Value) -> String {
    let statements = match body.get("stmt") {
        Some(Value::Array(list)) => list.iter().map(statement).collect(),
        Some(single @ Value::Object(_)) => vec![statement(single)],
        _ => Vec::new(),
    };
    statements.iter().map(|text| format!(" {text}")).collect()
}

fn list(body: &Value, between: &str) -> String {
    body.as_array()
        .map_or_else(|| expression(body), |values| joined(values, between))
}

fn joined(values: &[Value], between: &str) -> String {
    /// More elements than this would hide the rule.
    const SHOWN: usize = 12;
    let mut words: Vec<String> = values.iter().take(SHOWN).map(pair).collect();
    if values.len() > SHOWN {
        words.push(format!("... ({} in all)", values.len()));
    }
    words.join(between)
}

/// An element of a map is a key and what it leads to.
fn pair(value: &Value) -> String {
    match value.as_array().map(Vec::as_slice) {
        Some([key, to @ Value::Object(_)]) => format!("{} : {}", expression(key), expression(to)),
        _ => expression(value),
    }
}

fn entry(value: &Value) -> Option<(&str, &Value)> {
    let (kind, body) = value.as_object()?.iter().next()?;
    Some((kind.as_str(), body))
}

fn word<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn part(body: &Value, key: &str) -> String {
    body.get(key).map(expression).unwrap_or_default()
}
