//! Rows of the catalog's tables and the objects they stand for.

use sluice_ledger::{Key, KeyHash, Origin, Project};

use crate::{ModelRecord, ObjectKind, ProviderRecord, StoreError, document};

/// id, name, hash, prefix, project, models, limits, model limits, budget, default output limit, end, owner, revoked,
/// origin.
pub(crate) type KeyRow = (
    String,
    String,
    Vec<u8>,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    bool,
    String,
);
/// name, limits, budget, origin.
pub(crate) type ProjectRow = (String, String, Option<String>, String);
/// name, kind, base URL, options, origin.
pub(crate) type ProviderRow = (String, String, Option<String>, String, String);
/// name, targets, price, options, origin.
pub(crate) type ModelRow = (String, String, Option<String>, String, String);

/// Names the object when one of its columns cannot be read.
struct Reading<'a> {
    kind: ObjectKind,
    name: &'a str,
}

impl Reading<'_> {
    fn column<T>(&self, result: Result<T, String>) -> Result<T, StoreError> {
        result.map_err(|reason| StoreError::Corrupt { kind: self.kind, name: self.name.to_owned(), reason })
    }

    fn origin(&self, word: &str) -> Result<Origin, StoreError> {
        self.column(Origin::from_word(word).ok_or_else(|| format!("`{word}` is not an origin")))
    }
}

pub(crate) fn key(row: KeyRow) -> Result<Key, StoreError> {
    let (
        id,
        name,
        hash,
        prefix,
        project,
        models,
        limits,
        model_limits,
        budget,
        output,
        end,
        owner,
        revoked,
        origin,
    ) = row;
    let reading = Reading { kind: ObjectKind::Key, name: &name };
    let hash: [u8; 32] =
        reading.column(hash.try_into().map_err(|_| "its hash is not 32 bytes".to_owned()))?;
    let default_max_output_tokens =
        output.map(u64::try_from).transpose().map_err(|_| "default_max_output_tokens is negative".to_owned());
    Ok(Key {
        hash: KeyHash::from_bytes(hash),
        models: reading.column(document::read_models(&models))?,
        limits: reading.column(document::read_limits(&limits))?,
        model_limits: reading.column(document::read_model_limits(&model_limits))?,
        budget: reading.column(budget.as_deref().map(document::read_budget).transpose())?,
        default_max_output_tokens: reading.column(default_max_output_tokens)?,
        origin: reading.origin(&origin)?,
        id,
        name,
        prefix,
        project,
        expires_at: end,
        owner,
        revoked,
        previous: None,
        created_at: None,
    })
}

pub(crate) fn project((name, limits, budget, origin): ProjectRow) -> Result<Project, StoreError> {
    let reading = Reading { kind: ObjectKind::Project, name: &name };
    Ok(Project {
        limits: reading.column(document::read_limits(&limits))?,
        budget: reading.column(budget.as_deref().map(document::read_budget).transpose())?,
        origin: reading.origin(&origin)?,
        name,
    })
}

pub(crate) fn provider(
    (name, kind, base_url, options, origin): ProviderRow,
) -> Result<ProviderRecord, StoreError> {
    let reading = Reading { kind: ObjectKind::Provider, name: &name };
    Ok(ProviderRecord {
        options: reading.column(document::read(&options))?,
        origin: reading.origin(&origin)?,
        name,
        kind,
        base_url,
        sealed: None,
    })
}

pub(crate) fn model((name, targets, price, options, origin): ModelRow) -> Result<ModelRecord, StoreError> {
    let reading = Reading { kind: ObjectKind::Model, name: &name };
    Ok(ModelRecord {
        targets: reading.column(document::read(&targets))?,
        price: reading.column(price.as_deref().map(document::read_price).transpose())?,
        options: reading.column(document::read(&options))?,
        origin: reading.origin(&origin)?,
        name,
    })
}
