//! The comma-separated parameters of challenges and credentials (RFC 7235 2.1 as RFC 3261 25.1 writes it).

use std::borrow::Cow;

use crate::msg::lex::{LWS, element_len, quoted_len};

/// Yields each parameter's name and its value with quotes and escapes undone; `None` in place of a malformed one.
pub(super) fn params(text: &str) -> impl Iterator<Item = Option<(&str, Cow<'_, str>)>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = element_len(rest.as_bytes());
            let one = rest.get(..end).unwrap_or_default().trim_matches(LWS);
            rest = rest.get(end + 1..).unwrap_or_default();
            if !one.is_empty() {
                return Some(param(one));
            }
        }
    })
}

fn param(one: &str) -> Option<(&str, Cow<'_, str>)> {
    let (name, value) = one.split_once('=')?;
    let value = value.trim_start_matches(LWS);
    if !value.starts_with('"') {
        return Some((name.trim_end_matches(LWS), Cow::Borrowed(value)));
    }
    if quoted_len(value.as_bytes()) != Some(value.len()) {
        return None;
    }
    let inside = value.get(1..value.len() - 1)?;
    let value = if inside.contains('\\') {
        Cow::Owned(unescaped(inside))
    } else {
        Cow::Borrowed(inside)
    };
    Some((name.trim_end_matches(LWS), value))
}

fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' {
            letters.next().unwrap_or(letter)
        } else {
            letter
        });
    }
    text
}
