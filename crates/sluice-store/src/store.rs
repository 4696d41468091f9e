//! What the rest of the gateway asks of a database. One method is one business transaction: it happens whole or not
//! at all. No type of a driver appears here.

use std::future::Future;

use sluice_ledger::Key;

use crate::{Catalog, StoreError};

/// A database of keys, projects, providers and models.
pub trait Store {
    /// Number of the newest migration that was applied.
    fn schema_version(&self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Reads everything, each list in the order of names.
    fn load_catalog(&self) -> impl Future<Output = Result<Catalog, StoreError>> + Send;

    /// Replaces everything that the configuration file owned by `objects`, which must be of [`Origin::File`].
    ///
    /// # Errors
    /// [`StoreError::OwnedElsewhere`] and [`StoreError::DuplicateSecret`] when an object of the file meets one that
    /// was made elsewhere; nothing is changed then.
    ///
    /// [`Origin::File`]: sluice_ledger::Origin::File
    fn apply_file(&self, objects: &Catalog) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::DuplicateName`] or [`StoreError::DuplicateSecret`] when there is one like it.
    fn insert_key(&self, key: &Key) -> impl Future<Output = Result<(), StoreError>> + Send;
}
