//! The comma-separated parameters of challenges and credentials (RFC 7235 2.1 as RFC 3261 25.1 writes it).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::msg::lex::{Class, Cursor, quoted_len, trim_text};

/// Yields each parameter's name and its value with quotes and escapes undone; `None` in place of a malformed one, which
/// is the last.
pub(super) fn params(text: &str) -> impl Iterator<Item = Option<(&str, Cow<'_, str>)>> {
    let mut cursor = Cursor::new(text);
    std::iter::from_fn(move || {
        while cursor.eat_spaced(b',') {}
        if cursor.rest().is_empty() {
            return None;
        }
        let one = param(&mut cursor);
        if one.is_none() {
            cursor = Cursor::new("");
        }
        Some(one)
    })
}

/// Reads `name = value`, and makes sure that it ends at a comma or at the end.
fn param<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a str, Cow<'a, str>)> {
    let name = cursor.take_all(Class::TOKEN);
    if name.is_empty() || !cursor.eat_spaced(b'=') {
        return None;
    }
    let rest = cursor.rest();
    if let Some(inside) = rest.strip_prefix('"') {
        let end = memchr2(b'"', b'\\', inside.as_bytes())?;
        let is_plain = inside.as_bytes().get(end) == Some(&b'"');
        let len = if is_plain {
            end + 2
        } else {
            quoted_len(rest.as_bytes())?
        };
        let inside = cursor.take(len).get(1..len - 1)?;
        cursor.skip_space();
        let is_whole = matches!(cursor.rest().as_bytes(), [] | [b',', ..]);
        let value = if is_plain {
            Cow::Borrowed(inside)
        } else {
            Cow::Owned(unescaped(inside))
        };
        return is_whole.then_some((name, value));
    }
    let len = memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
    let value = trim_text(cursor.take(len));
    memchr(b'"', value.as_bytes())
        .is_none()
        .then_some((name, Cow::Borrowed(value)))
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
