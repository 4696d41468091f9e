//! From canonical events to what the caller reads: one whole completion, or chunks.

use crate::{ApiError, ChatEvent, Chunk, Completion};

/// Puts a whole answer together.
///
/// # Errors
/// The error that the events declare ([`ChatEvent::Failed`]).
pub fn completion(events: &[ChatEvent]) -> Result<Completion, ApiError> {
    let _ = events;
    Ok(Completion::default())
}

/// Turns events into chunks, one by one.
#[derive(Clone, Debug)]
pub struct ChunkWriter {
    include_usage: bool,
}

impl ChunkWriter {
    /// For a stream whose caller did or did not ask for usage (`stream_options.include_usage`).
    pub fn new(include_usage: bool) -> Self {
        Self { include_usage }
    }

    /// The chunk of one event. None for `Started` (its facts stand in every later chunk), for `Usage` that nobody
    /// asked for, and for `Failed`, which is an error event and the writer's caller's business.
    pub fn write(&mut self, event: &ChatEvent) -> Option<Chunk> {
        let _ = (event, self.include_usage);
        None
    }
}
