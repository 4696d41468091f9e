//! The table of metrics in the documents is held against what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sluice_chat::{FailureKind, Usage};
use sluice_ledger::{Charge, NanoUsd, UsageSource};
use sluice_routing::{Load, Standing, Why};

use super::*;
use crate::clock;

/// Names with their labels.
type Shapes = BTreeMap<String, BTreeSet<String>>;

const DOCUMENT: &str = include_str!("../../../../docs/observability.md");

/// Metrics of which each has happened.
fn text() -> String {
    let metrics = Metrics::new();
    let target = metrics.target("m", "p");
    target.begun(Why::Hedge);
    target.ended(Ended::Failed(FailureKind::EventTooLarge));
    let usage = Usage { prompt_tokens: 7, ..Usage::default() };
    let charge = Charge { usage, source: UsageSource::Provider, cost: Some(NanoUsd(5)) };
    target.answered(200, Some(0.2), 0.3, Some(&charge));
    target.answered(404, None, 0.3, None);
    metrics.refused(404);
    let now = clock::now();
    let mut seen = Seen::at(now);
    let load = |in_flight, limit| Load { in_flight, limit };
    seen.add("p", "one", (Standing::Ready, load(1, 8)));
    seen.add("p", "one", (Standing::Cooling(now + Duration::from_secs(3)), load(2, 4)));
    seen.add("p", "two", (Standing::Open(now + Duration::from_secs(2)), load(0, u32::MAX)));
    seen.add("p", "three", (Standing::Probe, load(0, u32::MAX)));
    metrics.text(&seen)
}

/// What the samples of a scrape are called, and by what they are told apart.
fn shapes(text: &str) -> Shapes {
    let mut found = Shapes::new();
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = match sample.split_once('{') {
            Some((name, rest)) => (name, rest.split_once('}').unwrap().0),
            None => (sample.split_once(' ').unwrap().0, ""),
        };
        let name =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let labels = labels.split("\",").filter_map(|pair| pair.split_once('=')).map(|(key, _)| key);
        found
            .entry(name.to_owned())
            .or_default()
            .extend(labels.filter(|key| *key != "le").map(str::to_owned));
    }
    found
}

/// The rows of the table: `name`, then its labels, each of which stands in back quotes before its values.
fn documented() -> Shapes {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `sluicegate_"));
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let name = cells.next().unwrap().trim_matches('`').to_owned();
        let mut labels = cells.next().unwrap().to_owned();
        // What stands in parentheses are values.
        while let (Some(from), Some(to)) = (labels.find('('), labels.find(')')) {
            labels.replace_range(from..=to, "");
        }
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (name, labels)
    };
    rows.map(row).collect()
}

#[test]
fn every_metric_stands_in_the_table_with_its_labels() {
    let (found, documented) = (shapes(&text()), documented());
    assert_eq!(found, documented);
}

#[test]
fn every_metric_has_a_type_and_a_help() {
    let text = text();
    let of = |word: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(word)?.trim_start().split_once(' '));
        lines.filter(|(_, rest)| !rest.trim().is_empty()).map(|(name, _)| name.to_owned()).collect()
    };
    let (helps, types) = (of("# HELP"), of("# TYPE"));
    assert_eq!(helps, types);
    for name in shapes(&text).keys() {
        let plain = name.strip_suffix("_total").unwrap_or(name);
        assert!(helps.contains(plain), "{name}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
}

#[test]
fn values() {
    let text = text();
    let check = |sample: &str| assert!(text.lines().any(|line| line == sample), "{sample} in {text}");
    check(r#"sluicegate_completions_total{model="m",provider="p",status="200"} 1"#);
    check(r#"sluicegate_completions_total{model="m",provider="p",status="404"} 1"#);
    check(r#"sluicegate_attempts_begun_total{model="m",provider="p",why="first"} 0"#);
    check(r#"sluicegate_attempts_begun_total{model="m",provider="p",why="hedge"} 1"#);
    check(r#"sluicegate_attempts_total{model="m",provider="p",outcome="failed",reason="event_too_large"} 1"#);
    check(r#"sluicegate_tokens_total{model="m",provider="p",kind="prompt"} 7"#);
    check(r#"sluicegate_charged_nanousd_total{model="m",provider="p"} 5"#);
    check(r#"sluicegate_targets{provider="p",upstream_model="one",state="ready"} 1"#);
    check(r#"sluicegate_targets{provider="p",upstream_model="one",state="cooling"} 1"#);
    check(r#"sluicegate_targets{provider="p",upstream_model="one",state="open"} 0"#);
    check(r#"sluicegate_targets{provider="p",upstream_model="two",state="open"} 1"#);
    check(r#"sluicegate_targets{provider="p",upstream_model="three",state="probe"} 1"#);
    check(r#"sluicegate_target_calls_running{provider="p",upstream_model="one"} 3"#);
    check(r#"sluicegate_target_calls_limit{provider="p",upstream_model="one"} 12"#);
    check(r#"sluicegate_target_rest_seconds{provider="p",upstream_model="one"} 3.0"#);
    assert!(
        !text.contains(r#"calls_limit{provider="p",upstream_model="two""#),
        "without a limit there is none"
    );
}

#[test]
fn kinds_of_failures_have_counters_of_their_own() {
    use FailureKind::*;
    let kinds = [
        RateLimited,
        ServerError,
        Overloaded,
        ContextLength,
        ContentPolicy,
        BadRequest,
        Unsupported,
        AuthRefused,
        ModelMissing,
        BalanceGone,
        Unreachable,
        Tls,
        Reset,
        BadResponse,
        ConnectTimeout,
        FirstTokenTimeout,
        Stalled,
        TotalTimeout,
        Truncated,
        BadEvent,
        EventTooLarge,
    ];
    let metrics = Metrics::new();
    let target = metrics.target("m", "p");
    let ends =
        kinds.map(Ended::Failed).into_iter().chain([Ended::Cancelled, Ended::Diverged, Ended::Stopped]);
    ends.clone().for_each(|end| target.ended(end));
    for why in [Why::Equal, Why::Fallback, Why::Retry, Why::AfterWait, Why::Hedge, Why::Repair] {
        target.begun(why);
    }
    let text = metrics.text(&Seen::default());
    let ones =
        |name: &str| text.lines().filter(|line| line.starts_with(name) && line.ends_with(" 1")).count();
    assert_eq!(ones("sluicegate_attempts_total{"), ends.count());
    assert_eq!(ones("sluicegate_attempts_begun_total{"), 6);
}
