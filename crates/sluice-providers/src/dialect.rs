//! The interfaces of a wire format: write a request, read an answer, understand a failure.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use sluice_chat::scan::RequestScan;
use sluice_chat::splice::Slices;
use sluice_chat::{ApiError, ChatEvent, Failure};
use smallvec::SmallVec;

use crate::anthropic;
use crate::bedrock::Bedrock;
use crate::capability::ModelFacts;
use crate::cohere::Cohere;
use crate::gemini::Gemini;
use crate::media::Inlined;
use crate::memory::{Forgetful, Memory};
use crate::ollama::Ollama;
use crate::openai::OpenAi;
use crate::reading::Reading;
use crate::vendor::{DialectKind, VendorRow};

/// One wire format.
pub trait Dialect: Sync {
    /// Writes the request for an upstream.
    ///
    /// # Errors
    /// The API error (a 400) when the call cannot be said in this dialect.
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError>;

    /// A decoder for one answer: a stream of events, or one whole body.
    fn decoder(&self, terms: &DecoderTerms<'_>) -> Box<dyn Decoder>;

    /// What an answer that is not a success means.
    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure;

    /// How a stream is framed: decides what is asked for by `accept`, and which content type is a stream.
    fn stream_type(&self) -> StreamType {
        StreamType::EventStream
    }

    /// Whether the dialect can say this request at all.
    ///
    /// # Errors
    /// The field (`n`, `messages`) that it has no words for.
    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str>;

    /// URLs of media that this provider cannot fetch itself. Asked only where the operator allows that we do.
    fn media_to_inline(&self, _call: &Call<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// How the pieces of a streamed answer are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// Server-sent events.
    EventStream,
    /// AWS's binary frames.
    AwsEventStream,
    /// One JSON value a line.
    Ndjson,
}

impl StreamType {
    /// The media type, for `accept` and for the head of the answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::EventStream => "text/event-stream",
            Self::AwsEventStream => "application/vnd.amazon.eventstream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// Reads one answer. It owns its state and gives the same events however the bytes are cut.
pub trait Decoder: Send {
    /// Reads more bytes of the body and appends what they say to `out`. Events before a failure are in `out` too.
    ///
    /// # Errors
    /// The failure that ends the answer: an event that cannot be read or is too large, a declared error.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure>;

    /// The body is over.
    ///
    /// # Errors
    /// [`sluice_chat::FailureKind::Truncated`] when the answer was not complete, or what a whole body failed with.
    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure>;

    /// The upstream said that nothing more comes; its connection need not end for the answer to be complete.
    fn done(&self) -> bool {
        false
    }

    /// Every choice has said how it ended, though what belongs to its end waits for that of the body: a body that
    /// breaks now, or does not end, is complete.
    fn finished(&self) -> bool {
        false
    }

    /// The upstream gave counts that cannot be (negative, not integers); there was no usage event for them.
    fn usage_absurd(&self) -> bool {
        false
    }
}

/// The circumstances of one answer.
#[derive(Clone, Copy, Debug)]
pub struct DecoderTerms<'a> {
    pub streaming: bool,
    pub row: &'a VendorRow,
    /// The model that was asked, for answers that do not name theirs.
    pub upstream_model: &'a str,
    /// Bound on one event of a stream, in bytes.
    pub max_event_bytes: usize,
    /// Unix time in seconds, for answers that have none.
    pub unix_s: u64,
    /// A text that is unique to this call, of `A-Z a-z 0-9 _ -`: ids that the upstream does not give begin with it.
    pub call_id: &'a str,
    /// What [`Dialect::encode`] wants to know again.
    pub reading: &'a Reading,
    /// Where signatures are kept.
    pub memory: &'a Arc<dyn Memory>,
}

impl<'a> DecoderTerms<'a> {
    /// Terms without time, name, memory, or knowledge of a request: what exact and normalised rows need.
    pub fn plain(row: &'a VendorRow, streaming: bool, max_event_bytes: usize) -> Self {
        Self {
            streaming,
            row,
            upstream_model: "",
            max_event_bytes,
            unix_s: 0,
            call_id: "",
            reading: Reading::nothing(),
            memory: Forgetful::shared(),
        }
    }
}

/// The name of a model at an upstream, with what requests need of it made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamModel {
    name: String,
    json: Bytes,
}

impl UpstreamModel {
    /// A name as the provider knows it.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), json: serde_json::Value::from(name).to_string().into() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as a JSON string, quotes and all.
    pub fn json(&self) -> &Bytes {
        &self.json
    }
}

/// One request on its way to one target.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The caller's body.
    pub body: &'a Bytes,
    pub scan: &'a RequestScan,
    /// The name of the model at the upstream.
    pub upstream_model: &'a UpstreamModel,
    pub row: &'a VendorRow,
    /// Output limit in tokens that we set because the caller named none.
    pub injected_output_limit: Option<u64>,
    /// Whether the upstream is to be asked for usage in a stream, wanted by the caller or not. False for an upstream
    /// that answered that it does not know `stream_options`: then the caller's are left out too.
    pub ask_usage: bool,
    /// What the model can do: the table, and before it what the operator says.
    pub facts: ModelFacts,
    /// Media that were fetched because the provider cannot fetch them.
    pub media: &'a Inlined,
    /// Where signatures are kept.
    pub memory: &'a dyn Memory,
}

impl<'a> Call<'a> {
    /// A call of which nothing is known beyond the request: usage is asked, no limit, no facts, no media, no memory.
    pub fn plain(
        body: &'a Bytes,
        scan: &'a RequestScan,
        upstream_model: &'a UpstreamModel,
        row: &'a VendorRow,
    ) -> Self {
        Self {
            body,
            scan,
            upstream_model,
            row,
            injected_output_limit: None,
            ask_usage: true,
            facts: ModelFacts::default(),
            media: Inlined::none(),
            memory: &Forgetful,
        }
    }
}

/// Headers that a dialect needs, lower-case names first.
pub type DialectHeaders = SmallVec<[(&'static str, Cow<'static, str>); 2]>;

/// A request in the words of an upstream.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Path below the endpoint's prefix, such as `/chat/completions`, with its query, percent-encoded.
    pub path: Cow<'static, str>,
    /// Headers of the dialect beside `content-type` and `accept`; an operator's own of the same name win.
    pub headers: DialectHeaders,
    /// The body, to be written slice after slice.
    pub body: Slices,
    /// Request fields that this upstream cannot honour.
    pub dropped: Vec<String>,
    /// Usage was asked by us and not by the caller: the chunk that carries it stays here.
    pub hide_usage: bool,
    /// What the decoder of the answer has to know of the request.
    pub reading: Reading,
}

/// An answer whose status is not a success.
#[derive(Clone, Copy, Debug)]
pub struct FailedAnswer<'a> {
    pub status: u16,
    pub content_type: Option<&'a str>,
    /// `Retry-After` in milliseconds.
    pub retry_after_ms: Option<u64>,
    pub body: &'a [u8],
}

/// The dialect in which a vendor is asked for a model. Mostly the row alone decides; a platform that hosts models of
/// several makers has a dialect for each.
pub fn dialect(row: &VendorRow, upstream_model: &str) -> &'static dyn Dialect {
    match row.kind.as_str() {
        "bedrock" if anthropic::is_on_bedrock(upstream_model) => return &anthropic::BEDROCK,
        "vertex" if anthropic::is_on_vertex(upstream_model) => return &anthropic::VERTEX,
        _ => {}
    }
    match row.dialect {
        DialectKind::OpenAi => &OpenAi,
        DialectKind::Anthropic => &anthropic::DIRECT,
        DialectKind::Gemini => &Gemini,
        DialectKind::Bedrock => &Bedrock,
        DialectKind::Ollama => &Ollama,
        DialectKind::Cohere => &Cohere,
    }
}
