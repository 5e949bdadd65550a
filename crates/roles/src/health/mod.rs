//! Who of the deployment can be used, for a machine that chooses among servers (port summary rows 22 and 30).
//!
//! [`Prober`] asks the SIP port of every member as another server would: a TCP connection, a TLS handshake in which the
//! member proves its name, one OPTIONS ([`options`]). 200 is up, 503 is a member that drains, all else is a failure.
//! What follows from answers is decided in [`base::health`]; what is believed of whom stands on the [`Board`], which any
//! thread may read.
//!
//! A web port that answers while SIP is dead is of no use to anybody here, so SIP stands for the member as a whole. A
//! balancer asks the web ports behind its VIPs too: a member that takes no connection there is not up either.
//!
//! Bounds: as in [`base::health::Pace`]; an answer of [`options::ANSWER_MAX`] bytes; [`REPORTS`] words of those who use
//! members wait, more are dropped.

mod board;
pub mod options;
mod prober;

pub use board::{Board, Listener, MemberStatus, Reporter, Watched};
pub use prober::{Prober, REPORTS};

#[cfg(test)]
mod tests;
