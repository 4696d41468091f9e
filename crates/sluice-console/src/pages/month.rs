//! What went through in the last thirty days, for the page of one key, project, or whatever usage is kept by.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    Answers, Problem, Visit, Want,
    chart::{Kind, Series, TimeChart, Unit, gathered},
    format,
    html::Html,
    texts::texts,
    url,
};

const DAY_MS: u64 = 86_400_000;
const DAYS: u64 = 30;

/// Sums over these days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) cost_nanousd: u64,
}

impl Sums {
    pub(crate) fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// The sums, and what was spent a day.
#[derive(Debug)]
pub(crate) struct Month {
    pub(crate) t: &'static T,
    pub(crate) sums: Sums,
    /// The first moment of these days, as part of an address.
    pub(crate) from: String,
    /// `None`: nothing was spent.
    pub(crate) chart: Option<Html>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    data: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    bucket: Option<String>,
    model: Option<String>,
    requests: u64,
    errors: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_nanousd: u64,
}

texts! {
    pub(crate) struct T {
        requests: "Requests", "请求";
        usage: "Last 30 days", "最近 30 天";
        errors: "Errors", "错误";
        tokens: "Tokens", "Token";
        spend: "Spend", "消费";
        spend_chart: "Spend a day by model", "每日消费（按模型）";
        others: "others", "其他";
    }
}

/// The first day, in milliseconds since the Unix epoch.
fn start_ms(visit: &Visit<'_>) -> u64 {
    (visit.now_ms / DAY_MS + 1).saturating_sub(DAYS) * DAY_MS
}

/// Usage of one object, by day and model; `by` is the usage's parameter that names it.
pub(crate) fn want(visit: &Visit<'_>, by: &str, id: &str) -> Want {
    Want::new("usage", "usage")
        .with(by, id)
        .with("from", &format::rfc3339(start_ms(visit)))
        .with("bucket", "day")
        .with("group_by", "model")
}

/// What the answer to [`want`] says.
pub(crate) fn read(visit: &Visit<'_>, answers: &Answers) -> Result<Month, Problem> {
    let t = T::of(visit.language);
    let usage: Usage = answers.read("usage")?;
    let start_ms = start_ms(visit);
    let mut sums = Sums::default();
    let mut models: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for row in usage.data {
        sums.requests = sums.requests.saturating_add(row.requests);
        sums.errors = sums.errors.saturating_add(row.errors);
        sums.prompt_tokens = sums.prompt_tokens.saturating_add(row.prompt_tokens);
        sums.completion_tokens = sums.completion_tokens.saturating_add(row.completion_tokens);
        sums.cost_nanousd = sums.cost_nanousd.saturating_add(row.cost_nanousd);
        let at = row.bucket.as_deref().and_then(format::moment_ms);
        let day = at.and_then(|at| usize::try_from(at.checked_sub(start_ms)? / DAY_MS).ok());
        let Some(day) = day.filter(|day| *day < DAYS as usize) else { continue };
        if row.cost_nanousd > 0 {
            let values =
                models.entry(row.model.unwrap_or_default()).or_insert_with(|| vec![None; DAYS as usize]);
            values[day] = Some(values[day].unwrap_or(0.0) + row.cost_nanousd as f64);
        }
    }
    let series =
        models.into_iter().map(|(name, values)| Series { name, values, total: String::new() }).collect();
    let from = url::encode(&format::rfc3339(start_ms));
    Ok(Month { t, chart: (sums.cost_nanousd > 0).then(|| chart(visit, series, t)), sums, from })
}

fn chart(visit: &Visit<'_>, mut series: Vec<Series>, t: &T) -> Html {
    let sum = |one: &Series| one.values.iter().flatten().sum::<f64>();
    // What cost most stands first; the sort keeps the order of names among equals.
    series.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    let total = |nano: f64| format::money(nano as i128, visit.currency);
    TimeChart {
        title: t.spend_chart.to_owned(),
        kind: Kind::Bars,
        unit: Unit::Money(visit.currency),
        start_ms: start_ms(visit),
        step_ms: DAY_MS,
        // Days are those of UTC, as in the books.
        zone_minutes: 0,
        series: gathered(series, t.others, total),
        links: Vec::new(),
        height: 180,
    }
    .html()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Page, test_visit::TestVisit};

    #[test]
    fn days_are_added_up() {
        let owned = TestVisit::new(Page::Key);
        let visit = owned.visit();
        let row = |bucket: &str, model: &str, cost: u64| {
            json!({ "bucket": bucket, "model": model, "requests": 2, "errors": 1, "prompt_tokens": 3,
                    "completion_tokens": 4, "cost_nanousd": cost })
        };
        let answers = Answers::new().with(
            "usage",
            json!({ "data": [row("2026-11-21T00:00:00Z", "a", 5), row("2026-10-23T00:00:00Z", "b", 0)] }),
        );
        let month = read(&visit, &answers).unwrap();
        let expect = Sums { requests: 4, errors: 2, prompt_tokens: 6, completion_tokens: 8, cost_nanousd: 5 };
        assert_eq!(month.sums, expect);
        assert_eq!((month.chart.is_some(), month.from.as_str()), (true, "2026-10-23T00%3A00%3A00Z"));
        let nothing = Answers::new().with("usage", json!({ "data": [] }));
        assert!(read(&visit, &nothing).unwrap().chart.is_none());
        assert_eq!(
            want(&visit, "key", "k 1").path,
            "/admin/v1/usage?key=k%201&from=2026-10-23T00%3A00%3A00Z&bucket=day&group_by=model"
        );
    }
}
