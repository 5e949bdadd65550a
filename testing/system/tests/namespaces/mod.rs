//! The topology on real kernels: a namespace for each machine, its real addresses and ports, its own rules.
//!
//! Needs root, iproute2, nftables; what each test needs beside them it says itself. One bed is shared by the tests that
//! run the reference topology, which have it one after the other ([`site`]).

mod audit;
mod counting;
mod flows;
mod logging;
mod partners;
mod paths;
mod reasons;
mod removal;
mod site;
mod sweep;
mod trial;
mod verify;
mod witness;
