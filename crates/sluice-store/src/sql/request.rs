//! Rows of requests, as the admin API asks for them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, Serializer};
use sluice_ledger::{NanoUsd, RequestId, record::Flags};

use super::arg;
use crate::{
    StoreError,
    books::{AttemptDetails, Details, WHYS},
    document,
    engine::{Arg, Row, Statement, Tx},
    query::{RequestFilter, RequestPage, RequestRow, Visible},
    statement,
};

/// Bits of the column `flags` beside those of [`Flags::bits`].
pub(super) const FLAG_STREAM: i64 = 8;
pub(super) const FLAG_REPAIRED: i64 = 16;
pub(super) const FLAG_HEDGED: i64 = 32;

/// The statement that lists by one index; the other conditions are the same in all of them. `$11` and `$12` are the
/// oldest row that is looked at.
macro_rules! list_by {
    ($($condition:tt)+) => {
        statement!(
            "SELECT ", REQUEST_COLUMNS, " FROM requests WHERE ", $($condition)+,
            " (unix_ms, request_id) < ($1, $2) AND unix_ms >= $10 AND (unix_ms, request_id) >= ($11, $12) \
             AND (CAST($3 AS TEXT) IS NULL OR key_id = $3) AND (CAST($4 AS TEXT) IS NULL OR project = $4) \
             AND (CAST($5 AS TEXT) IS NULL OR model = $5) \
             AND (CAST($6 AS BIGINT) IS NULL OR (status >= $6 AND status <= $7)) \
             AND (CAST($8 AS TEXT) IS NULL OR trace_id = $8) \
             AND (CAST($13 AS TEXT) IS NULL OR provider = $13 OR (provider IS NULL AND ", LAST_CALLED,
            " = $13)) AND (CAST($15 AS BIGINT) IS NULL OR total_us >= $15) \
             AND (CAST($14 AS BIGINT) = 0 OR failed = 1) \
             AND (CAST($16 AS BIGINT) IS NULL OR charged >= $16) \
             AND (CAST($17 AS TEXT) IS NULL OR project", [AMONG "$17"], ") \
             AND (CAST($18 AS TEXT) IS NULL OR key_id", [AMONG "$18"], ") \
             ORDER BY unix_ms DESC, request_id DESC LIMIT $9"
        )
    };
}

/// The row that stands so many rows behind the first, by the same index alone.
macro_rules! end_by {
    ($condition:literal) => {
        statement!(
            "SELECT unix_ms, request_id FROM requests WHERE ",
            $condition,
            " (unix_ms, request_id) < ($1, $2) AND unix_ms >= $3 \
             ORDER BY unix_ms DESC, request_id DESC LIMIT 1 OFFSET $4"
        )
    };
}

const BY_TRACE: Statement = list_by!("trace_id = $8 AND");
const BY_KEY: Statement = list_by!("key_id = $3 AND");
const BY_STATUS: Statement = list_by!("status = $6 AND status >= 400 AND");
const BY_ERROR: Statement = list_by!("failed = 1 AND");
const BY_MODEL: Statement = list_by!("model = $5 AND");
const BY_PROJECT: Statement = list_by!("project = $4 AND");
const BY_TIME: Statement = list_by!("");
/// By the beginning of the id, and of the trace's id. What is more than so many is not looked at.
const BY_BEGINNING: Statement = list_by!(
    "request_id IN (SELECT request_id FROM (SELECT request_id FROM requests WHERE request_id >= $19 \
     AND request_id <= $20 ORDER BY request_id DESC LIMIT 500) AS a UNION SELECT request_id FROM \
     (SELECT request_id FROM requests WHERE trace_id >= $21 AND trace_id < $22 LIMIT 500) AS b) AND"
);
const END_BY_KEY: Statement = end_by!("key_id = $5 AND");
const END_BY_STATUS: Statement = end_by!("status = $5 AND status >= 400 AND");
const END_BY_ERROR: Statement = end_by!("failed = 1 AND");
const END_BY_MODEL: Statement = end_by!("model = $5 AND");
const END_BY_PROJECT: Statement = end_by!("project = $5 AND");
const END_BY_TIME: Statement = end_by!("");
const ONE: Statement = statement!("SELECT ", REQUEST_COLUMNS, " FROM requests WHERE request_id = $1");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    BY_TRACE,
    BY_KEY,
    BY_STATUS,
    BY_ERROR,
    BY_MODEL,
    BY_PROJECT,
    BY_TIME,
    BY_BEGINNING,
    END_BY_KEY,
    END_BY_STATUS,
    END_BY_ERROR,
    END_BY_MODEL,
    END_BY_PROJECT,
    END_BY_TIME,
    ONE,
];

#[cfg(test)]
pub(crate) fn plans() -> Vec<(Statement, &'static str)> {
    vec![
        (BY_TRACE, "requests_by_trace"),
        (BY_KEY, "requests_by_key"),
        (BY_STATUS, "requests_by_failure"),
        (BY_ERROR, "requests_by_error"),
        (BY_MODEL, "requests_by_model"),
        (BY_PROJECT, "requests_by_project"),
        (BY_TIME, "requests_by_time"),
        (BY_BEGINNING, "PRIMARY KEY"),
        (BY_BEGINNING, "requests_by_trace"),
        (END_BY_KEY, "COVERING INDEX requests_by_key"),
        (END_BY_STATUS, "COVERING INDEX requests_by_failure"),
        (END_BY_ERROR, "COVERING INDEX requests_by_error"),
        (END_BY_MODEL, "COVERING INDEX requests_by_model"),
        (END_BY_PROJECT, "COVERING INDEX requests_by_project"),
        (END_BY_TIME, "COVERING INDEX requests_by_time"),
    ]
}

/// Where no index has all that is asked for, so many rows are looked at in one step, and so many steps are made:
/// a page then may have few rows or none, and says where to go on.
const STEP_ROWS: i64 = 2_500;
const STEPS: usize = 3;
/// So many projects or keys are asked for one by one.
const PARTS: usize = 4;

/// What leads to the rows. The first of them that was asked for does: each picks fewer rows than those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead<'a> {
    Beginning(&'a str),
    Trace,
    Key(&'a str),
    Status(u16),
    Error,
    Model(&'a str),
    Project(&'a str),
    Time,
}

impl<'a> Lead<'a> {
    fn of(filter: &'a RequestFilter) -> Self {
        let RequestFilter { key, project, model, status, failed, trace_id, beginning, .. } = filter;
        match (beginning, trace_id, key, status) {
            (Some(beginning), ..) => Self::Beginning(beginning),
            (_, Some(_), ..) => Self::Trace,
            (.., Some(key), _) => Self::Key(key),
            (.., Some((from, to))) if from == to && *from >= 400 => Self::Status(*from),
            // Whoever got such a status got an error.
            (.., Some((from, _))) if *from >= 400 => Self::Error,
            _ if *failed => Self::Error,
            _ => match (model, project) {
                (Some(model), _) => Self::Model(model),
                (_, Some(project)) => Self::Project(project),
                _ => Self::Time,
            },
        }
    }

    fn list(self) -> &'static Statement {
        match self {
            Self::Beginning(_) => &BY_BEGINNING,
            Self::Trace => &BY_TRACE,
            Self::Key(_) => &BY_KEY,
            Self::Status(_) => &BY_STATUS,
            Self::Error => &BY_ERROR,
            Self::Model(_) => &BY_MODEL,
            Self::Project(_) => &BY_PROJECT,
            Self::Time => &BY_TIME,
        }
    }

    /// The statement that finds the end of a step, and what it leads by. `None`: there are few rows at most.
    fn end(self) -> Option<(&'static Statement, Option<Arg<'a>>)> {
        Some(match self {
            Self::Beginning(_) | Self::Trace => return None,
            Self::Key(key) => (&END_BY_KEY, Some(Arg::Text(key))),
            Self::Status(status) => (&END_BY_STATUS, Some(Arg::Int(i64::from(status)))),
            Self::Error => (&END_BY_ERROR, None),
            Self::Model(model) => (&END_BY_MODEL, Some(Arg::Text(model))),
            Self::Project(project) => (&END_BY_PROJECT, Some(Arg::Text(project))),
            Self::Time => (&END_BY_TIME, None),
        })
    }

    /// Whether every row that this leads to is one that was asked for.
    fn is_all_of(self, filter: &RequestFilter) -> bool {
        let RequestFilter {
            from_ms: _,
            to_ms: _,
            key,
            project,
            model,
            provider,
            status,
            failed,
            trace_id: _,
            beginning: _,
            min_total_us,
            min_cost,
            visible,
            before: _,
            limit: _,
        } = filter;
        let beside =
            [provider.is_none(), min_total_us.is_none(), min_cost.is_none(), *visible == Visible::All];
        let asked = [key.is_some(), status.is_some(), *failed, model.is_some(), project.is_some()];
        let count = asked.into_iter().filter(|asked| *asked).count();
        beside.into_iter().all(|none| none)
            && match self {
                Self::Beginning(_) | Self::Trace => true,
                Self::Time => count == 0,
                Self::Error => count == 1 && *failed,
                _ => count == 1,
            }
    }
}

/// One row: when it came, and its id.
type At = (i64, [u8; 16]);

/// What somebody sees of what was asked for. Of a few projects or keys each is asked for by its index: requests of others
/// may be many.
pub(super) async fn list(tx: &mut Tx, filter: &RequestFilter) -> Result<RequestPage, StoreError> {
    let part = |key: Option<&String>, project: Option<&String>| RequestFilter {
        key: key.or(filter.key.as_ref()).cloned(),
        project: project.or(filter.project.as_ref()).cloned(),
        visible: Visible::All,
        ..filter.clone()
    };
    let asked = |list: &[String], wanted: &Option<String>| -> BTreeSet<String> {
        list.iter().filter(|name| wanted.as_ref().is_none_or(|wanted| wanted == *name)).cloned().collect()
    };
    let parts: Vec<RequestFilter> = match &filter.visible {
        Visible::All => return list_seen(tx, filter).await,
        Visible::Projects(list) => {
            asked(list, &filter.project).iter().map(|project| part(None, Some(project))).collect()
        }
        Visible::Keys(list) => asked(list, &filter.key).iter().map(|key| part(Some(key), None)).collect(),
    };
    if parts.len() > PARTS {
        return list_seen(tx, filter).await;
    }
    let mut pages = Vec::with_capacity(parts.len());
    for part in &parts {
        pages.push(list_seen(tx, part).await?);
    }
    Ok(joined(pages, usize::try_from(filter.limit).unwrap_or(usize::MAX)))
}

/// One page of several that are of different requests. It ends where the first of them does: behind that there may be
/// more of its rows.
fn joined(pages: Vec<RequestPage>, limit: usize) -> RequestPage {
    let at = |row: &RequestRow| (row.unix_ms, row.request);
    let mut next = pages.iter().filter_map(|page| page.next).max();
    let mut rows: Vec<RequestRow> = pages.into_iter().flat_map(|page| page.rows).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(at(row)));
    rows.retain(|row| next.is_none_or(|next| at(row) >= next));
    if rows.len() > limit {
        rows.truncate(limit);
        next = rows.last().map(at);
    }
    RequestPage { rows, next }
}

async fn list_seen(tx: &mut Tx, filter: &RequestFilter) -> Result<RequestPage, StoreError> {
    let RequestFilter { key, project, model, provider, trace_id, beginning, .. } = filter;
    let nothing = RequestPage { rows: Vec::new(), next: None };
    if [key, project, model, provider, trace_id, beginning].into_iter().any(super::is_nowhere) {
        return Ok(nothing);
    }
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let lead = Lead::of(filter);
    let mut before = filter.before.map_or((i64::MAX, [0xff; 16]), |(ms, id)| (super::int(ms), id.0));
    if let Some(to) = filter.to_ms {
        before = before.min((super::int(to), [0; 16]));
    }
    let mut rows: Vec<RequestRow> = Vec::new();
    for step in 1.. {
        let end = match lead.end().filter(|_| !lead.is_all_of(filter)) {
            Some(end) => step_end(tx, end, before, filter).await?,
            None => None,
        };
        // One more tells whether there is another page.
        let missing = limit.saturating_add(1).saturating_sub(rows.len());
        rows.extend(listed(tx, lead, filter, (before, end, missing)).await?);
        if rows.len() > limit {
            rows.truncate(limit);
            let next = rows.last().map(|row| (row.unix_ms, row.request));
            return Ok(RequestPage { rows, next });
        }
        let Some(end) = end else { break };
        if step == STEPS {
            let next = Some((u64::try_from(end.0).unwrap_or(0), RequestId(end.1)));
            return Ok(RequestPage { rows, next });
        }
        before = end;
    }
    Ok(RequestPage { rows, next: None })
}

/// The last row of a step; `None`: there are fewer.
async fn step_end(
    tx: &mut Tx,
    (statement, led_by): (&Statement, Option<Arg<'_>>),
    before: At,
    filter: &RequestFilter,
) -> Result<Option<At>, StoreError> {
    let from = arg(filter.from_ms.unwrap_or(0));
    let args = [Arg::Int(before.0), Arg::Bytes(&before.1), from, Arg::Int(STEP_ROWS - 1)];
    let args: Vec<Arg<'_>> = args.into_iter().chain(led_by).collect();
    let Some(row) = tx.row(statement, &args).await? else { return Ok(None) };
    Ok(Some((row.int(0)?, id(row.bytes(1)?)?)))
}

async fn listed(
    tx: &mut Tx,
    lead: Lead<'_>,
    filter: &RequestFilter,
    (before, end, limit): (At, Option<At>, usize),
) -> Result<Vec<RequestRow>, StoreError> {
    let end = end.unwrap_or((i64::MIN, [0; 16]));
    let (projects, keys) = match &filter.visible {
        Visible::All => (None, None),
        Visible::Projects(projects) => (Some(super::list_of(projects)), None),
        Visible::Keys(keys) => (None, Some(super::list_of(keys))),
    };
    let status = |status: u16| i64::from(status);
    let mut args = vec![
        Arg::Int(before.0),
        Arg::Bytes(&before.1),
        Arg::MaybeText(filter.key.as_deref()),
        Arg::MaybeText(filter.project.as_deref()),
        Arg::MaybeText(filter.model.as_deref()),
        Arg::MaybeInt(filter.status.map(|(from, _)| status(from))),
        Arg::MaybeInt(filter.status.map(|(_, to)| status(to))),
        Arg::MaybeText(filter.trace_id.as_deref()),
        arg(limit as u64),
        // SQLite seeks by the one column where it has it, and would go on to the oldest row by the pair alone.
        Arg::Int(end.0.max(super::int(filter.from_ms.unwrap_or(0)))),
        Arg::Int(end.0),
        Arg::Bytes(&end.1),
        Arg::MaybeText(filter.provider.as_deref()),
        Arg::Int(i64::from(filter.failed)),
        Arg::MaybeInt(filter.min_total_us.map(super::int)),
        Arg::MaybeInt(filter.min_cost.map(|cost| super::int(cost.0))),
        Arg::MaybeText(projects.as_deref()),
        Arg::MaybeText(keys.as_deref()),
    ];
    let (ids, traces);
    if let Lead::Beginning(text) = lead {
        (ids, traces) = (ids_that_begin(text), format!("{text}{}", char::MAX));
        args.extend([Arg::Bytes(&ids.0), Arg::Bytes(&ids.1), Arg::Text(text), Arg::Text(&traces)]);
    }
    tx.rows(lead.list(), &args).await?.iter().map(read).collect()
}

/// The first and the last id that begin like this, with `req_` or without; a range without any where none does.
fn ids_that_begin(text: &str) -> ([u8; 16], [u8; 16]) {
    let digits = text.strip_prefix("req_").unwrap_or(text);
    let first = RequestId::from_text(&format!("req_{digits:0<32}"));
    let last = RequestId::from_text(&format!("req_{digits:f<32}"));
    match (first, last) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => ([0xff; 16], [0; 16]),
    }
}

pub(super) async fn one(tx: &mut Tx, id: RequestId) -> Result<Option<RequestRow>, StoreError> {
    tx.row(&ONE, &[Arg::Bytes(&id.0)]).await?.as_ref().map(read).transpose()
}

fn id(bytes: Vec<u8>) -> Result<[u8; 16], StoreError> {
    let wrong = |_| StoreError::Engine("a row of `requests` has no id of 16 bytes".to_owned());
    bytes.try_into().map_err(wrong)
}

fn read(row: &Row) -> Result<RequestRow, StoreError> {
    let id = id(row.bytes(0)?)?;
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
        failed: row.int(9)? != 0,
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

/// Provider, upstream model, start, first token, end, status, outcome, reason, and why it was made, which older rows do
/// not have.
#[derive(Serialize, Deserialize)]
struct AttemptDocument<T>(
    T,
    T,
    u64,
    Option<u64>,
    u64,
    Option<u16>,
    T,
    Option<T>,
    #[serde(default)] Option<T>,
);

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
                why,
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
                Some(*why),
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
            why,
        ) = document;
        let why = WHYS.into_iter().find(|word| why.as_deref() == Some(*word)).unwrap_or_default();
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
            why,
        }
    });
    Ok(attempts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_older_rows_are_read() {
        let check = |text: &str, why: &str| {
            let calls = read_attempts(text).unwrap();
            assert_eq!((calls.len(), calls[0].why, calls[0].ended_us), (1, why, 6), "{text}");
        };
        check(r#"[["p","m",1,null,6,200,"ok",null]]"#, "");
        check(r#"[["p","m",1,null,6,200,"ok",null,"hedge"]]"#, "hedge");
        check(r#"[["p","m",1,null,6,200,"ok",null,"something new"]]"#, "");
    }

    #[test]
    fn beginnings_of_ids() {
        let check = |text: &str, expect: Option<(u8, u8)>| {
            let (first, last) = ids_that_begin(text);
            let found = (first <= last).then_some((first[0], last[0]));
            assert_eq!(found, expect, "{text}");
        };
        check("req_01", Some((1, 1)));
        check("0", Some((0, 15)));
        check("", Some((0, 255)));
        check("req_0g", None);
        check("0A", None);
        check(&"0".repeat(32), Some((0, 0)));
        check(&"0".repeat(33), None);
    }
}
