//! Hearing what changes: from this process (SQLite), or from every node (PostgreSQL).

use std::{
    fmt,
    pin::Pin,
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
    Remote { node: Arc<Mutex<Option<String>>>, link: Link },
}

/// The connection of a listener.
struct Link {
    pool: PgPool,
    connected: Option<PgListener>,
    /// On its way. Kept, so that it arrives however often whoever waits for it looks elsewhere meanwhile.
    connecting: Option<Pin<Box<dyn Future<Output = PgListener> + Send>>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("connected", &self.connected.is_some()).finish_non_exhaustive()
    }
}

impl Listener {
    pub(crate) fn local(events: broadcast::Receiver<StoreEvent>) -> Self {
        Self { source: Source::Local(events) }
    }

    pub(crate) fn remote(remote: &Remote) -> Self {
        let link = Link { pool: remote.listeners.clone(), connected: None, connecting: None };
        Self { source: Source::Remote { node: Arc::clone(&remote.node), link } }
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
            Source::Remote { node, link } => link.next(node).await,
        }
    }
}

impl Link {
    async fn next(&mut self, node: &Mutex<Option<String>>) -> StoreEvent {
        loop {
            let Some(listener) = self.connected.as_mut() else {
                let pool = &self.pool;
                let connecting = self.connecting.get_or_insert_with(|| Box::pin(connect(pool.clone())));
                self.connected = Some(connecting.await);
                self.connecting = None;
                return StoreEvent::Reconnected;
            };
            // Nothing and an error both mean that the connection is gone.
            let Ok(Some(heard)) = listener.try_recv().await else {
                self.connected = None;
                continue;
            };
            let Some((from, event)) = notification::read(heard.payload()) else { continue };
            let own = node.lock().map(|own| own.clone()).unwrap_or_default();
            if from.is_none() || from != own {
                return event;
            }
        }
    }
}

/// Tries until there is a connection; never ends when the store is closed.
async fn connect(pool: PgPool) -> PgListener {
    let mut wait_ms = FIRST_WAIT_MS;
    loop {
        if pool.is_closed() {
            return std::future::pending().await;
        }
        if let Ok(listener) = listen(&pool).await {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(LONGEST_WAIT_MS);
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
