//! What the RFCs demand, sentence by sentence, of the product as it runs: `rfcNNNN/section_*.rs` is the RFC's own order.
//!
//! A [`Case`] is one MUST (or SHOULD that a deployment relies on) with a check that shows it from outside. What cannot
//! be shown, or is left out on purpose, is a [`Skipped`] with its reason. Both are counted; `cargo xtask conformance`
//! prints the table.
//!
//! **To add a case**: take the section's file (a new file: `mod` it in `rfcNNNN/mod.rs` and name its tables in `RFC`; a
//! new RFC: copy such a `mod.rs`, `mod` it below), and write
//!
//! ```ignore
//! pub(crate) const CASES: &[Case] = &[Case {
//!     section: "16.3",
//!     sentence: "a request with Max-Forwards 0 is answered 483",
//!     check: max_forwards_of_zero,
//! }];
//!
//! fn max_forwards_of_zero(site: &Site) -> Verdict {
//!     let mut caller = site.inside()?;                       // a fresh user, signed in at its Front End
//!     let request = caller.request("INVITE", &site.user().uri).set("Max-Forwards", 0);
//!     is(&caller.ask(&request)?, 483)                        // or ensure!(condition, "what there is instead: {x}")
//! }
//! ```
//!
//! `system::agent` tells what an agent can do; [`Site`] has users, doors and agents. Cases of one RFC share a running
//! deployment (`site.toml`) and run at the same time: use fresh users, never the counters of the whole machine, and do
//! not kill anything. A case about other organisations is a `Crossing` on [`abroad::Abroad`]. A case that needs another
//! topology makes its own `live::site::Site`. A case that cannot fail when the product is wrong is none.

mod abroad;
mod fault;
mod rfc3261;
mod rfc3262;
mod rfc3263;
mod rfc3311;
mod rfc3323;
mod rfc3325;
mod rfc3326;
mod rfc3327;
mod rfc3428;
mod rfc3581;
mod rfc3608;
mod rfc3856;
mod rfc3903;
mod rfc4028;
mod rfc4320;
mod rfc4475;
mod rfc4662;
mod rfc5118;
mod rfc5393;
mod rfc5626;
mod rfc5627;
mod rfc5630;
mod rfc5922;
mod rfc5923;
mod rfc6026;
mod rfc6665;
mod rfc7339;
mod rfc8760;
mod ringing;
mod run;
mod site;
mod torture;
mod watching;

pub(crate) use fault::{Fault, Verdict, ensure, is};
pub(crate) use run::{Trial, run, run_on, run_with};
pub(crate) use site::Site;

/// A sentence of an RFC and how to see that it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// The section, as `16.3`.
    pub(crate) section: &'static str,
    /// What holds, in one sentence of our own.
    pub(crate) sentence: &'static str,
    /// Shows it.
    pub(crate) check: fn(&Site) -> Verdict,
}

/// A sentence that is not shown here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skipped {
    /// The section.
    pub(crate) section: &'static str,
    /// What the RFC asks.
    pub(crate) sentence: &'static str,
    /// Why there is no case: not ours to do, not visible from outside, or left out by a decision.
    pub(crate) reason: &'static str,
}

/// An RFC and everything that is said of it here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rfc {
    /// Its number.
    pub(crate) number: u16,
    /// Its cases, a table for each file.
    pub(crate) cases: &'static [&'static [Case]],
    /// What is left out, a table for each file.
    pub(crate) skipped: &'static [&'static [Skipped]],
}
