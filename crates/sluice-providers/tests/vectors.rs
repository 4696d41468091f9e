//! Golden vectors: `vectors/<dialect>/<case>/` holds what a caller asked, what the upstream got, what it answered,
//! the events that mean it, and the reply.
//!
//! - `case.toml`: the vendor's `kind`, the `upstream_model`, the `outcome` of the way back, and what [`Facts`] names
//! - `request.json`, `upstream_request.json`
//! - `upstream.sse`, `upstream.ndjson`, `upstream.frames` (one frame a line: message type, its name, the payload) for
//!   a stream, `upstream.json` for a whole answer, or for a failure where `case.toml` gives a `status`
//! - `events.txt`, one event a line, then the failure, if there is one
//! - `reply.sse` or `reply.json`: what the caller gets; of a failed stream the events before it
//!
//! A case without `upstream.*` is about the request alone. Every body is read whole, byte by byte and in seeded
//! pieces. What a run gave in place of what a file says is left under `target/tmp/vectors`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read fails the test")]

mod vector;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_chat::sse::SseReader;
use sluice_providers::{DecoderTerms, vendor, vendors};
use vector::{Case, MAX_EVENT_BYTES};

/// A stream that is canonical already.
const CANONICAL: &str = "vectors/openai/usage_hidden/upstream.sse";

/// The dialects.
const DIALECTS: [&str; 6] = ["openai", "anthropic", "gemini", "bedrock", "ollama", "cohere"];

#[test]
fn no_vendor_changes_what_is_canonical() {
    let body = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(CANONICAL)).unwrap();
    let terms = |row| DecoderTerms::plain(row, true, MAX_EVENT_BYTES);
    let (expect, outcome) = vector::passed(&terms(vendor("openai").unwrap()), true, &[&body]);
    for row in vendors().iter().filter(|row| row.relay != sluice_providers::Relay::Translate) {
        let passed = vector::passed(&terms(row), true, &[&body]);
        assert_eq!(passed, (expect.clone(), outcome.clone()), "{}", row.kind);
    }
}

#[test]
fn every_vector_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut wrong = Vec::new();
    let mut kinds = BTreeSet::new();
    for dialect_dir in dirs(&root) {
        let dialect = dialect_dir.file_name().and_then(|name| name.to_str()).unwrap();
        assert!(DIALECTS.contains(&dialect), "an unknown dialect: {dialect}");
        for dir in dirs(&dialect_dir) {
            let name = dir.strip_prefix(&root).unwrap().display().to_string();
            let mut case = Case::new(dir, name);
            kinds.insert(case.run());
            wrong.append(&mut case.wrong);
        }
    }
    // The sandbox is an upstream of its own, with tests of its own.
    let without = vendors().iter().filter(|row| row.kind != "sandbox" && !kinds.contains(&row.kind));
    wrong.extend(without.map(|row| format!("no vector for the vendor {}", row.kind)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The folders in a folder; there must be nothing else.
fn dirs(of: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let stray: Vec<_> = all.iter().filter(|path| !path.is_dir()).collect();
    assert!(stray.is_empty(), "files that no test reads: {stray:?}");
    all
}

fn data_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    let mut reader = SseReader::new(MAX_EVENT_BYTES);
    reader.feed(stream, &mut |event| data.push(event.data.to_vec())).unwrap();
    data
}
