#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sluice_providers::fuzzing::request("cohere", "command-a-plus-05-2026", body);
});
