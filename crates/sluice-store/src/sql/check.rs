//! Retention of rows, and the comparison of what is derived with what it is derived from.

use super::{arg, audit, latency};
use crate::{
    StoreError,
    engine::{Arg, Row, Statement, Tx},
    query::Mismatch,
    statement,
};

const RETIRE: Statement = statement!(
    "DELETE FROM requests WHERE request_id IN \
     (SELECT request_id FROM requests WHERE unix_ms < $1 ORDER BY unix_ms, request_id LIMIT $2)"
);
/// Since when a node is silent whose journal may still bring something a second time.
const SILENT: Statement = statement!(
    "SELECT MIN(seen_ms) FROM nodes WHERE ended = 0 AND seen_ms >= $1 \
     AND (node IN (SELECT node FROM cursors) OR node IN (SELECT node FROM leases))"
);
const RETIRED: Statement =
    statement!("UPDATE numbers SET value = $1 WHERE name = 'retired_ms' AND value < $1");

/// The oldest hour that is compared: of the last hours, those whose rows are all there.
const FIRST_HOUR: Statement = statement!(
    "SELECT CASE WHEN c.newest - $1 > c.kept THEN c.newest - $1 ELSE c.kept END \
     FROM (SELECT COALESCE((SELECT MAX(start) FROM usage_hourly), 0) AS newest, \
     COALESCE((SELECT (value + 3599999) / 3600000 * 3600 FROM numbers WHERE name = 'retired_ms'), 0) AS kept) AS c"
);
const HOURS: Statement = statement!(
    "SELECT c.start, CAST(SUM(c.requests) AS BIGINT), CAST(SUM(c.errors) AS BIGINT), CAST(SUM(c.cost) AS BIGINT) \
     FROM (SELECT start, requests, errors, cost FROM usage_hourly WHERE start >= $1 UNION ALL \
     SELECT unix_ms / 3600000 * 3600, -1, -failed, -COALESCE(charged, 0) FROM requests \
     WHERE unix_ms >= $1 * 1000) AS c GROUP BY c.start \
     HAVING SUM(c.requests) <> 0 OR SUM(c.errors) <> 0 OR SUM(c.cost) <> 0 ORDER BY c.start"
);
const DAYS: Statement = statement!(
    "SELECT c.start, CAST(SUM(c.requests) AS BIGINT), CAST(SUM(c.errors) AS BIGINT), CAST(SUM(c.cost) AS BIGINT) \
     FROM (SELECT start, requests, errors, cost FROM usage_daily WHERE start >= $1 UNION ALL \
     SELECT start - start % 86400, -requests, -errors, -cost FROM usage_hourly WHERE start >= $1) AS c \
     GROUP BY c.start HAVING SUM(c.requests) <> 0 OR SUM(c.errors) <> 0 OR SUM(c.cost) <> 0 ORDER BY c.start"
);
const LEASED: Statement = statement!(
    "SELECT c.account, c.window_start, CAST(SUM(c.leased) AS BIGINT), CAST(SUM(c.held) AS BIGINT) \
     FROM (SELECT account, window_start, leased, 0 AS held FROM budgets UNION ALL \
     SELECT account, window_start, 0, amount FROM leases) AS c GROUP BY c.account, c.window_start \
     HAVING SUM(c.leased) <> SUM(c.held) ORDER BY c.account, c.window_start"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[RETIRE, SILENT, RETIRED, FIRST_HOUR, HOURS, DAYS, LEASED];

/// How far back sums are compared with rows.
const CHECKED_HOURS: i64 = 48;
/// How far back sums of days are compared with those of hours.
const CHECKED_DAYS: i64 = 62;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// A node that was cut off posts again what came after the oldest request that it had open: no request runs longer.
const OPEN_MS: u64 = 3_600_000;
/// A node that is silent for so long beyond the age of rows does not come back.
const GONE_MS: u64 = 30 * 86_400_000;

/// What a node that was cut off may post again stays: without its row it would be charged again.
pub(super) async fn retire(mut tx: Tx, unix_ms: u64, limit: u32) -> Result<u64, StoreError> {
    let silent = tx.row(&SILENT, &[arg(unix_ms.saturating_sub(GONE_MS))]).await?;
    let silent = silent.map_or(Ok(None), |row| row.maybe_int(0))?.and_then(|ms| u64::try_from(ms).ok());
    let unix_ms = silent.map_or(unix_ms, |silent| unix_ms.min(silent.saturating_sub(OPEN_MS)));
    tx.execute(&RETIRED, &[arg(unix_ms)]).await?;
    let retired = tx.execute(&RETIRE, &[arg(unix_ms), Arg::Int(i64::from(limit))]).await?;
    latency::retire(&mut tx, super::int(unix_ms / 1_000)).await?;
    tx.commit().await?;
    Ok(retired)
}

pub(super) async fn run(tx: &mut Tx) -> Result<Vec<Mismatch>, StoreError> {
    let first = match tx.row(&FIRST_HOUR, &[Arg::Int(CHECKED_HOURS * HOUR_S)]).await? {
        Some(row) => row.int(0)?,
        None => 0,
    };
    let mut wrong = Vec::new();
    for row in tx.rows(&HOURS, &[Arg::Int(first)]).await? {
        sums("hour", "rows", &row, &mut wrong)?;
    }
    let first_day = first.saturating_sub(CHECKED_DAYS * DAY_S).div_euclid(DAY_S) * DAY_S;
    for row in tx.rows(&DAYS, &[Arg::Int(first_day)]).await? {
        sums("day", "sums of hours", &row, &mut wrong)?;
    }
    for row in tx.rows(&LEASED, &[]).await? {
        wrong.push(Mismatch {
            what: format!("leased of {} in the window {}", row.text(0)?, row.int(1)?),
            counted: i128::from(row.int(3)?),
            kept: i128::from(row.int(2)?),
        });
    }
    wrong.extend(audit::check(tx).await?);
    Ok(wrong)
}

/// The differences of one row: what is kept too much.
fn sums(width: &str, source: &str, row: &Row, wrong: &mut Vec<Mismatch>) -> Result<(), StoreError> {
    for (column, what) in ["requests", "errors", "cost"].into_iter().enumerate() {
        let more = row.int(column + 1)?;
        if more != 0 {
            let what = format!("{what} of the {width} {} beyond its {source}", row.int(0)?);
            wrong.push(Mismatch { what, counted: 0, kept: i128::from(more) });
        }
    }
    Ok(())
}
