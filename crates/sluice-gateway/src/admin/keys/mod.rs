//! Keys: who may call.

pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
pub(super) mod patch;
pub(super) mod revoke;
pub(super) mod rotate;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_ledger::{AccountId, Budget, Key, Limits, ModelAccess, Origin, Project, narrowed};
use sluice_store::{Catalog, ObjectKind, Store, users::User};

use super::{
    call::Call,
    fields::{Fields, Item},
    names::{
        ENTRIES_MAX, TOKENS_MAX, budget, budget_json, limits, limits_json, model_limits, model_limits_json,
        name, origin_json,
    },
    query::moment_of_s,
    refuse::{self, Checked},
    spent::Spent,
};
use crate::rules::NAME_CHARS;

/// The project of keys that name none; it need not have been made.
const DEFAULT_PROJECT: &str = "default";
/// Longest entry of `models`, in characters: a provider's name, a slash, and its model's.
const MODEL_CHARS: usize = 2 * NAME_CHARS + 1;

/// What may be said about a key when it is made or changed.
#[derive(Clone, Debug, PartialEq)]
struct Form {
    name: String,
    project: String,
    models: ModelAccess,
    limits: Limits,
    model_limits: BTreeMap<String, Limits>,
    budget: Option<Budget>,
    default_max_output_tokens: Option<u64>,
    expires_at: Option<i64>,
    owner: Option<String>,
}

impl Form {
    fn read(body: &Value) -> Checked<Self> {
        let fields = Fields::root(body)?;
        let form = Self {
            name: name(&fields.need("name")?)?.to_owned(),
            project: match fields.get("project") {
                Some(item) => name(&item)?.to_owned(),
                None => DEFAULT_PROJECT.to_owned(),
            },
            models: fields.get("models").map_or(Ok(ModelAccess::All), |item| models(&item))?,
            limits: fields.fields("limits")?.map(limits).transpose()?.unwrap_or_default(),
            model_limits: fields
                .get("model_limits")
                .map(|i| model_limits(&i))
                .transpose()?
                .unwrap_or_default(),
            budget: fields.fields("budget")?.map(budget).transpose()?,
            default_max_output_tokens: fields.integer("default_max_output_tokens", 1..=TOKENS_MAX)?,
            expires_at: fields.get("expires_at").map(|item| item.moment()).transpose()?,
            owner: fields.get("owner_user_id").map(|item| owner(&item)).transpose()?,
        };
        fields.finish()?;
        Ok(form)
    }

    /// What a key is now, in the form of a request.
    fn of(key: &Key) -> Value {
        json!({
            "name": key.name,
            "project": key.project,
            "models": models_json(&key.models),
            "limits": limits_json(&key.limits),
            "model_limits": model_limits_json(&key.model_limits),
            "budget": key.budget.as_ref().map(budget_json),
            "default_max_output_tokens": key.default_max_output_tokens,
            "expires_at": key.expires_at.and_then(moment_of_s),
            "owner_user_id": key.owner,
        })
    }

    /// What the form says becomes what the key is.
    fn write(self, key: &mut Key) {
        let Self {
            name,
            project,
            models,
            limits,
            model_limits,
            budget,
            default_max_output_tokens,
            expires_at,
            owner,
        } = self;
        key.name = name;
        key.project = project;
        key.models = models;
        key.limits = limits;
        key.model_limits = model_limits;
        key.budget = budget;
        key.default_max_output_tokens = default_max_output_tokens;
        key.expires_at = expires_at;
        key.owner = owner;
    }
}

fn models(item: &Item<'_>) -> Checked<ModelAccess> {
    let items = item.items(ENTRIES_MAX)?;
    if items.is_empty() {
        return Err(item.fail("names no model; [\"*\"] allows them all"));
    }
    let mut list = Vec::with_capacity(items.len());
    for item in &items {
        let text = item.text()?;
        let beginning = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || beginning.contains('*') || text.chars().count() > MODEL_CHARS {
            return Err(item.fail("must be a model's name, or a beginning of names followed by '*'"));
        }
        list.push(text.to_owned());
    }
    Ok(ModelAccess::from_list(list))
}

fn models_json(models: &ModelAccess) -> Value {
    match models {
        ModelAccess::All => json!(["*"]),
        ModelAccess::Only(list) => json!(list),
    }
}

fn owner(item: &Item<'_>) -> Checked<String> {
    let text = item.text()?;
    match text.chars().count() {
        1..=NAME_CHARS => Ok(text.to_owned()),
        _ => Err(item.fail(&format!("must have 1 to {NAME_CHARS} characters"))),
    }
}

/// Whether the key fits where it belongs: its project is there, and allows no less than the key. A key whose project
/// has gone with the file that named it may `stay` in it. Projects that the caller does not see are not there.
fn fits(call: &Call, key: &Key, catalog: &Catalog, stays: bool) -> Checked<()> {
    if !call.principal.sees_project(&key.project) {
        return Err(refuse::value("project", &format!("there is no project '{}'", key.project)));
    }
    match catalog.projects.iter().find(|project| project.name == key.project) {
        Some(project) => narrowed(key, project).map_err(|wider| refuse::wider(&wider)),
        None if stays || key.project == DEFAULT_PROJECT => Ok(()),
        None => Err(refuse::value("project", &format!("there is no project '{}'", key.project))),
    }
}

/// Whether the key's owner is somebody: a user, and to whom sees some projects only, themselves or one of the key's own
/// project. Of the others nothing is told, not even whether they are there.
async fn has_owner(call: &Call, key: &Key) -> Checked<()> {
    let Some(id) = key.owner.as_deref() else { return Ok(()) };
    let found = call.store().user(id).await.map_err(|error| refuse::store(&error))?;
    let is_near = |user: &User| {
        let projects = user.projects.as_deref().unwrap_or_default();
        call.principal.is_everywhere() || call.principal.actor == user.id || projects.contains(&key.project)
    };
    match found.is_some_and(|user| is_near(&user)) {
        true => Ok(()),
        false => Err(refuse::value("owner_user_id", "must be the id of a user of the key's project")),
    }
}

/// Whether every key of a project that changes still fits.
pub(super) fn all_fit(project: &Project, catalog: &Catalog) -> Checked<()> {
    let mine = |key: &&Key| key.project == project.name && !key.revoked;
    for key in catalog.keys.iter().filter(mine) {
        if let Err(wider) = narrowed(key, project) {
            let field = wider.field.split('.').next_back().unwrap_or_default();
            let param = if field == "budget" { "budget".to_owned() } else { format!("limits.{field}") };
            let text = format!("the key '{}' of this project has more: {}", key.name, wider.text);
            return Err(refuse::conflict("key_wider", Some(&param), format!("Invalid '{param}': {text}.")));
        }
    }
    Ok(())
}

/// A key that the caller sees.
fn find<'a>(call: &Call, catalog: &'a Catalog, id: &str) -> Checked<&'a Key> {
    let found = catalog.keys.iter().find(|key| key.id == id && call.principal.sees_key(key));
    found.ok_or_else(|| refuse::not_found(ObjectKind::Key, id))
}

/// A key that may be changed here.
fn find_own<'a>(call: &Call, catalog: &'a Catalog, id: &str) -> Checked<&'a Key> {
    let key = find(call, catalog, id)?;
    if key.origin == Origin::File {
        let text = format!("The key '{}' is owned by the configuration file: change it there.", key.name);
        return Err(refuse::owned("owned_by_file", text));
    }
    Ok(key)
}

/// 409 about a key that nobody can use any more.
fn not_revoked(key: &Key) -> Checked<()> {
    match key.revoked {
        true => Err(refuse::conflict("key_revoked", None, "The key is revoked: make a new one.".to_owned())),
        false => Ok(()),
    }
}

/// A key as the audit log has it.
fn recorded(key: &Key, unix_s: i64) -> Value {
    let previous = key.previous.as_ref().filter(|(_, until)| unix_s < *until);
    json!({
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "project": key.project,
        "models": models_json(&key.models),
        "limits": limits_json(&key.limits),
        "model_limits": model_limits_json(&key.model_limits),
        "budget": key.budget.as_ref().map(budget_json),
        "default_max_output_tokens": key.default_max_output_tokens,
        "expires_at": key.expires_at.and_then(moment_of_s),
        "owner_user_id": key.owner,
        "revoked": key.revoked,
        "previous_valid_until": previous.and_then(|(_, until)| moment_of_s(*until)),
        "created_at": key.created_at.and_then(moment_of_s),
        "origin": origin_json(key.origin),
    })
}

/// A key as it is shown, with what is spent of its budget.
fn shown(key: &Key, spent: &Spent, unix_s: i64) -> Value {
    let mut object = recorded(key, unix_s);
    object["budget"] = spent.json(AccountId::key(&key.id), key.budget);
    object
}

/// One key as it is shown.
async fn shown_alone(call: &Call, key: &Key) -> Checked<Value> {
    let spent = Spent::read(call, std::iter::once((AccountId::key(&key.id), key.budget))).await?;
    Ok(shown(key, &spent, call.unix_s()))
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{KeyHash, NanoUsd, Period};

    use super::*;

    fn key() -> Key {
        Key {
            id: "key_1".to_owned(),
            name: "n".to_owned(),
            hash: KeyHash::of("sk-secret"),
            prefix: "sk-secret".to_owned(),
            project: "p".to_owned(),
            models: ModelAccess::Only(vec!["a".to_owned(), "b/*".to_owned()]),
            limits: Limits { rpm: Some(1), tpm: Some(2), parallel: Some(3), max_output_tokens: Some(4) },
            model_limits: [("m".to_owned(), Limits { rpm: Some(1), ..Limits::default() })].into(),
            budget: Some(Budget { limit: NanoUsd(5), period: Period::Week }),
            default_max_output_tokens: Some(6),
            expires_at: Some(1_795_219_200),
            owner: Some("o".to_owned()),
            revoked: false,
            previous: Some((KeyHash::of("sk-before"), 100)),
            created_at: Some(50),
            origin: Origin::Admin,
        }
    }

    #[test]
    fn a_key_is_what_its_form_says() {
        let whole = key();
        let form = Form::read(&Form::of(&whole)).unwrap();
        let mut other =
            Key { name: String::new(), project: String::new(), models: ModelAccess::All, ..key() };
        (other.limits, other.budget, other.owner, other.expires_at) = (Limits::default(), None, None, None);
        (other.model_limits, other.default_max_output_tokens) = (BTreeMap::new(), None);
        form.write(&mut other);
        assert_eq!(other, whole);
        let least = Form::read(&json!({ "name": "n" })).unwrap();
        assert_eq!((least.project.as_str(), least.models), ("default", ModelAccess::All));
    }

    #[test]
    fn mistakes_are_named() {
        let check = |field: &str, value: Value, code: &str, param: &str| {
            let mut body = json!({ "name": "n" });
            body[field] = value.clone();
            let refusal = Form::read(&body).unwrap_err();
            let found = (refusal.error.code.as_deref(), refusal.error.param.as_deref());
            assert_eq!(found, (Some(code), Some(param)), "{field}: {value}");
        };
        check("name", json!(null), "missing_required_parameter", "name");
        check("name", json!(1), "invalid_type", "name");
        check("name", json!(" "), "invalid_value", "name");
        check("name", json!("x".repeat(201)), "invalid_value", "name");
        check("project", json!(""), "invalid_value", "project");
        check("models", json!("*"), "invalid_type", "models");
        check("models", json!([]), "invalid_value", "models");
        check("models", json!(["a", "b*c"]), "invalid_value", "models[1]");
        check("models", json!(["a", 1]), "invalid_type", "models[1]");
        check("limits", json!([]), "invalid_type", "limits");
        check("limits", json!({ "rpm": 0 }), "integer_below_min_value", "limits.rpm");
        check("limits", json!({ "rpm": 4_294_967_296_u64 }), "integer_above_max_value", "limits.rpm");
        check("limits", json!({ "tpm": "1" }), "invalid_type", "limits.tpm");
        check("limits", json!({ "parallel": 1.5 }), "invalid_type", "limits.parallel");
        check(
            "limits",
            json!({ "max_output_tokens": -1 }),
            "integer_below_min_value",
            "limits.max_output_tokens",
        );
        check("limits", json!({ "rps": 1 }), "unknown_parameter", "limits.rps");
        check("model_limits", json!({ "m": { "rpm": 0 } }), "integer_below_min_value", "model_limits.m.rpm");
        check("model_limits", json!({ "": {} }), "invalid_value", "model_limits.");
        check("budget", json!({ "limit_nanousd": 1 }), "missing_required_parameter", "budget.period");
        check("budget", json!({ "period": "day" }), "missing_required_parameter", "budget.limit_nanousd");
        check(
            "budget",
            json!({ "limit_nanousd": 0.1, "period": "day" }),
            "invalid_type",
            "budget.limit_nanousd",
        );
        check("budget", json!({ "limit_nanousd": 1, "period": "year" }), "invalid_value", "budget.period");
        check("budget", json!({ "usd": 1 }), "missing_required_parameter", "budget.limit_nanousd");
        check("default_max_output_tokens", json!(0), "integer_below_min_value", "default_max_output_tokens");
        check("expires_at", json!("2027-01-01"), "invalid_value", "expires_at");
        check("expires_at", json!(1), "invalid_type", "expires_at");
        check("owner_user_id", json!(""), "invalid_value", "owner_user_id");
        check("secret", json!("sk-mine"), "unknown_parameter", "secret");
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let text = recorded(&key(), 10).to_string();
        assert!(text.contains("previous_valid_until\":\"1970-01-01T00:01:40Z"), "{text}");
        for hash in [KeyHash::of("sk-secret"), KeyHash::of("sk-before")] {
            let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.contains(&hex), "{text}");
        }
        assert!(recorded(&key(), 100)["previous_valid_until"].is_null());
    }
}
