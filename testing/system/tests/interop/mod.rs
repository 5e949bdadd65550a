//! Peers of other makers: phones, servers, tools.

mod away;
mod captures;
mod certificates;
mod discovery;
mod federation;
mod hiding;
mod peers_alone;
mod phones;
mod presence;
pub(crate) mod scenario;
mod sipp;
