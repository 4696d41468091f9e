//! What needs attention, as `GET status` tells it.

use serde::Deserialize;

use super::texts::T;
use crate::{Answers, Page, Problem, Visit};

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
    since: Option<String>,
}

/// One thing, as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) badge: &'static str,
    pub(crate) title: &'static str,
    /// In English.
    pub(crate) message: String,
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
    let title = match told.kind.as_str() {
        "breaker_open" => t.breaker_open,
        "budget" => t.budget_near,
        "provider_failing" => t.provider_failing,
        "journal_lag" => t.journal_lag,
        "database_away" => t.database_away,
        "redis_away" => t.redis_away,
        "node_closed" => t.node_closed,
        "node_silent" => t.node_silent,
        "file_refused" => t.file_refused,
        "key_expiring" => t.key_expiring,
        "model_unpriced" => t.model_unpriced,
        _ => t.something,
    };
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
    Item { badge, title, message: told.message, since: told.since, href }
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
}
