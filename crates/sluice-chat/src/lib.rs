//! The Chat Completions protocol as Sluicegate speaks it: the request that callers send, the canonical
//! [`ChatEvent`]s in the middle, the completion and the chunks that go back, the error body, and the
//! bounded, incremental reader and the writer for server-sent events.
//!
//! Pure: no I/O, no clock, no randomness, no knowledge of any vendor.

pub mod error;
pub mod event;
pub mod failure;
pub mod usage;

pub use error::ApiError;
pub use event::ChatEvent;
pub use failure::{Failure, FailureKind};
pub use usage::Usage;
