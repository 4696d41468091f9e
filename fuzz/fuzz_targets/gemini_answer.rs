#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sluice_providers::fuzzing::answer("gemini", "gemini-3-pro-preview", input);
});
