//! What needs attention, as `GET status` tells it.

use std::{collections::BTreeMap, fmt::Display};

use serde::Deserialize;
use serde_json::Value;

use super::texts::T;
use crate::{Answers, Page, Problem, Visit, texts::fill};

/// What of the status stands on the overview.
#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    attention: Vec<Told>,
}

#[derive(Debug, Deserialize)]
struct Told {
    kind: String,
    severity: String,
    object: String,
    object_id: String,
    message: String,
    /// What the message tells of, by name.
    #[serde(default)]
    facts: BTreeMap<String, Value>,
    since: Option<String>,
}

/// One thing, as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) badge: &'static str,
    pub(crate) title: &'static str,
    pub(crate) message: String,
    /// Of the message; empty where it is that of the page.
    pub(crate) lang: &'static str,
    pub(crate) since: Option<String>,
    pub(crate) href: String,
}

/// The list; a problem where it could not be had.
pub(super) fn items(answers: &Answers, t: &T) -> Result<Vec<Item>, Problem> {
    let status: Status = answers.read("status")?;
    Ok(status.attention.into_iter().map(|told| item(told, t)).collect())
}

/// The same, for other pages.
pub(crate) fn told(visit: &Visit<'_>, answers: &Answers) -> Result<Vec<Item>, Problem> {
    items(answers, T::of(visit.language))
}

fn item(told: Told, t: &T) -> Item {
    let known = words(&told, t);
    let title = known.map_or(t.something, |(title, ..)| title);
    // What is not known here yet is told as the API says it.
    let said = known.and_then(|(_, text, facts)| said(&told, text, facts));
    let lang = if said.is_some() { "" } else { "en" };
    let message = said.unwrap_or(told.message);
    let badge = match told.severity.as_str() {
        "critical" => "bad",
        "warning" => "warn",
        _ => "plain",
    };
    let id = &told.object_id;
    let href = match told.object.as_str() {
        "key" => Page::Key.path(id),
        "project" => Page::Project.path(id),
        "provider" => Page::Provider.path(id),
        "model" => Page::Model.path(id),
        "target" => Page::Provider.path(id.split('/').next().unwrap_or_default()),
        _ => Page::Status.path(""),
    };
    Item { badge, title, message, lang, since: told.since, href }
}

/// The title of a kind, what it says, and the facts that stand in its slots.
fn words(told: &Told, t: &T) -> Option<(&'static str, &'static str, &'static [&'static str])> {
    Some(match (told.kind.as_str(), told.object.as_str()) {
        ("breaker_open", _) => (t.breaker_open, t.breaker_open_said, &["target", "reason"]),
        ("budget", "key") => (t.budget_near, t.budget_of_key_said, &["name", "percent"]),
        ("budget", _) => (t.budget_near, t.budget_of_project_said, &["name", "percent"]),
        ("provider_failing", _) => {
            (t.provider_failing, t.provider_failing_said, &["provider", "failures", "calls"])
        }
        ("journal_lag", _) => (t.journal_lag, t.journal_lag_said, &["seconds"]),
        ("database_away", _) => (t.database_away, t.database_away_said, &[]),
        ("redis_away", _) => (t.redis_away, t.redis_away_said, &[]),
        ("node_closed", _) => (t.node_closed, t.node_closed_said, &[]),
        ("node_silent", _) => (t.node_silent, t.node_silent_said, &[]),
        ("file_refused", _) => (t.file_refused, t.file_refused_said, &["reason"]),
        ("key_expiring", _) => (t.key_expiring, t.key_expiring_said, &["name", "days", "expires_at"]),
        ("model_unpriced", _) => (t.model_unpriced, t.model_unpriced_said, &["model"]),
        _ => return None,
    })
}

/// The text with its slots filled; `None` where a fact is missing.
fn said(told: &Told, text: &str, names: &[&str]) -> Option<String> {
    let fact = |name: &&str| match told.facts.get(*name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let facts: Vec<String> = names.iter().map(fact).collect::<Option<_>>()?;
    let facts: Vec<&dyn Display> = facts.iter().map(|fact| fact as &dyn Display).collect();
    Some(fill(text, &facts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Language;

    #[test]
    fn everything_leads_to_what_it_is_about() {
        let check = |kind: &str, object: &str, id: &str, title: &str, href: &str| {
            let told = json!({ "attention": [{
                "kind": kind, "severity": "critical", "object": object, "object_id": id, "message": "m", "since": null,
            }] });
            let answers = Answers::new().with("status", told);
            let items = items(&answers, T::of(Language::English)).unwrap();
            assert_eq!((items[0].title, items[0].href.as_str(), items[0].badge), (title, href, "bad"));
        };
        check("breaker_open", "target", "azure/gpt-4o", "Target is not called", "/providers/azure");
        check("budget", "project", "a/b", "Budget near its end", "/projects/a%2Fb");
        check("journal_lag", "node", "n", "Books are behind", "/status");
        check("new_kind", "thing", "t", "Look at this", "/status");
        let none = Answers::new().with("status", json!({ "node": {} }));
        assert_eq!(items(&none, T::of(Language::Chinese)), Ok(Vec::new()));
    }

    #[test]
    fn every_kind_is_told_in_both_languages() {
        let document: Value = serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap();
        let fields = &document["components"]["schemas"]["Attention"]["properties"];
        let names = fields["facts"]["properties"].as_object().unwrap().keys();
        let facts: BTreeMap<&str, String> = names.map(|name| (name.as_str(), format!("<{name}>"))).collect();
        let kinds = fields["kind"]["anyOf"].as_array().unwrap().iter().map(|kind| &kind["const"]);
        for kind in kinds {
            for object in ["key", "project"] {
                let told = |facts: &Value| {
                    json!({ "attention": [{ "kind": kind, "severity": "info", "object": object, "object_id": "i",
                                            "message": "In English.", "facts": facts, "since": null }] })
                };
                let item = |language, facts: &Value| {
                    let answers = Answers::new().with("status", told(facts));
                    items(&answers, T::of(language)).unwrap().remove(0)
                };
                let [english, chinese] =
                    [Language::English, Language::Chinese].map(|l| item(l, &json!(facts)));
                assert!(
                    english.lang.is_empty() && chinese.lang.is_empty(),
                    "{kind}: {english:?} {chinese:?}"
                );
                assert!(english.title != chinese.title && english.message != chinese.message, "{kind}");
                let slots = |text: &str| {
                    let mut found: Vec<String> = text.split('<').skip(1).map(str::to_owned).collect();
                    found.iter_mut().for_each(|slot| slot.truncate(slot.find('>').unwrap()));
                    found.sort();
                    found
                };
                assert_eq!(slots(&english.message), slots(&chinese.message), "{kind}");
                // Where a fact is missing, nothing is invented.
                if !slots(&english.message).is_empty() {
                    let bare = item(Language::Chinese, &json!({}));
                    assert_eq!((bare.message.as_str(), bare.lang), ("In English.", "en"), "{kind}");
                }
            }
        }
    }
}
