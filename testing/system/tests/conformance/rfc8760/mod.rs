//! RFC 8760: Digest with SHA-256, and what RFC 7616 and RFC 3261 22 ask of a server.

mod digest;

use super::{Rfc, run};

const RFC: Rfc = Rfc {
    number: 8760,
    cases: &[digest::CASES],
    skipped: &[digest::SKIPPED],
};

#[test]
fn conforms() {
    run(&RFC);
}
