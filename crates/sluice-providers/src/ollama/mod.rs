//! Ollama's own `/api/chat`: lines of JSON, options under their own names, thinking that can be switched.
//!
//! Source: Ollama's API documentation (`docs/api.md`) and its types. Its route in the form of Chat Completions knows
//! neither `think` nor options beyond OpenAI's; an address that ends in `/v1` means the same server.

mod decode;
mod encode;
#[cfg(test)]
mod gotchas;
mod messages;

use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::asked::{text_of_one_choice, web_media};
use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer, StreamType};
use crate::handling::{Fields, Handling};

/// The dialect of Ollama.
#[derive(Clone, Copy, Debug)]
pub struct Ollama;

impl Dialect for Ollama {
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
        crate::openai::failure::of_answer(answer)
    }

    fn stream_type(&self) -> StreamType {
        StreamType::Ndjson
    }

    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str> {
        text_of_one_choice(scan)?;
        if scan.features.input_audio || scan.features.video {
            return Err("messages");
        }
        Ok(())
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
    ("logprobs", Mapped),
    ("top_logprobs", Mapped),
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
    ("messages[].content[].text", Mapped),
    ("messages[].content[].image_url", Mapped),
    ("messages[].content[].input_audio", Refused),
    ("messages[].content[].file", Mapped),
    ("messages[].content[].video_url", Refused),
    ("messages[].content[].refusal", Mapped),
    ("options", Passed),
    ("keep_alive", Passed),
    ("think", Passed),
    ("top_k", Mapped),
    ("min_p", Mapped),
    ("typical_p", Mapped),
    ("repeat_last_n", Mapped),
    ("repeat_penalty", Mapped),
    ("repetition_penalty", Mapped),
    ("num_ctx", Mapped),
    ("num_keep", Mapped),
    ("extra_body", Mapped),
    ("messages[].thinking_blocks", Omitted),
];

/// Fields beyond the API that mean something here.
pub const EXTENSIONS: &[&str] = &[
    "extra_body",
    "options",
    "keep_alive",
    "think",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "repetition_penalty",
    "num_ctx",
    "num_keep",
    "messages[].thinking_blocks",
];

/// The numbered cases of known conversion bugs that can happen in this dialect. Each is a vector, or a test of that
/// name.
pub const GOTCHAS: &[u8] =
    &[4, 6, 7, 8, 9, 11, 12, 15, 16, 18, 19, 27, 28, 34, 35, 36, 42, 43, 45, 46, 53, 54, 55, 57, 58, 59, 60];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place() {
        assert_eq!(crate::handling::complaints(FIELDS, EXTENSIONS), Vec::<String>::new());
    }
}
