//! One answer as it comes from its target, made into events for the caller.

use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use sluice_chat::{Failure, FailureKind};
use sluice_providers::{Passage, Progress, Splice, Transcript};
use sluice_routing::Dice;

use crate::{
    bounds, clock,
    drive::Answered,
    fleet::InFlight,
    settle::Meter,
    tasks,
    translate::Outbound,
    upstream::{Answer, Body, StreamAnswer},
};

/// A running answer.
#[derive(Debug)]
pub(crate) struct Source {
    body: Body,
    passage: Passage,
    /// What broke right behind the first content.
    broken: Option<Failure>,
    out: Box<Outbound>,
    in_flight: InFlight,
    /// How many choices were asked for.
    choices: u32,
    /// It takes the place of an answer that broke.
    splice: Option<Box<Splice>>,
    /// Events on their way into the splice.
    fresh: Vec<Bytes>,
}

/// Why an answer does not go on.
#[derive(Debug)]
pub(crate) enum Broke {
    Upstream(Failure),
    /// It says something else than the one whose place it takes.
    Diverged,
}

impl From<Failure> for Broke {
    fn from(failure: Failure) -> Self {
        Self::Upstream(failure)
    }
}

/// What one look at a source brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    More,
    End,
}

impl Source {
    /// The source of an answer that is a stream, and what of it may go to the caller at once.
    pub(crate) fn new(
        answered: Answered,
        choices: u32,
        splice: Option<Splice>,
    ) -> Option<(Self, Vec<Bytes>)> {
        let Answered { mut out, answer: Answer::Stream(answer), in_flight } = answered else { return None };
        let StreamAnswer { body, passage, ready, broken } = *answer;
        // The request was said. Whether it can be said again is not for its answer to decide.
        out.body.clear();
        let splice = splice.map(Box::new);
        Some((Self { body, passage, broken, out, in_flight, choices, splice, fresh: Vec::new() }, ready))
    }

    pub(crate) fn progress(&self) -> &Progress {
        self.passage.progress()
    }

    /// Whether what comes is new to the caller.
    pub(super) fn is_through(&self) -> bool {
        self.splice.as_ref().is_none_or(|splice| splice.is_through())
    }

    /// Whether every choice that was asked for has its finish reason. A provider that gives fewer than it was asked
    /// for says so by `[DONE]`.
    pub(crate) fn is_finished(&self) -> bool {
        let progress = self.passage.progress();
        progress.finished && progress.choices >= self.choices
    }

    /// What has come of it.
    pub(super) fn meter(&self) -> Meter {
        let progress = self.progress();
        Meter {
            reported: progress.usage,
            content_bytes: progress.content_bytes,
            absurd: progress.usage_absurd,
        }
    }

    /// It will not be repaired: what the caller has of it need not be remembered.
    pub(super) fn forget(&mut self) {
        drop(self.passage.take_transcript());
    }

    /// Whether it broke behind what has come so far.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Puts events that were ready with the first content through the splice.
    pub(super) fn begin(&mut self, ready: Vec<Bytes>, out: &mut Vec<Bytes>) -> Result<(), Broke> {
        match &mut self.splice {
            None => {
                *out = ready;
                Ok(())
            }
            Some(splice) => splice.push(&ready, out).map_err(|_| Broke::Diverged),
        }
    }

    /// Reads on.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<Result<Read, Broke>> {
        if let Some(failure) = self.broken.take() {
            return Poll::Ready(Err(failure.into()));
        }
        Poll::Ready(match ready!(self.body.poll_data(cx)) {
            Some(Ok(data)) => self.push(data, out).map(|()| Read::More),
            Some(Err(failure)) => Err(failure.into()),
            None => Ok(Read::End),
        })
    }

    fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), Broke> {
        let Some(splice) = &mut self.splice else {
            self.broken = self.passage.push(data, out).err();
            return Ok(());
        };
        self.broken = self.passage.push(data, &mut self.fresh).err();
        let spliced = splice.push(&self.fresh, out);
        self.fresh.clear();
        spliced.map_err(|_| Broke::Diverged)
    }

    /// Nothing more comes, or is waited for.
    pub(crate) fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Broke> {
        let Some(splice) = &mut self.splice else {
            self.passage.end(out)?;
            return self.check_choices();
        };
        self.passage.end(&mut self.fresh)?;
        splice.push(&self.fresh, out).and_then(|()| splice.finish()).map_err(|_| Broke::Diverged)?;
        self.check_choices()
    }

    fn check_choices(&self) -> Result<(), Broke> {
        if self.progress().done.is_some() || self.is_finished() {
            return Ok(());
        }
        let text = "the provider closed the connection before all choices had come";
        Err(Failure::ours(FailureKind::Truncated, "upstream_truncated", text).into())
    }

    /// Whether it is read to its end when the caller leaves.
    pub(crate) fn drains(&self) -> bool {
        self.out.upstream.drains()
    }

    /// A failure without the credential of the target in it.
    pub(super) fn masked(&self, failure: Failure) -> Failure {
        self.out.upstream.masked(failure)
    }

    /// It broke: cancels what is left of it. Gives back which call it was an answer to, and what the caller has of it.
    pub(crate) fn failed(
        mut self,
        failure: &Failure,
        dice: &mut Dice<'_>,
    ) -> (Box<Outbound>, Option<Transcript>) {
        self.in_flight.failed(failure, clock::now(), dice);
        (self.out, self.passage.take_transcript())
    }

    /// It is complete. Its connection comes to its proper end, so that it can be used again.
    pub(crate) fn succeeded(self) {
        self.in_flight.succeeded(clock::now());
        read_to_end(self.body);
    }
}

/// What is read at once of the end of a complete answer, in pieces; more is left to a task.
const END_PIECES: usize = 8;

fn read_to_end(mut body: Body) {
    let mut cx = Context::from_waker(Waker::noop());
    // The end is nearly always there already; a task is made only where it is not.
    for _ in 0..END_PIECES {
        match body.poll_data(&mut cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return,
            Poll::Pending => break,
        }
    }
    tasks::spawn_local(async move {
        let end = async {
            while let Some(Ok(_)) = std::future::poll_fn(|cx| body.poll_data(cx)).await {
                tokio::task::yield_now().await;
            }
        };
        // Too late only costs the connection.
        let _ = tokio::time::timeout(bounds::AFTER_FINISH, end).await;
    });
}
