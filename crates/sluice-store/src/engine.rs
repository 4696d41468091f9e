//! The two engines behind one small face: statements, arguments, rows and transactions that are the same for SQLite
//! and PostgreSQL. Nothing outside this module and its parts knows a type of a driver.

mod insert;
mod postgres;
mod priority;
mod sqlite;

use sqlx::{Postgres, Row as _, Sqlite, Transaction, postgres::PgRow, sqlite::SqliteRow};
use tokio::sync::broadcast;

use crate::{StoreError, books::StoreEvent};

pub(crate) use insert::{Columns, Insert};
pub(crate) use postgres::{Remote, notification};
pub use priority::BOOKS_NICER;
pub(crate) use sqlite::Local;

/// One statement in the words of each engine; most are the same text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Statement {
    /// For the macro [`statement`](crate::statement).
    pub(crate) const fn new(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

/// Makes a [`Statement`] of pieces of text and of the few words in which the engines differ: `ROWS` is the array of
/// arrays that the JSON text `$1` holds, as a table with the column `value`; `ID` turns the hexadecimal digits of its
/// first element into bytes; `LOCK`, `LOCK_BUDGETS` (of the table called `b`),
/// `LOCK_REQUESTS` (of `r`) and `SHARE` hold the rows that were read until the transaction ends (SQLite has
/// but one writer). `KEY_COLUMNS` are those of a key. `LAST_CALLED` is the provider of the last call in
/// `attempts_json`, `WORDS_17` the words in the JSON array `$17`.
#[macro_export]
#[doc(hidden)]
macro_rules! statement {
    ($($piece:tt),+ $(,)?) => {
        $crate::engine::Statement::new(
            concat!($($crate::statement_piece!(sqlite $piece)),+),
            concat!($($crate::statement_piece!(postgres $piece)),+),
        )
    };
}

/// One piece in the words of one engine.
#[macro_export]
#[doc(hidden)]
macro_rules! statement_piece {
    ($engine:ident KEY_COLUMNS) => {
        "id, name, hash, prefix, project, models_json, limits_json, model_limits_json, budget_json, \
         default_max_output_tokens, expires_at, owner, revoked, origin, previous_hash, previous_until, created_at"
    };
    ($engine:ident USER_COLUMNS) => {
        "id, email, role, projects_json, password, invite_hash, invite_until_ms, totp, recovery_json, \
         oidc_issuer, oidc_subject, epoch, disabled, created_ms, seen_ms"
    };
    // Two sums that no count of rows takes out of their range: of whole dollars, and of the rest.
    ($engine:ident COST_SUMS) => {
        "CAST(COALESCE(SUM(cost / 1000000000), 0) AS BIGINT), CAST(COALESCE(SUM(cost % 1000000000), 0) AS BIGINT)"
    };
    ($engine:ident ROLLUP_COLUMNS) => {
        "start, key_id, project, model, provider, requests, errors, prompt_tokens, completion_tokens, \
         cached_tokens, reasoning_tokens, cost"
    };
    ($engine:ident ROLLUP_VALUES) => {
        "CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
         CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS BIGINT), CAST(value ->> 7 AS BIGINT), \
         CAST(value ->> 8 AS BIGINT), CAST(value ->> 9 AS BIGINT), CAST(value ->> 10 AS BIGINT), \
         CAST(value ->> 11 AS BIGINT)"
    };
    ($engine:ident REQUEST_COLUMNS) => {
        "request_id, unix_ms, key_id, project, model, flags, status, reserved, charged, failed, provider, \
         upstream_model, price_version, usage_source, prompt_tokens, completion_tokens, cached_tokens, \
         cache_write_tokens, reasoning_tokens, trace_id, error_code, queue_us, first_token_us, total_us, wasted, \
         attempts_json"
    };
    ($engine:ident REQUEST_VALUES) => {
        ", CAST(value ->> 1 AS BIGINT), value ->> 2, value ->> 3, value ->> 4, CAST(value ->> 5 AS BIGINT), \
         CAST(value ->> 6 AS BIGINT), CAST(value ->> 7 AS BIGINT), CAST(value ->> 8 AS BIGINT), \
         CAST(value ->> 9 AS BIGINT), value ->> 10, value ->> 11, value ->> 12, value ->> 13, \
         CAST(value ->> 14 AS BIGINT), CAST(value ->> 15 AS BIGINT), CAST(value ->> 16 AS BIGINT), \
         CAST(value ->> 17 AS BIGINT), CAST(value ->> 18 AS BIGINT), value ->> 19, value ->> 20, \
         CAST(value ->> 21 AS BIGINT), CAST(value ->> 22 AS BIGINT), CAST(value ->> 23 AS BIGINT), \
         CAST(value ->> 24 AS BIGINT), value ->> 25"
    };
    // As text each `value ->> n` would render the whole row anew; so it copies it.
    (sqlite ROWS) => { " jsonb_each($1) " };
    (postgres ROWS) => { " json_array_elements($1::json) AS j(value) " };
    (sqlite ID) => { " unhex(value ->> 0) " };
    (postgres ID) => { " decode(value ->> 0, 'hex') " };
    // Whether what stands before it is in the array of texts that the JSON text of this argument holds.
    (sqlite [AMONG $argument:literal]) => { concat!(" IN (SELECT value FROM json_each(", $argument, "))") };
    (postgres [AMONG $argument:literal]) => {
        concat!(" IN (SELECT json_array_elements_text(CAST(CAST(", $argument, " AS TEXT) AS json)))")
    };
    (sqlite LAST_CALLED) => { "(attempts_json ->> '$[#-1][0]')" };
    (postgres LAST_CALLED) => { "(CAST(attempts_json AS json) -> -1 ->> 0)" };
    (sqlite LOCK) => { "" };
    (postgres LOCK) => { " FOR UPDATE" };
    (sqlite LOCK_BUDGETS) => { "" };
    (postgres LOCK_BUDGETS) => { " FOR UPDATE OF b" };
    (sqlite LOCK_REQUESTS) => { "" };
    (postgres LOCK_REQUESTS) => { " FOR UPDATE OF r" };
    (sqlite SHARE) => { "" };
    (postgres SHARE) => { " FOR SHARE" };
    ($engine:ident $text:literal) => { $text };
}

/// An argument of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Bytes(&'a [u8]),
    MaybeBytes(Option<&'a [u8]>),
    Bool(bool),
}

macro_rules! query {
    ($text:expr, $args:expr) => {{
        let mut query = sqlx::query($text);
        for arg in $args {
            query = match *arg {
                Arg::Int(value) => query.bind(value),
                Arg::MaybeInt(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::MaybeText(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
                Arg::MaybeBytes(value) => query.bind(value),
                Arg::Bool(value) => query.bind(value),
            };
        }
        query
    }};
}

/// One row that an engine answered; columns by their number from 0.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub(crate) fn $name(&self, column: usize) -> Result<$type, StoreError> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(|error| failed(&error))
        }
    };
}

impl Row {
    column!(int, i64);
    column!(maybe_int, Option<i64>);
    column!(text, String);
    column!(maybe_text, Option<String>);
    column!(bytes, Vec<u8>);
    column!(maybe_bytes, Option<Vec<u8>>);
    column!(bool, bool);

    /// A number that is never below 0.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StoreError> {
        self.int(column).map(|n| u64::try_from(n).unwrap_or(0))
    }
}

#[derive(Debug)]
enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction: happens whole with [`Tx::commit`], or not at all when it is dropped.
#[derive(Debug)]
pub(crate) struct Tx {
    open: Open,
    /// Told to this process when the transaction has happened, where the engine does not tell by itself.
    events: Vec<StoreEvent>,
    local: Option<broadcast::Sender<StoreEvent>>,
    #[cfg(test)]
    faults: faults::Faults,
}

impl Tx {
    /// Runs a statement; the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        statement: &Statement,
        args: &[Arg<'_>],
    ) -> Result<u64, StoreError> {
        #[cfg(test)]
        self.faults.call()?;
        let done = match &mut self.open {
            Open::Sqlite(tx) => {
                query!(statement.sqlite, args).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Open::Postgres(tx) => {
                query!(statement.postgres, args).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| failed(&error))
    }

    /// All rows that a statement answers.
    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        #[cfg(test)]
        self.faults.call()?;
        let rows = match &mut self.open {
            Open::Sqlite(tx) => query!(statement.sqlite, args)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Open::Postgres(tx) => query!(statement.postgres, args)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        };
        rows.map_err(|error| failed(&error))
    }

    /// The first row that a statement answers, if it answers any.
    pub(crate) async fn row(
        &mut self,
        statement: &Statement,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, args).await?.into_iter().next())
    }

    /// Tells everybody who listens, when the transaction happens. `node` is whose doing it is.
    pub(crate) async fn notify(&mut self, node: &str, event: StoreEvent) -> Result<(), StoreError> {
        const NOTIFY: Statement = Statement::new("SELECT $1", "SELECT pg_notify('sluicegate', $1)::text");
        if self.local.is_some() {
            self.events.push(event);
            return Ok(());
        }
        let text = notification::write(node, &event);
        self.rows(&NOTIFY, &[Arg::Text(&text)]).await.map(drop)
    }

    /// Makes it happen. After an error it may have happened or not.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        #[cfg(test)]
        let mut faults = self.faults;
        #[cfg(test)]
        faults.call()?;
        let done = match self.open {
            Open::Sqlite(tx) => tx.commit().await,
            Open::Postgres(tx) => tx.commit().await,
        };
        done.map_err(|error| failed(&error))?;
        if let Some(local) = self.local {
            for event in self.events {
                // Nobody may be listening.
                let _ = local.send(event);
            }
        }
        #[cfg(test)]
        faults.call()?;
        Ok(())
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite(Local),
    Postgres(Remote),
}

/// How a transaction is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Holds what it writes from its start, so that it never fails half way for want of it.
    Write,
    /// Sees one moment, changes nothing.
    Read,
}

impl Engine {
    pub(crate) async fn begin(&self, mode: Mode) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite(local) => local.begin(mode).await,
            Self::Postgres(remote) => remote.begin(mode).await,
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(local) => local.close().await,
            Self::Postgres(remote) => remote.close().await,
        }
    }

    /// How SQLite would run a statement, one step a line; nothing is said of PostgreSQL, which decides by the rows.
    #[cfg(test)]
    pub(crate) async fn plan(&self, statement: &Statement) -> String {
        let Self::Sqlite(local) = self else { return String::new() };
        let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.sqlite));
        let rows = sqlx::query(text).fetch_all(&local.writer).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(3)).collect::<Vec<_>>().join("\n")
    }

    /// Lets the engine read a statement without running it.
    #[cfg(test)]
    pub(crate) async fn prepare(&self, statement: &Statement) {
        use sqlx::{Executor as _, SqlStr};

        let (text, read) = match self {
            Self::Sqlite(local) => (
                statement.sqlite,
                local.writer.prepare(SqlStr::from_static(statement.sqlite)).await.map(drop),
            ),
            Self::Postgres(remote) => (
                statement.postgres,
                remote.pool.prepare(SqlStr::from_static(statement.postgres)).await.map(drop),
            ),
        };
        assert!(read.is_ok(), "{read:?} {text}");
    }
}

/// Turns an error of a driver into one of ours.
fn failed(error: &sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    let Some(database) = error.as_database_error() else {
        return match error {
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed | E::BeginFailed => {
                StoreError::Away(error.to_string())
            }
            E::PoolTimedOut => StoreError::Away("no connection became free in time".to_owned()),
            E::PoolClosed => StoreError::Away("it is being closed".to_owned()),
            _ => StoreError::Engine(error.to_string()),
        };
    };
    let text = database.message().to_owned();
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return postgres::failed(&database.code().unwrap_or_default(), text);
    }
    sqlite::failed(database.code().and_then(|code| code.parse().ok()).unwrap_or(0), text)
}

/// Failures on demand, for tests.
#[cfg(test)]
pub(crate) mod faults {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use crate::StoreError;

    /// Counts down with every call of the engine: the one at which it reaches 0 fails. A commit is two calls: the
    /// first fails before it happened, the second after.
    #[derive(Clone, Debug)]
    pub(crate) struct Faults(Arc<AtomicI64>);

    impl Default for Faults {
        fn default() -> Self {
            Self(Arc::new(AtomicI64::new(i64::MAX)))
        }
    }

    impl Faults {
        /// The `n`-th call from now fails, counted from 1.
        pub(crate) fn fail_at(&self, n: i64) {
            self.0.store(n, Ordering::SeqCst);
        }

        /// Whether the failure has happened.
        pub(crate) fn happened(&self) -> bool {
            self.0.load(Ordering::SeqCst) <= 0
        }

        pub(super) fn call(&mut self) -> Result<(), StoreError> {
            if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
                return Err(StoreError::Away("a test says so".to_owned()));
            }
            Ok(())
        }
    }
}
