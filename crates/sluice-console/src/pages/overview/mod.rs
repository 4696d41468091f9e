//! Overview: what goes through, what it costs, and what needs attention.

pub(crate) mod attention;
mod guide;
mod span;
mod texts;
mod usage;

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use self::{
    attention::Item,
    guide::Guide,
    span::Span,
    texts::T,
    usage::{Charts, Row, sum},
};
use crate::{
    Action, Answers, List, Page, Problem, Query, Rendered, Visit, Want,
    chart::Unit,
    format,
    html::Html,
    pages::problem,
    parts::{Choice, Column, Sort},
    shell::Shell,
    texts::fill,
};

/// What usage is told by, and filtered by.
const PROPERTIES: [&str; 4] = ["model", "key", "project", "provider"];
/// Properties by which it is kept how long answers took; no others together.
const TIMED: [[&str; 2]; 3] = [["model", "provider"], ["project", "key"], ["project", "model"]];
/// Rows of the table.
const ROWS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "overview.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    guide: Option<Guide>,
    attention: Option<Result<Vec<Item>, Problem>>,
    ranges: Vec<Choice>,
    groups: Vec<Choice>,
    filters: Vec<Filter>,
    span: Span,
    total: Row,
    before: Option<Row>,
    charts: Vec<(&'static str, Html)>,
    times: Vec<(&'static str, Html)>,
    times_missing: &'static str,
    columns: Vec<Column>,
    by: &'static str,
    lines: Vec<Line>,
}

/// What is looked at: a grouping and filters.
struct Scope {
    by: &'static str,
    filters: Vec<(&'static str, String)>,
    /// Names of keys by their ids.
    keys: BTreeMap<String, String>,
}

/// A filter that can be taken away.
struct Filter {
    text: String,
    without: String,
}

/// A row of the table.
struct Line {
    name: String,
    /// Its value; empty where nobody was called.
    group: String,
    /// This page for this group alone.
    href: String,
    row: Row,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    name: String,
}

impl Scope {
    fn of(query: &Query) -> Self {
        let by = PROPERTIES.into_iter().find(|name| *name == query.text("by")).unwrap_or(PROPERTIES[0]);
        let filter = |name| Some((name, query.get(name)?.to_owned()));
        Self { by, filters: PROPERTIES.into_iter().filter_map(filter).collect(), keys: BTreeMap::new() }
    }

    /// A group as people know it.
    fn name(&self, group: &str, t: &T) -> String {
        match group {
            "" => t.nobody.to_owned(),
            group if self.by == "key" => self.keys.get(group).cloned().unwrap_or_else(|| group.to_owned()),
            group => group.to_owned(),
        }
    }

    /// Whether it is known how long answers took, by these filters and `more`.
    fn is_timed(&self, more: Option<&str>) -> bool {
        let known = |pair: &[&str; 2]| {
            self.filters.iter().map(|(name, _)| *name).chain(more).all(|name| pair.contains(&name))
        };
        TIMED.iter().any(known)
    }

    fn usage(&self, name: &'static str, span: Span) -> Want {
        let want = Want::new(name, "usage").with("from", &span.from()).with("to", &span.to());
        self.filters.iter().fold(want, |want, (name, value)| want.with(name, value))
    }
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let (span, scope) = (Span::of(visit.query, visit.now_ms), Scope::of(visit.query));
    let mut wants = vec![
        scope.usage("usage", span).with("group_by", scope.by).with("bucket", span.bucket()),
        scope.usage("before", span.before()),
        Want::new("keys", "keys").with("limit", "500"),
    ];
    // Sums are added up once; how long answers took cannot be added, but is asked for without them.
    let timed = |name| scope.usage(name, span).with("latency", "only");
    if scope.is_timed(None) {
        wants.push(timed("total"));
        wants.push(timed("times").with("bucket", span.bucket()));
    }
    if scope.is_timed(Some(scope.by)) {
        wants.push(timed("groups").with("group_by", scope.by));
    }
    if visit.who.can(Action::SeeGateway) {
        wants.push(Want::new("status", "status"));
    }
    if visit.who.can(Action::WriteGateway) {
        wants.push(Want::new("providers", "providers").with("limit", "500"));
        wants.push(Want::new("models", "models").with("limit", "500"));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let rows: List<Row> = match answers.read("usage") {
        Ok(rows) => rows,
        Err(problem) => return problem::render(visit, &problem),
    };
    let t = T::of(visit.language);
    let span = Span::of(visit.query, visit.now_ms);
    let mut scope = Scope::of(visit.query);
    let keys = answers.read::<List<Key>>("keys").map(|list| list.data).unwrap_or_default();
    scope.keys = keys.into_iter().map(|key| (key.id, key.name)).collect();
    let read = |name| answers.read::<List<Row>>(name).map(|list| list.data);
    let total = read("total").unwrap_or_default();
    let grouped = usage::by_group(&rows.data, scope.by, &read("groups").unwrap_or_default());
    let charts = Charts::new((visit, t), span, &scope, &rows.data);
    let is_used = rows.data.iter().any(|row| row.requests > 0);
    let times = read("times").unwrap_or_default();
    let view = View {
        shell: Shell::new(visit, t.title),
        t,
        guide: Guide::of(visit, answers),
        attention: visit.who.can(Action::SeeGateway).then(|| attention::items(answers, t)),
        ranges: ranges(visit, span, t),
        groups: groups(visit, &scope, t),
        filters: filters(visit, &scope, t),
        span,
        total: sum(&rows.data).with_times_of(total.first()),
        before: read("before").ok().map(|rows| sum(&rows)),
        charts: if is_used { sums(&charts) } else { Vec::new() },
        times: if times.iter().any(|row| row.total_ms.is_some()) {
            durations(&charts, &times)
        } else {
            Vec::new()
        },
        times_missing: if scope.is_timed(None) { t.no_times } else { t.not_together },
        columns: columns(visit, &scope, t),
        by: scope.by,
        lines: lines(visit, &scope, grouped, t),
    };
    Rendered::of(&view)
}

fn sums(charts: &Charts<'_>) -> Vec<(&'static str, Html)> {
    let t = charts.t;
    let mut found = vec![
        (t.requests, charts.by_group(t.requests, Unit::Count, |row| row.requests as f64)),
        (
            t.spend,
            charts.by_group(t.spend, Unit::Money(charts.visit.currency), |row| row.cost_nanousd as f64),
        ),
        (t.tokens, charts.by_group(t.tokens, Unit::Count, |row| row.tokens() as f64)),
    ];
    if charts.rows.iter().any(|row| row.errors > 0) {
        found.push((t.errors, charts.by_group(t.errors, Unit::Count, |row| row.errors as f64)));
    }
    found
}

fn durations(charts: &Charts<'_>, rows: &[Row]) -> Vec<(&'static str, Html)> {
    let t = charts.t;
    vec![
        (t.first_token, charts.times(t.first_token, rows, |row| row.first_token_ms)),
        (t.total_time, charts.times(t.total_time, rows, |row| row.total_ms)),
    ]
}

fn ranges(visit: &Visit<'_>, span: Span, t: &T) -> Vec<Choice> {
    let choice = |word: &'static str| Choice {
        value: visit.query.with("/", &[("range", word), ("from", ""), ("to", "")]),
        label: match word {
            "7d" => t.range_week,
            "30d" => t.range_month,
            "90d" => t.range_quarter,
            _ => t.range_day,
        }
        .to_owned(),
        chosen: span.preset == Some(word),
    };
    Span::presets().map(choice).collect()
}

fn property(name: &str, t: &T) -> &'static str {
    match name {
        "key" => t.by_key,
        "project" => t.by_project,
        "provider" => t.by_provider,
        _ => t.by_model,
    }
}

fn groups(visit: &Visit<'_>, scope: &Scope, t: &T) -> Vec<Choice> {
    let choice = |name: &'static str| Choice {
        value: visit.query.with("/", &[("by", name), ("sort", "")]),
        label: property(name, t).to_owned(),
        chosen: scope.by == name,
    };
    PROPERTIES.into_iter().map(choice).collect()
}

fn filters(visit: &Visit<'_>, scope: &Scope, t: &T) -> Vec<Filter> {
    let filter = |(name, value): &(&'static str, String)| {
        let known = if *name == "key" { scope.keys.get(value).unwrap_or(value) } else { value };
        let text = fill(t.only, &[&property(name, t), known]);
        Filter { text, without: visit.query.with("/", &[(name, "")]) }
    };
    scope.filters.iter().map(filter).collect()
}

fn columns(visit: &Visit<'_>, scope: &Scope, t: &'static T) -> Vec<Column> {
    let column = |key, label, class| Column::sortable(visit, key, (label, class));
    vec![
        column("name", property(scope.by, t), ""),
        column("requests", t.requests, "number"),
        column("errors", t.errors, "number"),
        column("input", t.input, "number wide"),
        column("output", t.output, "number wide"),
        column("cached", t.cached, "number wide"),
        column("first_token", t.first_token, "number wide"),
        column("total", t.total_time, "number wide"),
        column("spend", t.spend, "number"),
        Column::plain(t.share, "number wide"),
    ]
}

fn lines(visit: &Visit<'_>, scope: &Scope, rows: Vec<Row>, t: &T) -> Vec<Line> {
    let (sort, down) = match Sort::of(visit.query) {
        ("", _) => ("requests", true),
        chosen => chosen,
    };
    let line = |row: Row| {
        let group = row.group(scope.by);
        // Where nobody answered there is no name to ask for.
        let href = match group {
            "" => String::new(),
            group => visit.query.with("/", &[(scope.by, group), ("sort", "")]),
        };
        Line { name: scope.name(group, t), group: group.to_owned(), href, row }
    };
    let mut lines: Vec<Line> = rows.into_iter().map(line).collect();
    lines.sort_by(|a, b| {
        let order = match sort {
            "name" => a.name.cmp(&b.name),
            key => measure(&a.row, key).total_cmp(&measure(&b.row, key)),
        };
        let order = if down { order.reverse() } else { order };
        order.then_with(|| a.name.cmp(&b.name))
    });
    lines.truncate(ROWS_MAX);
    lines
}

fn measure(row: &Row, key: &str) -> f64 {
    match key {
        "errors" => row.errors as f64,
        "input" => row.prompt_tokens as f64,
        "output" => row.completion_tokens as f64,
        "cached" => row.cached_tokens as f64,
        "first_token" => row.first_token_ms.and_then(|times| times.p50).unwrap_or(-1.0),
        "total" => row.total_ms.and_then(|times| times.p50).unwrap_or(-1.0),
        "spend" => row.cost_nanousd as f64,
        _ => row.requests as f64,
    }
}

impl View<'_> {
    /// The requests behind a number.
    fn requests(&self, more: &[(&str, &str)]) -> String {
        let (from, to) = (self.span.from(), self.span.to());
        let mut changed = vec![("range", ""), ("by", ""), ("sort", ""), ("from", &*from), ("to", &*to)];
        changed.extend_from_slice(more);
        self.shell.visit.query.with(&Page::Requests.path(""), &changed)
    }

    /// The requests of a line: all, or those with a status.
    fn behind(&self, line: &Line, status: &str) -> String {
        self.requests(&[(self.by, &line.group), ("status", status)])
    }

    fn error_share(&self) -> String {
        let Row { errors, requests, .. } = self.total;
        if requests == 0 {
            String::new()
        } else {
            fill(self.t.of_requests, &[&format::percent(errors, requests)])
        }
    }

    /// How a sum stands to the one before.
    fn compared(&self, of: fn(&Row) -> u64) -> String {
        let Some(before) = &self.before else { return String::new() };
        let (before, now) = (of(before), of(&self.total));
        match (before, now) {
            (0, 0) => String::new(),
            (0, _) => self.t.before_none.to_owned(),
            (before, now) if now > before => {
                fill(self.t.before_more, &[&format::percent(now - before, before)])
            }
            (before, now) if now < before => {
                fill(self.t.before_less, &[&format::percent(before - now, before)])
            }
            _ => self.t.before_same.to_owned(),
        }
    }

    /// The 95th percentile beside the middle.
    fn p95(&self, times: &Option<usage::Quantiles>) -> String {
        let p95 = times.and_then(|times| times.p95);
        p95.map_or_else(String::new, |ms| fill(self.t.p95, &[&format::duration(ms)]))
    }

    fn p50(&self, times: &Option<usage::Quantiles>) -> Option<f64> {
        times.and_then(|times| times.p50)
    }
}

/// The body of the call that makes the first key.
fn first_key(t: &T) -> String {
    serde_json::json!({ "name": t.guide_key_name }).to_string()
}

fn requests(row: &Row) -> u64 {
    row.requests
}

fn spend(row: &Row) -> u64 {
    u64::try_from(row.cost_nanousd).unwrap_or_default()
}

#[cfg(test)]
mod tests;
