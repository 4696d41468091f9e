//! Hearing what changes: from this process (SQLite), or from every node (PostgreSQL).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::broadcast;

use crate::{
    books::StoreEvent,
    engine::{Remote, notification},
};

/// The name under which nodes tell one another.
const CHANNEL: &str = "sluicegate";
/// Waits between attempts to connect: the first, and the longest.
const FIRST_WAIT_MS: u64 = 100;
const LONGEST_WAIT_MS: u64 = 2_000;

/// Hears what changes. Made by [`SqlStore::listen`](crate::SqlStore::listen).
#[derive(Debug)]
pub struct Listener {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Local(broadcast::Receiver<StoreEvent>),
    Remote { pool: PgPool, node: Arc<Mutex<Option<String>>>, connected: Option<PgListener> },
}

impl Listener {
    pub(crate) fn local(events: broadcast::Receiver<StoreEvent>) -> Self {
        Self { source: Source::Local(events) }
    }

    pub(crate) fn remote(remote: &Remote) -> Self {
        let (pool, node) = (remote.listeners.clone(), Arc::clone(&remote.node));
        Self { source: Source::Remote { pool, node, connected: None } }
    }

    /// Waits for the next event; for ever, when the store is closed. Dropping the future before its end loses nothing.
    ///
    /// The first event from PostgreSQL is [`StoreEvent::Reconnected`]: what happened before that was not heard.
    pub async fn next(&mut self) -> StoreEvent {
        match &mut self.source {
            Source::Local(events) => match events.recv().await {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(_)) => StoreEvent::Reconnected,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            },
            Source::Remote { pool, node, connected } => next_remote(pool, node, connected).await,
        }
    }
}

async fn next_remote(
    pool: &PgPool,
    node: &Mutex<Option<String>>,
    connected: &mut Option<PgListener>,
) -> StoreEvent {
    let mut wait_ms = FIRST_WAIT_MS;
    loop {
        let Some(listener) = connected.as_mut() else {
            if pool.is_closed() {
                return std::future::pending().await;
            }
            if let Ok(listener) = connect(pool).await {
                *connected = Some(listener);
                return StoreEvent::Reconnected;
            }
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = (wait_ms * 2).min(LONGEST_WAIT_MS);
            continue;
        };
        // Nothing and an error both mean that the connection is gone.
        let Ok(Some(heard)) = listener.try_recv().await else {
            *connected = None;
            continue;
        };
        let Some((from, event)) = notification::read(heard.payload()) else { continue };
        let own = node.lock().map(|own| own.clone()).unwrap_or_default();
        if from.is_none() || from != own {
            return event;
        }
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
