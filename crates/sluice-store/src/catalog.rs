//! What the store knows about callers and upstreams, as plain data. Credentials are not among it: a provider that
//! the configuration file names keeps its credential in memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_ledger::{Key, Origin, Price, Project};

/// Everything the data plane needs from the store, read in one go.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub keys: Vec<Key>,
    pub projects: Vec<Project>,
    pub providers: Vec<ProviderRecord>,
    pub models: Vec<ModelRecord>,
    /// What was set through the admin API, by the names of the settings, as JSON.
    pub settings: BTreeMap<String, String>,
}

/// An upstream service.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderRecord {
    pub name: String,
    /// A vendor kind, such as `openai` or `openai-compatible`.
    pub kind: String,
    /// Absolute URL without query; `None`: the vendor row's own.
    pub base_url: Option<String>,
    pub options: ProviderOptions,
    /// The sealed credential of a provider that was made through the admin API; see [`seal`](crate::seal).
    pub sealed: Option<Vec<u8>>,
    pub origin: Origin,
}

/// One change of the catalog by an operator. Objects of the configuration file cannot be changed.
#[derive(Clone, Debug)]
pub enum CatalogChange {
    InsertKey(Key),
    /// Only if it still is as `before`.
    UpdateKey {
        before: Box<Key>,
        after: Box<Key>,
    },
    InsertProject(Project),
    UpdateProject {
        before: Project,
        after: Project,
    },
    /// By its name; only when no key is in it.
    DeleteProject(String),
    InsertProvider(ProviderRecord),
    UpdateProvider {
        before: Box<ProviderRecord>,
        after: Box<ProviderRecord>,
    },
    /// By its name; only when no model has a target there.
    DeleteProvider(String),
    InsertModel(ModelRecord),
    UpdateModel {
        before: Box<ModelRecord>,
        after: Box<ModelRecord>,
    },
    /// By its name.
    DeleteModel(String),
    /// Settings by their names, as JSON; `None`: it is as if nobody had set it.
    Settings(BTreeMap<String, Option<String>>),
}

/// The settings of a provider that are neither its place nor its credential.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderOptions {
    /// Static headers sent with every request, in the order of the file.
    pub headers: Vec<(String, String)>,
    /// Names of the caller's headers that are passed on, lower case.
    pub forward_headers: Vec<String>,
    pub http2: bool,
    pub inline_media: bool,
    /// Whether an upstream call runs on to its end after the caller left.
    pub drain_on_disconnect: bool,
    /// Whether plain `http` and private addresses were allowed by an owner.
    pub internal: bool,
    /// AWS region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Google Cloud project and location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Version of Azure's API, and the tenant and application that sign in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// A model as callers name it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRecord {
    pub name: String,
    pub targets: Vec<TargetRecord>,
    pub price: Option<Price>,
    pub options: ModelOptions,
    pub origin: Origin,
}

/// One provider's model that can answer for a [`ModelRecord`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    pub provider: String,
    /// The name that the provider knows.
    pub model: String,
    pub weight: u32,
    /// Tier: targets of a higher number are used when no lower one can answer.
    pub priority: u32,
    pub capabilities: ModelCapabilities,
}

/// Facts about a model that override the bundled table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelCapabilities {
    /// Tokens of prompt and answer together.
    pub context_length: Option<u64>,
    pub max_output_tokens: Option<u64>,
    /// Words such as `tools` and `vision`.
    pub capabilities: Option<Vec<String>>,
}

/// How calls to a model behave. Every absent value means the default of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOptions {
    pub capabilities: ModelCapabilities,
    /// Served and recorded free of charge although no price is known.
    pub unpriced_free: bool,
    pub connect_ms: Option<u64>,
    pub first_token_ms: Option<u64>,
    pub idle_ms: Option<u64>,
    pub total_ms: Option<u64>,
    pub max_attempts: Option<u32>,
    pub retry_after_wait_ms: Option<u64>,
    pub hedge_enabled: Option<bool>,
    pub hedge_min_delay_ms: Option<u64>,
    pub hedge_budget_percent: Option<u32>,
    /// Whether a broken stream is repaired.
    pub stream_repair: Option<bool>,
    pub strict: Option<bool>,
    pub default_max_output_tokens: Option<u64>,
}
