#![no_main]
//! Hands what the fuzzer makes up to `model::fuzz::system_model`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzz::system_model::run(bytes));
