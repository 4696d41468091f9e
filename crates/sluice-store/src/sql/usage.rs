//! Sums of usage over a range of time.

use sluice_ledger::NanoUsd;

use crate::{
    StoreError,
    engine::{Arg, Row, Statement, Tx},
    query::{Bucket, GroupBy, UsageQuery, UsageRow, Visible},
    statement,
};

pub(super) const HOUR_S: i64 = 3_600;
pub(super) const DAY_S: i64 = 86_400;

/// Whole days come from the sums of days, the rest of the range from those of hours: `$1` to `$2`, and `$3` to `$4`
/// with `$5` to `$6`. What is not grouped by is one value for all rows.
/// A provider from which everything was taken back has no row.
const SUMS: Statement = statement!(
    "SELECT CASE CAST($7 AS BIGINT) WHEN 0 THEN NULL WHEN 1 THEN start ELSE start - start % 86400 END, \
     CASE WHEN CAST($8 AS BIGINT) = 1 THEN model END, CASE WHEN CAST($9 AS BIGINT) = 1 THEN key_id END, CASE WHEN CAST($10 AS BIGINT) = 1 THEN project END, \
     CASE WHEN CAST($11 AS BIGINT) = 1 THEN provider END, CAST(SUM(requests) AS BIGINT), CAST(SUM(errors) AS BIGINT), \
     CAST(SUM(prompt_tokens) AS BIGINT), CAST(SUM(completion_tokens) AS BIGINT), \
     CAST(SUM(cached_tokens) AS BIGINT), CAST(SUM(reasoning_tokens) AS BIGINT), ",
    COST_SUMS,
    " FROM (SELECT ",
    ROLLUP_COLUMNS,
    " FROM usage_daily WHERE start >= $1 AND start < $2 \
     UNION ALL SELECT ",
    ROLLUP_COLUMNS,
    " FROM usage_hourly WHERE start >= $3 AND start < $4 \
     UNION ALL SELECT ",
    ROLLUP_COLUMNS,
    " FROM usage_hourly WHERE start >= $5 AND start < $6) AS u \
     WHERE (CAST($12 AS TEXT) IS NULL OR key_id = $12) AND (CAST($13 AS TEXT) IS NULL OR project = $13) AND (CAST($14 AS TEXT) IS NULL OR model = $14) \
     AND (CAST($15 AS TEXT) IS NULL OR provider = $15) AND (CAST($16 AS TEXT) IS NULL OR project",
    [AMONG "$16"],
    ") AND (CAST($17 AS TEXT) IS NULL OR key_id",
    [AMONG "$17"],
    ") GROUP BY 1, 2, 3, 4, 5 \
     HAVING SUM(requests) <> 0 ORDER BY 1, 2, 3, 4, 5"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[SUMS];

/// The parts of a range: whole days, and the hours before and after them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) days: (i64, i64),
    pub(super) before: (i64, i64),
    pub(super) after: (i64, i64),
}

/// Cuts a range, widened to whole hours.
pub(super) fn parts(from: i64, to: i64, by_hour: bool) -> Parts {
    let from = from.div_euclid(HOUR_S).saturating_mul(HOUR_S);
    let to = to.saturating_add(HOUR_S - 1).div_euclid(HOUR_S).saturating_mul(HOUR_S).max(from);
    let first_day = from.saturating_add(DAY_S - 1).div_euclid(DAY_S).saturating_mul(DAY_S);
    let last_day = to.div_euclid(DAY_S).saturating_mul(DAY_S);
    if by_hour || first_day >= last_day {
        return Parts { days: (0, 0), before: (from, to), after: (0, 0) };
    }
    Parts { days: (first_day, last_day), before: (from, first_day), after: (last_day, to) }
}

pub(super) async fn run(tx: &mut Tx, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
    let UsageQuery { from, to, group_by, bucket, key, project, model, provider, visible } = query;
    if [key, project, model, provider].into_iter().any(super::is_nowhere) {
        return Ok(Vec::new());
    }
    let Parts { days, before, after } = parts(*from, *to, *bucket == Some(Bucket::Hour));
    let (projects, keys) = match visible {
        Visible::All => (None, None),
        Visible::Projects(projects) => (Some(super::list_of(projects)), None),
        Visible::Keys(keys) => (None, Some(super::list_of(keys))),
    };
    let by = |property| Arg::Int(i64::from(group_by.contains(&property)));
    let args = [
        Arg::Int(days.0),
        Arg::Int(days.1),
        Arg::Int(before.0),
        Arg::Int(before.1),
        Arg::Int(after.0),
        Arg::Int(after.1),
        Arg::Int(match bucket {
            None => 0,
            Some(Bucket::Hour) => 1,
            Some(Bucket::Day) => 2,
        }),
        by(GroupBy::Model),
        by(GroupBy::Key),
        by(GroupBy::Project),
        by(GroupBy::Provider),
        Arg::MaybeText(key.as_deref()),
        Arg::MaybeText(project.as_deref()),
        Arg::MaybeText(model.as_deref()),
        Arg::MaybeText(provider.as_deref()),
        Arg::MaybeText(projects.as_deref()),
        Arg::MaybeText(keys.as_deref()),
    ];
    tx.rows(&SUMS, &args).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<UsageRow, StoreError> {
    Ok(UsageRow {
        bucket: row.maybe_int(0)?,
        model: row.maybe_text(1)?,
        key: row.maybe_text(2)?,
        project: row.maybe_text(3)?,
        provider: row.maybe_text(4)?,
        requests: row.count(5)?,
        errors: row.count(6)?,
        prompt_tokens: row.count(7)?,
        completion_tokens: row.count(8)?,
        cached_tokens: row.count(9)?,
        reasoning_tokens: row.count(10)?,
        cost: NanoUsd(u64::try_from(super::cost_sum(row, 11)?).unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_days_and_hours() {
        let check = |from: i64, to: i64, days: (i64, i64), before: (i64, i64), after: (i64, i64)| {
            assert_eq!(parts(from, to, false), Parts { days, before, after }, "{from} {to}");
        };
        let day = DAY_S;
        check(0, 2 * day, (0, 2 * day), (0, 0), (2 * day, 2 * day));
        check(HOUR_S, 3 * day, (day, 3 * day), (HOUR_S, day), (3 * day, 3 * day));
        check(10, day + 10, (0, day), (0, 0), (day, day + HOUR_S));
        check(day + 1, day + 2, (0, 0), (day, day + HOUR_S), (0, 0));
        check(day, 0, (0, 0), (day, day), (0, 0));
        check(-10, 10, (0, 0), (-HOUR_S, HOUR_S), (0, 0));
        assert_eq!(parts(0, day, true).before, (0, day));
        // The ends of time do not overflow.
        parts(i64::MIN, i64::MAX, false);
        parts(i64::MIN, i64::MAX, true);
    }
}
