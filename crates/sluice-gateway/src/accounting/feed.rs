//! Rows of requests as they come into the books, for whoever watches: those that this node posts as it posts them, those
//! of other nodes by a look at the database each second. Nobody watching, it costs nothing.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sluice_ledger::RequestId;
use sluice_store::{
    SqlStore, Store,
    books::Batch,
    query::{RequestFilter, RequestRow},
};
use tokio::sync::broadcast;

use crate::{bounds, clock, worker::Shared};

/// What watchers are told.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Row(Arc<RequestRow>),
    /// Some rows were passed over, nobody knows how many.
    Missed,
}

/// Where rows come out.
#[derive(Debug)]
pub(crate) struct Feed {
    news: broadcast::Sender<News>,
    told: Mutex<Told>,
    /// A look at the database is under way.
    looking: AtomicBool,
}

/// Requests that were told, so that no look at the database tells them again.
#[derive(Debug, Default)]
struct Told {
    /// Those of this generation and of the one before.
    ids: [HashSet<RequestId>; 2],
    /// Whether the database was looked at since somebody began to watch.
    begun: bool,
}

impl Told {
    /// Whether it is new.
    fn add(&mut self, id: RequestId) -> bool {
        if self.ids.iter().any(|ids| ids.contains(&id)) {
            return false;
        }
        if self.ids[0].len() >= bounds::TOLD_COUNT {
            self.ids.swap(0, 1);
            self.ids[0].clear();
        }
        self.ids[0].insert(id)
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            news: broadcast::Sender::new(bounds::FEED_ROWS),
            told: Mutex::default(),
            looking: AtomicBool::new(false),
        }
    }
}

impl Feed {
    /// Watches from now on. `None`: so many do that nobody else can.
    pub(crate) fn watch(&self) -> Option<broadcast::Receiver<News>> {
        (self.news.receiver_count() < bounds::WATCHERS).then(|| self.news.subscribe())
    }

    fn is_watched(&self) -> bool {
        self.news.receiver_count() > 0
    }

    fn tell(&self, news: News) {
        // Whoever watched may have gone.
        let _ = self.news.send(news);
    }

    /// This node has posted a batch.
    pub(super) fn posted(&self, batch: &Batch) {
        if !self.is_watched() {
            return;
        }
        let rows = batch.rows();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            if told.add(row.request) {
                self.tell(News::Row(Arc::new(row)));
            }
        }
    }

    /// Looks for what others have posted.
    async fn look(&self, store: &SqlStore) {
        if !self.is_watched() {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).begun = false;
            return;
        }
        let from_ms = Some(clock::unix_ms().saturating_sub(bounds::FEED_LOOK_MS));
        let filter = RequestFilter { from_ms, limit: bounds::FEED_LOOK_ROWS, ..RequestFilter::default() };
        // Where it does not answer the next look finds what has come since.
        let Ok(mut page) = store.requests(&filter).await else { return };
        page.rows.reverse();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = std::mem::replace(&mut told.begun, true);
        let new: Vec<RequestRow> = page.rows.into_iter().filter(|row| told.add(row.request)).collect();
        // What was there before anybody watched is no news.
        if begun {
            if page.next.is_some() && new.len() >= bounds::FEED_LOOK_ROWS as usize {
                self.tell(News::Missed);
            }
            new.into_iter().for_each(|row| self.tell(News::Row(Arc::new(row))));
        }
    }
}

/// One look for what others have posted, where there are others.
pub(super) async fn look(store: SqlStore, shared: Arc<Shared>) {
    let feed = &shared.books.feed;
    // A slow database is not asked again before it has answered.
    let alone = !store.is_shared() || shared.books.live_nodes() < 2;
    if alone || feed.looking.swap(true, Ordering::AcqRel) {
        return;
    }
    feed.look(&store).await;
    feed.looking.store(false, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_not_told_again() {
        let mut told = Told::default();
        let id = |n: usize| RequestId(u128::to_be_bytes(n as u128));
        assert!((0..bounds::TOLD_COUNT).all(|n| told.add(id(n))));
        assert!(!(0..bounds::TOLD_COUNT).any(|n| told.add(id(n))));
        assert!(told.add(id(bounds::TOLD_COUNT)), "the next generation");
        assert!(!told.add(id(0)));
        let kept: usize = told.ids.iter().map(HashSet::len).sum();
        assert!(kept <= 2 * bounds::TOLD_COUNT);
    }

    #[test]
    fn watchers_have_a_bound() {
        let feed = Feed::default();
        let watchers: Vec<_> = (0..bounds::WATCHERS).map(|_| feed.watch().unwrap()).collect();
        assert!(feed.watch().is_none());
        drop(watchers);
        assert!(feed.watch().is_some());
    }
}
