#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sluice_gateway::upstream::h1::fuzz_answer(data));
