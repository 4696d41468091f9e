#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sluice_providers::fuzzing::request("ollama", "llama3.1", body);
});
