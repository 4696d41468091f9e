//! Calls that go on to their end although the caller has left, where the provider is to be treated so: what they used
//! is then known, and what the provider does with an answer that nobody reads is its own business.

use std::time::Instant;

use sluice_providers::WholeAnswer;
use tokio::sync::oneshot;

use crate::{
    bounds, clock,
    drive::{Answered, Drive, Seeking},
    exchange::{Billing, Ending},
    relay::{Read, Source},
    tasks,
    upstream::Answer,
    worker::Worker,
};

/// A stream whose caller has left.
#[derive(Debug)]
pub(crate) struct Leftover {
    source: Box<Source>,
    drive: Drive,
}

impl Leftover {
    pub(crate) fn new(source: Box<Source>, drive: Drive) -> Self {
        Self { source, drive }
    }

    /// Reads on on a task of its own.
    pub(crate) fn read_on(self) {
        tasks::spawn_local(read_to_end(*self.source, self.drive));
    }
}

/// Lets a search for an answer go on when nobody waits for it any more.
pub(crate) fn detached(seeking: Seeking) -> Seeking {
    let (tell, told) = oneshot::channel();
    tasks::spawn_local(async move {
        let (drive, answered) = seeking.await;
        if let Err((drive, answered)) = tell.send((drive, answered)) {
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
async fn unheard(mut drive: Drive, answered: Option<Answered>) {
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
            Some((source, _)) => read_to_end(source, drive).await,
            None => end(drive),
        },
        None => end(drive),
    }
}

async fn read_to_end(mut source: Source, mut drive: Drive) {
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
                Ok(_) => return true,
                Err(_) => return false,
            }
        }
    });
    if whole.await.unwrap_or(false) {
        source.succeeded();
    }
    end(drive);
}

/// The caller pays for what was delivered, and for what the provider counted where it did.
fn end(mut drive: Drive) {
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
