#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sluice_providers::fuzzing::answer("anthropic", "claude-sonnet-4-5", input);
});
