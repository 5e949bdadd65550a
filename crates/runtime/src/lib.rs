//! Sockets, clocks, threads and TLS: the one place of the program that touches the world.
//!
//! It knows neither SIP nor the topology. It drives any [`base::Machine`] over the network ([`worker`]), decides who
//! is at the other end of a connection ([`tls`]), serves HTTP ([`http`]), passes connections through ([`passing`]), counts who holds connections ([`places`]), and holds the small services of a process: its clock ([`clock`]),
//! control socket ([`control`]), metrics ([`metrics`], [`mod@counters`]), logs ([`logging`]), signals ([`signals`]), limits ([`process`]), private files
//! ([`disk`]), other programs of the system ([`program`]) and the kernel's packet filter ([`nft`]).
//!
//! What is not here: rules about messages, which live in cores, and wiring of roles, which lives above.

pub mod clock;
pub mod control;
pub mod counters;
mod crew;
pub mod disk;
mod doorway;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod nft;
pub mod passing;
pub mod places;
pub mod process;
pub mod program;
pub mod proxy_header;
pub mod reach;
pub mod signals;
mod socket;
pub mod tls;
pub mod worker;
