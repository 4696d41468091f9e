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

/// A key that would allow more than its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wider {
    /// The field of the key, such as `limits.rpm`, `model_limits.gpt-4o.tpm` or `budget`.
    pub field: String,
    /// What is wrong and what would be right.
    pub text: String,
}

impl std::fmt::Display for Wider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl std::error::Error for Wider {}

/// Whether `key` only narrows what its project allows: no limit, for all models or for one, and no budget is above
/// the project's where the project has one. A budget of a longer period than the project's cannot be compared; the
/// project's holds beside it anyway.
///
/// # Errors
/// The first field that is wider.
pub fn narrowed(key: &Key, project: &Project) -> Result<(), Wider> {
    narrower(&key.limits, project, "limits")?;
    for (model, limits) in &key.model_limits {
        narrower(limits, project, &format!("model_limits.{model}"))?;
    }
    if let (Some(mine), Some(all)) = (key.budget, project.budget)
        && mine.period.rank() <= all.period.rank()
        && mine.limit > all.limit
    {
        let text = format!(
            "{} USD a {} is above the {} USD a {} of the project `{}`: lower it, or raise the project's",
            mine.limit.dollars(),
            mine.period.as_str(),
            all.limit.dollars(),
            all.period.as_str(),
            project.name
        );
        return Err(Wider { field: "budget".to_owned(), text });
    }
    Ok(())
}

fn narrower(limits: &Limits, project: &Project, field: &str) -> Result<(), Wider> {
    let all = project.limits;
    let pairs = [
        ("rpm", limits.rpm.map(u64::from), all.rpm.map(u64::from)),
        ("tpm", limits.tpm, all.tpm),
        ("parallel", limits.parallel.map(u64::from), all.parallel.map(u64::from)),
        ("max_output_tokens", limits.max_output_tokens, all.max_output_tokens),
    ];
    for (name, mine, all) in pairs {
        if let (Some(mine), Some(all)) = (mine, all)
            && mine > all
        {
            let text = format!(
                "{mine} is above the {all} of the project `{}`: lower it, or raise the project's",
                project.name
            );
            return Err(Wider { field: format!("{field}.{name}"), text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NanoUsd, Period};

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

    fn key(limits: Limits, model_limits: &[(&str, Limits)], budget: Option<Budget>) -> Key {
        Key {
            id: "key_1".into(),
            name: "n".into(),
            hash: KeyHash::of("s"),
            prefix: "s".into(),
            project: "p".into(),
            models: ModelAccess::All,
            limits,
            model_limits: model_limits.iter().map(|(model, limits)| ((*model).to_owned(), *limits)).collect(),
            budget,
            default_max_output_tokens: None,
            expires_at: None,
            owner: None,
            revoked: false,
            previous: None,
            created_at: None,
            origin: Origin::Admin,
        }
    }

    fn usd(dollars: u64, period: Period) -> Option<Budget> {
        Some(Budget { limit: NanoUsd(dollars * 1_000_000_000), period })
    }

    #[test]
    fn keys_only_narrow_their_project() {
        let limits =
            Limits { rpm: Some(60), tpm: Some(1_000), parallel: Some(5), max_output_tokens: Some(100) };
        let project =
            Project { name: "p".into(), limits, budget: usd(50, Period::Month), origin: Origin::Admin };
        let none = Limits::default();
        let check = |key: &Key, project: &Project, wider: Option<&str>| {
            let found = narrowed(key, project).map_err(|wider| wider.to_string());
            assert_eq!(found.err().as_deref(), wider);
        };
        check(&key(none, &[], None), &project, None);
        check(&key(limits, &[("m", limits)], usd(50, Period::Month)), &project, None);
        let open = Project { limits: none, budget: None, ..project.clone() };
        check(&key(limits, &[("m", limits)], usd(5_000, Period::Total)), &open, None);
        let over = |limits: Limits, field: &str, text: &str| {
            let text = format!("{field}: {text} of the project `p`: lower it, or raise the project's");
            let for_all = key(limits, &[], None);
            check(&for_all, &project, Some(&format!("limits.{text}")));
            check(&key(none, &[("m", limits)], None), &project, Some(&format!("model_limits.m.{text}")));
        };
        over(Limits { rpm: Some(61), ..none }, "rpm", "61 is above the 60");
        over(Limits { tpm: Some(1_001), ..limits }, "tpm", "1001 is above the 1000");
        over(Limits { parallel: Some(6), ..limits }, "parallel", "6 is above the 5");
        over(Limits { max_output_tokens: Some(101), ..none }, "max_output_tokens", "101 is above the 100");
        let spend = |budget, wider: Option<&str>| {
            let text =
                wider.map(|w| format!("budget: {w} of the project `p`: lower it, or raise the project's"));
            check(&key(none, &[], budget), &project, text.as_deref());
        };
        spend(usd(51, Period::Month), Some("51 USD a month is above the 50 USD a month"));
        spend(usd(51, Period::Day), Some("51 USD a day is above the 50 USD a month"));
        spend(usd(50, Period::Day), None);
        spend(usd(500, Period::Total), None);
    }
}
