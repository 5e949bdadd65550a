//! What may not be kept of the target of an HTTP request: queries carry tickets and passwords under many names.

use std::borrow::Cow;

/// Words in the name of a parameter that make its value a secret.
const SECRET: [&str; 14] = [
    "ticket",
    "token",
    "passw",
    "pwd",
    "secret",
    "key",
    "sig",
    "auth",
    "code",
    "session",
    "cred",
    "cookie",
    "assertion",
    "saml",
];

/// Returns a target, or a whole URI, without what proves anything: secret parameters, those without a name, user and
/// password before the host. A name counts as servers read it, so also where it is written with percent signs.
#[must_use]
pub fn target(target: &str) -> Cow<'_, str> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = without_user(path);
    let Some(query) = query else {
        return path;
    };
    let mut out = path.into_owned();
    let mut sign = '?';
    for parameter in query.split(['&', ';']) {
        out.push(sign);
        sign = '&';
        match parameter.split_once('=') {
            Some((name, value)) if value.is_empty() || !is_secret(name) => out.push_str(parameter),
            Some((name, _)) => {
                out.push_str(name);
                out.push_str("=*");
            }
            None if parameter.is_empty() => {}
            None => out.push('*'),
        }
    }
    Cow::Owned(out)
}

fn without_user(path: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = path.split_once("://") else {
        return Cow::Borrowed(path);
    };
    let (host, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://*@{host}{after}")),
        None => Cow::Borrowed(path),
    }
}

fn is_secret(name: &str) -> bool {
    let name = decoded(name);
    SECRET.iter().any(|word| name.contains(word))
}

/// In small letters, with percent signs resolved once.
fn decoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let code = rest.get(1..3).filter(|_| first == '%');
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        let taken = code.map_or_else(|| first.len_utf8(), |_| 3);
        out.push(code.map_or(first, char::from).to_ascii_lowercase());
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::target;

    #[test]
    fn secret_parameters_lose_their_values_under_any_spelling() {
        for (written, clean) in [
            ("/", "/"),
            (
                "/a?sipuri=alice@contoso.com&x=",
                "/a?sipuri=alice@contoso.com&x=",
            ),
            ("/a?access_token=5ECRET&b=1", "/a?access_token=*&b=1"),
            ("/a?WebTicket=5ECRET;b=1", "/a?WebTicket=*&b=1"),
            ("/a?%74oken=5ECRET", "/a?%74oken=*"),
            ("/a?5ECRET", "/a?*"),
            ("/a?b=1&passwd=5ECRET?x=5ECRET", "/a?b=1&passwd=*"),
            (
                "http://alice:5ECRET@a.example/b?c=d",
                "http://*@a.example/b?c=d",
            ),
            ("https://a.example/b@c", "https://a.example/b@c"),
        ] {
            assert_eq!(target(written), clean);
        }
    }

    proptest! {
        #[test]
        fn any_target_is_cleaned_without_a_fault(text in "(\\PC|[%?&=;@/]){0,60}") {
            let clean = target(&text).into_owned();
            prop_assert_eq!(target(&clean).into_owned(), clean);
        }
    }
}
