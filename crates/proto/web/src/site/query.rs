//! The `sipuri` of a query: whose document is asked for.

use directory::Aor;

/// Why a query says nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadQuery;

/// Reads the user out of a query; `None` if it names nobody. Other parameters are passed over.
///
/// Refused is what is no address of record, and one that is there twice: two readers would take two users from it.
pub(super) fn user(query: Option<&str>) -> Result<Option<Aor>, BadQuery> {
    let mut found = None;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !name.eq_ignore_ascii_case("sipuri") {
            continue;
        }
        let value = unescape(value).ok_or(BadQuery)?;
        let aor = Aor::parse(value.trim()).map_err(|_| BadQuery)?;
        if found.replace(aor).is_some() {
            return Err(BadQuery);
        }
    }
    Ok(found)
}

/// Writes a user into a query, so that [`user`] reads the same one.
pub(super) fn with_user(path: &str, aor: Option<&Aor>) -> String {
    let Some(aor) = aor else {
        return path.to_owned();
    };
    let mut text = format!("{path}?sipuri=");
    for byte in aor.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Undoes percent escapes, and the plus sign of forms is left alone: it stands in user names.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Option<String>, BadQuery> {
        let aor = user(Some(query))?;
        Ok(aor.map(|aor| aor.as_str().to_owned()))
    }

    #[test]
    fn a_user_is_read_with_and_without_scheme_and_escapes() {
        let alice = Ok(Some("sip:alice@contoso.com".to_owned()));
        for query in [
            "sipuri=alice@contoso.com",
            "sipuri=sip:alice@Contoso.com",
            "sipUri=sip%3Aalice%40contoso.com",
            "a=b&sipuri=alice@contoso.com&c",
        ] {
            assert_eq!(read(query), alice, "{query}");
        }
        assert_eq!(user(None), Ok(None));
        assert_eq!(read("originalDomain=contoso.com"), Ok(None));
        assert_eq!(
            read("sipuri=a+b@contoso.com"),
            Ok(Some("sip:a+b@contoso.com".to_owned()))
        );
    }

    #[test]
    fn what_names_nobody_or_two_is_refused() {
        for query in [
            "sipuri=",
            "sipuri",
            "sipuri=alice",
            "sipuri=alice@contoso.com&sipuri=bob@contoso.com",
            "sipuri=al%0d%0aice@contoso.com",
            "sipuri=%ff@contoso.com",
            "sipuri=%4",
            "sipuri=%zz",
            "sipuri=<script>@contoso.com",
            "sipuri=alice@contoso.com%00",
        ] {
            assert_eq!(read(query), Err(BadQuery), "{query}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["alice@contoso.com", "a+b&c=d'(e)@contoso.com"] {
            let aor = Aor::parse(text).unwrap();
            let link = with_user("/root", Some(&aor));
            let (_, query) = link.split_once('?').unwrap();
            assert_eq!(user(Some(query)), Ok(Some(aor)), "{link}");
        }
    }
}
