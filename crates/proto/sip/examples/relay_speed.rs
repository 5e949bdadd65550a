//! Prints what a Front End's whole work on a call costs, from bytes to bytes, for profiling:
//! `cargo run --release -p sip --example relay_speed [calls]`. To profile the product alone:
//! `valgrind --tool=callgrind --toggle-collect='*Lone::turn*' target/release/examples/relay_speed 1000`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for developers, not a core"
)]

use model::speed::Calls;

fn main() {
    let count: u32 = std::env::args()
        .nth(1)
        .map_or(50_000, |count| count.parse().expect("a number of calls"));
    let mut calls = Calls::default();
    for _ in 0..count {
        calls.call();
    }
    let call = calls.spent() / count.max(1);
    println!(
        "a call, bytes to bytes: {} ns; per message in: {} ns",
        call.as_nanos(),
        (call / Calls::MESSAGES).as_nanos()
    );
}
