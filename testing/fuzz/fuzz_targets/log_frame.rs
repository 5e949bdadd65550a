#![no_main]
//! Hands what the fuzzer makes up to `model::fuzz::log_frame`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzz::log_frame::run(bytes));
