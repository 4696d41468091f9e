//! An answer as Gemini writes it. Everything may be absent; what is not read is not named.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One event of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    pub(super) prompt_feedback: Option<PromptFeedback>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: Option<String>,
    pub(super) response_id: Option<String>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PromptFeedback {
    pub(super) block_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate<'a> {
    /// Absent for the first one.
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    pub(super) finish_reason: Option<String>,
    pub(super) finish_message: Option<String>,
    #[serde(borrow)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citation_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) logprobs_result: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<String>,
    pub(super) thought: Option<bool>,
    pub(super) thought_signature: Option<String>,
    #[serde(borrow)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    pub(super) inline_data: Option<Blob>,
    pub(super) executable_code: Option<ExecutableCode>,
    pub(super) code_execution_result: Option<CodeResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall<'a> {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Blob {
    pub(super) mime_type: Option<String>,
    pub(super) data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExecutableCode {
    pub(super) language: Option<String>,
    pub(super) code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CodeResult {
    pub(super) output: Option<String>,
}

/// Counts are values, because one that is no count must not cost the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata {
    /// Cached ones included.
    pub(super) prompt_token_count: Value,
    /// Mostly without thoughts.
    pub(super) candidates_token_count: Value,
    pub(super) thoughts_token_count: Value,
    pub(super) tool_use_prompt_token_count: Value,
    pub(super) cached_content_token_count: Value,
    pub(super) total_token_count: Value,
    pub(super) prompt_tokens_details: Option<Vec<ModalityCount>>,
    pub(super) tool_use_prompt_tokens_details: Option<Vec<ModalityCount>>,
    pub(super) candidates_tokens_details: Option<Vec<ModalityCount>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ModalityCount {
    pub(super) modality: Option<String>,
    pub(super) token_count: Value,
}

/// The text of a JSON value without the white space between its tokens; whole answers come indented.
pub(super) fn compact(raw: &RawValue) -> String {
    let text = raw.get();
    let mut out = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in text.chars() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_text = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting() {
        let check = |text: &str, expect: &str| {
            assert_eq!(compact(serde_json::from_str::<&RawValue>(text).unwrap()), expect);
        };
        check("{\n  \"a\" : [ 1 , 2.50 ]\n}", r#"{"a":[1,2.50]}"#);
        check(r#"{"a b": "c \" d \\", "e" : " "}"#, r#"{"a b":"c \" d \\","e":" "}"#);
        check(r#"{"n": 12345678901234567890123}"#, r#"{"n":12345678901234567890123}"#);
    }
}
