#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sluice_providers::fuzzing::request("bedrock", "eu.amazon.nova-lite-v1:0", body);
});
