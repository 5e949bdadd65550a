//! The running product on loopback: what an operator, a client and a stranger see of it.

mod abuse;
pub(crate) mod bad_input;
mod durability;
mod explained;
mod failover;
mod frames;
mod kill;
mod logging;
mod malformed;
mod messages;
mod names;
mod names_hostile;
mod published;
mod reload;
pub(crate) mod site;
mod status;
mod steady;
mod traced;
mod trust;
mod users;
mod verify;
mod vip;
mod websites;
