#![no_main]
//! Hands what the fuzzer makes up to `model::fuzz::sip_message`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::fuzz::sip_message::run(bytes));
