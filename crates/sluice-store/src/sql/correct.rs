//! Requests that were closed before their true end was known. A copy of a data directory closes what was open in it,
//! while the process that it was taken from goes on and may answer in full: its journal brings the true end when the
//! request is in the books already.

use std::collections::HashMap;

use sluice_chat::Usage;
use sluice_ledger::{
    Posting, UsageSource,
    record::{Outcome, Settle},
};

use super::{
    int,
    post::{group, posted_row, settled},
    rollup::{Added, Group, Rollup},
};
use crate::{
    StoreError, document,
    engine::{Arg, Row, Statement, Tx},
    statement,
};

const CUT_OFF: Statement = statement!(
    "SELECT r.request_id, r.charged, r.provider, r.prompt_tokens, r.completion_tokens, r.cached_tokens, \
     r.reasoning_tokens, r.failed FROM (SELECT ",
    ID,
    " AS request_id FROM ",
    ROWS,
    ") AS p JOIN requests AS r ON r.request_id = p.request_id WHERE r.usage_source = 'interrupted' \
     ORDER BY r.request_id",
    LOCK_REQUESTS
);
const CORRECT: Statement = statement!(
    "UPDATE requests SET flags = n.flags, status = n.status, charged = n.charged, \
     failed = CASE WHEN n.failed > requests.failed THEN n.failed ELSE requests.failed END, \
     provider = n.provider, upstream_model = n.upstream_model, price_version = n.price_version, \
     usage_source = n.usage_source, prompt_tokens = n.prompt_tokens, completion_tokens = n.completion_tokens, \
     cached_tokens = n.cached_tokens, cache_write_tokens = n.cache_write_tokens, \
     reasoning_tokens = n.reasoning_tokens FROM (SELECT ",
    ID,
    " AS request_id, CAST(value ->> 5 AS BIGINT) AS flags, CAST(value ->> 6 AS BIGINT) AS status, \
     CAST(value ->> 8 AS BIGINT) AS charged, CAST(value ->> 9 AS BIGINT) AS failed, value ->> 10 AS provider, \
     value ->> 11 AS upstream_model, value ->> 12 AS price_version, value ->> 13 AS usage_source, \
     CAST(value ->> 14 AS BIGINT) AS prompt_tokens, CAST(value ->> 15 AS BIGINT) AS completion_tokens, \
     CAST(value ->> 16 AS BIGINT) AS cached_tokens, CAST(value ->> 17 AS BIGINT) AS cache_write_tokens, \
     CAST(value ->> 18 AS BIGINT) AS reasoning_tokens FROM ",
    ROWS,
    ") AS n WHERE requests.request_id = n.request_id"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[CUT_OFF, CORRECT];

/// What the books have for a request that was cut off.
pub(super) struct CutOff {
    charged: Option<i64>,
    provider: String,
    usage: Usage,
    failed: bool,
}

/// Those among `known` whose true end the books do not have yet, each with what they have.
pub(super) async fn find<'a>(
    tx: &mut Tx,
    known: &[&'a Posting],
) -> Result<Vec<(&'a Posting, CutOff)>, StoreError> {
    let ids: Vec<_> = known.iter().map(|posting| (super::hex(&posting.reserve.request.0),)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut cut_off: HashMap<Vec<u8>, CutOff> = HashMap::new();
    for row in tx.rows(&CUT_OFF, &[Arg::Text(&document::write(&ids))]).await? {
        cut_off.insert(row.bytes(0)?, CutOff::read(&row)?);
    }
    let found = known.iter().filter_map(|posting| {
        let was = cut_off.remove(&posting.reserve.request.0[..])?;
        says_more(posting, &was).then_some((*posting, was))
    });
    Ok(found.collect())
}

/// Puts the true ends into the rows, and moves the sums.
pub(super) async fn run<'a>(
    tx: &mut Tx,
    found: &'a [(&'a Posting, CutOff)],
    sums: &mut Rollup<'a>,
) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    for (posting, was) in found {
        let unix_ms = posting.reserve.unix_ms;
        let before = Group { provider: &was.provider, ..group(posting, None) };
        let cost = was.charged.unwrap_or(0);
        sums.take_back(unix_ms, before, Added { failed: was.failed, usage: Some(&was.usage), cost });
        let usage = settled(posting).map(|settle| &settle.usage);
        let cost = int(posting.charged().0);
        let failed = was.failed || posting.is_error();
        sums.add(unix_ms, group(posting, None), Added { failed, usage, cost });
    }
    let rows: Vec<_> = found.iter().map(|(posting, _)| posted_row(posting, None)).collect();
    tx.execute(&CORRECT, &[Arg::Text(&document::write(&rows))]).await.map(drop)
}

/// What each costs more than the books have, in nano-dollars.
pub(super) fn charges<'a>(found: &'a [(&'a Posting, CutOff)]) -> impl Iterator<Item = (&'a Posting, i64)> {
    found
        .iter()
        .map(|(posting, was)| (*posting, int(posting.charged().0).saturating_sub(was.charged.unwrap_or(0))))
}

/// Whether a posting knows the end of a request better than the row that closed it. Closing at a mark never does:
/// its charge is what was delivered up to there.
fn says_more(posting: &Posting, was: &CutOff) -> bool {
    match &posting.outcome {
        Outcome::Settled(Settle { source: UsageSource::Interrupted, charged, .. }) => {
            charged.map(|charged| int(charged.0)) > was.charged
        }
        Outcome::Settled(_) | Outcome::Voided(_) => true,
    }
}

impl CutOff {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let mut usage =
            Usage { prompt_tokens: row.count(3)?, completion_tokens: row.count(4)?, ..Usage::default() };
        usage.prompt.cached_tokens = row.count(5)?;
        usage.completion.reasoning_tokens = row.count(6)?;
        let (charged, provider) = (row.maybe_int(1)?, row.maybe_text(2)?.unwrap_or_default());
        Ok(Self { charged, provider, usage, failed: row.int(7)? != 0 })
    }
}
