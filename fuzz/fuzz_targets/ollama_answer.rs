#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    sluice_providers::fuzzing::answer("ollama", "llama3.1", input);
});
