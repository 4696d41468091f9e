//! Golden vectors: `vectors/<dialect>/<case>/` holds what a caller asked, what the upstream got, what it answered,
//! the events that mean it, and the reply.
//!
//! - `case.toml`: the vendor's `kind`, the `upstream_model`, and the `outcome` of the way back
//! - `request.json`, `upstream_request.json`
//! - `upstream.sse` or `upstream.json`; `events.txt`, one event a line, then the failure, if there is one
//! - `reply.sse` or `reply.json`: what the caller gets; of a failed stream the events before it
//!
//! Every body is read whole, byte by byte and in seeded pieces. What a run gave in place of what a file says is left
//! under `target/tmp/vectors`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sluice_chat::scan::scan;
use sluice_chat::sse::SseReader;
use sluice_chat::{ChatEvent, Failure};
use sluice_providers::{
    Call, DialectKind, Passage, Progress, Splice, Transcript, VendorRow, dialect, vendor, vendors,
    whole_answer,
};

const MAX_EVENT_BYTES: usize = 1 << 20;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    kind: String,
    upstream_model: String,
    outcome: String,
    #[serde(default)]
    dropped: Vec<String>,
}

/// A stream that is canonical already.
const CANONICAL: &str = "vectors/openai/usage_hidden/upstream.sse";

#[test]
fn no_vendor_changes_what_is_canonical() {
    let body = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(CANONICAL)).unwrap();
    let (expect, outcome) = passed(vendor("openai").unwrap(), true, &[&body]);
    for row in vendors() {
        assert_eq!(passed(row, true, &[&body]), (expect.clone(), outcome.clone()), "{}", row.kind);
    }
}

/// One case, and what went wrong with it.
struct Case {
    dir: PathBuf,
    name: String,
    used: BTreeSet<String>,
    wrong: Vec<String>,
}

#[test]
fn every_vector_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut wrong = Vec::new();
    let mut kinds = BTreeSet::new();
    for dialect_dir in dirs(&root) {
        assert_eq!(
            dialect_dir.file_name().and_then(|name| name.to_str()),
            Some("openai"),
            "an unknown dialect"
        );
        for dir in dirs(&dialect_dir) {
            let name = dir.strip_prefix(&root).unwrap().display().to_string();
            let mut case = Case { dir, name, used: BTreeSet::new(), wrong: Vec::new() };
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

impl Case {
    /// Returns the kind of its vendor.
    fn run(&mut self) -> String {
        let facts: Facts = toml::from_str(&String::from_utf8(self.read("case.toml")).unwrap()).unwrap();
        let row = vendor(&facts.kind).unwrap_or_else(|| panic!("{}: no kind {}", self.name, facts.kind));
        assert_eq!(row.dialect, DialectKind::OpenAi);
        let hide_usage = self.request(&facts, row);
        if self.dir.join("upstream.sse").exists() {
            self.stream(&facts, row, hide_usage);
        } else {
            self.whole(&facts, row);
        }
        for entry in fs::read_dir(&self.dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !self.used.contains(&name) {
                self.wrong.push(format!("{}/{name}: no test reads this file", self.name));
            }
        }
        facts.kind
    }

    fn read(&mut self, file: &str) -> Vec<u8> {
        self.used.insert(file.to_owned());
        fs::read(self.dir.join(file)).unwrap_or_default()
    }

    fn expect(&mut self, file: &str, got: &[u8]) {
        let expected = self.read(file);
        if expected != got || !self.dir.join(file).exists() {
            let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors").join(&self.name);
            fs::create_dir_all(&actual).unwrap();
            fs::write(actual.join(file), got).unwrap();
            let [expected, got] = [&expected, got].map(String::from_utf8_lossy);
            self.wrong.push(format!("{}/{file}\n expected {expected}\n got      {got}", self.name));
        }
    }

    /// Whether usage is hidden from this caller.
    fn request(&mut self, facts: &Facts, row: &VendorRow) -> bool {
        let body = Bytes::from(self.read("request.json"));
        let scan = scan(&body).unwrap_or_else(|_| panic!("{}: not a valid request", self.name));
        let call = Call {
            body: &body,
            scan: &scan,
            upstream_model: &sluice_providers::UpstreamModel::new(&facts.upstream_model),
            row,
            injected_output_limit: None,
            ask_usage: true,
        };
        let encoded = dialect(row.dialect).encode(&call).unwrap();
        let sent: Vec<u8> = encoded.body.iter().flat_map(|slice| slice.to_vec()).collect();
        self.expect("upstream_request.json", &sent);
        if encoded.dropped != facts.dropped {
            self.wrong.push(format!("{}: dropped {:?}", self.name, encoded.dropped));
        }
        encoded.hide_usage
    }

    fn stream(&mut self, facts: &Facts, row: &VendorRow, hide_usage: bool) {
        let body = self.read("upstream.sse");
        let events = decoded(row, true, &[&body]);
        self.expect("events.txt", events.as_bytes());
        let (reply, outcome) = passed(row, hide_usage, &[&body]);
        self.expect("reply.sse", &reply);
        if outcome != facts.outcome {
            self.wrong.push(format!("{}/case.toml: outcome = {outcome:?}", self.name));
        }
        for pieces in cuts(&body) {
            if decoded(row, true, &pieces) != events {
                self.wrong.push(format!("{}: other events when cut into {}", self.name, pieces.len()));
            }
            let (cut_reply, cut_outcome) = passed(row, hide_usage, &pieces);
            // A CRLF that is cut in two leaves a stray line end between events, which means nothing.
            if (data_of(&cut_reply), &cut_outcome) != (data_of(&reply), &outcome) {
                self.wrong.push(format!("{}: other reply when cut into {}", self.name, pieces.len()));
            }
        }
    }

    fn whole(&mut self, facts: &Facts, row: &VendorRow) {
        let body = self.read("upstream.json");
        let events = decoded(row, false, &[&body]);
        self.expect("events.txt", events.as_bytes());
        for pieces in cuts(&body) {
            assert_eq!(decoded(row, false, &pieces), events, "{}", self.name);
        }
        let outcome = match whole_answer(row, Bytes::from(body)) {
            Ok(answer) => {
                self.expect("reply.json", &answer.body);
                let usage = answer
                    .usage
                    .map(|usage| format!(" usage={}+{}", usage.prompt_tokens, usage.completion_tokens));
                let absurd = if answer.usage_absurd { " absurd" } else { "" };
                format!("content={}{}{absurd}", answer.content_bytes, usage.unwrap_or_default())
            }
            Err(failure) => failed(&failure),
        };
        if outcome != facts.outcome {
            self.wrong.push(format!("{}/case.toml: outcome = {outcome:?}", self.name));
        }
    }
}

fn failed(failure: &Failure) -> String {
    let code = failure.error.code.as_deref().unwrap_or("-");
    format!("{:?} {} {code}: {}", failure.kind, failure.error.kind, failure.error.message)
}

/// The events of a body, one a line, and the failure.
fn decoded(row: &VendorRow, streaming: bool, pieces: &[&[u8]]) -> String {
    let mut decoder = dialect(row.dialect).decoder(streaming);
    let mut events: Vec<ChatEvent> = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| decoder.feed(piece, &mut events));
    }
    result = result.and_then(|()| decoder.end(&mut events));
    let mut text: String = events.iter().map(|event| format!("{event:?}\n")).collect();
    if let Err(failure) = result {
        text.push_str(&format!("! {}\n", failed(&failure)));
    }
    text
}

/// The reply to a body, with `[DONE]`, and how it ended.
fn passed(row: &VendorRow, hide_usage: bool, pieces: &[&[u8]]) -> (Vec<u8>, String) {
    let mut passage = Passage::new(row, hide_usage, MAX_EVENT_BYTES);
    passage.keep_transcript();
    let mut out = Vec::new();
    let mut result = Ok(());
    for piece in pieces {
        result = result.and_then(|()| passage.push(Bytes::copy_from_slice(piece), &mut out));
    }
    result = result.and_then(|()| passage.end(&mut out));
    let Progress {
        has_content,
        choices,
        finished,
        done,
        usage,
        usage_absurd,
        content_events,
        content_bytes,
        transcript,
    } = passage.progress();
    continues_itself(transcript.as_deref(), &out);
    let mut reply = out.concat();
    reply.extend_from_slice(done.as_deref().unwrap_or_default());
    let usage = usage.map(|usage| format!(" usage={}+{}", usage.prompt_tokens, usage.completion_tokens));
    let absurd = if *usage_absurd { " absurd" } else { "" };
    let facts = format!("content={content_events}/{content_bytes}{}{absurd}", usage.unwrap_or_default());
    assert!(*has_content || *content_events == 0);
    assert!(*choices > 0 || !*finished);
    let outcome = match result {
        Ok(()) => format!("finished={finished} done={} {facts}", done.is_some()),
        Err(failure) => format!("{} {facts}", failed(&failure)),
    };
    (reply, outcome)
}

/// An answer that is put in its own place has said all that its caller has.
fn continues_itself(transcript: Option<&Transcript>, events: &[Bytes]) {
    let Some(mut splice) = Splice::new(transcript.unwrap(), &events.concat(), MAX_EVENT_BYTES) else {
        return;
    };
    let mut rest = Vec::new();
    splice.push(events, &mut rest).unwrap();
    splice.finish().unwrap();
}

fn data_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    let mut reader = SseReader::new(MAX_EVENT_BYTES);
    reader.feed(stream, &mut |event| data.push(event.data.to_vec())).unwrap();
    data
}

/// The body byte by byte, in halves at many places, and in seeded pieces.
fn cuts(body: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut all: Vec<Vec<&[u8]>> = vec![body.chunks(1).collect()];
    all.extend((0..body.len()).step_by(13).map(|at| vec![&body[..at], &body[at..]]));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..8 {
        let mut pieces = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (piece, after) = rest.split_at((1 + (state >> 33) as usize % 90).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        all.push(pieces);
    }
    all
}
