//! Topology hiding: nothing that leaves the outer face of an Edge names a machine, pool or address of the inside.
//!
//! What the inside needs again goes along sealed with the key of the Edge pool, so that an Edge keeps no table for it and
//! any Edge of the pool, also one that was started again, restores it (`docs/decisions/0035-topology-hiding.md`):
//!
//! ```text
//! inside                                             outside
//! Via: us, fe01, dir01, caller                <-->   Via: us;hid=SEALED                    [via]
//! Record-Route: us outside, us inside, fe01   <-->   Record-Route: <sip:hr.SEALED@us;lr>   [route], Path as well
//! Contact: <sip:bob@10.0.0.7>                 <-->   Contact: <sip:hc.SEALED@us>           [place], Refer-To as well
//! ```
//!
//! [`out`] hides, [`back`] restores; nothing between them knows of either. What only informs and names the inside
//! (Warning, Error-Info) is rewritten or left out. Not touched are Call-ID and bodies: they are the users' own.

mod back;
mod out;
mod place;
mod private;
mod route;
mod via;

pub(crate) use back::{request as reveal_request, response as reveal_response};
pub(crate) use out::{request as hide_request, response as hide_response};
pub(crate) use private::{keeps_identity, refused as privacy_refused};
pub(crate) use via::sealed as sealed_vias;

use crate::config::{Address, Config};
use crate::msg::{Message, Name};
use crate::role::Towards;
use base::net::{Peer, Role};

/// More of Via or of Record-Route is not hidden, so that what was sealed comes back within the longest head.
const MAX: usize = 4 << 10;
/// No more is opened.
const OPEN_MAX: usize = 16 << 10;

/// Tells whether this peer is beyond the outer face of an Edge.
pub(crate) fn is_outside(config: &Config, peer: &Peer) -> bool {
    config.server.role == Role::Edge && matches!(peer, Peer::Client | Peer::Partner(_))
}

/// How the far side of our outer face calls us, if a request that goes there leaves by it.
pub(crate) fn face_towards<'c>(config: &'c Config, towards: &Towards) -> Option<&'c Address> {
    if config.server.role != Role::Edge {
        return None;
    }
    match towards {
        Towards::Flow(_) => config.outside.as_ref(),
        Towards::Partner(_) => config.federation.as_ref().map(|f| &f.address),
        Towards::Servers(_) => None,
    }
}

/// Tells whether a request has come by more hops than can be hidden.
pub(crate) fn is_too_long(config: &Config, request: &Message) -> bool {
    let length = |name| {
        request
            .all(name)
            .map(|line| line.value.len())
            .sum::<usize>()
    };
    config.server.role == Role::Edge && length(Name::Via).max(length(Name::RecordRoute)) > MAX
}

/// The element of a list with another URI in place of its own.
fn with_uri(element: &str, uri: &str, new: &str) -> Option<String> {
    let start = uri.as_ptr().addr().checked_sub(element.as_ptr().addr())?;
    let (front, rest) = (element.get(..start)?, element.get(start + uri.len()..)?);
    Some(if front.ends_with('<') {
        format!("{front}{new}{rest}")
    } else {
        format!("{front}<{new}>{rest}")
    })
}
