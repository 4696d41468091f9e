//! From canonical events to what the caller reads: one whole completion, or chunks.

mod chunks;
#[cfg(test)]
mod tests;
mod whole;

pub use chunks::ChunkWriter;
pub use whole::completion;
