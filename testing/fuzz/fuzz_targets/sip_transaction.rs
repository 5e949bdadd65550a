#![no_main]
//! Hands what the fuzzer makes up to `model::fuzz::sip_transaction`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzz::sip_transaction::run(bytes));
