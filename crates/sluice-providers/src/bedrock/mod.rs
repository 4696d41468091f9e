//! AWS Bedrock's Converse and ConverseStream: one form of request for the models of all makers.
//!
//! Source: the API reference of Bedrock Runtime and the service model in botocore. Models of Anthropic have a dialect
//! of their own at Bedrock; here they are spoken to where an ARN hides whose model it is.

mod answer;
mod cache;
mod content;
mod decode;
mod encode;
mod failure;
#[cfg(test)]
mod gotchas;
mod messages;
mod model;
mod names;
mod thinking;
mod tools;

use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::asked::{text_of_one_choice, web_media};
use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer, StreamType};
use crate::handling::{Fields, Handling};

/// The dialect of Converse.
#[derive(Clone, Copy, Debug)]
pub struct Bedrock;

impl Dialect for Bedrock {
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

    fn stream_type(&self) -> StreamType {
        StreamType::AwsEventStream
    }

    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str> {
        text_of_one_choice(scan)
    }

    fn media_to_inline(&self, call: &Call<'_>) -> Vec<String> {
        web_media(call)
    }
}

use Handling::{Mapped, Omitted, Passed, Refused, Reported};

/// What becomes of each field.
pub const FIELDS: Fields = &[
    ("model", Mapped),
    ("messages", Mapped),
    ("stream", Mapped),
    ("temperature", Mapped),
    ("max_tokens", Mapped),
    ("stream_options", Mapped),
    ("max_completion_tokens", Mapped),
    ("top_p", Mapped),
    ("tools", Mapped),
    ("tool_choice", Mapped),
    ("n", Refused),
    ("stop", Mapped),
    ("presence_penalty", Reported),
    ("frequency_penalty", Reported),
    ("response_format", Mapped),
    ("user", Reported),
    ("seed", Reported),
    ("reasoning_effort", Mapped),
    ("parallel_tool_calls", Mapped),
    ("metadata", Mapped),
    ("store", Reported),
    ("service_tier", Mapped),
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
    ("messages[].reasoning_content", Omitted),
    ("messages[].refusal", Mapped),
    ("messages[].audio", Reported),
    ("messages[].function_call", Mapped),
    ("messages[].content[].text", Mapped),
    ("messages[].content[].image_url", Mapped),
    ("messages[].content[].input_audio", Mapped),
    ("messages[].content[].file", Mapped),
    ("messages[].content[].video_url", Mapped),
    ("messages[].content[].refusal", Mapped),
    ("guardrailConfig", Passed),
    ("top_k", Mapped),
    ("thinking", Passed),
    ("messages[].thinking_blocks", Mapped),
    ("extra_body", Mapped),
];

/// Fields beyond the API that mean something here.
pub const EXTENSIONS: &[&str] =
    &["extra_body", "guardrailConfig", "top_k", "thinking", "messages[].thinking_blocks"];

/// The numbered cases of known conversion bugs that can happen in this dialect. Each is a vector, or a test of that
/// name.
pub const GOTCHAS: &[u8] = &[
    2, 4, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 25, 26, 31, 32, 33, 34, 35, 36, 39, 40, 42, 43, 44,
    45, 49, 50, 53, 54, 55, 56, 57, 58, 59, 60,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place() {
        assert_eq!(crate::handling::complaints(FIELDS, EXTENSIONS), Vec::<String>::new());
    }
}
