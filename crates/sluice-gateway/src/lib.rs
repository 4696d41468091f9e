//! The I/O shell of Sluicegate: listeners, the pipeline that is one request, the connections to providers, the relay.
//!
//! Start reading at `pipeline.rs`.

mod about;
mod access;
mod access_log;
mod accounting;
mod admin;
mod admit;
mod authenticate;
mod bounds;
mod clock;
mod compression;
pub mod config;
mod console;
mod console_settings;
mod drain;
mod drive;
mod eligible;
mod exchange;
mod fleet;
mod gateway;
mod idempotency;
mod ids;
#[doc(hidden)]
pub mod measured;
mod media;
mod memory;
mod metrics;
mod models;
mod observe;
pub mod openapi;
mod overload;
mod pipeline;
pub mod places;
mod record;
mod refusal;
mod relay;
mod reply;
mod request_body;
mod route;
mod routes;
pub mod rules;
mod sealed;
mod server;
mod settle;
mod signatures;
mod snapshot;
mod stream_clock;
mod tasks;
mod timer;
pub mod tokens;
mod traces;
mod translate;
mod transport;
mod turn;
#[doc(hidden)]
pub mod upstream;
mod usage_event;
mod worker;

pub use accounting::{BooksError, Ledger};
pub use config::Config;
pub use gateway::{Gateway, StartError};
pub use server::TlsError;
#[doc(hidden)]
pub use server::fuzz_head;
pub use snapshot::SnapshotError;
