//! What the models behind Converse want that the interface does not say. One request form, many makers: their fields go
//! along in `additionalModelRequestFields`.
//!
//! Sources: the Bedrock User Guide ("Inference request parameters and response fields", "Tool use", "Structured
//! outputs") and the Amazon Nova User Guide.

use crate::capability::ModelFacts;

/// Whose model it is, as far as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    /// Nova before its second generation.
    Nova,
    Nova2,
    Mistral,
    /// OpenAI's open models.
    GptOss,
    /// OpenAI's models of today.
    Gpt,
    DeepSeekR1,
    DeepSeek,
    Llama,
    /// A known maker without wishes of its own.
    Other,
    /// An ARN of a profile or a deployment: the name says nothing.
    Unknown,
}

/// Beginnings of ids, behind a geography.
const MAKERS: &[(&str, Family)] = &[
    ("anthropic.", Family::Claude),
    ("amazon.nova-2", Family::Nova2),
    ("amazon.nova", Family::Nova),
    ("mistral.", Family::Mistral),
    ("openai.gpt-oss", Family::GptOss),
    ("openai.", Family::Gpt),
    ("deepseek.r1", Family::DeepSeekR1),
    ("deepseek.", Family::DeepSeek),
    ("meta.", Family::Llama),
    ("amazon.", Family::Other),
    ("ai21.", Family::Other),
    ("cohere.", Family::Other),
    ("google.", Family::Other),
    ("minimax.", Family::Other),
    ("moonshot", Family::Other),
    ("nvidia.", Family::Other),
    ("qwen.", Family::Other),
    ("twelvelabs.", Family::Other),
    ("writer.", Family::Other),
    ("xai.", Family::Other),
    ("zai.", Family::Other),
];

impl Family {
    /// Of a model id, with or without a geography (`eu.`), or of an ARN that ends in one.
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let starts_here = |at: usize| at == 0 || name.as_bytes().get(at - 1) == Some(&b'.');
        let is = |start: &str| name.match_indices(start).any(|(at, _)| starts_here(at));
        MAKERS.iter().find(|(start, _)| is(start)).map_or(Self::Unknown, |(_, family)| *family)
    }

    /// Signed thinking may go back to it.
    pub(super) fn takes_signed_thinking(self) -> bool {
        matches!(self, Self::Claude | Self::Unknown)
    }

    /// `toolChoice` may demand a call.
    pub(super) fn takes_any(self) -> bool {
        matches!(self, Self::Claude | Self::Nova | Self::Nova2 | Self::Mistral | Self::Unknown)
    }

    /// `toolChoice` may name the tool.
    pub(super) fn takes_one(self) -> bool {
        matches!(self, Self::Claude | Self::Nova | Self::Nova2 | Self::Unknown)
    }

    /// `outputConfig.textFormat` holds it to a JSON Schema. Of what is known by no name this is tried.
    pub(super) fn takes_schema(self, facts: &ModelFacts) -> bool {
        match self {
            Self::Unknown => true,
            Self::Nova | Self::Nova2 | Self::Llama | Self::DeepSeekR1 => false,
            _ => facts.json_schema,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_a_model_is() {
        let check = |model: &str, expect: Family| assert_eq!(Family::of(model), expect, "{model}");
        check("anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Claude);
        check("us-gov.anthropic.claude-3-haiku-20240307-v1:0", Family::Claude);
        check("arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0", Family::Nova);
        check("eu.amazon.nova-2-lite-v1:0", Family::Nova2);
        check("amazon.titan-text-express-v1", Family::Other);
        check("openai.gpt-oss-120b-1:0", Family::GptOss);
        check("openai.gpt-5.4", Family::Gpt);
        check("us.deepseek.r1-v1:0", Family::DeepSeekR1);
        check("deepseek.v3.2", Family::DeepSeek);
        check("us.meta.llama3-3-70b-instruct-v1:0", Family::Llama);
        check("mistral.mistral-large-2407-v1:0", Family::Mistral);
        check("moonshotai.kimi-k2.5", Family::Other);
        let profile = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123";
        check(profile, Family::Unknown);
        check("notanthropic.x", Family::Unknown);
    }
}
