//! Sums of usage by the hour and by the day, kept in the transaction that writes the rows.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_chat::Usage;

use super::int;
use crate::{
    StoreError, document,
    engine::{Arg, Statement, Tx},
    statement,
};

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// No count of tokens of one request is taken for larger, so that sums stay within their columns.
const TOKENS_MAX: u64 = 1 << 43;

const ADD_HOURLY: Statement = statement!(
    "INSERT INTO usage_hourly (",
    ROLLUP_COLUMNS,
    ") SELECT ",
    ROLLUP_VALUES,
    " FROM ",
    ROWS,
    " WHERE true ON CONFLICT (start, key_id, project, model, provider) DO UPDATE SET \
     requests = usage_hourly.requests + excluded.requests, \
     errors = usage_hourly.errors + excluded.errors, \
     prompt_tokens = usage_hourly.prompt_tokens + excluded.prompt_tokens, \
     completion_tokens = usage_hourly.completion_tokens + excluded.completion_tokens, \
     cached_tokens = usage_hourly.cached_tokens + excluded.cached_tokens, \
     reasoning_tokens = usage_hourly.reasoning_tokens + excluded.reasoning_tokens, \
     cost = CASE WHEN excluded.cost <= 0 THEN usage_hourly.cost + excluded.cost \
     WHEN usage_hourly.cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 \
     ELSE usage_hourly.cost + excluded.cost END"
);
const ADD_DAILY: Statement = statement!(
    "INSERT INTO usage_daily (",
    ROLLUP_COLUMNS,
    ") SELECT ",
    ROLLUP_VALUES,
    " FROM ",
    ROWS,
    " WHERE true ON CONFLICT (start, key_id, project, model, provider) DO UPDATE SET \
     requests = usage_daily.requests + excluded.requests, \
     errors = usage_daily.errors + excluded.errors, \
     prompt_tokens = usage_daily.prompt_tokens + excluded.prompt_tokens, \
     completion_tokens = usage_daily.completion_tokens + excluded.completion_tokens, \
     cached_tokens = usage_daily.cached_tokens + excluded.cached_tokens, \
     reasoning_tokens = usage_daily.reasoning_tokens + excluded.reasoning_tokens, \
     cost = CASE WHEN excluded.cost <= 0 THEN usage_daily.cost + excluded.cost \
     WHEN usage_daily.cost > 9223372036854775807 - excluded.cost THEN 9223372036854775807 \
     ELSE usage_daily.cost + excluded.cost END"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[ADD_HOURLY, ADD_DAILY];

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group<'a> {
    pub(super) key: &'a str,
    pub(super) project: &'a str,
    pub(super) model: &'a str,
    pub(super) provider: &'a str,
}

/// What one request adds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Added<'a> {
    pub(super) failed: bool,
    /// Absent where nobody answered.
    pub(super) usage: Option<&'a Usage>,
    pub(super) cost: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    requests: i64,
    errors: i64,
    prompt: i64,
    completion: i64,
    cached: i64,
    reasoning: i64,
    cost: i64,
}

/// Sums of one batch. Ordered, so that all nodes touch the rows of the database in one order.
#[derive(Debug, Default)]
pub(super) struct Rollup<'a> {
    hourly: BTreeMap<(i64, Group<'a>), Sums>,
}

#[derive(Serialize)]
struct Columns<'a>(i64, &'a str, &'a str, &'a str, &'a str, i64, i64, i64, i64, i64, i64, i64);

impl<'a> Rollup<'a> {
    /// Adds a request that came at `unix_ms`.
    pub(super) fn add(&mut self, unix_ms: u64, group: Group<'a>, added: Added<'_>) {
        self.count(unix_ms, group, added, 1);
    }

    /// Takes back what [`Self::add`] added in a batch before: the request ended differently.
    pub(super) fn take_back(&mut self, unix_ms: u64, group: Group<'a>, added: Added<'_>) {
        self.count(unix_ms, group, added, -1);
    }

    fn count(&mut self, unix_ms: u64, group: Group<'a>, added: Added<'_>, sign: i64) {
        let unix_s = int(unix_ms / 1_000);
        let sums = self.hourly.entry((unix_s - unix_s % HOUR_S, group)).or_default();
        sums.requests += sign;
        sums.errors += sign * i64::from(added.failed);
        sums.cost = sums.cost.saturating_add(sign * added.cost);
        if let Some(usage) = added.usage {
            let tokens = |count: u64| sign * int(count.min(TOKENS_MAX));
            sums.prompt += tokens(usage.prompt_tokens);
            sums.completion += tokens(usage.completion_tokens);
            sums.cached += tokens(usage.prompt.cached_tokens);
            sums.reasoning += tokens(usage.completion.reasoning_tokens);
        }
    }

    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.hourly.is_empty() {
            return Ok(());
        }
        let mut daily: BTreeMap<(i64, Group<'a>), Sums> = BTreeMap::new();
        for ((hour, group), sums) in &self.hourly {
            let day = daily.entry((hour - hour % DAY_S, group.clone())).or_default();
            day.requests += sums.requests;
            day.errors += sums.errors;
            day.prompt += sums.prompt;
            day.completion += sums.completion;
            day.cached += sums.cached;
            day.reasoning += sums.reasoning;
            day.cost = day.cost.saturating_add(sums.cost);
        }
        tx.execute(&ADD_HOURLY, &[Arg::Text(&rows(&self.hourly))]).await?;
        tx.execute(&ADD_DAILY, &[Arg::Text(&rows(&daily))]).await.map(drop)
    }
}

fn rows(sums: &BTreeMap<(i64, Group<'_>), Sums>) -> String {
    let rows: Vec<Columns<'_>> = sums
        .iter()
        .map(|((start, group), sums)| {
            let Group { key, project, model, provider } = group;
            let Sums { requests, errors, prompt, completion, cached, reasoning, cost } = *sums;
            Columns(
                *start, key, project, model, provider, requests, errors, prompt, completion, cached,
                reasoning, cost,
            )
        })
        .collect();
    document::write(&rows)
}
