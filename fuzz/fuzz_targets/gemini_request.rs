#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sluice_providers::fuzzing::request("gemini", "gemini-2.5-flash", body);
});
