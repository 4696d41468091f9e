//! Opening the books: what an earlier run left open is settled, its leases go back, and only then requests may come.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sluice_ledger::Posting;
use sluice_store::{
    SqlStore, Store, StoreError,
    books::{Batch, Cursor, Session},
    journal::{Durability, Journal, JournalError, Options, Writer},
};
use tokio::sync::mpsc;

use super::{
    Books,
    desk::Desk,
    drain::{Drain, Progress},
    leases::Leases,
    rooms::Rooms,
};
use crate::{bounds, clock};

/// Where the books of a node are kept.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub store: SqlStore,
    /// Id of this node; no other may have it.
    pub node: String,
    /// Directory of the journal.
    pub journal: PathBuf,
    pub durability: Durability,
    /// Rows of requests are kept this long; `None`: for ever.
    pub retention: Option<Duration>,
}

/// Why the books cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Open books: the shared handle, a writer for every worker, and the desk that has to run.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) books: Arc<Books>,
    pub(crate) writers: Vec<Writer>,
    pub(crate) desk: Desk,
}

/// Opens the books for `workers` workers.
/// `catalog_version` is that of the catalog which will be in force.
pub(crate) async fn open(ledger: &Ledger, workers: u16, catalog_version: i64) -> Result<Opened, BooksError> {
    let store = ledger.store.clone();
    let journal = open_journal(&ledger.journal, ledger.durability)?;
    let session = store.open_session(&ledger.node, journal.newest_epoch(), clock::unix_ms()).await?;
    // Before anything is posted under the new epoch: a run that ends here must not look like a copy of itself.
    journal.note_epoch(session.epoch)?;
    recover(&store, &session, &journal).await?;
    let (writers, keeper) = journal.start(&session.node, session.epoch, workers, clock::unix_ms())?;
    let beat = store.heartbeat(&session, clock::unix_ms()).await?;
    let (asks_in, asks) = mpsc::channel(bounds::LEASE_ASKS);
    let (notes_in, notes) = mpsc::channel(bounds::NOTES);
    let books = Arc::new(Books::new(store.clone(), ledger.durability, asks_in, notes_in));
    books.contacted();
    books.set_live_nodes(beat.live_nodes);
    books.set_catalog_version(catalog_version);
    let desk = Desk {
        drain: Drain::new(journal.tail(), session.epoch),
        leases: Leases::new(beat.live_nodes),
        rooms: Rooms::default(),
        retention: ledger.retention,
        store,
        session,
        journal,
        keeper,
        asks,
        notes,
    };
    Ok(Opened { books, writers, desk })
}

fn open_journal(path: &Path, durability: Durability) -> Result<Journal, JournalError> {
    Journal::open(path, Options { durability, ..Options::default() })
}

/// Settles what earlier runs left: posts what their journals have, closes what was open, gives leases back.
async fn recover(store: &SqlStore, session: &Session, journal: &Journal) -> Result<(), BooksError> {
    let cursors = store.cursors(&session.node).await?;
    let mut recovery = journal.recover(&cursors)?;
    let mut runs: HashMap<(u32, u16), Progress> = HashMap::new();
    let mut postings: Vec<Posting> = Vec::new();
    let mut records = 0_u64;
    while let Some((header, record)) = recovery.next()? {
        records += 1;
        let run = runs.entry((header.epoch, header.worker)).or_default();
        // Recovery itself looks for what is missing.
        postings.extend(run.push(header.seq, record));
        if postings.len() >= bounds::RECOVERY_POSTINGS {
            post(store, session, std::mem::take(&mut postings), Vec::new()).await?;
        }
        if records.is_multiple_of(bounds::RECOVERY_REPORT_RECORDS) {
            tracing::info!(records, "the journal of an earlier run is being read");
        }
    }
    for dropped in recovery.dropped() {
        // Nobody was told that these requests were complete: they were not on the disk when the power went.
        tracing::warn!(
            epoch = dropped.epoch,
            worker = dropped.worker,
            from = dropped.from,
            records = dropped.records,
            "records of the journal were lost with the power, before they were synced"
        );
    }
    let mut ends: Vec<Cursor> = Vec::new();
    let mut open = 0;
    for ((epoch, worker), run) in runs {
        ends.push(Cursor { epoch, worker, seq: run.last_seq() });
        let closed = run.close_all(clock::unix_ms());
        open += closed.len();
        postings.extend(closed);
    }
    if records > 0 {
        post(store, session, postings, ends.clone()).await?;
        tracing::info!(
            records,
            open,
            "the journal of an earlier run is in the books; `open` requests were cut off"
        );
    }
    store.end_leases(session).await?;
    journal.posted(&ends);
    Ok(())
}

async fn post(
    store: &SqlStore,
    session: &Session,
    postings: Vec<Posting>,
    cursors: Vec<Cursor>,
) -> Result<(), StoreError> {
    let postings = postings.into_iter().map(|posting| (posting, None)).collect();
    store.post(session, &Batch { postings, cursors, ..Batch::default() }).await
}
