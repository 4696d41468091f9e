//! Keys, projects, providers and models.

use std::collections::BTreeMap;

use sluice_ledger::{Budget, Key, KeyHash, Origin, Project};

use super::{change, lease};
use crate::{
    Catalog, ModelRecord, ObjectKind, ProviderRecord, StoreError,
    books::StoreEvent,
    document,
    engine::{Arg, Row, Statement, Tx},
    row, statement,
};

const ALL_PROJECTS: Statement =
    statement!("SELECT name, limits_json, budget_json, origin FROM projects ORDER BY name");
const ALL_KEYS: Statement = statement!("SELECT ", KEY_COLUMNS, " FROM keys ORDER BY name");
const ALL_PROVIDERS: Statement =
    statement!("SELECT name, kind, base_url, options_json, origin, sealed FROM providers ORDER BY name");
const ALL_MODELS: Statement =
    statement!("SELECT name, targets_json, price_json, options_json, origin FROM models ORDER BY name");

const ALL_SETTINGS: Statement = statement!("SELECT name, value_json FROM settings");

const ONE_PROJECT: Statement =
    statement!("SELECT name, limits_json, budget_json, origin FROM projects WHERE name = $1");
const ONE_KEY: Statement = statement!("SELECT ", KEY_COLUMNS, " FROM keys WHERE id = $1");
const ONE_PROVIDER: Statement =
    statement!("SELECT name, kind, base_url, options_json, origin, sealed FROM providers WHERE name = $1");
const ONE_MODEL: Statement =
    statement!("SELECT name, targets_json, price_json, options_json, origin FROM models WHERE name = $1");

const DELETE_FILE: [Statement; 4] = [
    statement!("DELETE FROM keys WHERE origin = 'file'"),
    statement!("DELETE FROM models WHERE origin = 'file'"),
    statement!("DELETE FROM providers WHERE origin = 'file'"),
    statement!("DELETE FROM projects WHERE origin = 'file'"),
];

const INSERT_PROJECT: Statement = statement!(
    "INSERT INTO projects (name, limits_json, budget_json, origin) VALUES ($1, $2, $3, $4) \
     ON CONFLICT DO NOTHING"
);
const INSERT_KEY: Statement = statement!(
    "INSERT INTO keys (",
    KEY_COLUMNS,
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
     $15, $16, $17) ON CONFLICT DO NOTHING"
);
const INSERT_PROVIDER: Statement = statement!(
    "INSERT INTO providers (name, kind, base_url, options_json, origin, sealed) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
);
const INSERT_MODEL: Statement = statement!(
    "INSERT INTO models (name, targets_json, price_json, options_json, origin) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING"
);

/// Two keys never share a secret, neither the one in use nor the one before it.
const KEY_WITH_HASH: Statement =
    statement!("SELECT name FROM keys WHERE (hash = $1 OR previous_hash = $1) AND id <> $2");

const VERSION: Statement = statement!("SELECT value FROM numbers WHERE name = 'catalog_version'");
/// In PostgreSQL its row is the lock that all who change the catalog take first.
const NEXT_VERSION: Statement =
    statement!("UPDATE numbers SET value = value + 1 WHERE name = 'catalog_version'");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    ALL_PROJECTS,
    ALL_KEYS,
    ALL_PROVIDERS,
    ALL_MODELS,
    ALL_SETTINGS,
    ONE_PROJECT,
    ONE_KEY,
    ONE_PROVIDER,
    ONE_MODEL,
    DELETE_FILE[0],
    DELETE_FILE[1],
    DELETE_FILE[2],
    DELETE_FILE[3],
    INSERT_PROJECT,
    INSERT_KEY,
    INSERT_PROVIDER,
    INSERT_MODEL,
    KEY_WITH_HASH,
    NEXT_VERSION,
    VERSION,
];

/// Rises with every change of the catalog.
pub(super) async fn version(tx: &mut Tx) -> Result<i64, StoreError> {
    tx.row(&VERSION, &[]).await?.map_or(Ok(0), |row| row.int(0))
}

/// Everything, each list in the order of names.
pub(super) async fn load(tx: &mut Tx) -> Result<Catalog, StoreError> {
    Ok(Catalog {
        keys: all(tx, &ALL_KEYS, row::key).await?,
        projects: all(tx, &ALL_PROJECTS, row::project).await?,
        providers: all(tx, &ALL_PROVIDERS, row::provider).await?,
        models: models(tx).await?,
        settings: settings(tx).await?,
    })
}

async fn settings(tx: &mut Tx) -> Result<BTreeMap<String, String>, StoreError> {
    tx.rows(&ALL_SETTINGS, &[]).await?.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

/// All models, in the order of names.
pub(super) async fn models(tx: &mut Tx) -> Result<Vec<ModelRecord>, StoreError> {
    all(tx, &ALL_MODELS, row::model).await
}

async fn all<T>(
    tx: &mut Tx,
    statement: &Statement,
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    tx.rows(statement, &[]).await?.iter().map(read).collect()
}

/// Reads one object by its name; `None`: there is none.
pub(super) async fn key(tx: &mut Tx, id: &str) -> Result<Option<Key>, StoreError> {
    if super::has_nul(id) {
        return Ok(None);
    }
    tx.row(&ONE_KEY, &[Arg::Text(id)]).await?.as_ref().map(row::key).transpose()
}

pub(super) async fn project(tx: &mut Tx, name: &str) -> Result<Option<Project>, StoreError> {
    if super::has_nul(name) {
        return Ok(None);
    }
    tx.row(&ONE_PROJECT, &[Arg::Text(name)]).await?.as_ref().map(row::project).transpose()
}

pub(super) async fn provider(tx: &mut Tx, name: &str) -> Result<Option<ProviderRecord>, StoreError> {
    if super::has_nul(name) {
        return Ok(None);
    }
    tx.row(&ONE_PROVIDER, &[Arg::Text(name)]).await?.as_ref().map(row::provider).transpose()
}

pub(super) async fn model(tx: &mut Tx, name: &str) -> Result<Option<ModelRecord>, StoreError> {
    if super::has_nul(name) {
        return Ok(None);
    }
    tx.row(&ONE_MODEL, &[Arg::Text(name)]).await?.as_ref().map(row::model).transpose()
}

/// Begins a change of the catalog: from here on nobody else changes it.
pub(super) async fn changes(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute(&NEXT_VERSION, &[]).await?;
    tx.notify("", StoreEvent::CatalogChanged).await
}

pub(super) async fn apply_file(mut tx: Tx, objects: &Catalog) -> Result<(), StoreError> {
    changes(&mut tx).await?;
    let before = load(&mut tx).await?;
    if same_of_file(&before, objects) {
        // Nobody needs to read again what has not changed.
        return Ok(());
    }
    for statement in &DELETE_FILE {
        tx.execute(statement, &[]).await?;
    }
    for project in &objects.projects {
        let done = insert_project(&mut tx, project, Origin::File).await?;
        owned_here(done, ObjectKind::Project, &project.name)?;
    }
    for provider in &objects.providers {
        let done = insert_provider(&mut tx, provider, Origin::File).await?;
        owned_here(done, ObjectKind::Provider, &provider.name)?;
    }
    for model in &objects.models {
        let done = insert_model(&mut tx, model, Origin::File).await?;
        owned_here(done, ObjectKind::Model, &model.name)?;
    }
    for key in &objects.keys {
        not_secret_of_another(&mut tx, key).await?;
        let done = insert_key(&mut tx, key, Origin::File).await?;
        owned_here(done, ObjectKind::Key, &key.name)?;
    }
    follow_budgets(&mut tx, &before, objects).await?;
    tx.commit().await
}

/// Whether what the file owned is what it owns now.
fn same_of_file(before: &Catalog, now: &Catalog) -> bool {
    fn same<'a, T: PartialEq + 'a>(
        before: impl Iterator<Item = &'a T>,
        now: &'a [T],
        name: fn(&T) -> &str,
    ) -> bool {
        let mut now: Vec<&T> = now.iter().collect();
        now.sort_by(|a, b| name(a).cmp(name(b)));
        before.eq(now)
    }
    let file = Origin::File;
    same(before.keys.iter().filter(|key| key.origin == file), &now.keys, |key| &key.name)
        && same(before.projects.iter().filter(|one| one.origin == file), &now.projects, |one| &one.name)
        && same(before.providers.iter().filter(|one| one.origin == file), &now.providers, |one| &one.name)
        && same(before.models.iter().filter(|one| one.origin == file), &now.models, |one| &one.name)
}

/// Limits of open windows are those of the budgets.
async fn follow_budgets(tx: &mut Tx, before: &Catalog, now: &Catalog) -> Result<(), StoreError> {
    let old = |found: Option<&Budget>| found.copied();
    for key in &now.keys {
        let was = before.keys.iter().find(|one| one.id == key.id).and_then(|one| one.budget.as_ref());
        let account = sluice_ledger::AccountId::key(&key.id);
        lease::follow_budget(tx, &account, old(was), key.budget, None).await?;
    }
    for project in &now.projects {
        let was = before.projects.iter().find(|one| one.name == project.name);
        let account = sluice_ledger::AccountId::project(&project.name);
        let was = old(was.and_then(|one| one.budget.as_ref()));
        lease::follow_budget(tx, &account, was, project.budget, None).await?;
    }
    Ok(())
}

fn owned_here(inserted: bool, kind: ObjectKind, name: &str) -> Result<(), StoreError> {
    if inserted { Ok(()) } else { Err(StoreError::OwnedElsewhere { kind, name: name.to_owned() }) }
}

/// Adds one key beside the change of the catalog that an operator makes.
pub(super) async fn add_key(mut tx: Tx, key: &Key) -> Result<(), StoreError> {
    changes(&mut tx).await?;
    not_secret_of_another(&mut tx, key).await?;
    if !insert_key(&mut tx, key, key.origin).await? {
        return Err(StoreError::DuplicateName { kind: ObjectKind::Key, name: key.name.clone() });
    }
    tx.commit().await
}

/// Says so when a secret of `key` is that of another.
pub(super) async fn not_secret_of_another(tx: &mut Tx, key: &Key) -> Result<(), StoreError> {
    change::no_nul(ObjectKind::Key, &key.name, [&key.id])?;
    let hashes = [Some(&key.hash), key.previous.as_ref().map(|(hash, _)| hash)];
    for hash in hashes.into_iter().flatten() {
        let args = [Arg::Bytes(hash.as_bytes()), Arg::Text(&key.id)];
        if let Some(row) = tx.row(&KEY_WITH_HASH, &args).await? {
            let other = row.text(0)?;
            // The same key made elsewhere under the same name is told as that.
            if other != key.name {
                return Err(StoreError::DuplicateSecret { name: key.name.clone(), other });
            }
        }
    }
    Ok(())
}

/// The columns of a key as they are stored.
pub(super) struct KeyColumns {
    models: String,
    limits: String,
    model_limits: String,
    budget: Option<String>,
    output: Option<i64>,
}

impl KeyColumns {
    pub(super) fn new(key: &Key) -> Result<Self, StoreError> {
        let name = &key.name;
        let output = key.default_max_output_tokens.map(i64::try_from).transpose();
        change::no_nul(ObjectKind::Key, name, [&key.id, name, &key.prefix, &key.project])?;
        change::no_nul(ObjectKind::Key, name, key.owner.iter())?;
        Ok(Self {
            models: document::write_models(&key.models),
            limits: document::write_limits(&key.limits),
            model_limits: document::write_model_limits(&key.model_limits),
            budget: key.budget.as_ref().map(document::write_budget),
            output: output.map_err(|_| StoreError::TooLarge {
                kind: ObjectKind::Key,
                name: name.clone(),
                field: "default_max_output_tokens",
            })?,
        })
    }

    /// In the order of the columns.
    pub(super) fn args<'a>(&'a self, key: &'a Key, origin: Origin) -> [Arg<'a>; 17] {
        let previous = key.previous.as_ref();
        [
            Arg::Text(&key.id),
            Arg::Text(&key.name),
            Arg::Bytes(key.hash.as_bytes()),
            Arg::Text(&key.prefix),
            Arg::Text(&key.project),
            Arg::Text(&self.models),
            Arg::Text(&self.limits),
            Arg::Text(&self.model_limits),
            Arg::MaybeText(self.budget.as_deref()),
            Arg::MaybeInt(self.output),
            Arg::MaybeInt(key.expires_at),
            Arg::MaybeText(key.owner.as_deref()),
            Arg::Bool(key.revoked),
            Arg::Text(origin.as_str()),
            Arg::MaybeBytes(previous.map(|(hash, _): &(KeyHash, i64)| &hash.as_bytes()[..])),
            Arg::MaybeInt(previous.map(|(_, until)| *until)),
            Arg::MaybeInt(key.created_at),
        ]
    }
}

/// Whether the row was added; `false`: one like it is there.
pub(super) async fn insert_key(tx: &mut Tx, key: &Key, origin: Origin) -> Result<bool, StoreError> {
    let columns = KeyColumns::new(key)?;
    Ok(tx.execute(&INSERT_KEY, &columns.args(key, origin)).await? == 1)
}

pub(super) async fn insert_project(
    tx: &mut Tx,
    project: &Project,
    origin: Origin,
) -> Result<bool, StoreError> {
    change::no_nul(ObjectKind::Project, &project.name, [&project.name])?;
    let limits = document::write_limits(&project.limits);
    let budget = project.budget.as_ref().map(document::write_budget);
    let args = [
        Arg::Text(&project.name),
        Arg::Text(&limits),
        Arg::MaybeText(budget.as_deref()),
        Arg::Text(origin.as_str()),
    ];
    Ok(tx.execute(&INSERT_PROJECT, &args).await? == 1)
}

pub(super) async fn insert_provider(
    tx: &mut Tx,
    provider: &ProviderRecord,
    origin: Origin,
) -> Result<bool, StoreError> {
    change::no_nul(ObjectKind::Provider, &provider.name, [&provider.name, &provider.kind])?;
    change::no_nul(ObjectKind::Provider, &provider.name, provider.base_url.iter())?;
    let options = document::write(&provider.options);
    let args = [
        Arg::Text(&provider.name),
        Arg::Text(&provider.kind),
        Arg::MaybeText(provider.base_url.as_deref()),
        Arg::Text(&options),
        Arg::Text(origin.as_str()),
        Arg::MaybeBytes(provider.sealed.as_deref()),
    ];
    Ok(tx.execute(&INSERT_PROVIDER, &args).await? == 1)
}

pub(super) async fn insert_model(
    tx: &mut Tx,
    model: &ModelRecord,
    origin: Origin,
) -> Result<bool, StoreError> {
    change::no_nul(ObjectKind::Model, &model.name, [&model.name])?;
    let (targets, options) = (document::write(&model.targets), document::write(&model.options));
    let price = model.price.as_ref().map(document::write_price);
    let args = [
        Arg::Text(&model.name),
        Arg::Text(&targets),
        Arg::MaybeText(price.as_deref()),
        Arg::Text(&options),
        Arg::Text(origin.as_str()),
    ];
    Ok(tx.execute(&INSERT_MODEL, &args).await? == 1)
}
