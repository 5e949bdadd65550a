//! Authoritative answers for the deployment's names: a function of zone, face, health and the bytes of a query.
//!
//! It is not a resolver: it asks nobody, knows no other names than those of its [`Zone`], and refuses all others.
//! There are no transfers, no updates and no signatures.
//!
//! - [`Record`] is what comes in, plain data; [`Zone::new`] checks it once and sorts it by name.
//! - [`Zone::answer`] turns the bytes of a [`Query`] into a [`Reply`] or into [`Silence`].
//! - [`Rates`] says which answers may go out over UDP, [`cut`] is what goes out in place of some others.
//! - [`Zone::files`] writes zones as files; [`client`] is the side that asks, for whoever looks at a server from outside;
//!   [`discover`] is the order in which a phone asks.
//! - [`Health`] says which addresses of a name are up; [`AllUp`] is for those who do not know.
//!
//! Invariants: an answer never is longer than its transport takes; a query that is refused or not understood gets
//! nothing back that is longer than itself, so nobody gains by sending such under another's address; the same zone,
//! query and random stream give the same bytes.
//!
//! RFC 1034 and 1035 (names, messages), 2181 (sets of records, truncation), 2308 (negative answers), 2782 (SRV), 6891
//! (EDNS), 7766 (TCP), 8020 (nothing beneath a name that does not exist), 8482 (ANY). Left out on purpose: DNSSEC,
//! wildcards and delegations, since nothing that follows from a topology needs them.
//!
//! Bounds: queries of [`QUERY_MAX`] bytes; answers of 512 to [`UDP_MAX`] bytes over UDP and 65,535 over TCP; chains of
//! aliases of [`ALIASES_MAX`] steps.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod answer;
pub mod client;
pub mod discover;
mod export;
mod message;
mod rates;
mod record;
mod told;
mod zone;

pub use answer::ALIASES_MAX;
pub use export::{FileFacts, ZoneFile};
pub use message::{Outcome, QUERY_MAX, Query, Reply, Silence, UDP_MAX, cut};
pub use rates::{BURST, PLACES, RATE, Rates, SLIP, Verdict};
pub use record::{AllUp, Data, Health, Origin, Record};
pub use told::{Told, told};
pub use zone::{Zone, ZoneError};
