//! Prints what a Director's whole work on a signed REGISTER costs, from bytes to bytes, for profiling:
//! `cargo run --release -p sip --example redirect_speed [requests]`; under callgrind as `relay_speed`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for developers, not a core"
)]

use model::speed::Redirects;

fn main() {
    let count: u32 = std::env::args().nth(1).map_or(100_000, |count| {
        count.parse().expect("a number of requests")
    });
    let mut redirects = Redirects::default();
    for _ in 0..count {
        redirects.register();
    }
    let one = redirects.spent() / count.max(1);
    println!("REGISTER -> 301, bytes to bytes: {} ns", one.as_nanos());
}
