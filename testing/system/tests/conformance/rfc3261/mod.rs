//! RFC 3261: SIP.

mod section_16;
mod section_8;

use super::{Rfc, run};

const RFC: Rfc = Rfc {
    number: 3261,
    cases: &[section_8::CASES, section_16::CASES],
    skipped: &[section_8::SKIPPED],
};

#[test]
fn conforms() {
    run(&RFC);
}
