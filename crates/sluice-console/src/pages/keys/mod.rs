//! Keys: the list, and one of them.

pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod samples;
mod texts;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::texts::T;
use super::limits::{Budget, Limits};
use crate::{Answers, List, Visit, format, parts::Choice};

/// The project of keys that name none.
const DEFAULT_PROJECT: &str = "default";

/// A key, as the admin API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) project: String,
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) model_limits: BTreeMap<String, Limits>,
    pub(crate) budget: Option<Budget>,
    pub(crate) default_max_output_tokens: Option<u64>,
    pub(crate) expires_at: Option<String>,
    pub(crate) owner_user_id: Option<String>,
    #[serde(default)]
    pub(crate) revoked: bool,
    pub(crate) previous_valid_until: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) origin: String,
}

/// What a key's badges say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) text: &'static str,
    pub(crate) kind: &'static str,
}

impl Key {
    pub(crate) fn is_of_file(&self) -> bool {
        self.origin == "file"
    }

    /// Where its expiry lies behind `now_ms`.
    fn is_expired(&self, now_ms: u64) -> bool {
        let until = self.expires_at.as_deref().and_then(format::moment_ms);
        until.is_some_and(|until| until <= now_ms)
    }

    pub(crate) fn badges(&self, visit: &Visit<'_>) -> Vec<Badge> {
        let t = T::of(visit.language);
        let mut badges = Vec::new();
        if self.revoked {
            badges.push(Badge { text: t.revoked, kind: "bad" });
        } else if self.is_expired(visit.now_ms) {
            badges.push(Badge { text: t.expired, kind: "bad" });
        } else {
            badges.push(Badge { text: t.active, kind: "good" });
        }
        if self.previous_valid_until.is_some() {
            badges.push(Badge { text: t.rotating, kind: "warn" });
        }
        if self.is_of_file() {
            badges.push(Badge { text: t.from_file, kind: "plain" });
        }
        badges
    }

    /// Its models in a line: the first few, and how many more.
    pub(crate) fn models_line(&self, t: &T) -> String {
        const SHOWN: usize = 3;
        if self.models.iter().any(|model| model == "*") {
            return t.all_models.to_owned();
        }
        let shown = self.models.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        match self.models.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown} +{more}"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// The projects that a key may be in; the default one need not have been made.
fn projects(answers: &Answers, chosen: &str) -> Vec<Choice> {
    let known: Vec<Named> = answers.read::<List<Named>>("projects").map(|list| list.data).unwrap_or_default();
    let mut names: Vec<&str> = known.iter().map(|project| project.name.as_str()).collect();
    for more in [DEFAULT_PROJECT, chosen] {
        if !more.is_empty() && !names.contains(&more) {
            names.insert(0, more);
        }
    }
    let chosen = if chosen.is_empty() { names.first().copied().unwrap_or(DEFAULT_PROJECT) } else { chosen };
    Choice::list(names.iter().map(|name| (*name, *name)), chosen)
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    email: String,
}

/// Who may own a key; empty where the viewer does not see users.
fn owners(answers: &Answers, chosen: Option<&str>, t: &T) -> Vec<Choice> {
    let Ok(users) = answers.read::<List<User>>("users") else { return Vec::new() };
    let mut options = vec![("", t.nobody)];
    options.extend(users.data.iter().map(|user| (user.id.as_str(), user.email.as_str())));
    if let Some(id) = chosen
        && !options.iter().any(|(known, _)| *known == id)
    {
        options.push((id, id));
    }
    Choice::list(options, chosen.unwrap_or_default())
}
