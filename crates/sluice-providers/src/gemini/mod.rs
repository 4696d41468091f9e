//! Gemini's generateContent, at AI Studio and at Vertex.

mod contents;
mod decode;
mod encode;
mod events;
mod failure;
mod grounding;
mod media;
mod model;
mod schema;
mod signature;
mod thinking;
mod tools;
mod usage;
mod wire;

use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer};
use crate::handling::{Fields, Handling};

/// The dialect of Google's Gemini models. The row's kind tells AI Studio (`gemini`) from Vertex (`vertex`).
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

/// Answers that one request may ask for, by Google's reference of `candidateCount`.
const CANDIDATES_MAX: u32 = 8;

impl Dialect for Gemini {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError> {
        encode::encode(call)
    }

    fn decoder(&self, terms: &DecoderTerms<'_>) -> Box<dyn Decoder> {
        decode::decoder(terms)
    }

    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure {
        failure::of_answer(answer)
    }

    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str> {
        match scan {
            _ if scan.n > CANDIDATES_MAX => Err("n"),
            _ if scan.features.unknown_part.is_some() => Err("messages"),
            _ => Ok(()),
        }
    }

    fn media_to_inline(&self, call: &Call<'_>) -> Vec<String> {
        encode::media_to_inline(call)
    }
}

/// Request fields beyond the API that are understood.
pub const EXTENSIONS: &[&str] =
    &["top_k", "thinking", "safety_settings", "google", "extra_body", "messages[].thinking_blocks"];

/// What becomes of each request field.
pub const FIELDS: Fields = &[
    ("model", Handling::Mapped),
    ("messages", Handling::Mapped),
    ("stream", Handling::Mapped),
    ("temperature", Handling::Passed),
    ("max_tokens", Handling::Mapped),
    ("stream_options", Handling::Mapped),
    ("max_completion_tokens", Handling::Mapped),
    ("top_p", Handling::Passed),
    ("tools", Handling::Mapped),
    ("tool_choice", Handling::Mapped),
    ("n", Handling::Mapped),
    ("stop", Handling::Mapped),
    ("presence_penalty", Handling::Passed),
    ("frequency_penalty", Handling::Passed),
    ("response_format", Handling::Mapped),
    ("user", Handling::Reported),
    ("seed", Handling::Mapped),
    ("reasoning_effort", Handling::Mapped),
    ("parallel_tool_calls", Handling::Reported),
    ("metadata", Handling::Reported),
    ("store", Handling::Reported),
    ("service_tier", Handling::Mapped),
    ("prompt_cache_key", Handling::Reported),
    ("safety_identifier", Handling::Reported),
    ("logprobs", Handling::Mapped),
    ("top_logprobs", Handling::Mapped),
    ("logit_bias", Handling::Reported),
    ("modalities", Handling::Mapped),
    ("audio", Handling::Mapped),
    ("prediction", Handling::Reported),
    ("verbosity", Handling::Reported),
    ("web_search_options", Handling::Mapped),
    ("functions", Handling::Mapped),
    ("function_call", Handling::Mapped),
    ("messages[].role", Handling::Mapped),
    ("messages[].content", Handling::Mapped),
    ("messages[].tool_calls", Handling::Mapped),
    ("messages[].tool_call_id", Handling::Mapped),
    ("messages[].name", Handling::Reported),
    ("messages[].reasoning_content", Handling::Omitted),
    ("messages[].refusal", Handling::Mapped),
    ("messages[].audio", Handling::Reported),
    ("messages[].function_call", Handling::Mapped),
    ("messages[].content[].text", Handling::Mapped),
    ("messages[].content[].image_url", Handling::Mapped),
    ("messages[].content[].input_audio", Handling::Mapped),
    ("messages[].content[].file", Handling::Mapped),
    ("messages[].content[].video_url", Handling::Mapped),
    ("messages[].content[].refusal", Handling::Mapped),
    ("top_k", Handling::Passed),
    ("thinking", Handling::Mapped),
    ("safety_settings", Handling::Passed),
    ("google", Handling::Passed),
    ("extra_body", Handling::Mapped),
    ("messages[].thinking_blocks", Handling::Omitted),
];

/// The numbered conversion bugs that can happen here; each has a vector whose name begins with its number.
pub const GOTCHAS: &[u8] = &[
    6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 38, 41, 42,
    43, 45, 46, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_fields_is_complete() {
        assert_eq!(crate::handling::complaints(FIELDS, EXTENSIONS), Vec::<String>::new());
    }

    #[test]
    fn every_conversion_bug_has_its_vector() {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/gemini");
        let names = std::fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().file_name());
        let number =
            |name: std::ffi::OsString| name.to_str()?.strip_prefix('g')?.get(..2)?.parse::<u8>().ok();
        let numbers: std::collections::BTreeSet<u8> = names.filter_map(number).collect();
        assert_eq!(numbers, GOTCHAS.iter().copied().collect());
    }
}
