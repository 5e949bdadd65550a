//! Where somebody is, sealed into a URI that leads to us: Contact and Refer-To.
//!
//! A mark of the Call-ID goes along, so that within a dialog a place has one name, and in another dialog another. Headers
//! of a URI stay readable: whoever is referred there has to send them (RFC 3261 19.1.5).

use super::OPEN_MAX;
use crate::config::{Address, Config};
use crate::msg::{Scheme, Uri};
use crate::token::Seal;

/// How the user part of a sealed URI begins.
pub(super) const PREFIX: &str = "hc.";
const PURPOSE: &str = "hidden place";
const MARK: usize = 4;

/// Seals a URI, if it is of SIP.
pub(super) fn sealed(
    config: &Config,
    uri: &Uri<'_>,
    call_id: &str,
    us: &Address,
) -> Option<String> {
    let mark = config.keys.token.checksum(&[b"place", call_id.as_bytes()]);
    let mut plain: Vec<u8> = mark.to_be_bytes().into_iter().take(MARK).collect();
    let (place, headers) = match uri.as_str().split_once('?') {
        Some((place, headers)) => (place, format!("?{headers}")),
        None => (uri.as_str(), String::new()),
    };
    plain.extend_from_slice(place.as_bytes());
    let (scheme, transport) = match uri.scheme {
        Scheme::Sip => ("sip", ";transport=tls"),
        // What `sips` means is not said twice (RFC 3261 26.2.2).
        Scheme::Sips => ("sips", ""),
        Scheme::Tel | Scheme::Other => return None,
    };
    let sealed = Seal::new(&config.keys.token, PURPOSE).close(plain, b"");
    let Address { host, port } = us;
    Some(format!(
        "{scheme}:{PREFIX}{sealed}@{host}:{port}{transport}{headers}"
    ))
}

/// Opens a URI; `None` if it is not sealed, or not by us. Headers that were added to it stay.
pub(super) fn opened(config: &Config, uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let text = uri.user?.strip_prefix(PREFIX)?;
    let plain = Seal::new(&config.keys.token, PURPOSE).open(text, b"", OPEN_MAX)?;
    let mut place = String::from_utf8(plain.get(MARK..)?.to_vec()).ok()?;
    if let Some(headers) = uri.headers {
        place.push('?');
        place.push_str(headers);
    }
    Some(place)
}
