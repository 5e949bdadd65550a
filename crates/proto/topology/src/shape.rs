//! Holds a file against its schema, so that unknown keys, missing keys, wrong types and unknown words are all told.
//!
//! serde alone would stop at the first of them. The schema is made from the same types that serde reads
//! ([`raw`]), so the two cannot disagree. What does not fit is told and taken out; what is left is read by
//! serde and goes on to be checked. A text that is not TOML is told with what can be known of the rest.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::fault::{Rule, Sink, line};
use crate::raw::{self, Raw};

/// Far above any real file, far below what could hurt.
const FILE_MAX: usize = 1 << 20;

/// A bracket that is not closed spoils line after line; an error so many lines after the last is taken as a new one.
const UNRELATED_LINES: usize = 3;

/// Reads as much of the text as fits, with what does not.
///
/// # Errors
/// What was found if nothing can be read: at least one fault.
pub(crate) fn read(text: &str) -> Result<(Raw, Sink), Sink> {
    let mut sink = Sink::default();
    if text.len() > FILE_MAX {
        let help = "a deployment of the largest size that is supported needs far less";
        sink.report(
            &(0..0),
            Rule::FileTooLarge,
            "the file has more than 1 MiB",
            help,
        );
        return Err(sink);
    }
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let schema: Value = raw::schema().into();
    let mut shape = Shape {
        schema: &schema,
        sink,
    };
    shape.table(root.get_mut(), &(0..0), &schema, "the file");
    let mut sink = shape.sink;
    if !errors.is_empty() {
        sink.syntax(text, &errors);
        return Err(sink);
    }
    match Raw::deserialize(toml::de::Deserializer::from(root)) {
        Ok(raw) => Ok((raw, sink)),
        Err(error) => {
            let help = "see `vestibule schema` for what may stand here";
            sink.report(
                &error.span().unwrap_or(0..0),
                Rule::WrongType,
                error.message(),
                help,
            );
            Err(sink)
        }
    }
}

impl Sink {
    /// Tells what is not TOML; of the rest, what is not a consequence of it.
    fn syntax(&mut self, text: &str, errors: &[toml::de::Error]) {
        let place = |error: &toml::de::Error| error.span().unwrap_or(0..0);
        let mut errors: Vec<(Range<usize>, &str)> = errors
            .iter()
            .map(|error| (place(error), error.message()))
            .collect();
        errors.sort_by_key(|(span, _)| span.start);
        self.without_consequences(text, errors.iter().map(|(span, _)| span));
        let help = "see https://toml.io; what depends on this line is checked once it is repaired";
        let mut last = None;
        for (span, message) in errors {
            let line = line(text, span.start);
            if last
                .replace(line)
                .is_none_or(|last| line - last >= UNRELATED_LINES)
            {
                self.report(&span, Rule::Syntax, message, help);
            }
        }
    }
}

struct Shape<'s> {
    schema: &'s Value,
    sink: Sink,
}

impl<'s> Shape<'s> {
    /// Tells what does not fit in a table and takes it out.
    fn table(
        &mut self,
        table: &mut DeTable<'_>,
        span: &Range<usize>,
        schema: &'s Value,
        name: &str,
    ) {
        let known: Vec<(&str, &Value)> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for key in required
            .filter_map(Value::as_str)
            .filter(|key| !table.contains_key(*key))
        {
            let message = format!("{name} has no `{key}`");
            let meant = known
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, schema)| about(schema));
            let help = format!("add `{key} = ...` ({})", meant.unwrap_or_default());
            self.sink.report(span, Rule::MissingKey, message, help);
        }
        for (key, mut value) in std::mem::take(table) {
            let text: &str = key.get_ref();
            if let Some((_, schema)) = known.iter().find(|(known, _)| *known == text) {
                if self.value(&mut value, schema, text) {
                    table.insert(key, value);
                }
                continue;
            }
            let names: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
            let message = format!("{name} has no key `{text}`");
            self.sink.report(
                &key.span(),
                Rule::UnknownKey,
                message,
                suggestion(text, &names),
            );
        }
    }

    /// Tells whether a value fits, having told why not.
    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, schema: &'s Value, key: &str) -> bool {
        let forms = self.forms(schema);
        let span = value.span();
        let fits = match value.get_mut() {
            DeValue::String(text) => return self.text(text, &span, &forms, key),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
                forms.iter().any(|form| {
                    number.is_some_and(|n| is_type(form, "integer") && in_range(form, n))
                })
            }
            DeValue::Boolean(_) => forms.iter().any(|form| is_type(form, "boolean")),
            DeValue::Array(items) => {
                let form = forms.iter().find(|form| is_type(form, "array"));
                if let Some(schema) = form.and_then(|form| form.get("items")) {
                    return self.list(items, schema, key);
                }
                form.is_some()
            }
            DeValue::Table(table) => {
                let form = forms.iter().copied().find(|form| is_type(form, "object"));
                if let Some(schema) = form {
                    self.table(table, &span, schema, &format!("`{key}`"));
                }
                form.is_some()
            }
            DeValue::Float(_) | DeValue::Datetime(_) => false,
        };
        if !fits {
            self.unfit(value, &forms, key);
        }
        fits
    }

    /// A list of which one value does not fit is left out as a whole: what is left would mean something else.
    fn list(&mut self, items: &mut DeArray<'_>, schema: &'s Value, key: &str) -> bool {
        let mut fits = true;
        for item in items.iter_mut() {
            fits &= self.value(item, schema, key);
        }
        fits
    }

    fn text(&mut self, text: &str, span: &Range<usize>, forms: &[&Value], key: &str) -> bool {
        let words = words(forms);
        if words.is_empty() {
            let fits = forms.iter().any(|form| is_type(form, "string"));
            if !fits {
                let message = format!("`{key}` must be {}, not a text", wanted(forms));
                self.sink
                    .report(span, Rule::WrongType, message, hint(forms));
            }
            return fits;
        }
        let fits = words.contains(&text);
        if !fits {
            let message = format!("`{key}` knows no word \"{text}\"");
            self.sink
                .report(span, Rule::UnknownWord, message, suggestion(text, &words));
        }
        fits
    }

    fn unfit(&mut self, value: &Spanned<DeValue<'_>>, forms: &[&Value], key: &str) {
        let found = match value.get_ref() {
            DeValue::Integer(_) if forms.iter().any(|form| is_type(form, "integer")) => {
                let message = format!("`{key}` is out of range");
                return self
                    .sink
                    .report(&value.span(), Rule::Range, message, hint(forms));
            }
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::String(_) => "a text".to_owned(),
            DeValue::Boolean(_) => "true or false".to_owned(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let message = format!("`{key}` must be {}, not {found}", wanted(forms));
        self.sink
            .report(&value.span(), Rule::WrongType, message, hint(forms));
    }

    /// The plain forms that a schema allows: references followed, alternatives spread out.
    fn forms(&self, schema: &'s Value) -> Vec<&'s Value> {
        let mut plain = Vec::new();
        let mut open = vec![schema];
        while let Some(form) = open.pop() {
            let definition = form
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.strip_prefix('#'));
            let target = definition.and_then(|pointer| self.schema.pointer(pointer));
            let alternatives = ["anyOf", "oneOf"]
                .into_iter()
                .filter_map(|key| form.get(key)?.as_array());
            let before = open.len();
            open.extend(target.into_iter().chain(alternatives.flatten()));
            if open.len() == before {
                plain.push(form);
            }
        }
        plain.reverse();
        plain
    }
}

fn is_type(form: &Value, name: &str) -> bool {
    match form.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

fn in_range(form: &Value, number: i64) -> bool {
    let bound = |key| form.get(key).and_then(Value::as_i64);
    bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
}

/// The words that a text must be one of; none if any text will do.
fn words<'s>(forms: &[&'s Value]) -> Vec<&'s str> {
    let constant = |form: &&'s Value| form.get("const").and_then(Value::as_str);
    let listed = forms
        .iter()
        .filter_map(|form| form.get("enum")?.as_array())
        .flatten();
    forms
        .iter()
        .filter_map(constant)
        .chain(listed.filter_map(Value::as_str))
        .collect()
}

fn wanted(forms: &[&Value]) -> &'static str {
    let kinds = [
        ("string", "a text in quotes"),
        ("integer", "a whole number"),
        ("boolean", "true or false"),
        ("array", "a list"),
        ("object", "a table"),
    ];
    let fits = |kind: &str| forms.iter().any(|form| is_type(form, kind));
    kinds
        .into_iter()
        .find(|(kind, _)| fits(kind))
        .map_or("something else", |(_, text)| text)
}

fn hint(forms: &[&Value]) -> String {
    let words = words(forms);
    if !words.is_empty() {
        return format!("write one of {}", quoted(&words));
    }
    let form = forms.first();
    if let Some(only) = form.and_then(|form| form.get("const")) {
        return format!("write {only}");
    }
    let bound = |key| form.and_then(|form| form.get(key)).and_then(Value::as_i64);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("write a whole number from {least} to {most}"),
        (Some(least), None) => format!("write a whole number, {least} or more"),
        (None, _) => format!("write {}", wanted(forms)),
    }
}

/// The first sentence of a description, to go on in the middle of another.
fn about(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or("");
    let first = text
        .split(". ")
        .next()
        .unwrap_or(text)
        .trim_end_matches('.');
    let mut letters = first.chars();
    let lower = letters.next().map(|letter| letter.to_ascii_lowercase());
    lower.into_iter().chain(letters).collect()
}

/// Names the nearest of the known words, if one is near, and lists them all.
pub(crate) fn suggestion(text: &str, known: &[&str]) -> String {
    let near = |word: &&&str| strsim::damerau_levenshtein(text, word) <= text.len() / 3 + 1;
    let best = known
        .iter()
        .filter(near)
        .min_by_key(|word| strsim::damerau_levenshtein(text, word));
    match (best, known.is_empty()) {
        (Some(word), _) => format!("did you mean `{word}`? known: {}", quoted(known)),
        (None, false) => format!("known: {}", quoted(known)),
        (None, true) => "there is none yet".to_owned(),
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
