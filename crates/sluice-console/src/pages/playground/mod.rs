//! Playground: try a model as one of your keys.
//!
//! The page brings the keys and a first prompt; `playground.js` does the rest: it sends to `/v1/chat/completions` of
//! this listener as the chosen key and shows what comes.

mod texts;

use askama::Template;
use serde::Deserialize;

use self::texts::T;
use super::problem;
use crate::{Action, Answers, List, Rendered, Visit, Want, format, shell::Shell, texts::fill};

/// Most keys that are offered: as many as one page of the admin API has.
pub(crate) const KEYS: &str = "500";

/// Numbers of a request that have fields of their own: name, lowest, highest, step.
const NUMBERS: &[Number] = &[
    Number { name: "temperature", min: "0", max: "2", step: "any" },
    Number { name: "top_p", min: "0", max: "1", step: "any" },
    Number { name: "max_completion_tokens", min: "1", max: "", step: "1" },
    Number { name: "presence_penalty", min: "-2", max: "2", step: "any" },
    Number { name: "frequency_penalty", min: "-2", max: "2", step: "any" },
    Number { name: "n", min: "1", max: "128", step: "1" },
    Number { name: "seed", min: "", max: "", step: "1" },
];

/// Fields of a request that take one of a few words: name, and the words.
const WORDS: &[(&str, &[&str])] = &[
    ("reasoning_effort", &["none", "minimal", "low", "medium", "high", "xhigh"]),
    ("verbosity", &["low", "medium", "high"]),
];

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool"];

struct Number {
    name: &'static str,
    min: &'static str,
    max: &'static str,
    step: &'static str,
}

/// A key that calls can be made as.
pub(crate) struct Actor {
    pub(crate) id: String,
    pub(crate) label: String,
    chosen: bool,
}

struct Message {
    role: &'static str,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "playground.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    keys: Vec<Actor>,
    /// Where the models cannot be asked for as the key, these are offered.
    models: Vec<String>,
    model: String,
    messages: [Message; 2],
    may_create: bool,
}

impl View<'_> {
    fn roles(&self) -> &'static [&'static str] {
        ROLES
    }

    fn numbers(&self) -> &'static [Number] {
        NUMBERS
    }

    fn code_hint(&self) -> String {
        fill(self.t.code_hint, &[&"SLUICEGATE_API_KEY"])
    }

    fn words(&self) -> &'static [(&'static str, &'static [&'static str])] {
        WORDS
    }
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::new("keys", "keys").with("limit", KEYS), Want::new("models", "models").with("limit", KEYS)]
}

#[derive(Deserialize)]
pub(crate) struct Key {
    id: String,
    name: String,
    prefix: String,
    project: Option<String>,
    revoked: bool,
    expires_at: Option<String>,
    #[serde(default)]
    owner_user_id: Option<String>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
}

/// Keys that work now and that the viewer may spend from; the one that the address names is chosen.
pub(crate) fn actors(visit: &Visit<'_>, keys: List<Key>) -> Vec<Actor> {
    let alive = |key: &Key| {
        let ends = key.expires_at.as_deref().and_then(format::moment_ms);
        !key.revoked && ends.is_none_or(|ends| ends > visit.now_ms)
    };
    let usable = |key: &Key| visit.who.may_spend(key.owner_user_id.as_deref());
    let wanted = visit.query.text("key");
    let actor = |key: Key| Actor {
        chosen: key.id == wanted,
        label: match key.project {
            Some(project) => format!("{} · {project} · {}…", key.name, key.prefix),
            None => format!("{} · {}…", key.name, key.prefix),
        },
        id: key.id,
    };
    keys.data.into_iter().filter(|key| alive(key) && usable(key)).map(actor).collect()
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let keys = match answers.read::<List<Key>>("keys") {
        Ok(keys) => actors(visit, keys),
        Err(problem) => return problem::render(visit, &problem),
    };
    // Without them the field stays free: what a key may use, the script asks for as that key.
    let models = answers.read::<List<Model>>("models").map(|list| list.data).unwrap_or_default();
    let models: Vec<String> = models.into_iter().map(|model| model.name).collect();
    let model = visit.query.get("model").or(models.first().map(String::as_str)).unwrap_or("sandbox/text");
    let view = View {
        shell: Shell::new(visit, t.title).with_scripts(&["playground.js"]),
        t,
        keys,
        model: model.to_owned(),
        models,
        messages: [
            Message { role: "system", text: t.system_prompt },
            Message { role: "user", text: t.first_prompt },
        ],
        may_create: visit.who.can(Action::WriteKeys),
    };
    Rendered::of(&view)
}

#[cfg(test)]
mod tests;
