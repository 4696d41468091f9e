//! The vendors that Sluicegate knows, one row each, read from `vendors.toml`.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::quirk::{RequestQuirk, ResponseQuirk};

/// How an answer goes back to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relay {
    /// Byte by byte as the upstream wrote it.
    Exact,
    /// Rewritten to the canonical form.
    Normalise,
    /// Said anew, from a dialect that is not the caller's.
    Translate,
}

/// The wire formats that are spoken to upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialectKind {
    /// Chat Completions.
    #[serde(rename = "openai")]
    OpenAi,
    /// Messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// AWS Bedrock's Converse.
    Bedrock,
    /// Ollama's own chat.
    Ollama,
    /// Cohere's chat, version 2.
    Cohere,
}

/// How a credential is shown to the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `authorization: Bearer …`; left out where there is no credential.
    Bearer,
    /// `api-key: …` for keys; tokens of an identity provider still go as bearer (Azure).
    ApiKeyHeader,
    /// `x-api-key: …` for keys; tokens go as bearer (Anthropic).
    XApiKeyHeader,
    /// `x-goog-api-key: …` for keys; tokens go as bearer (Google).
    XGoogApiKeyHeader,
    /// No authentication at all.
    None,
}

/// One vendor: everything that sets it apart, as data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorRow {
    /// The word of the configuration (`kind = "openai"`).
    pub kind: String,
    /// What people call it.
    pub label: String,
    pub dialect: DialectKind,
    /// The vendor's own address; rows without one need a `base_url` in the configuration.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Path that a `base_url` without a path gets, such as `/v1`.
    #[serde(default = "v1")]
    pub default_prefix: String,
    #[serde(default = "bearer")]
    pub auth: Auth,
    pub relay: Relay,
    /// The environment variable in which this vendor's own tools look for the key.
    #[serde(default)]
    pub key_env: Option<String>,
    #[serde(default)]
    pub request_quirks: Vec<RequestQuirk>,
    /// Top-level request fields that the vendor answers with an error; they are left out and reported.
    #[serde(default)]
    pub refused_fields: Vec<String>,
    #[serde(default)]
    pub response_quirks: Vec<ResponseQuirk>,
}

impl VendorRow {
    /// Whether requests to this vendor need the edit.
    pub fn wants(&self, quirk: RequestQuirk) -> bool {
        self.request_quirks.contains(&quirk)
    }

    /// Whether answers of this vendor have the difference.
    pub fn answers_with(&self, quirk: ResponseQuirk) -> bool {
        self.response_quirks.contains(&quirk)
    }
}

fn v1() -> String {
    "/v1".to_owned()
}

fn bearer() -> Auth {
    Auth::Bearer
}

#[derive(Deserialize)]
struct Table {
    vendor: Vec<VendorRow>,
}

/// All rows, in the order of the table.
pub fn vendors() -> &'static [VendorRow] {
    static ROWS: OnceLock<Vec<VendorRow>> = OnceLock::new();
    ROWS.get_or_init(|| {
        // A table that does not parse would leave no vendor at all; the test below keeps that from being released.
        toml::from_str::<Table>(include_str!("vendors.toml")).map(|table| table.vendor).unwrap_or_default()
    })
}

/// The row of one kind.
pub fn vendor(kind: &str) -> Option<&'static VendorRow> {
    vendors().iter().find(|row| row.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of the public interface that an operator may write.
    const KINDS: &str = "openai azure anthropic gemini vertex bedrock cohere ollama mistral deepseek dashscope zhipu \
        moonshot ark minimax qianfan hunyuan siliconflow xai groq cerebras together fireworks deepinfra perplexity \
        openrouter nvidia vllm sglang llamacpp lmstudio newapi openai-compatible sandbox";

    #[test]
    fn the_table_parses() {
        let table: Table = toml::from_str(include_str!("vendors.toml")).unwrap();
        assert_eq!(table.vendor.len(), vendors().len());
    }

    #[test]
    fn every_kind_is_a_row() {
        for kind in KINDS.split_whitespace() {
            assert!(vendor(kind).is_some(), "{kind}");
        }
        for row in vendors() {
            assert!(KINDS.split_whitespace().any(|kind| kind == row.kind), "{}", row.kind);
            assert_eq!(vendors().iter().filter(|other| other.kind == row.kind).count(), 1, "{}", row.kind);
        }
    }

    #[test]
    fn rows_are_normalised_exactly_when_they_answer_differently() {
        for row in vendors() {
            assert_eq!(row.relay == Relay::Normalise, !row.response_quirks.is_empty(), "{}", row.kind);
            assert_eq!(row.relay == Relay::Translate, row.dialect != DialectKind::OpenAi, "{}", row.kind);
            assert!(row.default_prefix.is_empty() || row.default_prefix.starts_with('/'), "{}", row.kind);
            assert!(!row.default_prefix.ends_with('/'), "{}", row.kind);
        }
        for kind in ["openai", "azure", "openai-compatible", "newapi"] {
            assert_eq!(vendor(kind).unwrap().relay, Relay::Exact, "{kind}");
        }
    }
}
