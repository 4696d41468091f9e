#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sluice_providers::fuzzing::request("anthropic", "claude-opus-4-8", body);
});
