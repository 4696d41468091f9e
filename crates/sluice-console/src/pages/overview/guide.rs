//! The first steps of an empty install: a provider, a model, a key, a prompt.

use serde::Deserialize;

use crate::{Action, Answers, List, Visit};

/// The sandbox is always there and is nothing that anybody set up.
const SANDBOX: &str = "sandbox";

#[derive(Debug, Deserialize)]
struct Provider {
    origin: String,
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    provider: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    revoked: bool,
}

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guide {
    pub(super) provider: bool,
    pub(super) model: bool,
    pub(super) key: bool,
}

impl Guide {
    /// `None`: there is nothing left to do, or not for this visitor.
    pub(super) fn of(visit: &Visit<'_>, answers: &Answers) -> Option<Self> {
        if !visit.who.can(Action::WriteGateway) {
            return None;
        }
        let providers: List<Provider> = answers.read("providers").ok()?;
        let models: List<Model> = answers.read("models").ok()?;
        let keys: List<Key> = answers.read("keys").ok()?;
        let is_real = |model: &Model| model.targets.iter().any(|target| target.provider != SANDBOX);
        let guide = Self {
            provider: providers.data.iter().any(|provider| provider.origin != "built_in"),
            model: models.data.iter().any(is_real),
            key: keys.data.iter().any(|key| !key.revoked),
        };
        (!(guide.provider && guide.model && guide.key)).then_some(guide)
    }

    /// The class of a step: `done`, `next` for the first that is not, or nothing.
    pub(super) fn class(self, step: usize) -> &'static str {
        let done = [self.provider, self.model, self.key, false];
        match done.get(step) {
            Some(true) => "done",
            _ if done.iter().position(|done| !done) == Some(step) => "next",
            _ => "",
        }
    }
}
