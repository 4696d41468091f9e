//! SQLite: one file, one connection that writes, several that read.

use std::{
    fs::OpenOptions, os::unix::fs::OpenOptionsExt, os::unix::fs::PermissionsExt, path::Path, time::Duration,
};

use sqlx::{
    Connection as _, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::broadcast;

use super::{Mode, Open, Tx, priority::Priority};
use crate::{StoreError, books::StoreEvent};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT_MS: u64 = 5_000;
/// How long a call waits for a connection of its pool.
const ACQUIRE_TIMEOUT_MS: u64 = 5_000;
const READERS: u32 = 4;
/// Page cache of the connection that writes.
const WRITER_CACHE_KIB: u32 = 16_384;
/// Only this process's user may read what is in the file.
const FILE_MODE: u32 = 0o600;
/// How the names of the threads begin that work for the connections.
pub(super) const THREADS: &str = "sqlite-";
/// Events that a slow listener may fall behind.
const EVENTS: usize = 64;

const HAS_SCHEMA: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const SCHEMA_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";

/// An open file.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(super) writer: SqlitePool,
    readers: SqlitePool,
    events: broadcast::Sender<StoreEvent>,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

impl Local {
    /// Opens the file, making it (mode 0600) when it is missing, and brings its schema up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|error| open_error(path, &error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .thread_name(|number| format!("{THREADS}{number}"))
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS));
        let priority = Priority::behind_this_thread();
        let pool = SqlitePoolOptions::new()
            .after_connect(move |_, _| {
                priority.give_to(THREADS);
                Box::pin(async { Ok(()) })
            })
            .acquire_timeout(Duration::from_millis(ACQUIRE_TIMEOUT_MS))
            // SQLite ends a transaction by itself when the disk is full or fails. The driver goes on counting it, and
            // would let nobody begin another on that connection.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        let writer = pool
            .clone()
            .max_connections(1)
            .connect_with(options.clone().pragma("cache_size", format!("-{WRITER_CACHE_KIB}")))
            .await
            .map_err(|error| open_error(path, &error))?;
        migrate(path, &writer).await?;
        let readers = pool.max_connections(READERS).connect_lazy_with(options.read_only(true));
        let (events, _) = broadcast::channel(EVENTS);
        Ok(Self {
            writer,
            readers,
            events,
            #[cfg(test)]
            faults: Default::default(),
        })
    }

    pub(super) async fn begin(&self, mode: Mode) -> Result<Tx, StoreError> {
        let begun = match mode {
            Mode::Write => self.writer.begin_with("BEGIN IMMEDIATE").await,
            Mode::Read => self.readers.begin().await,
        };
        Ok(Tx {
            open: Open::Sqlite(begun.map_err(|error| super::failed(&error))?),
            events: Vec::new(),
            local: Some(self.events.clone()),
            #[cfg(test)]
            faults: self.faults.clone(),
        })
    }

    /// What changes in this process.
    pub(crate) fn listen(&self) -> broadcast::Receiver<StoreEvent> {
        self.events.subscribe()
    }

    pub(super) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the file with its mode before SQLite would make it with the umask's, and narrows one that is too wide.
/// SQLite gives the log beside the file the mode of the file.
fn make_private(path: &Path) -> std::io::Result<()> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o777 != FILE_MODE {
        permissions.set_mode(FILE_MODE);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

fn open_error(path: &Path, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Open { path: path.to_owned(), reason: reason.to_string() }
}

/// Brings the schema up to date, or says why it must be left alone.
async fn migrate(path: &Path, writer: &SqlitePool) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let open = |error: sqlx::Error| open_error(path, &error);
    let has_schema: i64 = sqlx::query_scalar(HAS_SCHEMA).fetch_one(writer).await.map_err(open)?;
    if has_schema > 0 {
        let found: i64 = sqlx::query_scalar(SCHEMA_VERSION).fetch_one(writer).await.map_err(open)?;
        if found > known {
            return Err(StoreError::NewerSchema { path: path.to_owned(), found, known });
        }
    }
    MIGRATIONS.run(writer).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
            StoreError::ForeignSchema { path: path.to_owned(), reason: error.to_string() }
        }
        other => open_error(path, &other),
    })
}

/// By the result codes of SQLite (<https://sqlite.org/rescode.html>); extended ones carry the plain one in their low
/// byte.
pub(super) fn failed(code: u32, text: String) -> StoreError {
    const BUSY: u32 = 5;
    const IO_ERROR: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    match code & 0xff {
        BUSY => StoreError::Busy,
        IO_ERROR | FULL | CANNOT_OPEN => StoreError::Away(text),
        _ => StoreError::Engine(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Arg, Statement};

    #[tokio::test]
    async fn a_disk_that_was_full_can_be_written_again() {
        const GROW: Statement = Statement::new("INSERT INTO grown VALUES (randomblob(4096), $1)", "");
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(&dir.path().join("t.db")).await.unwrap();
        let run = async |text: &'static str| sqlx::query(text).execute(&local.writer).await.unwrap();
        run("CREATE TABLE grown (bytes BLOB, n INTEGER)").await;
        // To SQLite it is the same as a full disk.
        run("PRAGMA max_page_count = 1").await;
        let mut tx = local.begin(Mode::Write).await.unwrap();
        let mut grown = Ok(0);
        for n in 0..10 {
            grown = grown.and(tx.execute(&GROW, &[Arg::Int(n)]).await);
        }
        assert!(matches!(grown, Err(StoreError::Away(_))), "{grown:?}");
        drop(tx);
        // As a connection that is new, it knows of no such limit.
        let mut tx = local.begin(Mode::Write).await.unwrap();
        tx.execute(&GROW, &[Arg::Int(11)]).await.unwrap();
        tx.commit().await.unwrap();
        let kept: i64 =
            sqlx::query_scalar("SELECT SUM(n) FROM grown").fetch_one(&local.writer).await.unwrap();
        assert_eq!(kept, 11);
    }
}
