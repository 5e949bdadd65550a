//! Texts that carry a unit or have a form of their own: durations, sizes, networks, addresses, simple URLs.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Fqdn, Network, SimpleUrl};

/// Takes `600s`, `10m` or `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let scaled = |digits: &str, scale: u64| number(digits)?.checked_mul(scale);
    let seconds = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (digits, "s") => scaled(digits, 1),
        (digits, "m") => scaled(digits, 60),
        (digits, "h") => scaled(digits, 3600),
        _ => None,
    }?;
    Some(Duration::from_secs(seconds))
}

/// Takes `512B`, `64KiB` or `1MiB`.
pub(crate) fn size(text: &str) -> Option<usize> {
    let (digits, scale) = if let Some(digits) = text.strip_suffix("KiB") {
        (digits, 1 << 10)
    } else if let Some(digits) = text.strip_suffix("MiB") {
        (digits, 1 << 20)
    } else {
        (text.strip_suffix('B')?, 1)
    };
    usize::try_from(number(digits)?.checked_mul(scale)?).ok()
}

/// Takes an address that a machine can have: no wildcard, multicast or broadcast.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let usable = !address.is_unspecified() && !address.is_multicast() && !broadcast;
    usable.then_some(address)
}

/// Takes a network in CIDR form; the bits of the host must be zero.
pub(crate) fn network(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix = u8::try_from(number(prefix)?).ok()?;
    let (bits, host) = match address {
        IpAddr::V4(v4) => (32_u32, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    };
    let host_bits = bits.checked_sub(u32::from(prefix))?;
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    (host & !mask == 0).then_some(Network { address, prefix })
}

/// Takes `meet.contoso.com` or `https://lync.contoso.com/meet`.
///
/// # Errors
/// The rule of simple URLs that the text breaks.
pub(crate) fn simple_url(text: &str) -> Result<SimpleUrl, &'static str> {
    let rest = text.strip_prefix("https://").unwrap_or(text);
    if rest.contains("://") {
        return Err("a simple URL is always https");
    }
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, ""), |(host, path)| (host, path));
    if host.contains(':') {
        return Err("a simple URL has no port");
    }
    let host = Fqdn::new(host).map_err(|_| "the host of a simple URL is a fully qualified name")?;
    let path = path.trim_end_matches('/');
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    if !path.chars().all(fits) || path.contains("//") {
        return Err("the path of a simple URL has only letters, digits and dots");
    }
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("/{path}")
    };
    Ok(SimpleUrl { host, path })
}

/// Only digits: no sign, no blanks.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_their_unit() {
        assert_eq!(duration("600s"), Some(Duration::from_secs(600)));
        assert_eq!(duration("10m"), Some(Duration::from_secs(600)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!((size("2MiB"), size("7B")), (Some(2 << 20), Some(7)));
        for text in [
            "600",
            "s",
            "",
            "-1s",
            "1.5h",
            "600ß",
            "99999999999999999999s",
            "9999999999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["64", "64KB", "KiB", "-1B", "99999999999999999999B"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn a_network_has_no_bits_of_a_host() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("0.0.0.0/0").unwrap().prefix, 0);
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        for text in [
            "10.0.0.1/8",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "x/8",
            "::1/0",
            "10.0.0.0/+8",
        ] {
            assert_eq!(network(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_one_that_a_machine_can_have() {
        assert!(address("10.0.0.1").is_some() && address("fd00::1").is_some());
        for text in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "10.0.0",
            "dir01",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_simple_url_is_a_host_and_a_path() {
        let url = |text| simple_url(text).map(|url| url.to_string());
        assert_eq!(
            url("meet.contoso.com").as_deref(),
            Ok("https://meet.contoso.com")
        );
        assert_eq!(
            url("https://Lync.contoso.com/Meet/").as_deref(),
            Ok("https://lync.contoso.com/Meet")
        );
        for text in [
            "http://meet.contoso.com",
            "meet.contoso.com:8443",
            "meet",
            "meet.contoso.com/a b",
            "meet.contoso.com/a//b",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
