//! The catalog of a Sluicegate: keys, projects, providers and models in a database.

pub mod catalog;

pub use catalog::{Catalog, ModelRecord, ProviderRecord, TargetRecord};
