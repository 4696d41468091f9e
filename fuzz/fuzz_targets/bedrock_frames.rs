#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sluice_providers::fuzzing::answer("bedrock", "eu.amazon.nova-lite-v1:0", input);
});
