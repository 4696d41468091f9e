//! What a Sluicegate keeps: its catalog of keys, projects, providers and models, and the books of what was spent, in a
//! database; and the journal files that come before the database.

pub mod books;
pub mod catalog;
pub mod claims;
mod document;
mod engine;
mod error;
pub mod journal;
pub mod latency;
mod listen;
mod posted;
pub mod query;
mod row;
pub mod seal;
pub mod shared_limits;
mod sql;
mod store;
#[cfg(test)]
mod suite;
pub mod users;

pub use catalog::{
    Catalog, CatalogChange, ModelCapabilities, ModelOptions, ModelRecord, ProviderOptions, ProviderRecord,
    TargetRecord,
};
pub use engine::BOOKS_NICER;
pub use error::{ObjectKind, StoreError};
pub use listen::Listener;
pub use sql::SqlStore;
pub use store::Store;
