//! A short run of the fuzz targets with a fixed seed: the vectors, and mutations of them.

#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use sluice_providers::fuzzing;

const ROUNDS: usize = 4_000;

#[test]
fn gemini_answers() {
    let seeds = seeds("gemini", |name| name.starts_with("upstream.s") || name == "upstream.json");
    run(&seeds, &mut |input| fuzzing::answer("gemini", "gemini-3-pro-preview", input));
}

#[test]
fn gemini_requests() {
    let seeds = seeds("gemini", |name| name == "request.json");
    for model in ["gemini-2.0-flash", "gemini-2.5-flash", "gemini-3-pro-preview"] {
        run(&seeds, &mut |input| fuzzing::request("gemini", model, &input[3..]));
    }
}

#[test]
fn anthropic_answers() {
    let seeds = seeds("anthropic", |name| name.starts_with("upstream.s") || name == "upstream.json");
    run(&seeds, &mut |input| fuzzing::answer("anthropic", "claude-sonnet-4-5", input));
}

#[test]
fn anthropic_requests() {
    let seeds = seeds("anthropic", |name| name == "request.json");
    for model in ["claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-8", "claude-opus-5-5"] {
        run(&seeds, &mut |input| fuzzing::request("anthropic", model, &input[3..]));
    }
}

#[test]
fn bedrock_answers() {
    let wanted = |name: &str| name == "upstream.frames" || name == "upstream.json";
    let seeds = seeds("bedrock", wanted);
    run(&seeds, &mut |input| fuzzing::framed_answer("bedrock", "eu.amazon.nova-lite-v1:0", input));
    run(&seeds, &mut |input| fuzzing::answer("bedrock", "eu.amazon.nova-lite-v1:0", input));
}

#[test]
fn bedrock_requests() {
    let seeds = seeds("bedrock", |name| name == "request.json");
    for model in ["eu.amazon.nova-2-lite-v1:0", "mistral.ministral-3-8b-instruct", "arn:aws:bedrock:x/y"] {
        run(&seeds, &mut |input| fuzzing::request("bedrock", model, &input[3..]));
    }
}

#[test]
fn ollama_answers_and_requests() {
    let answers = seeds("ollama", |name| name == "upstream.ndjson" || name == "upstream.json");
    run(&answers, &mut |input| fuzzing::answer("ollama", "llama3.1", input));
    let requests = seeds("ollama", |name| name == "request.json");
    run(&requests, &mut |input| fuzzing::request("ollama", "gpt-oss:20b", &input[3..]));
}

#[test]
fn cohere_answers_and_requests() {
    let answers = seeds("cohere", |name| name == "upstream.sse" || name == "upstream.json");
    run(&answers, &mut |input| fuzzing::answer("cohere", "command-a-03-2025", input));
    let requests = seeds("cohere", |name| name == "request.json");
    run(&requests, &mut |input| fuzzing::request("cohere", "command-a-plus-05-2026", &input[3..]));
}

/// The files of a dialect's vectors, each with three bytes before it that say how an answer is read and cut.
fn seeds(dialect: &str, wanted: fn(&str) -> bool) -> Vec<Vec<u8>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(dialect);
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let files = list(&vectors).into_iter().flat_map(|case| list(&case));
    let named = files.filter(|file| wanted(file.file_name().unwrap().to_str().unwrap()));
    let seed = |file: PathBuf| {
        let whole = u8::from(file.extension().unwrap() == "json");
        [vec![whole, 7, 11], fs::read(file).unwrap()].concat()
    };
    let seeds: Vec<_> = named.map(seed).collect();
    assert!(seeds.len() > 2, "the vectors of {dialect} are gone");
    seeds
}

fn run(seeds: &[Vec<u8>], body: &mut dyn FnMut(&[u8])) {
    seeds.iter().for_each(|seed| body(seed));
    let mut random = XorShift(0x9E37_79B9_7F4A_7C15);
    for _ in 0..ROUNDS {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut input, seeds, &mut random);
        }
        body(&input);
    }
}

/// Pieces of JSON and of streams that single bytes rarely hit.
const WORDS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "-1",
    "1e999",
    "0.5",
    "18446744073709551616",
    "\n\n",
    "\r",
    "data: ",
    "data: [DONE]\n\n",
    "event: x\n",
    "é",
    "{\"error\":{\"message\":\"m\"}}",
];

/// Changes something behind the first three bytes.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut XorShift) {
    let at = 3 + random.below(input.len() - 2);
    let end = (at + random.below(16)).min(input.len());
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 => drop(input.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
        2 => drop(input.splice(at..end, WORDS[random.below(WORDS.len())].bytes())),
        3 => drop(input.drain(at..end)),
        4 => input[1] = input[1].wrapping_add(5),
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            let until = (from + random.below(64)).min(other.len());
            drop(input.splice(at..end, other[from..until].iter().copied()));
        }
    }
}

struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).unwrap()
    }
}
