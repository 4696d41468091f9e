//! The Chat Completions protocol as Sluicegate speaks it: the request that callers send, the canonical
//! [`ChatEvent`]s in the middle, the completion and the chunks that go back, the error body, and the
//! bounded, incremental reader and the writer for server-sent events.
//!
//! Pure: no I/O, no clock, no randomness, no knowledge of any vendor.

pub mod assemble;
pub mod chunk;
pub mod completion;
pub mod error;
pub mod event;
pub mod failure;
#[doc(hidden)]
pub mod fuzzing;
pub mod json;
pub mod message;
pub mod request;
pub mod response_format;
mod rules;
pub mod scan;
pub mod splice;
pub mod sse;
pub mod tool;
pub mod usage;

pub use chunk::Chunk;
pub use completion::Completion;
pub use error::ApiError;
pub use event::ChatEvent;
pub use failure::{Failure, FailureKind};
pub use request::ChatRequest;
pub use scan::{RequestScan, ScanRefused, scan};
pub use usage::Usage;
