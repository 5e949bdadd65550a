//! Digest authentication (RFC 8760 and 7616 as SIP uses them, RFC 3261 22): both sides' arithmetic, no policy.
//!
//! Useful for making and checking nonces ([`Nonces`]), writing a challenge ([`challenge`]), reading and verifying
//! credentials ([`Credentials`]) and making the verifiers that are stored ([`ha1`]). Not for deciding who must
//! authenticate, which algorithms are allowed, or whether the `uri` parameter fits the request: its owner does.
//!
//! Leaves the RFCs where SIP does not need them: `auth-int` and the `-sess` algorithms are refused, and so is
//! `userhash`, which would make every lookup a search.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod credentials;
mod hash;
mod nonce;
mod params;
mod uses;

#[cfg(test)]
mod tests;

pub(crate) use credentials::realm;
pub use credentials::{BadCredentials, Challenge, Credentials, challenge};
pub use hash::{Proof, ha1, response};
pub use nonce::{NonceState, Nonces};
pub use uses::{Minted, Use, Uses};
