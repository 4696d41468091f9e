//! `[[projects]]` and `[[keys]]`: who may call, and how much.

use std::collections::{BTreeMap, HashMap};

use sluice_ledger::{Budget, Key, KeyHash, Limits, ModelAccess, Origin, Period, Project, narrowed, secret};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    problem::{hint, position},
    reader::{Section, Text, Value},
    unique::Names,
};

/// The project of keys that name none; it need not be in the file.
const DEFAULT_PROJECT: &str = "default";
const MIN_SECRET_CHARS: usize = 16;
/// No count of tokens is larger.
pub(super) const MAX_TOKENS: u64 = 1_000_000_000_000;
const MAX_OWNER_CHARS: usize = 200;

/// Each project with its name as the file has it.
pub(super) fn projects(root: &Section<'_>) -> Vec<(Project, Text)> {
    let mut names = Names::new("project");
    root.sections("projects").into_iter().filter_map(|section| project(section, &mut names)).collect()
}

fn project(section: Section<'_>, names: &mut Names) -> Option<(Project, Text)> {
    let name = section.need("name").and_then(|value| value.text());
    if let Some(name) = &name {
        names.add(&section, name);
    }
    let limits = section.section("limits").map(limits).unwrap_or_default();
    let budget = section.section("budget").and_then(budget);
    section.finish();
    let name = name?;
    Some((Project { name: name.value.clone(), limits, budget, origin: Origin::File }, name))
}

/// What was seen in the keys before.
struct Seen {
    names: Names,
    /// Hashes of the secrets, and where they stood.
    secrets: HashMap<KeyHash, usize>,
}

pub(super) fn keys(root: &Section<'_>, projects: &[(Project, Text)]) -> Vec<Key> {
    let mut seen = Seen { names: Names::new("key"), secrets: HashMap::new() };
    root.sections("keys").into_iter().filter_map(|section| key(section, projects, &mut seen)).collect()
}

fn key(section: Section<'_>, projects: &[(Project, Text)], seen: &mut Seen) -> Option<Key> {
    let name = section.need("name").and_then(|value| value.text());
    if let Some(name) = &name {
        seen.names.add(&section, name);
    }
    let secret = section.need("secret").and_then(|value| value.secret());
    if let Some(secret) = &secret {
        check_secret(&section, secret, seen);
    }
    let models = models(&section);
    let project = project_of(&section, projects);
    let limits = section.section("limits").map(limits).unwrap_or_default();
    let model_limits = section.section("model_limits").map(model_limits).unwrap_or_default();
    let budget = section.section("budget").and_then(budget);
    let expires_at = section.get("expires_at").and_then(|value| moment(&value));
    let owner = section.text("owner");
    if let Some(owner) = owner.as_ref().filter(|owner| owner.value.chars().count() > MAX_OWNER_CHARS) {
        let text = format!("must be at most {MAX_OWNER_CHARS} characters long");
        section.reader.problem(owner.offset, &owner.path, text);
    }
    let default_max_output_tokens = output_limit(&section, "default_max_output_tokens");
    let (reader, offset, path) = (section.reader, section.offset, section.path.clone());
    section.finish();
    let (name, secret) = (name?.value, secret?.value);
    let key = Key {
        id: id_of(&name),
        hash: KeyHash::of(&secret),
        prefix: secret::shown_prefix(&secret),
        name,
        project,
        models,
        limits,
        model_limits,
        budget,
        default_max_output_tokens,
        expires_at,
        owner: owner.map(|owner| owner.value),
        revoked: false,
        previous: None,
        created_at: None,
        origin: Origin::File,
    };
    let project = projects.iter().find(|(project, _)| project.name == key.project);
    if let Some(Err(wider)) = project.map(|(project, _)| narrowed(&key, project)) {
        reader.problem(offset, &format!("{path}.{}", wider.field), wider.text);
    }
    Some(key)
}

/// The id of a key of the file: always the same for the same name, so that what it spent stays its own when its
/// secret changes.
fn id_of(name: &str) -> String {
    let hash = KeyHash::of(&format!("key of the configuration file: {name}"));
    let hex: String = hash.as_bytes()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("key_{hex}")
}

fn check_secret(section: &Section<'_>, secret: &Text, seen: &mut Seen) {
    let fail = |text: String| section.reader.problem(secret.offset, &secret.path, text);
    if !secret.value.starts_with("sk-") {
        fail("must begin with `sk-`".to_owned());
    } else if secret.value.len() < MIN_SECRET_CHARS {
        fail(format!("must be at least {MIN_SECRET_CHARS} characters long"));
    } else if !secret.value.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        fail("must be visible ASCII characters".to_owned());
    }
    let hash = KeyHash::of(&secret.value);
    let first = *seen.secrets.entry(hash).or_insert(secret.offset);
    if first != secret.offset {
        let (line, _) = position(section.reader.source(), first);
        fail(format!("is also the secret of the key on line {line}: every key needs its own"));
    }
}

fn models(section: &Section<'_>) -> ModelAccess {
    let Some(value) = section.get("models") else {
        section.reader.note(section.path_of("models"), "[\"*\"]".to_owned(), true);
        return ModelAccess::All;
    };
    let Some(items) = value.items() else { return ModelAccess::Only(Vec::new()) };
    if items.is_empty() {
        value.fail("names no model; `[\"*\"]` allows them all");
    }
    let list: Vec<Text> = items.iter().filter_map(Value::text).collect();
    for text in &list {
        let name = text.value.strip_suffix('*').unwrap_or(&text.value);
        if text.value.is_empty() || name.contains('*') {
            let text_of = "must be a model's name, or a beginning of names followed by `*`";
            section.reader.problem(text.offset, &text.path, text_of);
        }
    }
    ModelAccess::from_list(list.into_iter().map(|text| text.value).collect())
}

fn project_of(section: &Section<'_>, projects: &[(Project, Text)]) -> String {
    let Some(text) = section.text("project") else {
        if section.get("project").is_none() {
            section.reader.note(section.path_of("project"), format!("{DEFAULT_PROJECT:?}"), true);
        }
        return DEFAULT_PROJECT.to_owned();
    };
    let known = text.value == DEFAULT_PROJECT || projects.iter().any(|(_, name)| name.value == text.value);
    if !known {
        let names = || projects.iter().map(|(_, name)| name.shown.as_str()).chain([DEFAULT_PROJECT]);
        let hint = hint(&text.shown, names());
        let list = names().map(|name| format!("`{name}`")).collect::<std::collections::BTreeSet<_>>();
        let list = list.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("there is no project `{}`{hint}; there are: {list}", text.shown);
        section.reader.problem(text.offset, &text.path, message);
    }
    text.value
}

fn limits(section: Section<'_>) -> Limits {
    let most = u64::from(u32::MAX) + 1;
    let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let limits = Limits {
        rpm: narrow(section.integer("rpm", 1..most)),
        tpm: section.integer("tpm", 1..MAX_TOKENS + 1),
        parallel: narrow(section.integer("parallel", 1..most)),
        max_output_tokens: output_limit(&section, "max_output_tokens"),
    };
    section.finish();
    limits
}

pub(super) fn output_limit(section: &Section<'_>, key: &'static str) -> Option<u64> {
    section.integer(key, 1..MAX_TOKENS + 1)
}

#[expect(clippy::needless_pass_by_value, reason = "a section is read once")]
fn model_limits(section: Section<'_>) -> BTreeMap<String, Limits> {
    let read = |(name, value): (Text, Value<'_>)| Some((name.value, limits(value.section()?)));
    section.entries().into_iter().filter_map(read).collect()
}

fn budget(section: Section<'_>) -> Option<Budget> {
    const PERIODS: &[(&str, Period)] =
        &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month), ("total", Period::Total)];
    let limit = section.need("usd").and_then(|value| value.dollars());
    let period = section.need("period").and_then(|_| section.word("period", PERIODS));
    section.finish();
    Some(Budget { limit: limit?, period: period? })
}

/// Unix seconds of a moment of the file.
fn moment(value: &Value<'_>) -> Option<i64> {
    let text = value.moment()?;
    match OffsetDateTime::parse(&text.value, &Rfc3339) {
        Ok(moment) => Some(moment.unix_timestamp()),
        Err(_) => {
            value.fail("must be a moment with its offset such as `2027-01-01T00:00:00Z`");
            None
        }
    }
}
