//! Changes of the catalog by an operator: only of what still is as the operator saw it, and never without the entry in
//! the audit log.

use sluice_ledger::{AccountId, Key, Origin, Project};

use super::{audit, catalog, lease};
use crate::{
    CatalogChange, ModelRecord, ObjectKind, ProviderRecord, StoreError, document,
    engine::{Arg, Statement, Tx},
    query::AuditEntry,
    statement,
};

const UPDATE_KEY: Statement = statement!(
    "UPDATE keys SET name = $2, hash = $3, prefix = $4, project = $5, models_json = $6, limits_json = $7, \
     model_limits_json = $8, budget_json = $9, default_max_output_tokens = $10, expires_at = $11, owner = $12, \
     revoked = $13, origin = $14, previous_hash = $15, previous_until = $16, created_at = $17 WHERE id = $1"
);
const KEY_NAMED: Statement = statement!("SELECT id FROM keys WHERE name = $1 AND id <> $2");
/// Revoked keys do not hold it: nobody can use them, and they keep its name for what they spent.
const KEYS_IN_PROJECT: Statement =
    statement!("SELECT COUNT(*), COALESCE(MIN(name), '') FROM keys WHERE project = $1 AND NOT revoked");
const UPDATE_PROJECT: Statement =
    statement!("UPDATE projects SET limits_json = $2, budget_json = $3 WHERE name = $1");
const DELETE_PROJECT: Statement = statement!("DELETE FROM projects WHERE name = $1");
const UPDATE_PROVIDER: Statement = statement!(
    "UPDATE providers SET kind = $2, base_url = $3, options_json = $4, sealed = $5 WHERE name = $1"
);
const DELETE_PROVIDER: Statement = statement!("DELETE FROM providers WHERE name = $1");
const UPDATE_MODEL: Statement =
    statement!("UPDATE models SET targets_json = $2, price_json = $3, options_json = $4 WHERE name = $1");
const DELETE_MODEL: Statement = statement!("DELETE FROM models WHERE name = $1");
const SET: Statement = statement!(
    "INSERT INTO settings (name, value_json, changed_ms) VALUES ($1, $2, $3) \
     ON CONFLICT (name) DO UPDATE SET value_json = excluded.value_json, changed_ms = excluded.changed_ms"
);
const UNSET: Statement = statement!("DELETE FROM settings WHERE name = $1");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    UPDATE_KEY,
    KEY_NAMED,
    KEYS_IN_PROJECT,
    UPDATE_PROJECT,
    DELETE_PROJECT,
    UPDATE_PROVIDER,
    DELETE_PROVIDER,
    UPDATE_MODEL,
    DELETE_MODEL,
    SET,
    UNSET,
];

/// The project that is there without having been made.
const DEFAULT_PROJECT: &str = "default";

pub(super) async fn run(
    mut tx: Tx,
    change: &CatalogChange,
    audit: &AuditEntry,
    unix_ms: u64,
) -> Result<(), StoreError> {
    catalog::changes(&mut tx).await?;
    let unix_s = super::int(unix_ms / 1_000);
    match change {
        CatalogChange::InsertKey(key) => insert_key(&mut tx, key).await?,
        CatalogChange::UpdateKey { before, after } => update_key(&mut tx, before, after, unix_s).await?,
        CatalogChange::InsertProject(project) => {
            let inserted = catalog::insert_project(&mut tx, project, project.origin).await?;
            new(inserted, ObjectKind::Project, &project.name)?;
            // One of the same name may have been there before, with books that are still open.
            let account = AccountId::project(&project.name);
            lease::follow_budget(&mut tx, &account, None, project.budget, Some(unix_s)).await?;
        }
        CatalogChange::UpdateProject { before, after } => {
            update_project(&mut tx, before, after, unix_s).await?;
        }
        CatalogChange::DeleteProject(name) => delete_project(&mut tx, name).await?,
        CatalogChange::InsertProvider(provider) => {
            let inserted = catalog::insert_provider(&mut tx, provider, provider.origin).await?;
            new(inserted, ObjectKind::Provider, &provider.name)?;
        }
        CatalogChange::UpdateProvider { before, after } => update_provider(&mut tx, before, after).await?,
        CatalogChange::DeleteProvider(name) => delete_provider(&mut tx, name).await?,
        CatalogChange::InsertModel(model) => {
            let inserted = catalog::insert_model(&mut tx, model, model.origin).await?;
            new(inserted, ObjectKind::Model, &model.name)?;
        }
        CatalogChange::UpdateModel { before, after } => update_model(&mut tx, before, after).await?,
        CatalogChange::DeleteModel(name) => {
            let stored = catalog::model(&mut tx, name).await?;
            changeable(stored.as_ref().map(|model| model.origin), ObjectKind::Model, name)?;
            tx.execute(&DELETE_MODEL, &[Arg::Text(name)]).await?;
        }
        CatalogChange::Settings(settings) => {
            for (name, value) in settings {
                match value {
                    Some(value) => {
                        let args = [Arg::Text(name), Arg::Text(value), Arg::Int(super::int(unix_ms))];
                        tx.execute(&SET, &args).await?
                    }
                    None => tx.execute(&UNSET, &[Arg::Text(name)]).await?,
                };
            }
        }
    }
    audit::append(&mut tx, audit, unix_ms).await?;
    tx.commit().await
}

fn new(inserted: bool, kind: ObjectKind, name: &str) -> Result<(), StoreError> {
    if inserted { Ok(()) } else { Err(StoreError::DuplicateName { kind, name: name.to_owned() }) }
}

/// Refuses texts that not every engine can hold.
pub(super) fn no_nul<'a>(
    kind: ObjectKind,
    name: &str,
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<(), StoreError> {
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(StoreError::Nul { kind, name: name.to_owned() });
    }
    Ok(())
}

/// Whether an object with `origin` may be changed; `None`: it is not there.
fn changeable(origin: Option<Origin>, kind: ObjectKind, name: &str) -> Result<(), StoreError> {
    let name = || name.to_owned();
    match origin {
        None => Err(StoreError::NotFound { kind, name: name() }),
        Some(Origin::File) => Err(StoreError::OwnedByFile { kind, name: name() }),
        Some(Origin::FirstRun | Origin::Admin) => Ok(()),
    }
}

/// Whether the object is still what the operator saw.
fn unchanged<T: PartialEq>(stored: &T, before: &T, kind: ObjectKind, name: &str) -> Result<(), StoreError> {
    if stored == before { Ok(()) } else { Err(StoreError::Stale { kind, name: name.to_owned() }) }
}

fn same_name(before: &str, after: &str, kind: ObjectKind) -> Result<(), StoreError> {
    if before == after { Ok(()) } else { Err(StoreError::Renamed { kind, name: before.to_owned() }) }
}

async fn project_exists(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    if name == DEFAULT_PROJECT || catalog::project(tx, name).await?.is_some() {
        return Ok(());
    }
    Err(StoreError::Missing { kind: ObjectKind::Project, name: name.to_owned() })
}

async fn insert_key(tx: &mut Tx, key: &Key) -> Result<(), StoreError> {
    project_exists(tx, &key.project).await?;
    catalog::not_secret_of_another(tx, key).await?;
    new(catalog::insert_key(tx, key, key.origin).await?, ObjectKind::Key, &key.name)
}

async fn update_key(tx: &mut Tx, before: &Key, after: &Key, unix_s: i64) -> Result<(), StoreError> {
    let (kind, name) = (ObjectKind::Key, &before.name);
    let stored = catalog::key(tx, &before.id).await?;
    changeable(stored.as_ref().map(|key| key.origin), kind, name)?;
    if let Some(stored) = &stored {
        unchanged(stored, before, kind, name)?;
    }
    same_name(&before.id, &after.id, kind)?;
    // A key whose project has gone may stay in it; it may not be put into one that is not there.
    if after.project != before.project {
        project_exists(tx, &after.project).await?;
    }
    catalog::not_secret_of_another(tx, after).await?;
    if tx.row(&KEY_NAMED, &[Arg::Text(&after.name), Arg::Text(&after.id)]).await?.is_some() {
        return Err(StoreError::DuplicateName { kind, name: after.name.clone() });
    }
    let columns = catalog::KeyColumns::new(after)?;
    tx.execute(&UPDATE_KEY, &columns.args(after, before.origin)).await?;
    lease::follow_budget(tx, &AccountId::key(&after.id), before.budget, after.budget, Some(unix_s)).await
}

async fn update_project(
    tx: &mut Tx,
    before: &Project,
    after: &Project,
    unix_s: i64,
) -> Result<(), StoreError> {
    let (kind, name) = (ObjectKind::Project, &before.name);
    let stored = catalog::project(tx, name).await?;
    changeable(stored.as_ref().map(|project| project.origin), kind, name)?;
    if let Some(stored) = &stored {
        unchanged(stored, before, kind, name)?;
    }
    same_name(name, &after.name, kind)?;
    let limits = document::write_limits(&after.limits);
    let budget = after.budget.as_ref().map(document::write_budget);
    let args = [Arg::Text(name), Arg::Text(&limits), Arg::MaybeText(budget.as_deref())];
    tx.execute(&UPDATE_PROJECT, &args).await?;
    lease::follow_budget(tx, &AccountId::project(name), before.budget, after.budget, Some(unix_s)).await
}

async fn delete_project(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    let stored = catalog::project(tx, name).await?;
    changeable(stored.map(|project| project.origin), ObjectKind::Project, name)?;
    if let Some(row) = tx.row(&KEYS_IN_PROJECT, &[Arg::Text(name)]).await? {
        let (keys, first) = (row.count(0)?, row.text(1)?);
        if keys > 0 {
            let by = match keys {
                1 => format!("the key `{first}`: move it to another project first"),
                _ => format!("{keys} keys, such as `{first}`: move them to another project first"),
            };
            return Err(StoreError::InUse { kind: ObjectKind::Project, name: name.to_owned(), by });
        }
    }
    tx.execute(&DELETE_PROJECT, &[Arg::Text(name)]).await.map(drop)
}

async fn update_provider(
    tx: &mut Tx,
    before: &ProviderRecord,
    after: &ProviderRecord,
) -> Result<(), StoreError> {
    let (kind, name) = (ObjectKind::Provider, &before.name);
    let stored = catalog::provider(tx, name).await?;
    changeable(stored.as_ref().map(|provider| provider.origin), kind, name)?;
    if let Some(stored) = &stored {
        unchanged(stored, before, kind, name)?;
    }
    same_name(name, &after.name, kind)?;
    no_nul(kind, name, [&after.kind].into_iter().chain(&after.base_url))?;
    let options = document::write(&after.options);
    let args = [
        Arg::Text(name),
        Arg::Text(&after.kind),
        Arg::MaybeText(after.base_url.as_deref()),
        Arg::Text(&options),
        Arg::MaybeBytes(after.sealed.as_deref()),
    ];
    tx.execute(&UPDATE_PROVIDER, &args).await.map(drop)
}

async fn delete_provider(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    let stored = catalog::provider(tx, name).await?;
    changeable(stored.map(|provider| provider.origin), ObjectKind::Provider, name)?;
    let models = catalog::models(tx).await?;
    let user = models.iter().find(|model| model.targets.iter().any(|target| target.provider == name));
    if let Some(model) = user {
        let by = format!("the model `{}`: take its target there away first", model.name);
        return Err(StoreError::InUse { kind: ObjectKind::Provider, name: name.to_owned(), by });
    }
    tx.execute(&DELETE_PROVIDER, &[Arg::Text(name)]).await.map(drop)
}

async fn update_model(tx: &mut Tx, before: &ModelRecord, after: &ModelRecord) -> Result<(), StoreError> {
    let (kind, name) = (ObjectKind::Model, &before.name);
    let stored = catalog::model(tx, name).await?;
    changeable(stored.as_ref().map(|model| model.origin), kind, name)?;
    if let Some(stored) = &stored {
        unchanged(stored, before, kind, name)?;
    }
    same_name(name, &after.name, kind)?;
    let (targets, options) = (document::write(&after.targets), document::write(&after.options));
    let price = after.price.as_ref().map(document::write_price);
    let args = [Arg::Text(name), Arg::Text(&targets), Arg::MaybeText(price.as_deref()), Arg::Text(&options)];
    tx.execute(&UPDATE_MODEL, &args).await.map(drop)
}
