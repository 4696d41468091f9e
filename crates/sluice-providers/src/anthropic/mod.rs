//! Anthropic's Messages, at Anthropic itself and on the platforms that have Claude: InvokeModel of Amazon Bedrock and
//! rawPredict of Vertex AI. Sources: Anthropic's API reference, the types of its SDKs (`anthropic` 2.11), and the
//! platforms' pages on Claude.
//!
//! Which way is taken is decided by the kind of the vendor and the name of the model, where dialects are chosen.

mod answer_blocks;
mod blocks;
mod decode;
mod encode;
mod failure;
mod media;
mod messages;
mod model;
mod names;
mod params;
mod route;
mod schema;
mod thinking;
mod tools;
mod turns;
mod usage;
mod wire;

use sluice_chat::message::{Content, Part};
use sluice_chat::request::ChatRequest;
use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer, StreamType};
use crate::handling::{Fields, Handling};
use route::Route;

/// The dialect of one of the places where Claude answers.
#[derive(Clone, Copy, Debug)]
pub struct Anthropic {
    route: Route,
}

/// At Anthropic.
pub(crate) static DIRECT: Anthropic = Anthropic { route: Route::Direct };
/// On Bedrock.
pub(crate) static BEDROCK: Anthropic = Anthropic { route: Route::Bedrock };
/// On Vertex.
pub(crate) static VERTEX: Anthropic = Anthropic { route: Route::Vertex };

/// Whether a model of Bedrock's is one of Anthropic's own: `anthropic.claude-…`, with or without the region of an
/// inference profile, or an ARN that ends with such a name. The profiles that an account makes for itself do not say
/// whose model they are: they are asked by way of Converse.
pub(crate) fn is_on_bedrock(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.contains("anthropic.claude")
}

/// Whether a model of Vertex is one of Anthropic's: `claude-…`, also behind `anthropic/` or a publisher's path.
pub(crate) fn is_on_vertex(model: &str) -> bool {
    model.rsplit('/').next().unwrap_or(model).starts_with("claude")
}

impl Dialect for Anthropic {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError> {
        encode::encode(call, self.route)
    }

    fn decoder(&self, terms: &DecoderTerms<'_>) -> Box<dyn Decoder> {
        decode::decoder(terms, self.route)
    }

    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure {
        failure::of_answer(answer)
    }

    fn stream_type(&self) -> StreamType {
        match self.route {
            Route::Bedrock => StreamType::AwsEventStream,
            Route::Direct | Route::Vertex => StreamType::EventStream,
        }
    }

    fn takes(&self, scan: &RequestScan) -> Result<(), &'static str> {
        let features = &scan.features;
        if scan.n > 1 {
            Err("n")
        } else if features.audio_output || features.image_output {
            Err("modalities")
        } else if features.unknown_part.is_some() || features.input_audio || features.video {
            Err("messages")
        } else {
            Ok(())
        }
    }

    fn media_to_inline(&self, call: &Call<'_>) -> Vec<String> {
        if !call.scan.features.image {
            return Vec::new();
        }
        let Ok(request) = ChatRequest::parse(call.body) else { return Vec::new() };
        let mut urls = Vec::new();
        for message in &request.messages {
            let Some(Content::Parts(parts)) = &message.content else { continue };
            for part in parts {
                let Part::ImageUrl(image) = part else { continue };
                let url = image.image_url.url();
                if media::needs_fetching(url, self.route) && !urls.iter().any(|known| known == url) {
                    urls.push(url.to_owned());
                }
            }
        }
        urls
    }
}

/// What becomes of the fields of a request.
pub const FIELDS: Fields = {
    use Handling::{Mapped, Omitted, Passed, Refused, Reported};
    &[
        ("model", Mapped),
        ("messages", Mapped),
        ("stream", Passed),
        ("temperature", Mapped),
        ("max_tokens", Mapped),
        ("stream_options", Mapped),
        ("max_completion_tokens", Mapped),
        ("top_p", Passed),
        ("tools", Mapped),
        ("tool_choice", Mapped),
        ("n", Refused),
        ("stop", Mapped),
        ("presence_penalty", Reported),
        ("frequency_penalty", Reported),
        ("response_format", Mapped),
        ("user", Mapped),
        ("seed", Reported),
        ("reasoning_effort", Mapped),
        ("parallel_tool_calls", Mapped),
        ("metadata", Reported),
        ("store", Reported),
        ("service_tier", Mapped),
        // The gateway keeps equal keys on one target; the upstream has no such word.
        ("prompt_cache_key", Mapped),
        ("safety_identifier", Mapped),
        ("logprobs", Reported),
        ("top_logprobs", Reported),
        ("logit_bias", Reported),
        ("modalities", Refused),
        ("audio", Reported),
        ("prediction", Reported),
        ("verbosity", Reported),
        ("web_search_options", Mapped),
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
        ("messages[].content[].input_audio", Refused),
        ("messages[].content[].file", Mapped),
        ("messages[].content[].video_url", Refused),
        ("messages[].content[].refusal", Mapped),
        // Beyond the API.
        ("thinking", Mapped),
        ("top_k", Passed),
        ("cache_control", Passed),
        ("messages[].thinking_blocks", Passed),
    ]
};

/// The numbered conversion bugs that can happen here; each has a vector whose name begins with its number.
pub const GOTCHAS: &[u8] = &[
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 24, 25, 26, 28, 29, 31, 32, 33, 34,
    35, 36, 40, 42, 43, 44, 45, 47, 50, 51, 53, 54, 55, 56, 57, 58, 59, 60,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conversion_bug_has_its_vector() {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/anthropic");
        let names = std::fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().file_name());
        let number =
            |name: std::ffi::OsString| name.to_str()?.strip_prefix('g')?.get(..2)?.parse::<u8>().ok();
        let numbers: std::collections::BTreeSet<u8> = names.filter_map(number).collect();
        assert_eq!(numbers, GOTCHAS.iter().copied().collect());
    }

    #[test]
    fn every_field_is_handled() {
        let more = ["thinking", "top_k", "cache_control", "messages[].thinking_blocks"];
        assert_eq!(crate::handling::complaints(FIELDS, &more), Vec::<String>::new());
    }

    #[test]
    fn models_by_their_names() {
        for model in [
            "anthropic.claude-3-haiku-20240307-v1:0",
            "us.anthropic.claude-opus-4-6",
            "us-gov.anthropic.claude-3-5-sonnet-20240620-v1:0",
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ] {
            assert!(is_on_bedrock(model), "{model}");
        }
        for model in ["amazon.nova-pro-v1:0", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"]
        {
            assert!(!is_on_bedrock(model), "{model}");
        }
        assert!(is_on_vertex("claude-sonnet-4@20250514") && is_on_vertex("anthropic/claude-opus-4-6"));
        assert!(!is_on_vertex("gemini-2.5-pro") && !is_on_vertex("google/gemini-2.5-pro"));
    }
}
