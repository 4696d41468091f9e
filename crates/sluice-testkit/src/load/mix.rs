//! A little of everything, for a long time: calls of all kinds in turn, some of whose callers leave.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Kind,
    call::{Call, Connection, Reply},
};

/// What became of the calls.
#[derive(Clone, Debug, Default)]
pub struct Mixed {
    /// Those that ended as they should, also by their callers' leave.
    pub calls: u64,
    /// 503: whoever else works on the machine may make the gateway late.
    pub refused: u64,
    /// Those that broke, or were answered otherwise.
    pub failures: u64,
    /// Why the first of them did.
    pub why: Option<String>,
}

impl Mixed {
    /// For the benchmark that asked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "calls": self.calls, "refused": self.refused, "failures": self.failures, "why": self.why })
    }

    fn count(&mut self, outcome: io::Result<bool>) {
        match outcome {
            Ok(true) => self.calls += 1,
            Ok(false) => self.refused += 1,
            Err(error) => {
                self.failures += 1;
                self.why.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// One of each in turn; `true`: its caller leaves after the first bytes.
const TURNS: [(Kind, bool); 10] = [
    (Kind::Small, false),
    (Kind::Burst, false),
    (Kind::Body64k, false),
    (Kind::Paced, false),
    (Kind::Normalised, false),
    (Kind::Paced, true),
    (Kind::TranslatedAnthropic, false),
    (Kind::Small, false),
    (Kind::TranslatedGemini, false),
    (Kind::Idle, true),
];

type Idle = Arc<Mutex<Vec<Connection>>>;

/// Makes calls of all kinds at `rate_per_s` for `duration`.
pub async fn mix(addr: SocketAddr, key: &str, rate_per_s: u32, duration: Duration) -> Mixed {
    let calls = TURNS.map(|(kind, leaves)| (Arc::new(Call::new(kind, key)), leaves));
    let (idle, mixed) = (Idle::default(), Arc::new(Mutex::new(Mixed::default())));
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate_per_s.max(1));
    let mut running = JoinSet::new();
    for (call, leaves) in calls.iter().cycle() {
        if started.elapsed() >= duration {
            break;
        }
        ticks.tick().await;
        let (call, leaves, idle, mixed) = (Arc::clone(call), *leaves, Arc::clone(&idle), Arc::clone(&mixed));
        running.spawn(async move {
            let outcome = one(addr, &call, leaves, &idle).await;
            mixed.lock().unwrap_or_else(PoisonError::into_inner).count(outcome);
        });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    std::mem::take(&mut *mixed.lock().unwrap_or_else(PoisonError::into_inner))
}

/// `false`: it was refused.
async fn one(addr: SocketAddr, call: &Call, leaves: bool, idle: &Idle) -> io::Result<bool> {
    let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    if let Some(mut connection) = taken {
        let outcome = on(&mut connection, call, leaves).await;
        // The gateway closes a connection that was idle for long; then it answers nothing.
        if outcome.is_ok() || connection.has_answered() {
            return kept(connection, outcome, leaves, idle);
        }
    }
    let mut connection = Connection::open(addr).await?;
    let outcome = on(&mut connection, call, leaves).await;
    kept(connection, outcome, leaves, idle)
}

async fn on(connection: &mut Connection, call: &Call, leaves: bool) -> io::Result<bool> {
    if leaves {
        return connection.start_or_refusal(call).await;
    }
    let reply = connection.call_or_refusal(call, Instant::now()).await?;
    Ok(matches!(reply, Reply::Answer(_)))
}

/// Keeps the connection for the next call, unless its caller leaves or it is broken.
fn kept(connection: Connection, outcome: io::Result<bool>, leaves: bool, idle: &Idle) -> io::Result<bool> {
    if outcome.is_ok() && !leaves {
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
    outcome
}
