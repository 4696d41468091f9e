//! Calls that go on to their end although the caller has left, where the provider is to be treated so: what they used
//! is then known, and what the provider does with an answer that nobody reads is its own business.

use std::{cell::Cell, rc::Rc, task::Poll, time::Instant};

use sluice_providers::WholeAnswer;
use tokio::sync::oneshot;

use crate::{
    bounds, clock,
    drive::{Answered, Drive, Seeking},
    record::{Billing, Ending},
    relay::{Broke, Read, Source},
    server::{CallGuard, Live},
    tasks,
    upstream::Answer,
    worker::Worker,
};

/// A stream whose caller has left.
#[derive(Debug)]
pub(crate) struct Leftover {
    source: Box<Source>,
    drive: Box<Drive>,
    guard: CallGuard,
}

impl Leftover {
    pub(crate) fn new(source: Box<Source>, drive: Box<Drive>) -> Self {
        let guard = Live::call(drive.exchange.worker());
        Self { source, drive, guard }
    }

    /// Reads on on a task of its own.
    pub(crate) fn read_on(self) {
        let Self { source, drive, guard } = self;
        tasks::spawn_local(async move {
            read_to_end(*source, drive).await;
            drop(guard);
        });
    }
}

/// What a search for an answer and whoever looks after it know of one another.
#[derive(Debug, Default)]
pub(crate) struct Leash {
    caller_left: Cell<bool>,
    /// One of the calls under way goes on without its caller.
    drains: Cell<bool>,
}

impl Leash {
    /// A call begins.
    pub(crate) fn calls(&self, drains: bool) {
        self.drains.set(self.drains.get() || drains);
    }

    /// No call is under way. False when nobody waits any more: then no other one is made.
    pub(crate) fn goes_on(&self) -> bool {
        self.drains.set(false);
        !self.caller_left.get()
    }
}

/// Lets the call go on that a search for an answer is at, when nobody waits for it any more.
pub(crate) fn detached(worker: &Rc<Worker>, mut seeking: Seeking, leash: Rc<Leash>) -> Seeking {
    let (mut tell, told) = oneshot::channel();
    let guard = Live::call(worker);
    tasks::spawn_local(async move {
        let _guard = guard;
        let found = std::future::poll_fn(|cx| match seeking.as_mut().poll(cx) {
            Poll::Ready(found) => Poll::Ready(Some(found)),
            Poll::Pending => tell.poll_closed(cx).map(|()| None),
        });
        let found = match found.await {
            Some(found) => found,
            // Dropped, the search is over, and its call cancelled.
            None if !leash.drains.get() => return,
            None => {
                leash.caller_left.set(true);
                let until: Instant = clock::now() + bounds::DRAIN_CALL;
                let Ok(found) = tokio::time::timeout_at(until.into(), seeking).await else { return };
                found
            }
        };
        if let Err((drive, answered)) = tell.send(found) {
            unheard(drive, answered.ok()).await;
        }
    });
    Box::pin(async move {
        match told.await {
            Ok(answered) => answered,
            // The task panicked, and so does whoever waits for it.
            Err(_) => std::panic::resume_unwind(Box::new("the search for an answer panicked")),
        }
    })
}

/// An answer came after the caller had left.
async fn unheard(mut drive: Box<Drive>, answered: Option<Answered>) {
    match answered {
        Some(Answered {
            answer: Answer::Whole(WholeAnswer { content_bytes, usage, usage_absurd, .. }),
            in_flight,
            ..
        }) => {
            in_flight.succeeded(clock::now());
            drive.exchange.delivered(content_bytes, (usage, usage_absurd));
            end(drive);
        }
        Some(answered) => match Source::new(answered, drive.admitted().scan().n, None) {
            Some((source, _)) if source.drains() => read_to_end(source, drive).await,
            _ => end(drive),
        },
        None => end(drive),
    }
}

async fn read_to_end(mut source: Source, mut drive: Box<Drive>) {
    let until: Instant = clock::now() + bounds::DRAIN_CALL;
    let mut out = Vec::new();
    let whole = tokio::time::timeout_at(until.into(), async {
        loop {
            let read = std::future::poll_fn(|cx| source.poll(cx, &mut out)).await;
            out.clear();
            let progress = source.progress();
            drive.exchange.delivered(progress.content_bytes, (progress.usage, progress.usage_absurd));
            match read {
                Ok(Read::More) if progress.done.is_none() => {}
                Err(broke) if !source.is_finished() => return Err(broke),
                _ => break,
            }
        }
        let ended = source.end(&mut out);
        let progress = source.progress();
        drive.exchange.delivered(progress.content_bytes, (progress.usage, progress.usage_absurd));
        ended
    });
    match whole.await {
        Ok(Ok(())) => source.succeeded(),
        Ok(Err(Broke::Upstream(failure))) => {
            let worker = Rc::clone(drive.exchange.worker());
            let _ = source.failed(&failure, &mut || worker.ids.bits());
        }
        // It is cancelled.
        Ok(Err(Broke::Diverged)) | Err(_) => drop(source),
    }
    end(drive);
}

/// The caller pays for what was delivered, and for what the provider counted where it did.
fn end(mut drive: Box<Drive>) {
    drive.exchange.left();
    // Nobody is there to be told.
    let _ = drive.exchange.end(Ending::CallerLeft, Billing::Delivered);
}

impl Worker {
    /// Reads on where callers have left.
    pub(crate) fn read_leftovers(&self) {
        for leftover in self.leftovers.take() {
            leftover.read_on();
        }
    }
}
