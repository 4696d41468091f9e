//! More calls than can be answered: open loop over as many connections as it takes, where to be refused is an answer.

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Histogram, Measured,
    call::{Call, Connection, Reply, elapsed_ns},
    open::pace,
};

/// What became of the calls that ended after the settling and before the end.
#[derive(Clone, Debug, Default)]
pub struct Overloaded {
    /// Those that were answered, and those that failed.
    pub answered: Measured,
    /// From the due time of a call to the last byte of its refusal.
    pub refused: Histogram,
    /// From the due time of a call until its first byte was sent: how late this side is.
    pub late: Histogram,
    /// Connections that it took.
    pub connections: u64,
    /// Calls that had not ended so long after the last one was made as the run itself took: they were given up.
    pub unfinished: u64,
}

impl Overloaded {
    /// For the benchmark that asked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = self.answered.to_json();
        value["connections"] = json!(self.connections);
        value["unfinished"] = json!(self.unfinished);
        value["refused"] = json!(self.refused.count());
        value["refused_us"] = super::percentiles(&self.refused);
        value["late_us"] = super::percentiles(&self.late);
        value
    }
}

/// Connections that nobody uses, and what was measured.
#[derive(Default)]
struct Shared {
    idle: Vec<Connection>,
    overloaded: Overloaded,
}

/// Makes calls at `rate_per_s` for `duration`; what ends in its first third, or after it, is not looked at.
///
/// # Errors
/// When the pacing thread breaks.
pub async fn overload(
    addr: SocketAddr,
    call: Call,
    rate_per_s: u32,
    duration: Duration,
) -> io::Result<Overloaded> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let (due, mut calls) = mpsc::unbounded_channel();
    let started = Instant::now();
    let window = started + duration / 3..started + duration;
    let pacer = std::thread::spawn(move || pace(&due, started, rate_per_s, duration));
    let resting = tokio::spawn(rest());
    let mut running = JoinSet::new();
    let call = Arc::new(call);
    while let Some(due) = calls.recv().await {
        running.spawn(one(addr, Arc::clone(&call), Arc::clone(&shared), due, window.clone()));
        while running.try_join_next().is_some() {}
    }
    let all_ended = async { while running.join_next().await.is_some() {} };
    // Whoever refuses nobody may have minutes of work by now.
    let unfinished = match tokio::time::timeout(duration, all_ended).await {
        Ok(()) => 0,
        Err(_) => running.len(),
    };
    running.shutdown().await;
    resting.abort();
    pacer.join().map_err(|_| io::Error::other("the pacing thread ended badly"))?;
    let mut overloaded = std::mem::take(&mut lock(&shared).overloaded);
    overloaded.answered.elapsed_ns = ns(duration - duration / 3);
    overloaded.unfinished = u64::try_from(unfinished).unwrap_or(u64::MAX);
    Ok(overloaded)
}

/// Holds the thread back between its turns, so that each finds much to do. To wake up for each event of thousands of
/// streams would take the core from the upstream beside it.
async fn rest() {
    loop {
        std::thread::sleep(REST);
        tokio::task::yield_now().await;
    }
}

/// This side is late by so much at most, as long as it keeps up.
const REST: Duration = Duration::from_millis(2);

/// One call, on an idle connection or a new one.
async fn one(
    addr: SocketAddr,
    call: Arc<Call>,
    shared: Arc<Mutex<Shared>>,
    due: Instant,
    window: Range<Instant>,
) {
    let idle = lock(&shared).idle.pop();
    let is_new = idle.is_none();
    let opened = match idle {
        Some(connection) => Ok(connection),
        None => Connection::open(addr).await,
    };
    let late_ns = elapsed_ns(due);
    let (connection, outcome) = match opened {
        Ok(mut connection) => {
            let outcome = connection.call_or_refusal(&call, due).await;
            (Some(connection), outcome)
        }
        Err(error) => (None, Err(error)),
    };
    let mut shared = lock(&shared);
    let shared = &mut *shared;
    shared.overloaded.connections += u64::from(is_new);
    shared.idle.extend(connection.filter(|_| outcome.is_ok()));
    match outcome {
        // Whenever it happens.
        Err(error) => shared.overloaded.answered.record(&Err(error)),
        Ok(_) if !window.contains(&Instant::now()) => {}
        Ok(reply) => {
            shared.overloaded.late.record_ns(late_ns);
            match reply {
                Reply::Answer(times) => shared.overloaded.answered.record(&Ok(times)),
                Reply::Refusal(times) => shared.overloaded.refused.record_ns(times.total_ns),
            }
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
