//! One request: what became of it, its attempts on one axis, its tokens and its money.

use askama::Template;
use serde::Deserialize;

use super::{
    codes,
    marks::{self, Mark},
    row::{Attempt, Row},
    story,
    texts::{Both, One as T},
    timeline,
};
use crate::{
    Action, Answers, Page, Rendered, Visit, Want, chart::Meter, format, html::Html, pages::problem,
    shell::Shell, texts::fill,
};

#[derive(Template)]
#[template(path = "requests/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    row: Row,
    story: Vec<String>,
    marks: Vec<Mark>,
    flags: Vec<Mark>,
    timeline: Option<Html>,
    calls: Vec<Call>,
    key: String,
    /// Whether the viewer sees a page about the model that was asked for.
    has_model: bool,
    /// The error in words.
    said: &'static str,
    counted: &'static str,
    price: &'static str,
    meter: Option<Html>,
    meter_text: String,
    speed: String,
    raw: String,
}

/// An attempt as the table shows it.
struct Call {
    attempt: Attempt,
    start_ms: Option<f64>,
    why: Option<String>,
    outcome: String,
    badge: &'static str,
    /// The failure in words.
    said: &'static str,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
    name: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let names = |name| Want::new(name, name).with("limit", "500");
    vec![Want::one("request", "requests", visit.id), names("keys"), names("models")]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let row: Row = match answers.read("request") {
        Ok(row) => row,
        Err(problem) => return problem::render(visit, &problem),
    };
    let names = |name| answers.read::<crate::List<Named>>(name).map(|list| list.data).unwrap_or_default();
    let key = names("keys").into_iter().find(|key| key.id == row.key_id);
    let has_model = names("models").iter().any(|model| model.name == row.model);
    let raw = answers.get("request").ok().and_then(|row| serde_json::to_string_pretty(row).ok());
    let both = Both::of(visit.language);
    let shell = Shell::new(visit, visit.id);
    let (meter, meter_text) = meter(&shell, t, &row).unzip();
    let view = View {
        t,
        story: story::story(&shell, &row),
        marks: marks::marks(both, &row),
        flags: marks::flags(both, &row),
        timeline: timeline::timeline(t, &row).map(|picture| picture.html()),
        calls: row.attempts.iter().map(|attempt| call(visit, t, &row, attempt)).collect(),
        key: key.map_or_else(|| row.key_id.clone(), |key| key.name),
        has_model,
        said: said(row.error_code.as_deref(), visit),
        counted: counted(t, &row),
        price: price(t, row.price_version.as_deref().unwrap_or_default()),
        meter,
        meter_text: meter_text.unwrap_or_default(),
        speed: speed(t, &row),
        raw: raw.unwrap_or_default(),
        shell,
        row,
    };
    Rendered::of(&view)
}

fn call(visit: &Visit<'_>, t: &'static T, row: &Row, attempt: &Attempt) -> Call {
    let cancelled = attempt.outcome == "cancelled";
    Call {
        start_ms: timeline::start_ms(row, attempt),
        why: timeline::why(t, attempt).map(str::to_owned),
        outcome: timeline::outcome(t, attempt).to_owned(),
        badge: if cancelled { "" } else { attempt.class() },
        said: if cancelled { t.cancelled_hint } else { said(attempt.reason.as_deref(), visit) },
        attempt: attempt.clone(),
    }
}

fn said(code: Option<&str>, visit: &Visit<'_>) -> &'static str {
    code.and_then(|code| codes::words(code, visit.language)).unwrap_or_default()
}

fn counted(t: &'static T, row: &Row) -> &'static str {
    match row.usage_source.as_deref() {
        Some("provider") => t.by_provider,
        Some("estimated") => t.by_estimate,
        Some("interrupted") => t.by_delivery,
        _ => t.by_nobody,
    }
}

/// Where a price is from, by the name that the gateway gives to its version.
fn price(t: &'static T, version: &str) -> &'static str {
    match version {
        "" => "",
        version if version.starts_with("set-") => t.price_set,
        version if version.starts_with("bundled-") => t.price_bundled,
        _ => t.price_own,
    }
}

fn speed(t: &'static T, row: &Row) -> String {
    let speed = row.tokens_per_second();
    speed.map(|speed| fill(t.speed, &[&format::short(speed.round().max(1.0) as u64)])).unwrap_or_default()
}

/// How much of the reserve was charged, where there was one.
fn meter(shell: &Shell<'_>, t: &'static T, row: &Row) -> Option<(Html, String)> {
    let limit = u64::try_from(row.reserved_nanousd).ok().filter(|reserved| *reserved > 0)?;
    let spent = u64::try_from(row.charged_nanousd.unwrap_or_default()).unwrap_or_default();
    let money = |nano: u64| format::money(nano.into(), shell.visit.currency);
    let label = fill(t.of_reserve_long, &[&money(spent), &money(limit)]);
    Some((Meter { spent, reserved: 0, limit, label }.html(), fill(t.of_reserve, &[&money(limit)])))
}

impl View<'_> {
    /// What was reserved and not needed.
    fn given_back(&self) -> Option<i64> {
        let back = self.row.reserved_nanousd - self.row.charged_nanousd.unwrap_or_default();
        (self.row.reserved_nanousd > 0 && back >= 0).then_some(back)
    }

    fn queued(&self) -> String {
        let queue = self.row.queue_ms;
        queue.map(|ms| fill(self.t.queued, &[&format::duration(ms)])).unwrap_or_default()
    }

    fn in_out(&self) -> String {
        let (prompt, completion) = (self.row.prompt_tokens, self.row.completion_tokens);
        fill(self.t.in_out, &[&format::short(prompt), &format::short(completion)])
    }

    fn sees_gateway(&self) -> bool {
        self.shell.can(Action::SeeGateway)
    }

    fn provider_href(&self, name: &str) -> String {
        // The sandbox is built in and has a page like any other.
        Page::Provider.path(name)
    }

    fn filtered(&self, name: &str, value: &str) -> String {
        crate::url::with_query("/requests", [(name, value)])
    }
}
