//! The catalog of a Sluicegate: keys, projects, providers and models in a database.

pub mod catalog;
mod error;
mod sqlite;
mod store;

pub use catalog::{
    Catalog, ModelCapabilities, ModelOptions, ModelRecord, ProviderOptions, ProviderRecord, TargetRecord,
};
pub use error::{ObjectKind, StoreError};
pub use sqlite::SqliteStore;
pub use store::Store;
