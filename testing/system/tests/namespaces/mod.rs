//! The topology on real kernels: a namespace for each machine, its real addresses and ports, its own rules.

mod flows;
mod paths;
mod reasons;
mod removal;
mod site;
mod sweep;
mod verify;
