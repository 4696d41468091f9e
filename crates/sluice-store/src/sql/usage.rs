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

/// What is summed up of a table of sums, from `$1` to `$2`, behind the columns that it is grouped by.
macro_rules! sums {
    ($table:literal $(, $select:literal)*; $($group:literal),*) => {
        statement!(
            "SELECT ", $($select,)* "CAST(COALESCE(SUM(requests), 0) AS BIGINT), \
             CAST(COALESCE(SUM(errors), 0) AS BIGINT), CAST(COALESCE(SUM(prompt_tokens), 0) AS BIGINT), \
             CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT), CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT), \
             CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT), ",
            COST_SUMS,
            " FROM ", $table,
            " WHERE start >= $1 AND start < $2 \
             AND (CAST($3 AS TEXT) IS NULL OR key_id = $3) AND (CAST($4 AS TEXT) IS NULL OR project = $4) \
             AND (CAST($5 AS TEXT) IS NULL OR model = $5) AND (CAST($6 AS TEXT) IS NULL OR provider = $6) \
             AND (CAST($7 AS TEXT) IS NULL OR project", [AMONG "$7"], ") \
             AND (CAST($8 AS TEXT) IS NULL OR key_id", [AMONG "$8"], ")"
             $(, $group)*
        )
    };
}

/// Of days and of hours, by these columns: alone, and beside the time.
macro_rules! by {
    () => {
        [
            [sums!("usage_daily";), sums!("usage_daily", "start, "; " GROUP BY start")],
            [sums!("usage_hourly";), sums!("usage_hourly", "start, "; " GROUP BY start")],
        ]
    };
    ($columns:literal) => {
        [
            [
                sums!("usage_daily", $columns, ", "; " GROUP BY ", $columns),
                sums!("usage_daily", "start, ", $columns, ", "; " GROUP BY start, ", $columns),
            ],
            [
                sums!("usage_hourly", $columns, ", "; " GROUP BY ", $columns),
                sums!("usage_hourly", "start, ", $columns, ", "; " GROUP BY start, ", $columns),
            ],
        ]
    };
}

/// By the properties that are grouped by, as bits in the order of [`PROPERTIES`]. Columns stand in the order of the
/// primary key: what is grouped by the first of them need not be sorted. One statement for all of them would compute
/// columns of every row that nobody asked for, and take four times as long.
const SUMS: [[[Statement; 2]; 2]; 16] = [
    by!(),
    by!("key_id"),
    by!("project"),
    by!("key_id, project"),
    by!("model"),
    by!("key_id, model"),
    by!("project, model"),
    by!("key_id, project, model"),
    by!("provider"),
    by!("key_id, provider"),
    by!("project, provider"),
    by!("key_id, project, provider"),
    by!("model, provider"),
    by!("key_id, model, provider"),
    by!("project, model, provider"),
    by!("key_id, project, model, provider"),
];
const PROPERTIES: [GroupBy; 4] = [GroupBy::Key, GroupBy::Project, GroupBy::Model, GroupBy::Provider];

#[cfg(test)]
pub(super) const EVERY: &[Statement] = SUMS.as_flattened().as_flattened();

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
    let UsageQuery { from, to, group_by: _, bucket, key, project, model, provider, visible } = query;
    if [key, project, model, provider].into_iter().any(super::is_nowhere) {
        return Ok(Vec::new());
    }
    let Parts { days, before, after } = parts(*from, *to, *bucket == Some(Bucket::Hour));
    let (projects, keys) = match visible {
        Visible::All => (None, None),
        Visible::Projects(projects) => (Some(super::list_of(projects)), None),
        Visible::Keys(keys) => (None, Some(super::list_of(keys))),
    };
    let grouping = Grouping::of(query);
    let mut rows = Vec::new();
    for (width, (from, to)) in [(DAY_S, days), (HOUR_S, before), (HOUR_S, after)] {
        if from >= to {
            continue;
        }
        let args = [
            Arg::Int(from),
            Arg::Int(to),
            Arg::MaybeText(key.as_deref()),
            Arg::MaybeText(project.as_deref()),
            Arg::MaybeText(model.as_deref()),
            Arg::MaybeText(provider.as_deref()),
            Arg::MaybeText(projects.as_deref()),
            Arg::MaybeText(keys.as_deref()),
        ];
        for row in tx.rows(grouping.statement(width), &args).await? {
            rows.push(grouping.read(&row)?);
        }
    }
    Ok(joined(rows))
}

/// What a question is grouped by.
struct Grouping {
    by: [bool; 4],
    bucket: Option<Bucket>,
}

impl Grouping {
    fn of(query: &UsageQuery) -> Self {
        Self { by: PROPERTIES.map(|property| query.group_by.contains(&property)), bucket: query.bucket }
    }

    /// The statement for the sums of hours or of days.
    fn statement(&self, width: i64) -> &'static Statement {
        static BY: [[[Statement; 2]; 2]; 16] = SUMS;
        let properties = self.by.iter().rev().fold(0, |bits, is| bits << 1 | usize::from(*is));
        &BY[properties][usize::from(width == HOUR_S)][usize::from(self.bucket.is_some())]
    }

    /// A row of that statement.
    fn read(&self, row: &Row) -> Result<UsageRow, StoreError> {
        let mut column = 0..;
        let mut next = || column.next().unwrap_or_default();
        let bucket = match self.bucket {
            None => None,
            Some(Bucket::Hour) => Some(row.int(next())?),
            Some(Bucket::Day) => Some(row.int(next())?).map(|start| start - start % DAY_S),
        };
        let mut property = |at: usize| self.by[at].then(|| row.text(next())).transpose();
        let (key, project, model, provider) = (property(0)?, property(1)?, property(2)?, property(3)?);
        Ok(UsageRow {
            bucket,
            model,
            key,
            project,
            provider,
            requests: row.count(next())?,
            errors: row.count(next())?,
            prompt_tokens: row.count(next())?,
            completion_tokens: row.count(next())?,
            cached_tokens: row.count(next())?,
            reasoning_tokens: row.count(next())?,
            cost: NanoUsd(u64::try_from(super::cost_sum(row, next())?).unwrap_or(0)),
        })
    }
}

/// In the order of bucket and properties, and what is of the same ones together. A provider from which everything was
/// taken back has no row.
fn joined(mut rows: Vec<UsageRow>) -> Vec<UsageRow> {
    fn about(row: &UsageRow) -> (Option<i64>, [&Option<String>; 4]) {
        (row.bucket, [&row.model, &row.key, &row.project, &row.provider])
    }
    rows.retain(|row| row.requests != 0);
    rows.sort_by(|a, b| about(a).cmp(&about(b)));
    rows.dedup_by(|row, sum| {
        let same = about(row) == about(sum);
        if same {
            for (sum, more) in [
                (&mut sum.requests, row.requests),
                (&mut sum.errors, row.errors),
                (&mut sum.prompt_tokens, row.prompt_tokens),
                (&mut sum.completion_tokens, row.completion_tokens),
                (&mut sum.cached_tokens, row.cached_tokens),
                (&mut sum.reasoning_tokens, row.reasoning_tokens),
                (&mut sum.cost.0, row.cost.0),
            ] {
                *sum = sum.saturating_add(more);
            }
        }
        same
    });
    rows
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
