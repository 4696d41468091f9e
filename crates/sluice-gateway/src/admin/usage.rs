//! `GET /admin/v1/usage`: sums of requests, tokens and money.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use sluice_store::{
    Store,
    latency::{Histogram, Times},
    query::{Bucket, GroupBy, LatencyRow, UsageQuery, UsageRow, Visible},
};

use super::{
    call::{Call, Reply},
    query::{Query, moment_of_s},
    refuse::{self, Checked},
};

const HOUR_S: i64 = 3_600;
/// Where nobody says from when: the last thirty days.
const DEFAULT_SPAN_S: i64 = 30 * 86_400;
/// Longest time that can be asked for by the hour: 93 days.
const HOURLY_SPAN_S: i64 = 93 * 86_400;
/// The same with how long answers took: 14 days.
const LATENCY_SPAN_S: i64 = 14 * 86_400;
const NO_DIMENSION: &str = "can be told by 'model' and 'provider', by 'project' and 'key', or by 'project' and \
                            'model', in 'group_by' and as filters, not by others together";
/// What is told of times, in thousandths.
const QUANTILES: [(&str, u64); 4] = [("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990)];
/// Rows of one answer, at most.
const ROWS_MAX: usize = 50_000;
/// The last second of the year 9999.
const UNIX_S_MAX: i64 = 253_402_300_799;

const GROUPS: [(&str, GroupBy); 4] = [
    ("model", GroupBy::Model),
    ("key", GroupBy::Key),
    ("project", GroupBy::Project),
    ("provider", GroupBy::Provider),
];

pub(super) async fn run(call: &Call) -> Checked<Reply> {
    let (mut query, latency) = read(&call.query, call.unix_s())?;
    query.visible = call.visible().await?;
    let rows = match latency {
        Latency::Only => Vec::new(),
        _ => call.store().usage(&query).await.map_err(|error| refuse::store(&error))?,
    };
    if rows.len() > ROWS_MAX {
        let text = format!("This is more than {ROWS_MAX} rows: ask for less time, or fewer groups.");
        return Err(refuse::bad("result_too_large", Some("group_by"), &text));
    }
    let mut data: Vec<Value> = rows.iter().map(|row| row_json(row, &query)).collect();
    if latency != Latency::None {
        let times = call.store().latency(&query).await.map_err(|error| refuse::store(&error))?;
        // Who sees some projects or keys only has no part in that.
        let none = || refuse::value("latency", NO_DIMENSION);
        let times = times.or_else(|| (query.visible != Visible::All).then(Vec::new)).ok_or_else(none)?;
        if latency == Latency::Only {
            data = times.iter().map(|row| times_json(row, &query)).collect();
        }
        let times: HashMap<Named<'_>, &Times> =
            times.iter().map(|row| (of_latency(row), &row.times)).collect();
        for (object, row) in data.iter_mut().zip(&rows) {
            with_times(object, times.get(&of_usage(row)).copied());
        }
    }
    let mut body = json!({ "data": data, "next_cursor": null });
    body["from"] = moment_of_s(query.from).into();
    body["to"] = moment_of_s(query.to).into();
    Ok(Reply::ok(body))
}

/// Whether it is told how long answers took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latency {
    None,
    /// Beside the sums.
    Too,
    /// Without the sums, which cost most of the time.
    Only,
}

/// What is asked for, and whether how long answers took is part of it.
fn read(query: &Query, now: i64) -> Checked<(UsageQuery, Latency)> {
    let to = query.moment("to")?;
    // The hour that runs is part of the default.
    let to = to.unwrap_or_else(|| now.div_euclid(HOUR_S).saturating_add(1).saturating_mul(HOUR_S));
    let from = query.moment("from")?.unwrap_or_else(|| to.saturating_sub(DEFAULT_SPAN_S));
    let bucket = match query.get("bucket")? {
        None => None,
        Some("hour") => Some(Bucket::Hour),
        Some("day") => Some(Bucket::Day),
        Some(_) => return Err(refuse::value("bucket", "must be one of 'hour', 'day'")),
    };
    let found = UsageQuery {
        from,
        to,
        group_by: group_by(query.get("group_by")?)?,
        bucket,
        key: query.text("key")?,
        project: query.text("project")?,
        model: query.text("model")?,
        provider: query.text("provider")?,
        visible: Visible::All,
    };
    let latency = match query.get("latency")? {
        None | Some("false") => Latency::None,
        Some("true") => Latency::Too,
        Some("only") => Latency::Only,
        Some(_) => return Err(refuse::value("latency", "must be one of 'true', 'false', 'only'")),
    };
    query.finish()?;
    if !(0..=UNIX_S_MAX).contains(&from) {
        return Err(refuse::value("from", "must be in the years 1970 to 9999"));
    }
    if to <= from || to > UNIX_S_MAX {
        return Err(refuse::value("to", "must be after 'from', in the years 1970 to 9999"));
    }
    let hourly_s = if latency == Latency::None { HOURLY_SPAN_S } else { LATENCY_SPAN_S };
    if bucket == Some(Bucket::Hour) && to - from > hourly_s {
        let days = hourly_s / 86_400;
        return Err(refuse::value(
            "from",
            &format!("must be at most {days} days before 'to' where 'bucket' is 'hour'"),
        ));
    }
    Ok((found, latency))
}

fn group_by(text: Option<&str>) -> Checked<Vec<GroupBy>> {
    let mut groups = Vec::new();
    for word in text.into_iter().flat_map(|text| text.split(',')) {
        let found = GROUPS.iter().find(|(name, _)| *name == word.trim());
        match found {
            Some((_, group)) if !groups.contains(group) => groups.push(*group),
            Some(_) => return Err(refuse::value("group_by", &format!("names '{word}' twice"))),
            None => {
                let text = "must be some of 'model', 'key', 'project', 'provider', separated by commas";
                return Err(refuse::value("group_by", text));
            }
        }
    }
    Ok(groups)
}

/// What a row is about, as far as that was asked for.
fn about((bucket, names): Named<'_>, query: &UsageQuery) -> Map<String, Value> {
    let mut object = Map::new();
    if query.bucket.is_some() {
        object.insert("bucket".to_owned(), bucket.and_then(moment_of_s).into());
    }
    for ((name, group), value) in GROUPS.into_iter().zip(names) {
        if query.group_by.contains(&group) {
            object.insert(name.to_owned(), json!(value));
        }
    }
    object
}

/// One row of times alone.
fn times_json(row: &LatencyRow, query: &UsageQuery) -> Value {
    let mut object = Value::Object(about(of_latency(row), query));
    with_times(&mut object, Some(&row.times));
    object
}

/// One row: what it is about, and the sums.
fn row_json(row: &UsageRow, query: &UsageQuery) -> Value {
    let object = about(of_usage(row), query);
    let sums = json!({
        "requests": row.requests,
        "errors": row.errors,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost_nanousd": row.cost.0,
    });
    let mut object = Value::Object(object);
    if let Value::Object(sums) = sums {
        super::names::with(&mut object, sums);
    }
    object
}

/// What a row is about: bucket, model, key, project, provider.
type Named<'a> = (Option<i64>, [Option<&'a str>; 4]);

fn of_usage(row: &UsageRow) -> Named<'_> {
    (row.bucket, [&row.model, &row.key, &row.project, &row.provider].map(|name| name.as_deref()))
}

fn of_latency(row: &LatencyRow) -> Named<'_> {
    (row.bucket, [&row.model, &row.key, &row.project, &row.provider].map(|name| name.as_deref()))
}

/// Adds how long the answers took that a row is about.
fn with_times(object: &mut Value, found: Option<&Times>) {
    object["first_token_ms"] = quantiles(found.map(|times| &times.first_token));
    object["total_ms"] = quantiles(found.map(|times| &times.total));
}

/// `null` where nothing was timed.
fn quantiles(histogram: Option<&Histogram>) -> Value {
    let Some(histogram) = histogram.filter(|histogram| histogram.count() > 0) else { return Value::Null };
    let ms = |permille| histogram.quantile(permille).map(super::requests::ms);
    let mut object: Map<String, Value> =
        QUANTILES.into_iter().map(|(name, permille)| (name.to_owned(), json!(ms(permille)))).collect();
    object.insert("count".to_owned(), histogram.count().into());
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use sluice_ledger::NanoUsd;

    use super::*;

    /// 2026-11-21T12:30:00Z
    const NOW: i64 = 1_795_264_200;

    #[test]
    fn queries() {
        let check = |text: &str, expect: Result<(i64, i64), &str>| {
            let found = read(&Query::new(Some(text)), NOW).map(|(query, _)| (query.from, query.to));
            let found = found.map_err(|refusal| refusal.error.param.unwrap_or_default());
            assert_eq!(found, expect.map_err(str::to_owned), "{text}");
        };
        let hour = 1_795_266_000;
        check("", Ok((hour - DEFAULT_SPAN_S, hour)));
        check("from=2026-11-01&to=2026-11-02", Ok((1_793_491_200, 1_793_577_600)));
        check("from=2026-11-02&to=2026-11-02", Err("to"));
        check("from=2026-11-03&to=2026-11-02", Err("to"));
        check("from=november", Err("from"));
        check("from=1969-01-01", Err("from"));
        check("group_by=model,key,project,provider", Ok((hour - DEFAULT_SPAN_S, hour)));
        check("group_by=user", Err("group_by"));
        check("group_by=model,model", Err("group_by"));
        check("bucket=week", Err("bucket"));
        check("bucket=hour&from=2026-01-01", Err("from"));
        check("bucket=day&from=2026-01-01", Ok((1_767_225_600, hour)));
        check("limit=1", Err("limit"));
        check("latency=true&from=2026-11-01&to=2026-11-02", Ok((1_793_491_200, 1_793_577_600)));
        check("latency=only&from=2026-11-01&to=2026-11-02", Ok((1_793_491_200, 1_793_577_600)));
        check("latency=yes", Err("latency"));
        check("latency=true&bucket=hour&from=2026-11-01", Err("from"));
    }

    #[test]
    fn times_stand_beside_their_row() {
        let mut times = Times::default();
        times.total.add(1_000_000);
        let check = |times: Option<&Times>, first: Value, count: Value| {
            let mut object = json!({});
            with_times(&mut object, times);
            assert_eq!(
                (&object["first_token_ms"], &object["total_ms"]["count"]),
                (&first, &count),
                "{object}"
            );
        };
        check(Some(&times), Value::Null, json!(1));
        check(None, Value::Null, Value::Null);
    }

    #[test]
    fn rows_have_what_was_asked_for() {
        let row = UsageRow {
            bucket: Some(0),
            key: Some("key_1".to_owned()),
            requests: 3,
            cost: NanoUsd(4),
            ..UsageRow::default()
        };
        let (query, _) = read(&Query::new(Some("group_by=key&bucket=day")), NOW).unwrap();
        assert_eq!(
            row_json(&row, &query),
            json!({
                "bucket": "1970-01-01T00:00:00Z", "key": "key_1", "requests": 3, "errors": 0, "prompt_tokens": 0,
                "completion_tokens": 0, "cached_tokens": 0, "reasoning_tokens": 0, "cost_nanousd": 4,
            })
        );
        let (query, _) = read(&Query::new(None), NOW).unwrap();
        assert!(row_json(&row, &query).get("key").is_none());
    }
}
