//! Server-sent events: reading them from bytes that are cut anywhere, finding where they end without copying,
//! and writing them. Line ends are LF, CR or CRLF; lines that begin with `:` are comments.

mod boundary;
mod data;
mod reader;
mod writer;

pub use boundary::EventBoundary;
pub use data::data_of;
pub use reader::{EventTooLarge, SseEvent, SseReader};
pub use writer::{DONE, error_event, write_event};
