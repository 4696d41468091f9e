//! Histograms of how long requests took, by the hour and by the day.

use std::collections::BTreeMap;

use super::usage::{DAY_S, HOUR_S, Parts, parts};
use crate::{
    StoreError,
    books::Session,
    document,
    engine::{Arg, Row, Statement, Tx},
    latency::{Dimension, Histogram, Latencies, Times},
    query::{Bucket, GroupBy, LatencyRow, UsageQuery, Visible},
    statement,
};

const STORED: Statement = statement!(
    "SELECT l.width, l.dimension, l.start, l.a, l.b, l.first_token, l.total FROM (SELECT \
     CAST(value ->> 0 AS BIGINT) AS width, CAST(value ->> 1 AS BIGINT) AS dimension, \
     CAST(value ->> 2 AS BIGINT) AS start, value ->> 3 AS a, value ->> 4 AS b FROM ",
    ROWS,
    ") AS p JOIN latency AS l ON l.width = p.width AND l.dimension = p.dimension AND l.start = p.start \
     AND l.a = p.a AND l.b = p.b AND l.node = $2"
);
const WRITE: Statement = statement!(
    "INSERT INTO latency (width, dimension, start, a, b, node, first_token, total) SELECT \
     CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), value ->> 3, \
     value ->> 4, $2, value ->> 5, value ->> 6 FROM ",
    ROWS,
    " WHERE true ON CONFLICT (width, dimension, start, a, b, node) DO UPDATE SET \
     first_token = excluded.first_token, total = excluded.total"
);
/// As for usage: whole days from `$2` to `$3`, and the hours before and behind them.
const READ: Statement = statement!(
    "SELECT start, a, b, first_token, total FROM (SELECT start, a, b, first_token, total FROM latency \
     WHERE width = 86400 AND dimension = $1 AND start >= $2 AND start < $3 \
     UNION ALL SELECT start, a, b, first_token, total FROM latency \
     WHERE width = 3600 AND dimension = $1 AND start >= $4 AND start < $5 \
     UNION ALL SELECT start, a, b, first_token, total FROM latency \
     WHERE width = 3600 AND dimension = $1 AND start >= $6 AND start < $7) AS l \
     WHERE (CAST($8 AS TEXT) IS NULL OR a = $8) AND (CAST($9 AS TEXT) IS NULL OR b = $9) \
     AND (CAST($10 AS TEXT) IS NULL OR a",
    [AMONG "$10"],
    ") AND (CAST($11 AS TEXT) IS NULL OR b",
    [AMONG "$11"],
    ")"
);
/// Those of days stay.
const RETIRE: Statement =
    statement!("DELETE FROM latency WHERE width = 3600 AND dimension = $1 AND start < $2");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[STORED, WRITE, READ, RETIRE];

/// Width, dimension, start, and the two properties.
type Key = (i64, i64, i64, String, String);

/// Bucket, and the two properties as far as they are grouped by.
type Group = (Option<i64>, Option<String>, Option<String>);

/// Adds what was gathered to what is stored. Nobody else writes the rows of this node meanwhile.
pub(super) async fn add(tx: &mut Tx, session: &Session, added: &Latencies) -> Result<(), StoreError> {
    let mut sums: BTreeMap<Key, Times> = BTreeMap::new();
    for ((hour, dimension, a, b), times) in &added.0 {
        let [a, b] = [a, b].map(|name| super::post::text(name).to_owned());
        for (width, start) in [(HOUR_S, *hour), (DAY_S, hour - hour % DAY_S)] {
            sums.entry((width, dimension.number(), start, a.clone(), b.clone())).or_default().merge(times);
        }
    }
    if sums.is_empty() {
        return Ok(());
    }
    let keys: Vec<&Key> = sums.keys().collect();
    let args = [Arg::Text(&document::write(&keys)), Arg::Text(&session.node)];
    for row in tx.rows(&STORED, &args).await? {
        let key = (row.int(0)?, row.int(1)?, row.int(2)?, row.text(3)?, row.text(4)?);
        if let Some(times) = sums.get_mut(&key) {
            times.merge(&read_times(&row, 5)?);
        }
    }
    let rows: Vec<_> = sums
        .iter()
        .map(|((width, dimension, start, a, b), times)| {
            (width, dimension, start, a, b, times.first_token.text(), times.total.text())
        })
        .collect();
    let args = [Arg::Text(&document::write(&rows)), Arg::Text(&session.node)];
    tx.execute(&WRITE, &args).await.map(drop)
}

pub(super) async fn run(tx: &mut Tx, query: &UsageQuery) -> Result<Option<Vec<LatencyRow>>, StoreError> {
    let filter = |property| match property {
        GroupBy::Model => &query.model,
        GroupBy::Key => &query.key,
        GroupBy::Project => &query.project,
        GroupBy::Provider => &query.provider,
    };
    let all = [GroupBy::Model, GroupBy::Key, GroupBy::Project, GroupBy::Provider];
    let (seen_by, seen) = match &query.visible {
        Visible::All => (None, None),
        Visible::Projects(list) => (Some(GroupBy::Project), Some(super::list_of(list))),
        Visible::Keys(list) => (Some(GroupBy::Key), Some(super::list_of(list))),
    };
    let asked = |property: &GroupBy| {
        query.group_by.contains(property) || filter(*property).is_some() || seen_by == Some(*property)
    };
    let asked: Vec<GroupBy> = all.into_iter().filter(asked).collect();
    let Some(dimension) = Dimension::with(&asked) else { return Ok(None) };
    let [a, b] = dimension.properties();
    if [a, b].into_iter().any(|property| super::is_nowhere(filter(property))) {
        return Ok(Some(Vec::new()));
    }
    let Parts { days, before, after } = parts(query.from, query.to, query.bucket == Some(Bucket::Hour));
    let args = [
        Arg::Int(dimension.number()),
        Arg::Int(days.0),
        Arg::Int(days.1),
        Arg::Int(before.0),
        Arg::Int(before.1),
        Arg::Int(after.0),
        Arg::Int(after.1),
        Arg::MaybeText(filter(a).as_deref()),
        Arg::MaybeText(filter(b).as_deref()),
        Arg::MaybeText(seen.as_deref().filter(|_| seen_by == Some(a))),
        Arg::MaybeText(seen.as_deref().filter(|_| seen_by == Some(b))),
    ];
    let mut groups: BTreeMap<Group, Times> = BTreeMap::new();
    for row in tx.rows(&READ, &args).await? {
        let start = row.int(0)?;
        let bucket = query.bucket.map(|bucket| match bucket {
            Bucket::Hour => start,
            Bucket::Day => start - start % DAY_S,
        });
        let grouped = |property, column| match query.group_by.contains(&property) {
            true => row.text(column).map(Some),
            false => Ok(None),
        };
        groups.entry((bucket, grouped(a, 1)?, grouped(b, 2)?)).or_default().merge(&read_times(&row, 3)?);
    }
    let rows = groups.into_iter().map(|((bucket, of_a, of_b), times)| {
        let mut row = LatencyRow { bucket, times, ..LatencyRow::default() };
        for (property, name) in [(a, of_a), (b, of_b)] {
            match property {
                GroupBy::Model => row.model = name,
                GroupBy::Key => row.key = name,
                GroupBy::Project => row.project = name,
                GroupBy::Provider => row.provider = name,
            }
        }
        row
    });
    Ok(Some(rows.collect()))
}

/// Forgets hours that are over at `unix_s`.
pub(super) async fn retire(tx: &mut Tx, unix_s: i64) -> Result<(), StoreError> {
    let hour = unix_s.saturating_sub(HOUR_S);
    for dimension in Dimension::ALL {
        tx.execute(&RETIRE, &[Arg::Int(dimension.number()), Arg::Int(hour)]).await?;
    }
    Ok(())
}

fn read_times(row: &Row, column: usize) -> Result<Times, StoreError> {
    let histogram = |column| {
        let text = row.text(column)?;
        Histogram::read(&text)
            .ok_or_else(|| StoreError::Engine(format!("a row of `latency` cannot be read: {text:?}")))
    };
    Ok(Times { first_token: histogram(column)?, total: histogram(column + 1)? })
}
