//! RFC 3261: SIP.

mod section_10;
mod section_10_others;
mod section_11;
mod section_12;
mod section_13;
mod section_16;
mod section_16_back;
mod section_16_forward;
mod section_16_gateways;
mod section_17;
mod section_18;
mod section_19;
mod section_20;
mod section_22;
mod section_7;
mod section_8;
mod section_9;

use super::{Rfc, run};

const RFC: Rfc = Rfc {
    number: 3261,
    cases: &[
        section_7::CASES,
        section_8::CASES,
        section_9::CASES,
        section_10::CASES,
        section_10_others::CASES,
        section_11::CASES,
        section_12::CASES,
        section_13::CASES,
        section_16::CASES,
        section_16_forward::CASES,
        section_16_back::CASES,
        section_16_gateways::CASES,
        section_17::CASES,
        section_18::CASES,
        section_19::CASES,
        section_20::CASES,
        section_22::CASES,
    ],
    skipped: &[
        section_8::SKIPPED,
        section_9::SKIPPED,
        section_10::SKIPPED,
        section_16_back::SKIPPED,
        section_17::SKIPPED,
        section_18::SKIPPED,
        section_22::SKIPPED,
    ],
};

#[test]
fn conforms() {
    run(&RFC);
}
