#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sluice_providers::fuzzing::answer("cohere", "command-a-03-2025", input);
});
