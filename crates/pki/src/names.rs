//! Names that a certificate may carry.

use crate::error::Error;

/// The longest common name that X.509 allows (RFC 5280 appendix A, ub-common-name).
pub(crate) const MAX_COMMON_NAME: usize = 64;

/// Checks that there are names and that each is a DNS name, at most with a wildcard as its first label.
pub(crate) fn check(names: &[String]) -> Result<(), Error> {
    if names.is_empty() {
        return Err(Error::NoNames);
    }
    match names
        .iter()
        .find(|name| !is_dns_name(name.strip_prefix("*.").unwrap_or(name)))
    {
        Some(name) => Err(Error::BadName { name: name.clone() }),
        None => Ok(()),
    }
}

/// Checks that a machine's name is a DNS name, so that it is also safe as the name of a directory.
pub(crate) fn check_machine(name: &str) -> Result<(), Error> {
    if is_dns_name(name) {
        Ok(())
    } else {
        Err(Error::BadName {
            name: name.to_owned(),
        })
    }
}

/// Tells whether a wildcard name stands for `name`: it replaces exactly the first label (RFC 6125 6.4.3).
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        (Some(_), None) | (None, _) => false,
    }
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dns_names_pass() {
        for good in ["dir01.contoso.net", "a", "*.contoso.com", "x-1.y"] {
            assert!(check(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "a..b",
            "-a.b",
            "a.*.b",
            "a b",
            "../up",
            "a/b",
            "é.example",
            "*",
            "**.a",
        ] {
            assert!(check(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(check(&["a".repeat(64)]).is_err());
        assert!(check(&[]).is_err());
        assert!(check_machine("*.contoso.com").is_err());
        assert!(check_machine("..").is_err());
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        assert!(covers("*.contoso.com", "meet.contoso.com"));
        assert!(covers("*.Contoso.com", "meet.contoso.COM"));
        assert!(!covers("*.contoso.com", "a.meet.contoso.com"));
        assert!(!covers("*.contoso.com", "contoso.com"));
        assert!(!covers("meet.contoso.com", "meet.contoso.com"));
    }
}
