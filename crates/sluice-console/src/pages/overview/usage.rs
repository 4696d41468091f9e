//! Sums of usage by group and by step, and the charts of them.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Deserialize;

use super::{Scope, span::Span, texts::T};
use crate::{
    Page, Visit,
    chart::{Kind, Series, TimeChart, Unit, gathered},
    format,
    html::Html,
};

const HEIGHT_PX: u32 = 170;

/// One row of `GET usage`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Row {
    bucket: Option<String>,
    model: Option<String>,
    key: Option<String>,
    project: Option<String>,
    provider: Option<String>,
    #[serde(default)]
    pub(super) requests: u64,
    #[serde(default)]
    pub(super) errors: u64,
    #[serde(default)]
    pub(super) prompt_tokens: u64,
    #[serde(default)]
    pub(super) completion_tokens: u64,
    #[serde(default)]
    pub(super) cached_tokens: u64,
    #[serde(default)]
    pub(super) cost_nanousd: i64,
    pub(super) first_token_ms: Option<Quantiles>,
    pub(super) total_ms: Option<Quantiles>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Quantiles {
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Row {
    pub(super) fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// What the row is about: the value of a property; empty where there is none.
    pub(super) fn group(&self, by: &str) -> &str {
        let value = match by {
            "key" => &self.key,
            "project" => &self.project,
            "provider" => &self.provider,
            _ => &self.model,
        };
        value.as_deref().unwrap_or_default()
    }

    /// With the times of another row about the same.
    pub(super) fn with_times_of(self, other: Option<&Self>) -> Self {
        let Some(other) = other else { return self };
        Self { first_token_ms: other.first_token_ms, total_ms: other.total_ms, ..self }
    }

    /// Adds the sums of another row.
    pub(super) fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.cost_nanousd = self.cost_nanousd.saturating_add(other.cost_nanousd);
    }
}

/// All rows as one.
pub(super) fn sum(rows: &[Row]) -> Row {
    rows.iter().fold(Row::default(), |mut sum, row| {
        sum.add(row);
        sum
    })
}

/// One row for each group, with its times where they are known.
pub(super) fn by_group(rows: &[Row], by: &str, times: &[Row]) -> Vec<Row> {
    let mut groups: BTreeMap<&str, Row> = BTreeMap::new();
    for row in rows {
        let group = row.group(by);
        let named = || {
            let own = times.iter().find(|other| other.group(by) == group);
            let named = Row {
                model: row.model.clone(),
                key: row.key.clone(),
                project: row.project.clone(),
                provider: row.provider.clone(),
                ..Row::default()
            };
            named.with_times_of(own)
        };
        groups.entry(group).or_insert_with(named).add(row);
    }
    groups.into_values().collect()
}

/// What charts are made of.
pub(super) struct Charts<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) t: &'static T,
    pub(super) span: Span,
    pub(super) scope: &'a Scope,
    /// By group and step.
    pub(super) rows: &'a [Row],
    /// The groups, most requests first: this is the order of their colours in every chart.
    groups: Vec<&'a str>,
    /// Where each row is in a chart: its group and its step.
    places: Vec<Option<(usize, usize)>>,
}

impl<'a> Charts<'a> {
    pub(super) fn new(
        (visit, t): (&'a Visit<'a>, &'static T),
        span: Span,
        scope: &'a Scope,
        rows: &'a [Row],
    ) -> Self {
        let mut requests: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows {
            let sum = requests.entry(row.group(scope.by)).or_default();
            *sum = sum.saturating_add(row.requests);
        }
        let mut groups: Vec<(&str, u64)> = requests.into_iter().collect();
        groups.sort_by_key(|(_, requests)| Reverse(*requests));
        let groups: Vec<&str> = groups.into_iter().map(|(group, _)| group).collect();
        let numbers: BTreeMap<&str, usize> =
            groups.iter().enumerate().map(|(at, group)| (*group, at)).collect();
        let place = |row: &Row| {
            let step = span.step_of(row.bucket.as_deref()?)?;
            Some((*numbers.get(row.group(scope.by))?, step))
        };
        let places = rows.iter().map(place).collect();
        Self { visit, t, span, scope, rows, groups, places }
    }

    /// A chart of one number of the rows, by group.
    pub(super) fn by_group(&self, title: &str, unit: Unit<'_>, value: impl Fn(&Row) -> f64) -> Html {
        let mut series: Vec<Series> = self.groups.iter().map(|group| self.empty(group)).collect();
        for (row, place) in self.rows.iter().zip(&self.places) {
            let Some((group, step)) = *place else { continue };
            if let Some(Some(sum)) = series[group].values.get_mut(step) {
                *sum += value(row);
            }
        }
        self.chart(title, Kind::Bars, unit, gathered(series, self.t.others, |total| unit.text(total)))
    }

    fn empty(&self, group: &str) -> Series {
        let values = vec![Some(0.0); self.span.steps()];
        Series { name: self.scope.name(group, self.t), values, total: String::new() }
    }

    /// A chart of how long something took.
    pub(super) fn times(&self, title: &str, rows: &[Row], of: impl Fn(&Row) -> Option<Quantiles>) -> Html {
        let mut lines =
            [vec![None; self.span.steps()], vec![None; self.span.steps()], vec![None; self.span.steps()]];
        for row in rows {
            let step = row.bucket.as_deref().and_then(|moment| self.span.step_of(moment));
            let (Some(step), Some(times)) = (step, of(row)) else { continue };
            for (line, value) in lines.iter_mut().zip([times.p50, times.p95, times.p99]) {
                line[step] = value;
            }
        }
        let series = ["p50", "p95", "p99"].into_iter().zip(lines).map(|(name, values)| Series {
            name: name.to_owned(),
            values,
            total: String::new(),
        });
        self.chart(title, Kind::Lines { band: Some((0, 1)) }, Unit::Duration, series.collect())
    }

    fn chart(&self, title: &str, kind: Kind, unit: Unit<'_>, series: Vec<Series>) -> Html {
        let links = (0..self.span.steps()).map(|at| {
            let (from, to) = self.span.step(at);
            self.visit.query.with(
                &Page::Requests.path(""),
                &[("range", ""), ("by", ""), ("sort", ""), ("from", &from), ("to", &to)],
            )
        });
        let between = format!(
            "{title}, {} – {}",
            format::time(self.span.from_ms, self.visit.zone_minutes),
            format::time(self.span.to_ms, self.visit.zone_minutes)
        );
        TimeChart {
            title: between,
            kind,
            unit,
            start_ms: self.span.from_ms,
            step_ms: self.span.step_ms,
            zone_minutes: self.visit.zone_minutes,
            series,
            links: links.collect(),
            height: HEIGHT_PX,
        }
        .html()
    }
}
