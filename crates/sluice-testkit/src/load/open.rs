//! Open loop: calls are due at a fixed rate whatever the answers do, and latency counts from the due time.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::{
    Measured,
    call::{Call, Connection, elapsed_ns},
};

/// Makes calls at `rate_per_s` for `duration` over at most `connections` connections.
///
/// # Errors
/// When the connections cannot be opened.
pub async fn open_loop(
    addr: SocketAddr,
    connections: usize,
    call: Call,
    rate_per_s: u32,
    duration: Duration,
) -> io::Result<Measured> {
    let mut warm = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(addr).await?;
        connection.call(&call, Instant::now()).await?;
        warm.push(connection);
    }
    let (due, calls) = mpsc::unbounded_channel();
    let calls = Arc::new(Mutex::new(calls));
    let started = Instant::now();
    let pacer = std::thread::spawn(move || pace(&due, started, rate_per_s, duration));
    let mut workers = JoinSet::new();
    for connection in warm {
        workers.spawn(work(connection, call.clone(), Arc::clone(&calls)));
    }
    let mut measured = Measured::default();
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok(part) => measured.merge(&part),
            Err(_) => measured.failures += 1,
        }
    }
    measured.elapsed_ns = elapsed_ns(started);
    pacer.join().map_err(|_| io::Error::other("the pacing thread ended badly"))?;
    Ok(measured)
}

async fn work(
    mut connection: Connection,
    call: Call,
    calls: Arc<Mutex<mpsc::UnboundedReceiver<Instant>>>,
) -> Measured {
    let mut measured = Measured::default();
    loop {
        let due = calls.lock().await.recv().await;
        let Some(due) = due else { return measured };
        let outcome = connection.call(&call, due).await;
        let failed = outcome.is_err();
        measured.record(&outcome);
        if failed {
            return measured;
        }
    }
}

/// A thread of its own, because the runtime's timers are a millisecond coarse.
pub(super) fn pace(
    due: &mpsc::UnboundedSender<Instant>,
    started: Instant,
    rate_per_s: u32,
    duration: Duration,
) {
    let gap = Duration::from_secs(1) / rate_per_s.max(1);
    let mut next = started;
    while next < started + duration {
        let wait = next.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        if due.send(next).is_err() {
            return;
        }
        next += gap;
    }
}
