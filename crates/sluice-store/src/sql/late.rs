//! Details that come when the row of their request is in the books already, and what they change in the sums.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_ledger::RequestId;

use super::{
    int,
    post::{Rows, flags, text, trace},
    request::AttemptsDocument,
    rollup::{Added, Group, Rollup},
};
use crate::{
    StoreError,
    books::{Batch, Details},
    document,
    engine::{Arg, Statement, Tx},
    statement,
};

const BARE: Statement = statement!(
    "SELECT r.request_id, r.unix_ms, r.key_id, r.project, r.model, r.provider, r.failed FROM (SELECT ",
    ID,
    " AS request_id FROM ",
    ROWS,
    ") AS p JOIN requests AS r ON r.request_id = p.request_id WHERE r.total_us IS NULL \
     ORDER BY r.request_id",
    LOCK_REQUESTS
);
const ADD_DETAILS: Statement = statement!(
    "UPDATE requests SET flags = requests.flags | d.flags, status = d.status, trace_id = d.trace_id, \
     error_code = d.error_code, queue_us = d.queue_us, first_token_us = d.first_token_us, total_us = d.total_us, \
     wasted = d.wasted, attempts_json = d.attempts_json, \
     failed = CASE WHEN d.failed > requests.failed THEN d.failed ELSE requests.failed END FROM (SELECT ",
    ID,
    " AS request_id, \
     CAST(value ->> 1 AS BIGINT) AS flags, CAST(value ->> 2 AS BIGINT) AS status, value ->> 3 AS trace_id, \
     value ->> 4 AS error_code, CAST(value ->> 5 AS BIGINT) AS queue_us, \
     CAST(value ->> 6 AS BIGINT) AS first_token_us, CAST(value ->> 7 AS BIGINT) AS total_us, \
     CAST(value ->> 8 AS BIGINT) AS wasted, value ->> 9 AS attempts_json, \
     CAST(value ->> 10 AS BIGINT) AS failed FROM ",
    ROWS,
    ") AS d \
     WHERE requests.request_id = d.request_id AND requests.total_us IS NULL"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[BARE, ADD_DETAILS];

/// A row that gets its details.
struct Row<'a> {
    unix_ms: u64,
    key: String,
    project: String,
    model: String,
    /// Empty where nobody answered.
    provider: String,
    failed: bool,
    details: &'a Details,
}

/// Details of a batch that came after their rows, and those rows.
pub(super) struct Late<'a> {
    details: BTreeMap<RequestId, &'a Details>,
    rows: Vec<Row<'a>>,
}

/// Finds the rows. Ends of cut-off requests are corrected by now.
pub(super) async fn find<'a>(tx: &mut Tx, batch: &'a Batch, rows: Rows) -> Result<Late<'a>, StoreError> {
    let mut details: BTreeMap<RequestId, &Details> = BTreeMap::new();
    if rows == Rows::SomeKnown {
        // A row that was known may have come without them.
        let beside = batch
            .postings
            .iter()
            .filter_map(|(posting, found)| Some((posting.reserve.request, found.as_ref()?)));
        details.extend(beside);
    }
    details.extend(batch.late_details.iter().map(|(id, details)| (*id, details)));
    let mut late = Late { details, rows: Vec::new() };
    if late.details.is_empty() {
        return Ok(late);
    }
    let ids: Vec<_> = late.details.keys().map(|id| (super::hex(&id.0),)).collect();
    for row in tx.rows(&BARE, &[Arg::Text(&document::write(&ids))]).await? {
        let id = <[u8; 16]>::try_from(row.bytes(0)?).map(RequestId).ok();
        let Some(details) = id.and_then(|id| late.details.get(&id)) else { continue };
        late.rows.push(Row {
            unix_ms: row.count(1)?,
            key: row.text(2)?,
            project: row.text(3)?,
            model: row.text(4)?,
            provider: row.maybe_text(5)?.unwrap_or_default(),
            failed: row.int(6)? != 0,
            details,
        });
    }
    Ok(late)
}

impl Late<'_> {
    /// Moves the sums: to those of errors, and to those of who was called where nobody answered.
    pub(super) fn count<'a>(&'a self, sums: &mut Rollup<'a>) {
        for row in &self.rows {
            let Row { unix_ms, key, project, model, provider, failed, details } = row;
            let called = || details.last_called().map_or("", text);
            let after = if provider.is_empty() { called() } else { provider.as_str() };
            let failed_now = *failed || details.is_error();
            if (failed_now, after) == (*failed, provider.as_str()) {
                continue;
            }
            let group = |provider| Group { key, project, model, provider };
            // What nobody answered cost nothing, and what somebody did stays with them: tokens and money do not move.
            sums.take_back(*unix_ms, group(provider), Added { failed: *failed, ..Added::default() });
            sums.add(*unix_ms, group(after), Added { failed: failed_now, ..Added::default() });
        }
    }

    /// Writes the details into the rows.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let columns: Vec<_> = self.details.iter().map(|(id, details)| Columns::new(id, details)).collect();
        tx.execute(&ADD_DETAILS, &[Arg::Text(&document::write(&columns))]).await.map(drop)
    }
}

/// The columns that come with the details, in the order in which `ADD_DETAILS` takes them.
#[derive(Serialize)]
struct Columns<'a>(
    String,
    i64,
    u16,
    Option<&'a str>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
    AttemptsDocument<'a>,
    i64,
);

impl<'a> Columns<'a> {
    fn new(id: &RequestId, details: &'a Details) -> Self {
        Self(
            super::hex(&id.0),
            flags(details),
            details.status,
            trace(details),
            details.error_code.as_deref().map(text),
            details.queue_us.map(int),
            details.first_token_us.map(int),
            int(details.total_us),
            int(details.wasted.0),
            AttemptsDocument(&details.attempts),
            i64::from(details.is_error()),
        )
    }
}
