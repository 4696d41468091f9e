//! The catalog of a Sluicegate: keys, projects, providers and models in a database.

pub mod catalog;
mod document;
mod error;
mod row;
mod sql;
mod sqlite;
mod store;
#[cfg(test)]
mod suite;

pub use catalog::{
    Catalog, ModelCapabilities, ModelOptions, ModelRecord, ProviderOptions, ProviderRecord, TargetRecord,
};
pub use error::{ObjectKind, StoreError};
pub use sqlite::SqliteStore;
pub use store::Store;
