//! Which member a source belongs to: rendezvous hashing.
//!
//! Every member draws a lot for every source, and the highest wins. A member that is lost takes only its own sources
//! with it, one that comes back gets the same ones again, and balancers that have never spoken agree, since the lots
//! depend on names and addresses alone. The hash is not secret: whoever could choose where to go could do no more
//! than be a client of that member.

use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;
use std::net::IpAddr;

/// The lot that a member draws for a source.
pub(super) fn lot(member: &str, source: IpAddr) -> u64 {
    draw(b"share", member, source)
}

/// A number below 1000 by which a source is let in to a member that warms up: those below its share of the moment.
pub(super) fn turn(member: &str, source: IpAddr) -> u64 {
    draw(b"turn", member, source) % 1000
}

fn draw(purpose: &[u8], member: &str, source: IpAddr) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(purpose);
    hasher.write(member.as_bytes());
    match source.to_canonical() {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish()
}
