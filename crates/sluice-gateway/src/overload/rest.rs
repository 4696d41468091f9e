//! How long a worker has had nothing to do.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Measures the time that the runtime of this thread waits for something to happen. Where somebody else has the
/// processor when it does, that is such time too: the runtime has not woken up.
#[derive(Debug)]
pub(crate) struct Rest {
    seen: Instant,
    busy: Duration,
}

impl Rest {
    pub(crate) fn new(now: Instant) -> Self {
        Self { seen: now, busy: busy() }
    }

    /// The time without work since the last call.
    pub(crate) fn since(&mut self, now: Instant) -> Duration {
        let busy = busy();
        let worked = busy.saturating_sub(self.busy);
        let passed = now.saturating_duration_since(self.seen);
        *self = Self { seen: now, busy };
        passed.saturating_sub(worked)
    }
}

/// Of the runtime's one thread, since its start.
fn busy() -> Duration {
    Handle::current().metrics().worker_total_busy_duration(0)
}
