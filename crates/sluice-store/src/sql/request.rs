//! Rows of requests, as the admin API asks for them.

use serde::{Deserialize, Serialize, Serializer};
use sluice_ledger::{NanoUsd, RequestId, record::Flags};

use super::arg;
use crate::{
    StoreError,
    books::{AttemptDetails, Details},
    document,
    engine::{Arg, Row, Statement, Tx},
    query::{RequestFilter, RequestRow, Visible},
    statement,
};

/// Bits of the column `flags` beside those of [`Flags::bits`].
pub(super) const FLAG_STREAM: i64 = 8;
pub(super) const FLAG_REPAIRED: i64 = 16;
pub(super) const FLAG_HEDGED: i64 = 32;

/// The statement that lists by one index; the other conditions are the same in all of them.
macro_rules! list_by {
    ($condition:literal) => {
        statement!(
            "SELECT ", REQUEST_COLUMNS, " FROM requests WHERE ", $condition,
            " (unix_ms, request_id) < ($1, $2) AND (CAST($3 AS TEXT) IS NULL OR key_id = $3) AND (CAST($4 AS TEXT) IS NULL OR project = $4) \
             AND (CAST($5 AS TEXT) IS NULL OR model = $5) AND (CAST($6 AS BIGINT) IS NULL OR status = $6) AND (CAST($7 AS TEXT) IS NULL OR trace_id = $7) \
             ORDER BY unix_ms DESC, request_id DESC LIMIT $8"
        )
    };
}

const BY_TRACE: Statement = list_by!("trace_id = $7 AND");
const BY_KEY: Statement = list_by!("key_id = $3 AND");
const BY_FAILURE: Statement = list_by!("status = $6 AND status >= 400 AND");
const BY_MODEL: Statement = list_by!("model = $5 AND");
const BY_PROJECT: Statement = list_by!("project = $4 AND");
const BY_TIME: Statement = list_by!("");
const ONE: Statement = statement!("SELECT ", REQUEST_COLUMNS, " FROM requests WHERE request_id = $1");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[BY_TRACE, BY_KEY, BY_FAILURE, BY_MODEL, BY_PROJECT, BY_TIME, ONE];

/// What somebody sees of what was asked for. Of several projects or keys each is asked for by its index: there are
/// few of them, and requests of others may be many.
pub(super) async fn list(tx: &mut Tx, filter: &RequestFilter) -> Result<Vec<RequestRow>, StoreError> {
    let one = |key: Option<&String>, project: Option<&String>| RequestFilter {
        key: key.or(filter.key.as_ref()).cloned(),
        project: project.or(filter.project.as_ref()).cloned(),
        ..filter.clone()
    };
    let asked =
        |name: &&String, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| wanted == *name);
    let parts: Vec<RequestFilter> = match &filter.visible {
        Visible::All => return list_seen(tx, filter).await,
        Visible::Projects(list) => {
            let list = list.iter().filter(|name| asked(name, &filter.project));
            list.map(|project| one(None, Some(project))).collect()
        }
        Visible::Keys(list) => {
            let list = list.iter().filter(|id| asked(id, &filter.key));
            list.map(|key| one(Some(key), None)).collect()
        }
    };
    let mut rows = Vec::new();
    for part in &parts {
        rows.append(&mut list_seen(tx, part).await?);
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.unix_ms, row.request.0)));
    rows.dedup_by_key(|row| row.request);
    rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(rows)
}

async fn list_seen(tx: &mut Tx, filter: &RequestFilter) -> Result<Vec<RequestRow>, StoreError> {
    let RequestFilter { key, project, model, status, trace_id, before, limit, visible: _ } = filter;
    if [key, project, model, trace_id].into_iter().any(super::is_nowhere) {
        return Ok(Vec::new());
    }
    // What picks the fewest rows leads.
    let statement = if trace_id.is_some() {
        &BY_TRACE
    } else if key.is_some() {
        &BY_KEY
    } else if status.is_some_and(|status| status >= 400) {
        &BY_FAILURE
    } else if model.is_some() {
        &BY_MODEL
    } else if project.is_some() {
        &BY_PROJECT
    } else {
        &BY_TIME
    };
    let (before_ms, before_id) = before.map_or((i64::MAX, [0xff; 16]), |(ms, id)| (super::int(ms), id.0));
    let args = [
        Arg::Int(before_ms),
        Arg::Bytes(&before_id),
        Arg::MaybeText(key.as_deref()),
        Arg::MaybeText(project.as_deref()),
        Arg::MaybeText(model.as_deref()),
        Arg::MaybeInt(status.map(i64::from)),
        Arg::MaybeText(trace_id.as_deref()),
        arg(u64::from(*limit)),
    ];
    tx.rows(statement, &args).await?.iter().map(read).collect()
}

pub(super) async fn one(tx: &mut Tx, id: RequestId) -> Result<Option<RequestRow>, StoreError> {
    tx.row(&ONE, &[Arg::Bytes(&id.0)]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<RequestRow, StoreError> {
    let id: [u8; 16] = row
        .bytes(0)?
        .try_into()
        .map_err(|_| StoreError::Engine("a row of `requests` has no id of 16 bytes".to_owned()))?;
    let flags = row.int(5)?;
    Ok(RequestRow {
        request: RequestId(id),
        unix_ms: row.count(1)?,
        key: row.text(2)?,
        project: row.text(3)?,
        model: row.text(4)?,
        stream: flags & FLAG_STREAM != 0,
        reserved: NanoUsd(row.count(7)?),
        charged: row.maybe_int(8)?.map(amount),
        provider: row.maybe_text(10)?,
        upstream_model: row.maybe_text(11)?,
        price_version: row.maybe_text(12)?,
        usage_source: row.maybe_text(13)?,
        prompt_tokens: row.count(14)?,
        completion_tokens: row.count(15)?,
        cached_tokens: row.count(16)?,
        cache_write_tokens: row.count(17)?,
        reasoning_tokens: row.count(18)?,
        flags: Flags::from_bits(u8::try_from(flags & 7).unwrap_or(0)),
        details: details(row, flags)?,
    })
}

fn amount(stored: i64) -> NanoUsd {
    NanoUsd(u64::try_from(stored).unwrap_or(0))
}

fn details(row: &Row, flags: i64) -> Result<Option<Details>, StoreError> {
    let Some(total_us) = row.maybe_int(23)? else { return Ok(None) };
    let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    let attempts = match row.maybe_text(25)? {
        Some(text) => read_attempts(&text).map_err(|reason| {
            StoreError::Engine(format!("the attempts in a row of `requests` cannot be read: {reason}"))
        })?,
        None => Vec::new(),
    };
    Ok(Some(Details {
        trace_id: row.maybe_text(19)?.unwrap_or_default(),
        status: u16::try_from(row.int(6)?).unwrap_or(0),
        error_code: row.maybe_text(20)?,
        queue_us: count(row.maybe_int(21)?),
        first_token_us: count(row.maybe_int(22)?),
        total_us: count(Some(total_us)).unwrap_or(0),
        repaired: flags & FLAG_REPAIRED != 0,
        hedged: flags & FLAG_HEDGED != 0,
        wasted: row.maybe_int(24)?.map_or(NanoUsd(0), amount),
        attempts,
    }))
}

/// The calls of a request as one document: one array a call, without the names that would be most of its size.
pub(super) struct AttemptsDocument<'a>(pub(super) &'a [AttemptDetails]);

/// Provider, upstream model, start, first token, end, status, outcome, reason.
#[derive(Serialize, Deserialize)]
struct AttemptDocument<T>(T, T, u64, Option<u64>, u64, Option<u16>, T, Option<T>);

impl Serialize for AttemptsDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|attempt| {
            let AttemptDetails {
                provider,
                upstream_model,
                started_ms,
                first_token_us,
                ended_us,
                status,
                outcome,
                reason,
            } = attempt;
            AttemptDocument(
                provider.as_str(),
                upstream_model.as_str(),
                *started_ms,
                *first_token_us,
                *ended_us,
                *status,
                *outcome,
                reason.as_deref(),
            )
        }))
    }
}

fn read_attempts(text: &str) -> Result<Vec<AttemptDetails>, String> {
    let documents: Vec<AttemptDocument<String>> = document::read(text)?;
    let attempts = documents.into_iter().map(|document| {
        let AttemptDocument(
            provider,
            upstream_model,
            started_ms,
            first_token_us,
            ended_us,
            status,
            outcome,
            reason,
        ) = document;
        let outcome = match outcome.as_str() {
            "ok" => "ok",
            "cancelled" => "cancelled",
            _ => "failed",
        };
        AttemptDetails {
            provider,
            upstream_model,
            started_ms,
            first_token_us,
            ended_us,
            status,
            outcome,
            reason,
        }
    });
    Ok(attempts.collect())
}
