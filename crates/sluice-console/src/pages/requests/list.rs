//! Requests, newest first: to filter, to search, to follow as they come.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use serde::Deserialize;

use super::{
    codes,
    filters::{Filters, SINCE, STATUSES},
    marks::{self, Mark},
    row::Row,
    texts::{Both, List as T},
};
use crate::{
    Action, Answers, Page, Problem, Rendered, Visit, Want,
    pages::problem,
    parts::{Choice, Pager},
    shell::Shell,
};

/// Rows of a list of the admin API that is only there for its names.
const NAMES: &str = "500";

#[derive(Template)]
#[template(path = "requests/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    filters: Filters<'a>,
    /// What the admin API does not like about the filters.
    refused: Option<Problem>,
    lines: Vec<Line>,
    pager: Pager,
    since: Vec<Choice>,
    statuses: Vec<Choice>,
    keys: Vec<Choice>,
    projects: Vec<Choice>,
    models: Vec<String>,
    providers: Vec<String>,
    /// Where the stream of new requests is; empty where nothing new can be among the list.
    tail: String,
    /// What the script fills for a new request.
    every_mark: Vec<Mark>,
}

/// A request as the table shows it.
struct Line {
    row: Row,
    href: String,
    key: String,
    key_href: String,
    /// Empty where there is no such model.
    model_href: String,
    /// The error in words.
    said: &'static str,
    marks: Vec<Mark>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: String,
    name: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let names = |name, path: &str| Want::new(name, path).with("limit", NAMES);
    // The first decides about the page. What is wrong with the filters is told beside them.
    let mut wants = vec![names("models", "models"), Filters::of(visit).want(), names("keys", "keys")];
    if visit.who.can(Action::SeeProjects) {
        wants.push(names("projects", "projects"));
    }
    if visit.who.can(Action::SeeGateway) {
        wants.push(names("providers", "providers"));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let (t, both) = (T::of(visit.language), Both::of(visit.language));
    let (list, refused) = match answers.read::<crate::List<Row>>("requests") {
        Ok(list) => (list, None),
        Err(problem) if problem.status == 400 => {
            (crate::List { data: Vec::new(), next_cursor: None }, Some(problem))
        }
        Err(problem) => return problem::render(visit, &problem),
    };
    let filters = Filters::of(visit);
    let names = |name| {
        let list = answers.read::<crate::List<Named>>(name);
        list.map(|list| list.data).unwrap_or_default()
    };
    let (keys, models) = (names("keys"), names("models"));
    let known = Known {
        keys: keys.iter().map(|key| (key.id.as_str(), key.name.as_str())).collect(),
        models: models.iter().map(|model| model.name.as_str()).collect(),
    };
    let lines = list.data.into_iter().map(|row| known.line(visit, row)).collect();
    let by_name = |named: Vec<Named>| named.into_iter().map(|one| (one.name.clone(), one.name)).collect();
    let by_id = |named: &[Named]| named.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
    let mut view = View {
        shell: Shell::new(visit, both.title).with_scripts(&["requests.js"]),
        t,
        tail: filters.tail().unwrap_or_default(),
        since: since(t, &filters),
        statuses: statuses(t, filters.text("status")),
        keys: choices(t, by_id(&keys), filters.text("key")),
        projects: choices(t, by_name(names("projects")), filters.text("project")),
        models: Vec::new(),
        providers: names("providers").into_iter().map(|provider| provider.name).collect(),
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        filters,
        refused,
        lines,
        every_mark: marks::every(both),
    };
    view.models = models.into_iter().map(|model| model.name).collect();
    Rendered::of(&view)
}

/// What has a page of its own.
struct Known<'a> {
    keys: BTreeMap<&'a str, &'a str>,
    models: BTreeSet<&'a str>,
}

impl Known<'_> {
    fn line(&self, visit: &Visit<'_>, row: Row) -> Line {
        let both = Both::of(visit.language);
        let said = row.error_code.as_deref().and_then(|code| codes::words(code, visit.language));
        let model = self.models.contains(row.model.as_str());
        Line {
            href: Page::Request.path(&row.request_id),
            key: self.keys.get(row.key_id.as_str()).copied().unwrap_or(&row.key_id).to_owned(),
            key_href: Page::Key.path(&row.key_id),
            model_href: if model { Page::Model.path(&row.model) } else { String::new() },
            said: said.unwrap_or_default(),
            marks: marks::marks(both, &row),
            row,
        }
    }
}

impl View<'_> {
    /// Providers are typed where the viewer is not shown their list.
    fn has_more(&self) -> bool {
        self.filters.more()
            || ["from", "to", "min_cost", "min_total_ms"].iter().any(|name| self.filters.is_wrong(name))
    }

    /// The viewer's currency, for the script.
    fn currency(&self) -> (&str, u64) {
        let currency = self.shell.visit.currency;
        currency.map_or(("", 0), |currency| (currency.code.as_str(), currency.rate_millionths))
    }
}

fn since(t: &'static T, filters: &Filters<'_>) -> Vec<Choice> {
    let any = if filters.more()
        && filters.since.is_empty()
        && !(filters.from.is_empty() && filters.to.is_empty())
    {
        t.own_span
    } else {
        t.any_time
    };
    let label = |word| match word {
        "15m" => t.since_15m,
        "1h" => t.since_1h,
        "6h" => t.since_6h,
        "24h" => t.since_24h,
        "7d" => t.since_7d,
        _ => t.since_30d,
    };
    let spans = SINCE.iter().map(|(word, _)| (*word, label(word)));
    Choice::list(std::iter::once(("", any)).chain(spans), filters.since)
}

fn statuses(t: &'static T, chosen: &str) -> Vec<Choice> {
    let label = |word| match word {
        "2xx" => t.answered,
        "error" => t.failed,
        "4xx" => t.refused,
        "5xx" => t.broken,
        status => status,
    };
    let own = (!chosen.is_empty() && !STATUSES.contains(&chosen)).then_some((chosen, chosen));
    let all = STATUSES.iter().map(|word| (*word, label(word)));
    Choice::list(std::iter::once(("", t.any_status)).chain(all).chain(own), chosen)
}

/// Of values and labels; the chosen one stands there though it is not in the list.
fn choices(t: &'static T, mut all: Vec<(String, String)>, chosen: &str) -> Vec<Choice> {
    all.sort_by_key(|(_, label)| label.to_lowercase());
    if !chosen.is_empty() && !all.iter().any(|(value, _)| value == chosen) {
        all.push((chosen.to_owned(), chosen.to_owned()));
    }
    let pairs = all.iter().map(|(value, label)| (value.as_str(), label.as_str()));
    Choice::list(std::iter::once(("", t.any)).chain(pairs), chosen)
}
