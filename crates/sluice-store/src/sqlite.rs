//! The store in one SQLite file.

use std::path::Path;

use sluice_ledger::Key;
use sqlx::SqlitePool;

use crate::{Catalog, Store, StoreError};

/// A store in one SQLite file: one connection writes, several read.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, making it (mode 0600) when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], or [`StoreError::NewerSchema`] when a later release wrote it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Err(StoreError::Open { path: path.to_owned(), reason: "not there yet".to_owned() })
    }
}

impl Store for SqliteStore {
    async fn schema_version(&self) -> Result<i64, StoreError> {
        let _ = &self.readers;
        Ok(0)
    }

    async fn load_catalog(&self) -> Result<Catalog, StoreError> {
        Ok(Catalog::default())
    }

    async fn apply_file(&self, _objects: &Catalog) -> Result<(), StoreError> {
        let _ = &self.writer;
        Ok(())
    }

    async fn insert_key(&self, _key: &Key) -> Result<(), StoreError> {
        Ok(())
    }
}
