//! Loops (RFC 3261 16.3 step 4, RFC 5393 4.2): a request that was here before, with nothing changed that a decision
//! depends on, would go the same way again.
//!
//! Each branch of ours ends in a digest of what decides where a request goes: the Request-URI, the Route lines, and as
//! what its sender is known. Who comes back with another of these is on a spiral, which is as it should be. The method
//! is not part of it, so that a CANCEL has the branch of its INVITE.

use super::Ask;
use crate::config::Config;
use crate::msg::{Element, Message, Name, Via, push_hex};
use base::net::{Link, Peer, Role};

/// Stands between what a branch names and the digest.
const MARK: char = '.';

/// The digest of what decides where this request goes.
pub(crate) fn digest(config: &Config, link: &Link, request: &Message) -> String {
    let sender = [match &link.peer {
        Peer::Client => b'c',
        Peer::Gateway(_) => b'g',
        Peer::Partner(_) => b'p',
        Peer::Server(server) => match server.role {
            Role::Director => b'D',
            Role::FrontEnd => b'F',
            Role::Edge => b'E',
            Role::ReverseProxy | Role::LoadBalancer | Role::Dns => b'o',
        },
    }];
    let routes = request.all(Name::Route).map(|route| route.value);
    let parts: smallvec::SmallVec<[&[u8]; 6]> = [sender.as_slice(), request.uri().as_bytes()]
        .into_iter()
        .chain(routes)
        .collect();
    let sum = config.keys.branch.checksum(&parts);
    let mut text = String::with_capacity(9);
    text.push(MARK);
    push_hex(&mut text, sum, 8);
    text
}

/// The part of a branch before the digest.
pub(crate) fn without_digest(branch: &str) -> &str {
    branch.split_once(MARK).map_or(branch, |(name, _)| name)
}

/// Tells whether a request has passed here before and nothing has changed since.
pub(super) fn has_looped(config: &Config, ask: &Ask<'_>) -> bool {
    let mut vias = ask.request.elements(Name::Via).skip(1).peekable();
    if vias.peek().is_none() {
        return false;
    }
    let digest = digest(config, ask.link, ask.request);
    vias.any(|via| is_ours(config, &via, &digest))
}

fn is_ours(config: &Config, via: &Element<'_>, digest: &str) -> bool {
    let Some(via) = via.text().and_then(|text| Via::parse(text).ok()) else {
        return false;
    };
    via.branch().is_some_and(|branch| branch.ends_with(digest)) && config.is_me(via.host)
}
