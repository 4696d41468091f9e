//! Limits that several nodes count together, in Redis or Valkey: what is asked of it, in one script that takes
//! everything or nothing. No money is kept there.
//!
//! Rates are counted as [`sluice_ledger::limit::Rate`] counts them, in nanoseconds of the server's clock. Of requests
//! in flight every node says how many it holds; they count as long as the node says that it lives.

mod link;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use link::{Link, LinkError, Server, ServerError};

const SCRIPT: &str = include_str!("shared_limits/script.lua");
const NODES: &str = "sluicegate:nodes";

/// What a request wants of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// So many nanoseconds of a minute, by [`sluice_ledger::limit::Rate::duration_ns`].
    Rate { key: Arc<str>, cost_ns: u64 },
    /// To be one of at most `limit` requests in flight.
    Slot { key: Arc<str>, limit: u32 },
}

/// What became of the wishes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The first wish (from 0) that could not be granted; then none was.
    pub refused: Option<Refused>,
    /// Of every rate among the wishes: nanoseconds until the whole limit is there again.
    pub reset_ns: Vec<u64>,
}

/// A wish that could not be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub wish: usize,
    /// After how many nanoseconds it can; `None`: nobody knows.
    pub wait_ns: Option<u64>,
}

/// Operations that go to the server together, and are done there one after the other with nothing between them.
#[derive(Debug, Default)]
pub struct Batch {
    keys: Vec<Arc<str>>,
    words: Vec<Word>,
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Name(&'static str),
    Number(i64),
}

impl Batch {
    /// Takes all of `wishes`, or none. Answered by [`Answers::taken`].
    pub fn take(&mut self, wishes: &[Wish]) {
        self.operation("take", count(wishes.len()));
        for wish in wishes {
            let (key, name, number) = match wish {
                Wish::Rate { key, cost_ns } => (key, "rate", nanoseconds(*cost_ns)),
                Wish::Slot { key, limit } => (key, "slot", i64::from(*limit)),
            };
            self.keys.push(Arc::clone(key));
            self.operation(name, number);
        }
    }

    /// Corrects a rate by what was used more (`> 0`) or less than was taken, in nanoseconds of a minute.
    pub fn post(&mut self, key: &Arc<str>, difference_ns: i64) {
        self.keys.push(Arc::clone(key));
        self.operation("post", difference_ns.clamp(-FARTHEST_NS, FARTHEST_NS));
    }

    /// Says how many requests this node has in flight. What is taken after it is counted on top.
    pub fn hold(&mut self, key: &Arc<str>, held: u32) {
        self.keys.push(Arc::clone(key));
        self.operation("hold", i64::from(held));
    }

    /// Says that this node lives, for so many milliseconds from now. Answered by [`Answers::nodes`].
    pub fn beat(&mut self, ttl_ms: u32) {
        self.operation("beat", i64::from(ttl_ms));
    }

    /// Says that this node is gone.
    pub fn leave(&mut self) {
        self.words.push(Word::Name("leave"));
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn operation(&mut self, name: &'static str, number: i64) {
        self.words.extend([Word::Name(name), Word::Number(number)]);
    }
}

/// The answers to a [`Batch`], to be read in its order.
#[derive(Debug)]
pub struct Answers {
    numbers: std::vec::IntoIter<i64>,
}

impl Answers {
    /// The answer to the next [`Batch::take`], which had so many rates among its wishes.
    ///
    /// # Errors
    /// The server has answered something else.
    pub fn taken(&mut self, rates: usize) -> Result<Taken, LinkError> {
        let refused = self.next()?;
        let wait = self.next()?;
        let reset_ns = (0..rates).map(|_| self.next().map(unsigned)).collect::<Result<_, _>>()?;
        let refused = usize::try_from(refused - 1).ok();
        let wait_ns = u64::try_from(wait).ok();
        Ok(Taken { refused: refused.map(|wish| Refused { wish, wait_ns }), reset_ns })
    }

    /// The answer to [`Batch::beat`]: how many nodes live.
    ///
    /// # Errors
    /// The server has answered something else.
    pub fn nodes(&mut self) -> Result<u32, LinkError> {
        Ok(u32::try_from(self.next()?).unwrap_or(u32::MAX))
    }

    fn next(&mut self) -> Result<i64, LinkError> {
        self.numbers.next().ok_or(LinkError::Foreign)
    }
}

/// Farther than this the script does not count: numbers there are exact up to 2^53. It is 52 days.
const FARTHEST_NS: i64 = 1 << 52;

fn nanoseconds(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(FARTHEST_NS).min(FARTHEST_NS)
}

fn unsigned(ns: i64) -> u64 {
    u64::try_from(ns).unwrap_or_default()
}

fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
