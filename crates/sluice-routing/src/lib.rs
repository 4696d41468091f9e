//! Which target of a model is called, in which order, and what follows from each outcome.
//!
//! Pure: no I/O, no clock, no locks, nothing of prices or keys. Retry, fallback, hedge and repair are decided here
//! and nowhere else. Time is an argument, and so is randomness: a [`Dice`] gives 64 random bits a call.
//!
//! [`Attempts`] belongs to one request. What all requests must agree on about a target, a provider or a model is in
//! [`TargetHealth`], [`RetryBudget`] and [`HedgeBudget`], which the gateway keeps behind locks and shows to
//! [`Attempts`] as a [`Fleet`].

pub mod aimd;
pub mod attempts;
pub mod breaker;
pub mod budget;
pub mod cooldown;
pub mod fleet;
pub mod health;
pub mod latency;
mod pick;
mod rules;
pub mod target;
mod window;

pub use attempts::{Attempts, Step, Why};
pub use budget::{HedgeBudget, RetryBudget};
pub use fleet::{Fleet, Load, Standing};
pub use health::{Outcome, Started, TargetHealth};
pub use target::{Candidate, HedgeTerms, Terms};

/// Gives 64 random bits each time.
pub type Dice<'a> = dyn FnMut() -> u64 + 'a;
