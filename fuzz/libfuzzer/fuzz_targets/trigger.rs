#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spanlayer_fuzz::run("trigger", data));
