//! The interfaces of a wire format: write a request, read an answer, understand a failure.

use bytes::Bytes;
use sluice_chat::scan::RequestScan;
use sluice_chat::splice::Slices;
use sluice_chat::{ApiError, ChatEvent, Failure};

use crate::openai::OpenAi;
use crate::vendor::{DialectKind, VendorRow};

/// One wire format.
pub trait Dialect: Sync {
    /// Writes the request for an upstream.
    ///
    /// # Errors
    /// The API error (a 400) when the call cannot be said in this dialect.
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError>;

    /// A decoder for one answer: a stream of events, or one whole body.
    fn decoder(&self, streaming: bool) -> Box<dyn Decoder>;

    /// What an answer that is not a success means.
    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure;
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
}

/// A request in the words of an upstream.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Path below the endpoint's prefix, such as `/chat/completions`.
    pub path: &'static str,
    /// The body, to be written slice after slice.
    pub body: Slices,
    /// Request fields that this upstream cannot honour.
    pub dropped: Vec<String>,
    /// Usage was asked by us and not by the caller: the chunk that carries it stays here.
    pub hide_usage: bool,
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

/// The dialect of a kind.
pub fn dialect(kind: DialectKind) -> &'static dyn Dialect {
    match kind {
        DialectKind::OpenAi => &OpenAi,
    }
}
