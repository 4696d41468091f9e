//! Rows of the catalog's tables and the objects they stand for.

use sluice_ledger::{Key, KeyHash, Origin, Project};

use crate::{ModelRecord, ObjectKind, ProviderRecord, StoreError, document, engine::Row};

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

    fn hash(&self, bytes: Vec<u8>) -> Result<KeyHash, StoreError> {
        let hash = bytes.try_into().map_err(|_| "a hash of it is not 32 bytes".to_owned());
        self.column(hash).map(KeyHash::from_bytes)
    }
}

/// In the order of `KEY_COLUMNS`.
pub(crate) fn key(row: &Row) -> Result<Key, StoreError> {
    let name = row.text(1)?;
    let reading = Reading { kind: ObjectKind::Key, name: &name };
    let output = row.maybe_int(9)?.map(u64::try_from).transpose();
    let previous = match (row.maybe_bytes(14)?, row.maybe_int(15)?) {
        (Some(hash), Some(until)) => Some((reading.hash(hash)?, until)),
        _ => None,
    };
    Ok(Key {
        id: row.text(0)?,
        hash: reading.hash(row.bytes(2)?)?,
        prefix: row.text(3)?,
        project: row.text(4)?,
        models: reading.column(document::read_models(&row.text(5)?))?,
        limits: reading.column(document::read_limits(&row.text(6)?))?,
        model_limits: reading.column(document::read_model_limits(&row.text(7)?))?,
        budget: reading.column(row.maybe_text(8)?.as_deref().map(document::read_budget).transpose())?,
        default_max_output_tokens: reading
            .column(output.map_err(|_| "default_max_output_tokens is negative".to_owned()))?,
        expires_at: row.maybe_int(10)?,
        owner: row.maybe_text(11)?,
        revoked: row.bool(12)?,
        origin: reading.origin(&row.text(13)?)?,
        previous,
        created_at: row.maybe_int(16)?,
        name,
    })
}

/// Name, limits, budget, origin.
pub(crate) fn project(row: &Row) -> Result<Project, StoreError> {
    let name = row.text(0)?;
    let reading = Reading { kind: ObjectKind::Project, name: &name };
    Ok(Project {
        limits: reading.column(document::read_limits(&row.text(1)?))?,
        budget: reading.column(row.maybe_text(2)?.as_deref().map(document::read_budget).transpose())?,
        origin: reading.origin(&row.text(3)?)?,
        name,
    })
}

/// Name, kind, base URL, options, origin, sealed credential.
pub(crate) fn provider(row: &Row) -> Result<ProviderRecord, StoreError> {
    let name = row.text(0)?;
    let reading = Reading { kind: ObjectKind::Provider, name: &name };
    Ok(ProviderRecord {
        kind: row.text(1)?,
        base_url: row.maybe_text(2)?,
        options: reading.column(document::read(&row.text(3)?))?,
        origin: reading.origin(&row.text(4)?)?,
        sealed: row.maybe_bytes(5)?,
        name,
    })
}

/// Name, targets, price, options, origin.
pub(crate) fn model(row: &Row) -> Result<ModelRecord, StoreError> {
    let name = row.text(0)?;
    let reading = Reading { kind: ObjectKind::Model, name: &name };
    Ok(ModelRecord {
        targets: reading.column(document::read(&row.text(1)?))?,
        price: reading.column(row.maybe_text(2)?.as_deref().map(document::read_price).transpose())?,
        options: reading.column(document::read(&row.text(3)?))?,
        origin: reading.origin(&row.text(4)?)?,
        name,
    })
}
