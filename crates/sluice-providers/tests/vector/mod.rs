//! One vector: read, run, compared.

mod frames;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sluice_chat::scan::{RequestScan, scan};
use sluice_chat::{ApiError, ChatEvent, Failure};
use sluice_providers::{
    Call, DecoderTerms, Encoded, FailedAnswer, Inlined, Media, Memory, ModelFacts, Passage, Progress,
    Reading, Relay, RequestQuirk, ResponseQuirk, Splice, Transcript, UpstreamModel, VendorRow, capability,
    dialect, vendor, vendors, whole_answer,
};

use crate::data_of;

pub(crate) const MAX_EVENT_BYTES: usize = 1 << 20;

/// `case.toml`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    kind: String,
    /// What the case is about: every other vendor that has these is sent the same, or gives the same.
    #[serde(default)]
    quirks: Vec<Quirk>,
    upstream_model: String,
    /// How the way back ended: of a refused request the param and the words.
    outcome: String,
    #[serde(default)]
    dropped: Vec<String>,
    /// Where the request goes, and the headers of the dialect.
    #[serde(default = "chat_completions")]
    path: String,
    #[serde(default)]
    headers: Vec<String>,
    /// The status of a failure, and its `Retry-After`.
    status: Option<u16>,
    retry_after_ms: Option<u64>,
    injected_output_limit: Option<u64>,
    /// What an operator says the model can do.
    capabilities: Option<Vec<String>>,
    max_output_tokens: Option<u64>,
    /// Media that were fetched: URL to media type. The content is that of a small picture.
    #[serde(default)]
    media: BTreeMap<String, String>,
    /// The URLs that the dialect wants to have fetched.
    #[serde(default)]
    to_inline: Vec<String>,
    /// What is remembered before, and what was kept after.
    #[serde(default)]
    remembered: BTreeMap<String, String>,
    #[serde(default)]
    kept: BTreeMap<String, String>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(untagged)]
enum Quirk {
    Answer(ResponseQuirk),
    Request(RequestQuirk),
    /// None: it may be so at every vendor that speaks OpenAI's dialect, or whose answers are rewritten.
    Any(Any),
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Any {
    AnyRequest,
    AnyAnswer,
}

impl Quirk {
    fn is_of(self, row: &VendorRow) -> bool {
        match self {
            Self::Answer(quirk) => row.answers_with(quirk),
            Self::Request(quirk) => row.wants(quirk),
            Self::Any(Any::AnyRequest) => row.relay != Relay::Translate && row.kind != "sandbox",
            Self::Any(Any::AnyAnswer) => row.relay == Relay::Normalise,
        }
    }

    fn is_of_answers(self) -> bool {
        matches!(self, Self::Answer(_) | Self::Any(Any::AnyAnswer))
    }
}

fn chat_completions() -> String {
    "/chat/completions".to_owned()
}

/// One case, and what went wrong with it.
pub(crate) struct Case {
    dir: PathBuf,
    name: String,
    used: BTreeSet<String>,
    pub(crate) wrong: Vec<String>,
}

/// What the decoder gets to know.
struct Around<'a> {
    row: &'a VendorRow,
    model: &'a str,
    hide_usage: bool,
    reading: Reading,
    memory: Arc<dyn Memory>,
}

impl Around<'_> {
    fn terms(&self, streaming: bool) -> DecoderTerms<'_> {
        DecoderTerms {
            upstream_model: self.model,
            unix_s: 1_700_000_000,
            call_id: "call0",
            reading: &self.reading,
            memory: &self.memory,
            ..DecoderTerms::plain(self.row, streaming, MAX_EVENT_BYTES)
        }
    }
}

/// Remembers what a test says, and what it was told.
#[derive(Debug, Default)]
struct Notebook {
    remembered: BTreeMap<String, String>,
    kept: Mutex<BTreeMap<String, String>>,
}

impl Memory for Notebook {
    fn recall(&self, call_id: &str) -> Option<String> {
        self.remembered.get(call_id).cloned()
    }

    fn keep(&self, call_id: &str, signature: &str) {
        self.kept.lock().unwrap().insert(call_id.to_owned(), signature.to_owned());
    }
}

impl Case {
    pub(crate) fn new(dir: PathBuf, name: String) -> Self {
        Self { dir, name, used: BTreeSet::new(), wrong: Vec::new() }
    }

    /// Returns the kind of its vendor.
    pub(crate) fn run(&mut self) -> String {
        let facts: Facts = toml::from_str(&String::from_utf8(self.read("case.toml")).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let row = vendor(&facts.kind).unwrap_or_else(|| panic!("{}: no kind {}", self.name, facts.kind));
        let own_name = self.name.clone();
        self.run_at(row, &facts, (true, true));
        let compared = |answer| facts.quirks.iter().any(|quirk| quirk.is_of_answers() == answer);
        for other in like(row, &facts.quirks) {
            self.name = format!("{own_name} as {}", other.kind);
            self.run_at(other, &facts, (compared(false), compared(true)));
        }
        self.name = own_name;
        for entry in fs::read_dir(&self.dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !self.used.contains(&name) {
                self.wrong.push(format!("{}/{name}: no test reads this file", self.name));
            }
        }
        facts.kind
    }

    /// Runs the case at a vendor; what is sent and what it answers are each compared if wanted.
    fn run_at(&mut self, row: &VendorRow, facts: &Facts, (sent, answered): (bool, bool)) {
        let notebook = Arc::new(Notebook { remembered: facts.remembered.clone(), ..Notebook::default() });
        let around = Around {
            row,
            model: &facts.upstream_model,
            hide_usage: false,
            reading: Reading::default(),
            memory: Arc::clone(&notebook) as Arc<dyn Memory>,
        };
        if let Some(around) = self.request(facts, around, sent).filter(|_| answered) {
            self.answer(facts, &around);
        }
        let kept = notebook.kept.lock().unwrap().clone();
        if kept != facts.kept {
            self.wrong.push(format!("{}/case.toml: kept = {kept:?}", self.name));
        }
    }

    fn read(&mut self, file: &str) -> Vec<u8> {
        self.used.insert(file.to_owned());
        fs::read(self.dir.join(file)).unwrap_or_default()
    }

    fn has(&self, file: &str) -> bool {
        self.dir.join(file).exists()
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

    fn outcome(&mut self, facts: &Facts, got: &str) {
        if got != facts.outcome {
            self.wrong.push(format!("{}/case.toml: outcome = {got:?}", self.name));
        }
    }

    /// Writes the request; `None` if it is refused.
    fn request<'a>(&mut self, facts: &Facts, around: Around<'a>, compared: bool) -> Option<Around<'a>> {
        let body = Bytes::from(self.read("request.json"));
        let scan = scan(&body).unwrap_or_else(|_| panic!("{}: not a valid request", self.name));
        let picture = |(url, mime): (&String, &String)| {
            (url.clone(), Media { mime: mime.clone(), base64: "iVBORw0KGgo=".to_owned() })
        };
        let media: Inlined = facts.media.iter().map(picture).collect();
        let model = UpstreamModel::new(&facts.upstream_model);
        let call = Call {
            injected_output_limit: facts.injected_output_limit,
            facts: self.capabilities(facts),
            media: &media,
            memory: &*around.memory,
            ..Call::plain(&body, &scan, &model, around.row)
        };
        let dialect = dialect(around.row, around.model);
        let to_inline = dialect.media_to_inline(&call);
        if to_inline != facts.to_inline {
            self.wrong.push(format!("{}/case.toml: to_inline = {to_inline:?}", self.name));
        }
        let encoded = match dialect.encode(&call) {
            Ok(encoded) => encoded,
            Err(error) => {
                self.outcome(facts, &refused(&error));
                return None;
            }
        };
        self.eligible(&scan, dialect.takes(&scan));
        if compared {
            self.sent(facts, &encoded);
        }
        Some(Around { hide_usage: encoded.hide_usage, reading: encoded.reading, ..around })
    }

    fn sent(&mut self, facts: &Facts, encoded: &Encoded) {
        let sent: Vec<u8> = encoded.body.iter().flat_map(|slice| slice.to_vec()).collect();
        self.expect("upstream_request.json", &sent);
        let headers: Vec<String> =
            encoded.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        for (what, got, expected) in [
            ("dropped", format!("{:?}", encoded.dropped), format!("{:?}", facts.dropped)),
            ("path", format!("{:?}", encoded.path), format!("{:?}", facts.path)),
            ("headers", format!("{headers:?}"), format!("{:?}", facts.headers)),
        ] {
            if got != expected {
                self.wrong.push(format!("{}/case.toml: {what} = {got}", self.name));
            }
        }
    }

    /// What a dialect wrote, it said that it takes.
    fn eligible(&mut self, scan: &RequestScan, taken: Result<(), &'static str>) {
        if let Err(param) = taken {
            self.wrong.push(format!("{}: not taken for {param}, and yet written: {scan:?}", self.name));
        }
    }

    fn capabilities(&self, facts: &Facts) -> ModelFacts {
        let mut known = capability::facts(&facts.kind, &facts.upstream_model).unwrap_or_default();
        known.max_output_tokens = facts.max_output_tokens.or(known.max_output_tokens);
        if let Some(words) = &facts.capabilities {
            known.set_flags(words);
        }
        known
    }

    fn answer(&mut self, facts: &Facts, around: &Around<'_>) {
        if let Some(status) = facts.status {
            return self.failure(facts, around, status);
        }
        let streams = ["upstream.sse", "upstream.ndjson", "upstream.frames"];
        if let Some(file) = streams.into_iter().find(|file| self.has(file)) {
            let body = self.read(file);
            let body = if file == "upstream.frames" { frames::encoded(&body) } else { body };
            self.stream(facts, around, &body);
        } else if self.has("upstream.json") {
            self.whole(facts, around);
        } else {
            self.outcome(facts, "");
        }
    }

    fn failure(&mut self, facts: &Facts, around: &Around<'_>, status: u16) {
        let body = self.read("upstream.json");
        let answer = FailedAnswer {
            status,
            content_type: Some("application/json"),
            retry_after_ms: facts.retry_after_ms,
            body: &body,
        };
        let failure = dialect(around.row, around.model).failure(&answer);
        let retry = failure.retry_after_ms.map(|ms| format!(" retry_after={ms}")).unwrap_or_default();
        self.outcome(facts, &format!("{}{retry}", failed(&failure)));
    }

    fn stream(&mut self, facts: &Facts, around: &Around<'_>, body: &[u8]) {
        let terms = around.terms(true);
        let events = decoded(&terms, &[body]);
        self.expect("events.txt", events.as_bytes());
        let (reply, outcome) = passed(&terms, around.hide_usage, &[body]);
        self.expect("reply.sse", &reply);
        self.outcome(facts, &outcome);
        for pieces in cuts(body) {
            if decoded(&terms, &pieces) != events {
                self.wrong.push(format!("{}: other events when cut into {}", self.name, pieces.len()));
            }
            let (cut_reply, cut_outcome) = passed(&terms, around.hide_usage, &pieces);
            // A CRLF that is cut in two leaves a stray line end between events, which means nothing.
            if (data_of(&cut_reply), &cut_outcome) != (data_of(&reply), &outcome) {
                self.wrong.push(format!("{}: other reply when cut into {}", self.name, pieces.len()));
            }
        }
    }

    fn whole(&mut self, facts: &Facts, around: &Around<'_>) {
        let terms = around.terms(false);
        let body = self.read("upstream.json");
        let events = decoded(&terms, &[&body]);
        self.expect("events.txt", events.as_bytes());
        for pieces in cuts(&body) {
            assert_eq!(decoded(&terms, &pieces), events, "{}", self.name);
        }
        let outcome = match whole_answer(&terms, Bytes::from(body)) {
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
        self.outcome(facts, &outcome);
    }
}

/// The other vendors that have the same quirks, if the case is about any.
fn like(row: &VendorRow, quirks: &[Quirk]) -> Vec<&'static VendorRow> {
    let has = |row: &VendorRow| quirks.iter().all(|quirk| quirk.is_of(row));
    assert!(has(row), "{} has other quirks", row.kind);
    let others = vendors().iter().filter(|other| other.kind != row.kind && has(other));
    if quirks.is_empty() { Vec::new() } else { others.collect() }
}

fn refused(error: &ApiError) -> String {
    let code = error.code.as_deref().unwrap_or("-");
    format!("{} {code}: {}", error.param.as_deref().unwrap_or("-"), error.message)
}

fn failed(failure: &Failure) -> String {
    let code = failure.error.code.as_deref().unwrap_or("-");
    format!("{:?} {} {code}: {}", failure.kind, failure.error.kind, failure.error.message)
}

/// The events of a body, one a line, and the failure.
fn decoded(terms: &DecoderTerms<'_>, pieces: &[&[u8]]) -> String {
    let mut decoder = dialect(terms.row, terms.upstream_model).decoder(terms);
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
pub(crate) fn passed(terms: &DecoderTerms<'_>, hide_usage: bool, pieces: &[&[u8]]) -> (Vec<u8>, String) {
    let mut passage = Passage::new(terms, hide_usage);
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
