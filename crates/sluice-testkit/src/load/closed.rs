//! Closed loop: each connection makes its next call when it has the answer to the last one.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Measured,
    call::{Call, Connection, elapsed_ns},
};

/// Open connections, warm, ready to be measured.
#[derive(Debug)]
pub struct Closed {
    connections: Vec<Connection>,
    call: Call,
}

impl Closed {
    /// Opens `count` connections and makes one call on each.
    ///
    /// # Errors
    /// When a connection or one of those calls fails.
    pub async fn open(addr: SocketAddr, count: usize, call: Call) -> io::Result<Self> {
        let mut opening = JoinSet::new();
        for _ in 0..count {
            let call = call.clone();
            opening.spawn(async move {
                let mut connection = Connection::open(addr).await?;
                connection.call(&call, Instant::now()).await?;
                io::Result::Ok(connection)
            });
        }
        let mut connections = Vec::with_capacity(count);
        while let Some(opened) = opening.join_next().await {
            connections.push(opened.map_err(io::Error::other)??);
        }
        Ok(Self { connections, call })
    }

    /// Calls for `duration` (calls begun before its end are finished), at most `max_calls` in all.
    pub async fn run(self, duration: Duration, max_calls: u64) -> (Self, Measured) {
        let started = Instant::now();
        let share = max_calls.div_ceil(self.connections.len().max(1) as u64);
        let mut running = JoinSet::new();
        for (number, mut connection) in (0..).zip(self.connections) {
            let mut call = self.call.clone();
            running.spawn(async move {
                let mut measured = Measured::default();
                let mut made = 0;
                call.start_at(number);
                while made < share && started.elapsed() < duration {
                    call.take_turn();
                    let outcome = connection.call(&call, Instant::now()).await;
                    let failed = outcome.is_err();
                    measured.record(&outcome);
                    made += 1;
                    if failed {
                        break;
                    }
                }
                (connection, measured)
            });
        }
        let mut measured = Measured::default();
        let mut connections = Vec::new();
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok((connection, part)) => {
                    measured.merge(&part);
                    connections.push(connection);
                }
                Err(_) => measured.failures += 1,
            }
        }
        measured.elapsed_ns = elapsed_ns(started);
        (Self { connections, call: self.call }, measured)
    }
}

/// Opens `count` streams that never end and returns the connections once each has its first bytes.
///
/// # Errors
/// When one of them does not get there.
pub async fn hold_open(addr: SocketAddr, count: usize, call: &Call) -> io::Result<Vec<impl Send + use<>>> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = Connection::open(addr).await?;
        connection.start(call).await?;
        held.push(connection);
    }
    Ok(held)
}
