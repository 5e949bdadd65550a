//! nftables: a table of its own, `inet vestibule`, which is replaced as a whole and touches nobody else's.
//!
//! Both forms, text for `nft -f` and JSON for `nft -j -f`, are written from one `model`, so they load the same rules.
//! A load adds the table, deletes it and adds it again in one transaction: the kernel goes from the old rules to the
//! new ones at once, the first load is like every other, and what is in other tables stays. Counters begin at zero.
//!
//! The chains are `input` and `output` on a machine, `forward` on a boundary, at priority `filter`, all with the policy to
//! drop. Each rule counts and has a comment that begins with `flow N:` or `basic NAME`; in front of a rule for strangers
//! stands one, `rate of flow N`, that drops what a source opens beyond its rate. Addresses that several rules need are
//! a set. Bounds: the sets of sources have a size; a source for which there is no room is not held to a rate, so that a
//! flood of false addresses shuts nobody out.

mod build;
mod json;
mod model;
mod text;

use crate::plan::Rules;

/// The name of the table.
pub const TABLE_NAME: &str = "vestibule";

/// Returns the rules of a place as `nft -f` reads them.
#[must_use]
pub fn text(rules: &Rules) -> String {
    text::file(&rules.place, &build::table(rules))
}

/// Returns the rules of a place as `nft -j -f` reads them.
#[must_use]
pub fn json(rules: &Rules) -> serde_json::Value {
    json::file(&build::table(rules))
}
