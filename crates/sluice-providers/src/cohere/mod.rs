//! Cohere's chat, version 2. Source: Cohere's API reference and the types of its SDK for Python.

mod answer;
mod decode;
mod encode;
mod failure;
#[cfg(test)]
mod gotchas;
mod messages;

use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::asked::text_of_one_choice;
use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer};
use crate::handling::{Fields, Handling};

/// The dialect of Cohere.
#[derive(Clone, Copy, Debug)]
pub struct Cohere;

impl Dialect for Cohere {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError> {
        encode::encode(call)
    }

    fn decoder(&self, terms: &DecoderTerms<'_>) -> Box<dyn Decoder> {
        if terms.streaming {
            Box::new(decode::StreamDecoder::new(terms))
        } else {
            Box::new(decode::WholeDecoder::new(terms))
        }
    }

    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure {
        failure::of_answer(answer)
    }

    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str> {
        text_of_one_choice(scan)?;
        let features = &scan.features;
        if features.input_audio || features.video || features.file {
            return Err("messages");
        }
        Ok(())
    }
}

use Handling::{Mapped, Omitted, Passed, Refused, Reported};

/// What becomes of each field.
pub const FIELDS: Fields = &[
    ("model", Mapped),
    ("messages", Mapped),
    ("stream", Passed),
    ("temperature", Mapped),
    ("max_tokens", Mapped),
    ("stream_options", Mapped),
    ("max_completion_tokens", Mapped),
    ("top_p", Mapped),
    ("tools", Mapped),
    ("tool_choice", Mapped),
    ("n", Refused),
    ("stop", Mapped),
    ("presence_penalty", Mapped),
    ("frequency_penalty", Mapped),
    ("response_format", Mapped),
    ("user", Reported),
    ("seed", Mapped),
    ("reasoning_effort", Mapped),
    ("parallel_tool_calls", Reported),
    ("metadata", Reported),
    ("store", Reported),
    ("service_tier", Reported),
    // It chooses among equal targets, in the gateway.
    ("prompt_cache_key", Mapped),
    ("safety_identifier", Reported),
    ("logprobs", Reported),
    ("top_logprobs", Reported),
    ("logit_bias", Reported),
    ("modalities", Refused),
    ("audio", Reported),
    ("prediction", Reported),
    ("verbosity", Reported),
    ("web_search_options", Reported),
    ("functions", Mapped),
    ("function_call", Mapped),
    ("messages[].role", Mapped),
    ("messages[].content", Mapped),
    ("messages[].tool_calls", Mapped),
    ("messages[].tool_call_id", Mapped),
    ("messages[].name", Reported),
    ("messages[].reasoning_content", Mapped),
    ("messages[].refusal", Mapped),
    ("messages[].audio", Reported),
    ("messages[].function_call", Mapped),
    ("messages[].content[].text", Passed),
    ("messages[].content[].image_url", Passed),
    ("messages[].content[].input_audio", Refused),
    ("messages[].content[].file", Refused),
    ("messages[].content[].video_url", Refused),
    ("messages[].content[].refusal", Mapped),
    ("safety_mode", Passed),
    ("documents", Passed),
    ("citation_options", Passed),
    ("thinking", Passed),
    ("top_k", Mapped),
    ("extra_body", Mapped),
    ("messages[].thinking_blocks", Omitted),
];

/// Fields beyond the API that mean something here.
pub const EXTENSIONS: &[&str] = &[
    "extra_body",
    "safety_mode",
    "documents",
    "citation_options",
    "thinking",
    "top_k",
    "messages[].thinking_blocks",
];

/// The numbered cases of known conversion bugs that can happen in this dialect. Each is a vector of that number.
pub const GOTCHAS: &[u8] = &[
    4, 6, 9, 11, 12, 15, 16, 18, 19, 27, 28, 31, 32, 33, 34, 35, 36, 42, 43, 45, 50, 53, 54, 55, 56, 57, 58,
    59, 60,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place() {
        assert_eq!(crate::handling::complaints(FIELDS, EXTENSIONS), Vec::<String>::new());
    }
}
