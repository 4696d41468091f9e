//! The attempts of one request, as a state machine: facts in, the next step out.
//!
//! Targets are tried in order, each once. A failure that is the caller's own (a bad request, refused content) ends
//! the request; every other one moves on to the next target while `max_attempts` lasts.

use sluice_chat::{Failure, FailureKind};
use smallvec::SmallVec;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Call the target of this index in the model's list.
    Call { target: usize },
    /// Nothing is left to try: tell the caller this.
    GiveUp(Box<Failure>),
}

/// The attempts of one request.
#[derive(Debug)]
pub struct Attempts {
    /// Indexes of eligible targets not tried yet, the next one last.
    waiting: SmallVec<[usize; 4]>,
    made: u32,
    max_attempts: u32,
    /// The failure that the caller hears of if nothing else works.
    telling: Option<Failure>,
    over: bool,
}

impl Attempts {
    /// Attempts over `order`, indexes of eligible targets in the order in which they are to be tried.
    pub fn new(order: &[usize], max_attempts: u32) -> Self {
        let waiting = order.iter().rev().copied().collect();
        Self { waiting, made: 0, max_attempts, telling: None, over: false }
    }

    /// How many calls were started.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The next step; each `Call` counts as an attempt.
    pub fn next_step(&mut self) -> Step {
        if !self.over
            && self.made < self.max_attempts
            && let Some(target) = self.waiting.pop()
        {
            self.made += 1;
            return Step::Call { target };
        }
        Step::GiveUp(Box::new(self.telling.take().unwrap_or_else(no_target)))
    }

    /// The call was refused over something that we had added to it: the same target is called next, without.
    pub fn once_more(&mut self, target: usize) {
        self.waiting.push(target);
        self.made = self.made.saturating_sub(1);
    }

    /// Takes note of a failed call.
    pub fn failed(&mut self, failure: Failure) {
        self.over = matches!(
            failure.kind,
            FailureKind::BadRequest | FailureKind::ContentPolicy | FailureKind::TotalTimeout
        );
        self.telling = Some(match self.telling.take() {
            Some(earlier) if !self.over => says_more(earlier, failure),
            _ => failure,
        });
    }
}

/// Of two failures the one to tell. A rate limit is told only when all targets were rate limited, and then with the
/// soonest time; a context that is too long is told rather than a target that could not be reached.
fn says_more(earlier: Failure, later: Failure) -> Failure {
    match (earlier.kind, later.kind) {
        (FailureKind::RateLimited, FailureKind::RateLimited) => {
            let soonest = [earlier.retry_after_ms, later.retry_after_ms].into_iter().flatten().min();
            Failure { retry_after_ms: soonest, ..later }
        }
        (_, FailureKind::RateLimited | FailureKind::Unsupported) | (FailureKind::ContextLength, _) => earlier,
        _ => later,
    }
}

fn no_target() -> Failure {
    Failure::ours(FailureKind::Unreachable, "upstream_unreachable", "no target of this model can be tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind, retry_after_ms: Option<u64>) -> Failure {
        Failure { retry_after_ms, ..Failure::ours(kind, "code", "message") }
    }

    /// Runs to the end over `outcomes`; gives the targets called and what is told.
    fn run(
        order: &[usize],
        max: u32,
        outcomes: &[(FailureKind, Option<u64>)],
    ) -> (Vec<usize>, FailureKind, Option<u64>) {
        let mut attempts = Attempts::new(order, max);
        let mut called = Vec::new();
        let mut outcomes = outcomes.iter();
        loop {
            match attempts.next_step() {
                Step::Call { target } => {
                    called.push(target);
                    let (kind, after) = *outcomes.next().unwrap();
                    attempts.failed(failure(kind, after));
                }
                Step::GiveUp(told) => return (called, told.kind, told.retry_after_ms),
            }
        }
    }

    #[test]
    fn a_call_said_once_more_is_not_another_attempt() {
        let mut attempts = Attempts::new(&[5], 1);
        assert_eq!(attempts.next_step(), Step::Call { target: 5 });
        attempts.once_more(5);
        assert_eq!(attempts.next_step(), Step::Call { target: 5 });
        assert_eq!(attempts.made(), 1);
    }

    #[test]
    fn targets_are_tried_in_order_and_the_failure_that_says_most_is_told() {
        use FailureKind::*;
        let check = |max, outcomes: &[(FailureKind, Option<u64>)], called: &[usize], told, after| {
            assert_eq!(run(&[2, 0, 1], max, outcomes), (called.to_vec(), told, after), "{outcomes:?}");
        };
        check(4, &[(ServerError, None), (Reset, None), (Overloaded, None)], &[2, 0, 1], Overloaded, None);
        check(2, &[(ServerError, None), (Reset, None)], &[2, 0], Reset, None);
        check(4, &[(BadRequest, None)], &[2], BadRequest, None);
        check(4, &[(ServerError, None), (ContentPolicy, None)], &[2, 0], ContentPolicy, None);
        check(
            4,
            &[(RateLimited, Some(9)), (RateLimited, Some(3)), (RateLimited, None)],
            &[2, 0, 1],
            RateLimited,
            Some(3),
        );
        check(4, &[(RateLimited, Some(9)), (Tls, None), (RateLimited, Some(1))], &[2, 0, 1], Tls, None);
        check(4, &[(ContextLength, None), (Reset, None), (Reset, None)], &[2, 0, 1], ContextLength, None);
        check(4, &[(Unsupported, None), (Reset, None), (Unsupported, None)], &[2, 0, 1], Reset, None);
        check(
            4,
            &[(Unsupported, None), (Unsupported, None), (Unsupported, None)],
            &[2, 0, 1],
            Unsupported,
            None,
        );
        check(0, &[], &[], Unreachable, None);
    }
}
