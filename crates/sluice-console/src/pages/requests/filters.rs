//! What the list is narrowed to: from the address of the page to the call of the admin API.

use crate::{Query, Visit, Want, format};

/// Spans up to now that can be chosen, in minutes.
pub(super) const SINCE: [(&str, u64); 6] =
    [("15m", 15), ("1h", 60), ("6h", 360), ("24h", 1_440), ("7d", 10_080), ("30d", 43_200)];
/// Statuses and classes of them that can be chosen.
pub(super) const STATUSES: [&str; 12] =
    ["2xx", "error", "4xx", "5xx", "400", "402", "404", "429", "500", "502", "503", "504"];
/// Filters that go to the API as they are, to the list and to the stream alike.
const PLAIN: [&str; 5] = ["key", "project", "model", "provider", "status"];
/// All that narrows the list.
const ALL: [&str; 12] = [
    "q",
    "trace_id",
    "since",
    "from",
    "to",
    "key",
    "project",
    "model",
    "provider",
    "status",
    "min_total_ms",
    "min_cost",
];
/// Fewest characters of an id that the API looks for.
const SEARCH_CHARS: usize = 4;
const NANO_DIGITS: usize = 9;

/// The filters of a visit.
#[derive(Clone, Debug)]
pub(super) struct Filters<'a> {
    query: &'a Query,
    /// As the API takes them; empty without.
    pub(super) from: String,
    pub(super) to: String,
    /// The chosen span, where neither `from` nor `to` is named.
    pub(super) since: &'a str,
    min_cost_nanousd: Option<String>,
    /// What cannot be looked for, by the name of its field.
    pub(super) wrong: Vec<&'static str>,
}

impl<'a> Filters<'a> {
    pub(super) fn of(visit: &Visit<'a>) -> Self {
        let query = visit.query;
        let mut wrong = Vec::new();
        let mut moment =
            |name: &'static str| match query.get(name).map(|text| moment(text, visit.zone_minutes)) {
                Some(None) => {
                    wrong.push(name);
                    String::new()
                }
                found => found.flatten().unwrap_or_default(),
            };
        let (mut from, to) = (moment("from"), moment("to"));
        let mut since = "";
        if from.is_empty() && to.is_empty() {
            let chosen = SINCE.iter().find(|(word, _)| *word == query.text("since"));
            if let Some((word, minutes)) = chosen {
                since = word;
                from = format::rfc3339(visit.now_ms.saturating_sub(minutes * 60_000));
            }
        }
        if query.get("q").is_some_and(|text| text.trim().chars().count() < SEARCH_CHARS) {
            wrong.push("q");
        }
        let min_cost_nanousd = query.get("min_cost").map(nano_dollars);
        if min_cost_nanousd == Some(None) {
            wrong.push("min_cost");
        }
        if query.get("min_total_ms").is_some_and(|text| text.trim().parse::<u32>().is_err()) {
            wrong.push("min_total_ms");
        }
        Self { query, from, to, since, min_cost_nanousd: min_cost_nanousd.flatten(), wrong }
    }

    /// The list; what cannot be looked for is left out, and told beside its field.
    pub(super) fn want(&self) -> Want {
        let plain = Want::new("requests", "requests").with_those(self.query, &PLAIN);
        let text = |name| if self.wrong.contains(&name) { "" } else { self.query.text(name).trim() };
        plain
            .with("from", &self.from)
            .with("to", &self.to)
            .with("q", text("q"))
            .with("trace_id", text("trace_id"))
            .with("min_total_ms", text("min_total_ms"))
            .with("min_cost_nanousd", self.min_cost_nanousd.as_deref().unwrap_or_default())
            .with("cursor", self.query.text("cursor"))
    }

    /// The path of the stream of what comes from now on; `None` where nothing new can be among the list.
    pub(super) fn tail(&self) -> Option<String> {
        let rest = ["q", "trace_id", "min_total_ms", "min_cost", "cursor"];
        let narrow = rest.iter().any(|name| self.query.get(name).is_some()) || !self.to.is_empty();
        (!narrow).then(|| Want::new("tail", "requests/tail").with_those(self.query, &PLAIN).path)
    }

    /// Whether any filter is set.
    pub(super) fn any(&self) -> bool {
        ALL.iter().any(|name| self.query.get(name).is_some())
    }

    /// Whether any of those that are not always shown is set.
    pub(super) fn more(&self) -> bool {
        ["trace_id", "from", "to", "project", "provider", "min_total_ms", "min_cost"]
            .iter()
            .any(|name| self.query.get(name).is_some())
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.query.text(name)
    }

    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(&name)
    }
}

/// A moment as the API takes it: as the API writes it, a day, or what a field of local time holds where no script has
/// made a moment of it.
fn moment(text: &str, zone_minutes: i32) -> Option<String> {
    let text = text.trim();
    if format::moment_ms(text).is_some() {
        return Some(text.to_owned());
    }
    let local = if text.len() == 10 { format!("{text}T00:00") } else { text.to_owned() };
    let utc = match local.len() {
        16 => format!("{local}:00Z"),
        19 => format!("{local}Z"),
        _ => return None,
    };
    let ms = i64::try_from(format::moment_ms(&utc)?).ok()?;
    let ms = ms.checked_sub(i64::from(zone_minutes) * 60_000)?;
    Some(format::rfc3339(u64::try_from(ms).ok()?))
}

/// Nano-dollars of a text in US dollars such as `0.05`, digit by digit.
fn nano_dollars(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('$');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty()
        || !digits(whole)
        || !digits(fraction)
        || fraction.len() > NANO_DIGITS
    {
        return None;
    }
    let nano: i64 = format!("{whole}{fraction:0<NANO_DIGITS$}").parse().ok()?;
    Some(nano.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Page, test_visit::TestVisit};

    #[test]
    fn addresses_become_calls() {
        let check = |query: &[(&str, &str)], expect: &str| {
            let owned = TestVisit::new(Page::Requests).query(query).zone(480);
            let want = Filters::of(&owned.visit()).want();
            assert_eq!(want.path.strip_prefix("/admin/v1/requests").unwrap(), expect, "{query:?}");
        };
        check(&[], "");
        check(
            &[("model", "a/b"), ("status", "error"), ("key", ""), ("lang", "x")],
            "?model=a%2Fb&status=error",
        );
        check(&[("since", "1h")], "?from=2026-11-21T11%3A00%3A00Z");
        check(&[("since", "x")], "");
        check(&[("from", "2026-11-21T10:00:00Z"), ("since", "1h")], "?from=2026-11-21T10%3A00%3A00Z");
        check(&[("from", "2026-11-21T10:00")], "?from=2026-11-21T02%3A00%3A00Z");
        check(&[("to", "2026-11-21")], "?to=2026-11-20T16%3A00%3A00Z");
        check(&[("to", "yesterday")], "");
        check(&[("q", " req_01 ")], "?q=req_01");
        check(&[("q", "req")], "");
        check(
            &[("min_cost", "0.05"), ("min_total_ms", "1500")],
            "?min_total_ms=1500&min_cost_nanousd=50000000",
        );
        check(&[("min_cost", "a lot"), ("min_total_ms", "-1")], "");
        check(&[("cursor", "7b")], "?cursor=7b");
    }

    #[test]
    fn amounts_are_exact() {
        let check =
            |text: &str, expect: Option<&str>| assert_eq!(nano_dollars(text).as_deref(), expect, "{text}");
        check("1", Some("1000000000"));
        check("$0.000000001", Some("1"));
        check(".5", Some("500000000"));
        check("2.", Some("2000000000"));
        check("0.0000000001", None);
        check("99999999999", None);
        check("", None);
        check(".", None);
        check("-1", None);
        check("1e3", None);
    }

    #[test]
    fn what_cannot_be_looked_for_is_told_at_its_field() {
        let check = |query: &[(&str, &str)], expect: &[&str]| {
            let owned = TestVisit::new(Page::Requests).query(query);
            assert_eq!(Filters::of(&owned.visit()).wrong, expect);
        };
        check(&[("q", "req_"), ("from", "2026-11-21"), ("min_cost", "1"), ("min_total_ms", "5")], &[]);
        check(
            &[("q", "abc"), ("from", "x"), ("to", "y"), ("min_cost", "z"), ("min_total_ms", "w")],
            &["from", "to", "q", "min_cost", "min_total_ms"],
        );
    }

    #[test]
    fn only_what_can_grow_is_followed() {
        let check = |query: &[(&str, &str)], expect: Option<&str>| {
            let owned = TestVisit::new(Page::Requests).query(query);
            assert_eq!(Filters::of(&owned.visit()).tail().as_deref(), expect, "{query:?}");
        };
        check(&[], Some("/admin/v1/requests/tail"));
        check(
            &[("key", "k"), ("status", "5xx"), ("since", "1h")],
            Some("/admin/v1/requests/tail?key=k&status=5xx"),
        );
        check(&[("from", "2026-11-21T10:00:00Z")], Some("/admin/v1/requests/tail"));
        check(&[("to", "2026-11-21T10:00:00Z")], None);
        check(&[("cursor", "x")], None);
        check(&[("q", "req_1")], None);
    }
}
