//! Which resource a request names: a path that everybody reads in the same way.

use http::request::Parts;
use http::{Method, Uri};

use super::{Fault, TARGET_MAX};

/// Checks the target and returns its path.
pub(super) fn of(parts: &Parts) -> Result<&str, Fault> {
    let uri = &parts.uri;
    if let Some(scheme) = uri.scheme_str()
        && !matches!(scheme, "http" | "https")
    {
        return Err(Fault::Target);
    }
    if length(uri) > TARGET_MAX {
        return Err(Fault::TooLong);
    }
    let path = uri.path();
    if path == "*" && parts.method == Method::OPTIONS {
        return Ok(path);
    }
    if uri.query().is_some_and(|query| !is_query(query)) {
        return Err(Fault::Target);
    }
    // A target that is an authority alone has no path.
    let inner = path.strip_prefix('/').ok_or(Fault::Target)?;
    if !inner.bytes().all(is_path_byte) {
        return Err(Fault::Target);
    }
    escapes(inner)?;
    segments(inner)?;
    Ok(path)
}

fn length(uri: &Uri) -> usize {
    uri.path_and_query()
        .map_or(0, |target| target.as_str().len())
}

/// `pchar` of RFC 3986 3.3, with the slash and the percent sign.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
        )
        || matches!(byte, b',' | b';' | b'=' | b':' | b'@' | b'/' | b'%')
}

/// Browsers leave more unescaped in a query than RFC 3986 has; printable it is.
fn is_query(query: &str) -> bool {
    query.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Every percent sign begins the number of a byte, and none hides a separator, a control character, or another one.
fn escapes(path: &str) -> Result<(), Fault> {
    for part in path.split('%').skip(1) {
        let byte = escaped(part.as_bytes()).ok_or(Fault::Target)?;
        let hides = matches!(byte, b'/' | b'\\' | b'%') || byte.is_ascii_control();
        if hides {
            return Err(Fault::Path);
        }
    }
    Ok(())
}

fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// None is empty but the last, none is one dot or two, whatever stands behind its semicolon.
fn segments(path: &str) -> Result<(), Fault> {
    let mut rest = path.split('/').peekable();
    while let Some(segment) = rest.next() {
        let name = segment.split(';').next().unwrap_or_default();
        let empty = segment.is_empty() && rest.peek().is_some();
        if empty || is_dots(name) {
            return Err(Fault::Path);
        }
    }
    Ok(())
}

/// One dot or two.
fn is_dots(segment: &str) -> bool {
    let Some(rest) = without_dot(segment) else {
        return false;
    };
    rest.is_empty() || without_dot(rest).is_some_and(str::is_empty)
}

/// What follows a dot, plain or escaped.
fn without_dot(text: &str) -> Option<&str> {
    let escaped = || {
        text.strip_prefix("%2e")
            .or_else(|| text.strip_prefix("%2E"))
    };
    text.strip_prefix('.').or_else(escaped)
}
