//! A short run of the fuzz targets with a fixed seed: the corpus, and mutations of it.

use std::path::Path;

use sluice_chat::fuzzing;

const ROUNDS: usize = 20_000;

#[test]
fn request_scan() {
    run("request_scan", fuzzing::request_scan);
}

#[test]
fn sse_reader() {
    run("sse_reader", fuzzing::sse_reader);
}

fn run(target: &str, body: fn(&[u8])) {
    let seeds = corpus(target);
    assert!(seeds.len() > 2, "the corpus of {target} is gone");
    seeds.iter().for_each(|seed| body(seed));
    let mut random = XorShift(0x9E37_79B9_7F4A_7C15);
    for _ in 0..ROUNDS {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut input, &seeds, &mut random);
        }
        body(&input);
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Pieces of the two languages that single bytes rarely hit.
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
    "\\u0061",
    "\\ud800",
    "\\udc00",
    "-0",
    "1e999",
    "1.5",
    "0",
    "18446744073709551616",
    "{\"type\":\"text\"}",
    "\"type\":\"function\",",
    "\"role\":\"tool\",",
    "\"content\":null,",
    "\"model\":\"m\",",
    "\n\n",
    "\r",
    "\r\n",
    "data:",
    "data: ",
    "event: x\n",
    ": c\n",
    "\u{feff}",
    "é",
];

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut XorShift) {
    let at = random.below(input.len() + 1);
    let end = (at + random.below(16)).min(input.len());
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 => drop(input.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
        2 => drop(input.splice(at..end, WORDS[random.below(WORDS.len())].bytes())),
        3 => drop(input.drain(at..end)),
        4 => {
            let copy = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            drop(input.splice(to..to, copy));
        }
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
