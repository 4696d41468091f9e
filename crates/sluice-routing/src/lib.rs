//! Which target of a model is called, in which order, and what follows from each outcome.
//!
//! Pure: no I/O, no clock, no locks, nothing of prices or keys. Retry, fallback, hedge and repair are decided here
//! and nowhere else.

pub mod attempts;

pub use attempts::{Attempts, Step};
