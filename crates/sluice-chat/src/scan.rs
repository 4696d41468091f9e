//! One pass over the raw bytes of a request: is it valid, and where is what. No tree, no allocation per message.
//!
//! The scan accepts exactly what [`ChatRequest::parse`](crate::ChatRequest::parse) accepts: both read the same
//! tables of rules. On a refusal the typed pass says why.

mod check;
mod messages;
mod top;

use smallvec::SmallVec;

/// A range of bytes of the body: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes of this range in the body that was scanned; empty for any other body that is too short.
    pub fn of<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.range()).unwrap_or_default()
    }

    /// As a range for indexing.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One pair of the top-level object. `key` includes its quotes and is as written, escapes and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub key: Span,
    pub value: Span,
}

/// A value together with the index of its entry in [`RequestScan::entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<T> {
    pub value: T,
    pub entry: usize,
}

/// What a request asks for that not every target can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// At least one tool or (deprecated) function is offered.
    pub tools: bool,
    /// `tools` is there and empty.
    pub empty_tools: bool,
    /// `tool_choice` or `function_call` demands a call: `required`, or an object.
    pub tool_choice_forced: bool,
    /// The deprecated `functions` or `function_call`.
    pub legacy_functions: bool,
    /// `logprobs` is true.
    pub logprobs: bool,
    /// `modalities` contains `audio`.
    pub audio_output: bool,
    /// `modalities` contains `image`.
    pub image_output: bool,
    /// `response_format` is `json_object`.
    pub json_object: bool,
    /// `response_format` is `json_schema`.
    pub json_schema: bool,
    /// `prediction` is there.
    pub prediction: bool,
    /// `web_search_options` is there, be it empty.
    pub web_search: bool,
    /// `reasoning_effort` is there.
    pub reasoning_effort: bool,
    /// Some message has an `image_url` part.
    pub image: bool,
    /// Some message has an `input_audio` part.
    pub input_audio: bool,
    /// Some message has a `file` part.
    pub file: bool,
    /// Some message has a `video_url` part.
    pub video: bool,
    /// The first content part of a type that the API does not name: index of the message, index of the part.
    pub unknown_part: Option<(u32, u32)>,
}

/// What one pass over a valid request found. `null` counts as absent in every optional field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestScan {
    /// The model asked for, unescaped.
    pub model: String,
    /// Where the model stands, with its quotes.
    pub model_value: Span,
    /// The array of messages.
    pub messages: Span,
    /// How many there are.
    pub message_count: u32,
    pub stream: bool,
    /// The object, where there is one. (A `null` is `None` here but has its entry: use
    /// [`Edit::set`](crate::splice::Edit::set) to change the field whatever stands there.)
    pub stream_options: Option<Span>,
    /// `stream_options.include_usage`.
    pub include_usage: bool,
    /// How many choices: 1 to 128.
    pub n: u32,
    /// Tokens; at least 1.
    pub max_tokens: Option<Field<u64>>,
    /// Tokens; at least 1.
    pub max_completion_tokens: Option<Field<u64>>,
    /// The string, with its quotes.
    pub prompt_cache_key: Option<Span>,
    pub features: Features,
    /// UTF-8 bytes of all text in the messages (contents, reasoning, refusals, names, arguments of calls), unescaped;
    /// parts of unknown types count with their raw length. Input of a token estimate.
    pub text_bytes: u64,
    /// Raw bytes of `tools`, `functions` and `response_format`, which the model reads too.
    pub schema_bytes: u64,
    /// Image, audio, video and file parts.
    pub media_parts: u32,
    /// All top-level pairs in document order.
    pub entries: SmallVec<[Entry; 16]>,
    /// Offset of the closing brace of the top-level object.
    pub end: u32,
}

impl RequestScan {
    /// The caller's limit on output tokens: `max_completion_tokens` wins over `max_tokens`.
    pub fn output_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens).map(|field| field.value)
    }
}

/// The body is not a valid request. Carries nothing: [`ChatRequest::parse`](crate::ChatRequest::parse) says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRefused;

/// Reads a request body.
///
/// # Errors
/// [`ScanRefused`] when the body is not one JSON object that keeps every rule of the API.
pub fn scan(body: &[u8]) -> Result<RequestScan, ScanRefused> {
    if body.len() > MAX_BODY_BYTES {
        return Err(ScanRefused);
    }
    top::request(body).map_err(|_| ScanRefused)
}

/// Offsets are kept in 32 bits. Configured bounds are far below.
pub(crate) const MAX_BODY_BYTES: usize = u32::MAX as usize;
