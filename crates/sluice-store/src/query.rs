//! What the admin API asks of the books.

use sluice_ledger::{NanoUsd, RequestId};

use crate::{books::Details, latency::Times};

/// One property by which usage is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupBy {
    Model,
    Key,
    Project,
    Provider,
}

/// The width of a bucket of time, by the UTC calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
}

/// Whose usage and requests somebody sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    #[default]
    All,
    /// What was asked for in these projects.
    Projects(Vec<String>),
    /// What was asked for with these keys, by their ids.
    Keys(Vec<String>),
}

impl Visible {
    /// Whether what was asked for with this key in this project is among it.
    pub fn shows(&self, project: &str, key: &str) -> bool {
        let among = |list: &[String], name: &str| list.iter().any(|one| one == name);
        match self {
            Self::All => true,
            Self::Projects(projects) => among(projects, project),
            Self::Keys(keys) => among(keys, key),
        }
    }
}

/// Which usage. Times are Unix seconds, widened to whole hours: usage is kept by the hour in which requests came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageQuery {
    pub from: i64,
    /// Exclusive.
    pub to: i64,
    pub group_by: Vec<GroupBy>,
    pub bucket: Option<Bucket>,
    /// Only of these, where given.
    pub key: Option<String>,
    pub project: Option<String>,
    pub model: Option<String>,
    pub provider: Option<String>,
    /// And of these only what is among it.
    pub visible: Visible,
}

/// Sums over one group. A property that was not grouped by is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// Start of the bucket in Unix seconds.
    pub bucket: Option<i64>,
    pub model: Option<String>,
    pub key: Option<String>,
    pub project: Option<String>,
    /// Empty for requests that no provider answered.
    pub provider: Option<String>,
    pub requests: u64,
    pub errors: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cached_tokens: u64,
    pub reasoning_tokens: u64,
    pub cost: NanoUsd,
}

/// How long the answers of one group took. A property that was not grouped by is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyRow {
    /// Start of the bucket in Unix seconds.
    pub bucket: Option<i64>,
    pub model: Option<String>,
    pub key: Option<String>,
    pub project: Option<String>,
    pub provider: Option<String>,
    pub times: Times,
}

/// Which requests, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only requests that came at this time or later, in milliseconds since the Unix epoch.
    pub from_ms: Option<u64>,
    /// Only requests that came earlier.
    pub to_ms: Option<u64>,
    pub key: Option<String>,
    pub project: Option<String>,
    pub model: Option<String>,
    /// Who answered, or where nobody did, was called last.
    pub provider: Option<String>,
    /// The first and the last status that are asked for.
    pub status: Option<(u16, u16)>,
    /// Only requests whose caller got an error, as the answer or inside a stream that had begun.
    pub failed: bool,
    pub trace_id: Option<String>,
    /// What the id of the request (with `req_` or without) or that of its trace begins with. Of many such requests
    /// only the newest are looked at.
    pub beginning: Option<String>,
    /// Only requests that took so long or longer, in microseconds.
    pub min_total_us: Option<u64>,
    /// Only requests that cost so much or more.
    pub min_cost: Option<NanoUsd>,
    /// And of these only what is among it.
    pub visible: Visible,
    /// Only requests that came before this one, as a page gave it: (milliseconds, id).
    pub before: Option<(u64, RequestId)>,
    /// Largest number of rows.
    pub limit: u32,
}

impl RequestFilter {
    /// Whether a row is what is asked for by key, project, model, provider, status and failure, and is seen; nothing
    /// else is looked at.
    pub fn takes(&self, row: &RequestRow) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let called = || row.details.as_ref().and_then(Details::last_called);
        let provider = row.provider.as_deref().or_else(called);
        let ended = row.details.as_ref().map(|details| details.status).filter(|status| *status > 0);
        let status = self.status.is_none_or(|(from, to)| ended.is_some_and(|s| (from..=to).contains(&s)));
        same(&self.key, &row.key)
            && same(&self.project, &row.project)
            && same(&self.model, &row.model)
            && self.provider.as_ref().is_none_or(|wanted| provider == Some(wanted.as_str()))
            && status
            && (row.failed || !self.failed)
            && self.visible.shows(&row.project, &row.key)
    }
}

/// A part of a list of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPage {
    pub rows: Vec<RequestRow>,
    /// Where to go on. It may be there although rows are missing: no more were looked at.
    pub next: Option<(u64, RequestId)>,
}

/// One request, as the books have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    pub request: RequestId,
    /// When it came, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    pub key: String,
    pub project: String,
    pub model: String,
    pub stream: bool,
    /// `None` where nobody answered, or nothing was sent.
    pub provider: Option<String>,
    pub upstream_model: Option<String>,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cached_tokens: u64,
    pub cache_write_tokens: u64,
    pub reasoning_tokens: u64,
    /// `provider`, `estimated`, `interrupted`; `None` for a request that failed.
    pub usage_source: Option<String>,
    pub reserved: NanoUsd,
    /// `None`: the model has no price.
    pub charged: Option<NanoUsd>,
    pub price_version: Option<String>,
    pub flags: sluice_ledger::record::Flags,
    /// The caller got an error, as the answer or inside a stream that had begun.
    pub failed: bool,
    /// `None` where they were lost.
    pub details: Option<Details>,
}

/// A node, as the books know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    pub node: String,
    /// The newest run of it.
    pub epoch: u32,
    /// When it last said that it is alive, in milliseconds since the Unix epoch.
    pub seen_ms: u64,
    /// What it holds of all budgets.
    pub leased: NanoUsd,
}

/// Which entries of the audit log, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub object: Option<String>,
    pub object_id: Option<String>,
    pub actor: Option<String>,
    /// Only entries before the one with this id.
    pub before: Option<i64>,
    /// Largest number of entries.
    pub limit: u32,
}

impl AuditFilter {
    /// The newest of all.
    #[must_use]
    pub fn newest(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Rises with every entry.
    pub id: i64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    pub entry: AuditEntry,
}

/// Who changed what. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// `admin_token`, or the id of a user.
    pub actor: String,
    /// `create`, `update`, `delete`, `revoke`, `rotate`, `write_off`.
    pub action: String,
    /// `key`, `project`, `provider`, `model`, `node`.
    pub object: String,
    pub object_id: String,
    /// The object before and after as JSON, in the form of the admin API.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A sum that two ways of counting do not agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub what: String,
    pub counted: i128,
    pub kept: i128,
}
