//! Keys and the projects they belong to.

use std::collections::BTreeMap;

use crate::{Budget, KeyHash, Limits};

/// Who made an object, and so who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named in the configuration file: read-only elsewhere, gone when the file no longer names it.
    File,
    /// Made by the first run.
    FirstRun,
    /// Made through the admin API or the command line.
    Admin,
}

impl Origin {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::FirstRun => "first_run",
            Self::Admin => "admin",
        }
    }

    /// Reads the word stored in the database.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::File, Self::FirstRun, Self::Admin].into_iter().find(|o| o.as_str() == word)
    }
}

/// Which models a key may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelAccess {
    All,
    /// Exact names, and prefixes written with a trailing `*` (`sandbox/*`).
    Only(Vec<String>),
}

impl ModelAccess {
    /// From a list as settings have it: a lone or contained `*` means all.
    pub fn from_list(list: Vec<String>) -> Self {
        if list.iter().any(|m| m == "*") { Self::All } else { Self::Only(list) }
    }

    /// Whether `model`, as a caller named it, may be used.
    pub fn allows(&self, model: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().any(|entry| match entry.strip_suffix('*') {
                Some(prefix) => model.starts_with(prefix),
                None => entry == model,
            }),
        }
    }
}

/// A caller's key. The secret itself is nowhere: only its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// `key_…`, stable over the life of the key.
    pub id: String,
    pub name: String,
    pub hash: KeyHash,
    /// What may be shown of the secret: its first characters.
    pub prefix: String,
    pub project: String,
    pub models: ModelAccess,
    pub limits: Limits,
    pub model_limits: BTreeMap<String, Limits>,
    pub budget: Option<Budget>,
    pub default_max_output_tokens: Option<u64>,
    /// Unix seconds.
    pub expires_at: Option<i64>,
    pub owner: Option<String>,
    pub revoked: bool,
    /// The hash before the last rotation, and until when (Unix seconds) it may still be used.
    pub previous: Option<(KeyHash, i64)>,
    /// Unix seconds; `None` for keys of the configuration file.
    pub created_at: Option<i64>,
    pub origin: Origin,
}

impl Key {
    /// Whether the key may be used at `now` (Unix seconds).
    pub fn is_active(&self, now: i64) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the secret with `hash` may be used at `now` (Unix seconds): the key's own, or the one before it for as
    /// long as the two overlap.
    pub fn accepts(&self, hash: &KeyHash, now: i64) -> bool {
        let before = self.previous.as_ref().is_some_and(|(old, until)| old.matches(hash) && now < *until);
        self.is_active(now) && (self.hash.matches(hash) || before)
    }
}

/// A tenant: keys share its limits and its budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    pub name: String,
    pub limits: Limits,
    pub budget: Option<Budget>,
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_access() {
        let check = |list: &[&str], model: &str, expect: bool| {
            let access = ModelAccess::from_list(list.iter().map(|s| (*s).to_owned()).collect());
            assert_eq!(access.allows(model), expect, "{list:?} {model}");
        };
        check(&["*"], "anything", true);
        check(&["a", "*"], "anything", true);
        check(&[], "a", false);
        check(&["gpt-4o"], "gpt-4o", true);
        check(&["gpt-4o"], "gpt-4o-mini", false);
        check(&["sandbox/*"], "sandbox/echo", true);
        check(&["sandbox/*"], "sandbox", false);
    }
}
