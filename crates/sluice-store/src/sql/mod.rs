//! The store in SQL: one implementation for both engines, one file for each resource.

mod audit;
mod catalog;
mod change;
mod check;
mod claim;
mod correct;
mod late;
mod latency;
mod lease;
mod node;
mod post;
mod request;
mod rollup;
mod usage;
mod user;

use std::{future::Future, path::Path, time::Duration};

use sluice_ledger::{Key, PurseId, RequestId};

use crate::{
    Catalog, CatalogChange, Store, StoreError,
    books::{Batch, BudgetRow, Cursor, Heartbeat, LeaseAnswer, LeaseRequest, Session},
    claims::{Claim, ClaimId, Claimed},
    engine::{Arg, Engine, Local, Mode, Remote, Row, Statement, Tx},
    listen::Listener,
    query::{
        AuditEntry, AuditFilter, AuditRow, LatencyRow, Mismatch, NodeRow, RequestFilter, RequestPage,
        RequestRow, UsageQuery, UsageRow,
    },
    users::{SessionRow, SignIn, User, UserChange},
};

/// How long a transaction of a database behind a network may take before it counts as away.
const TRANSACTION_MS: u64 = 15_000;

const SCHEMA_VERSION: Statement =
    crate::statement!("SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations");

/// A store in an SQLite file, or in a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct SqlStore {
    engine: Engine,
}

impl SqlStore {
    /// Opens an SQLite file, making it (mode 0600) when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`]; [`StoreError::NewerSchema`] when a later release wrote it.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Sqlite(Local::open(path).await?) })
    }

    /// Connects to a PostgreSQL database, `postgres://user:password@host/database`, and brings its schema up to date.
    /// TLS as `sslmode` and `sslrootcert` in the query of the URL say.
    ///
    /// # Errors
    /// [`StoreError::Open`], whose text does not show the password; [`StoreError::NewerSchema`].
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Postgres(Remote::open(url).await?) })
    }

    /// Closes it after what is running.
    pub async fn close(self) {
        self.engine.close().await;
    }

    /// Whether several nodes can use it.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Hears what changes from now on.
    pub fn listen(&self) -> Listener {
        match &self.engine {
            Engine::Sqlite(local) => Listener::local(local.listen()),
            Engine::Postgres(remote) => Listener::remote(remote),
        }
    }

    pub(crate) async fn begin(&self, mode: Mode) -> Result<Tx, StoreError> {
        self.engine.begin(mode).await
    }

    /// A database behind a network may never answer.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        // On the heap: futures of transactions are large.
        let work = Box::pin(work);
        if !self.is_shared() {
            return work.await;
        }
        let limit = Duration::from_millis(TRANSACTION_MS);
        let late = || StoreError::Away(format!("no answer within {TRANSACTION_MS} ms"));
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &crate::engine::faults::Faults {
        match &self.engine {
            Engine::Sqlite(local) => &local.faults,
            Engine::Postgres(remote) => &remote.faults,
        }
    }

    #[cfg(test)]
    pub(crate) async fn prepare(&self, statement: &Statement) {
        self.engine.prepare(statement).await;
    }

    /// How SQLite would run a statement.
    #[cfg(test)]
    pub(crate) async fn plan(&self, statement: &Statement) -> String {
        self.engine.plan(statement).await
    }
}

impl Store for SqlStore {
    async fn schema_version(&self) -> Result<i64, StoreError> {
        self.within(async {
            let row = self.begin(Mode::Read).await?.row(&SCHEMA_VERSION, &[]).await?;
            row.map_or(Ok(0), |row| row.int(0))
        })
        .await
    }

    async fn load_catalog(&self) -> Result<Catalog, StoreError> {
        self.within(async { catalog::load(&mut self.begin(Mode::Read).await?).await }).await
    }

    async fn load_catalog_and_version(&self) -> Result<(Catalog, i64), StoreError> {
        self.within(async {
            let mut tx = self.begin(Mode::Read).await?;
            let version = catalog::version(&mut tx).await?;
            Ok((catalog::load(&mut tx).await?, version))
        })
        .await
    }

    async fn apply_file(&self, objects: &Catalog) -> Result<(), StoreError> {
        self.within(async { catalog::apply_file(self.begin(Mode::Write).await?, objects).await }).await
    }

    async fn insert_key(&self, key: &Key) -> Result<(), StoreError> {
        self.within(async { catalog::add_key(self.begin(Mode::Write).await?, key).await }).await
    }

    async fn change(
        &self,
        change: &CatalogChange,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> Result<(), StoreError> {
        self.within(async { change::run(self.begin(Mode::Write).await?, change, audit, unix_ms).await }).await
    }

    async fn open_session(&self, node: &str, epoch: u32, unix_ms: u64) -> Result<Session, StoreError> {
        if let Engine::Postgres(remote) = &self.engine {
            remote.is_node(node);
        }
        self.within(async { node::open_session(self.begin(Mode::Write).await?, node, epoch, unix_ms).await })
            .await
    }

    async fn heartbeat(&self, session: &Session, unix_ms: u64) -> Result<Heartbeat, StoreError> {
        self.within(async { node::heartbeat(self.begin(Mode::Write).await?, session, unix_ms).await }).await
    }

    async fn cursors(&self, node: &str) -> Result<Vec<Cursor>, StoreError> {
        self.within(async { node::cursors(&mut self.begin(Mode::Read).await?, node).await }).await
    }

    async fn post(&self, session: &Session, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.within(async {
            let posted = post::run(self.begin(Mode::Write).await?, session, batch, post::Rows::AllNew);
            if posted.await? {
                return Ok(());
            }
            let again = post::run(self.begin(Mode::Write).await?, session, batch, post::Rows::SomeKnown);
            again.await.map(drop)
        })
        .await
    }

    async fn lease(&self, session: &Session, request: &LeaseRequest) -> Result<LeaseAnswer, StoreError> {
        self.within(async { lease::run(self.begin(Mode::Write).await?, session, request).await }).await
    }

    async fn end_leases(&self, session: &Session) -> Result<(), StoreError> {
        self.within(async { lease::end_all(self.begin(Mode::Write).await?, session).await }).await
    }

    async fn write_off(&self, node: &str, audit: &AuditEntry, unix_ms: u64) -> Result<(), StoreError> {
        self.within(async { lease::write_off(self.begin(Mode::Write).await?, node, audit, unix_ms).await })
            .await
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
        self.within(async { node::list(&mut self.begin(Mode::Read).await?).await }).await
    }

    async fn budgets(&self, purses: &[PurseId]) -> Result<Vec<BudgetRow>, StoreError> {
        self.within(async { lease::budgets(&mut self.begin(Mode::Read).await?, purses).await }).await
    }

    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.within(async { usage::run(&mut self.begin(Mode::Read).await?, query).await }).await
    }

    async fn latency(&self, query: &UsageQuery) -> Result<Option<Vec<LatencyRow>>, StoreError> {
        self.within(async { latency::run(&mut self.begin(Mode::Read).await?, query).await }).await
    }

    async fn requests(&self, filter: &RequestFilter) -> Result<RequestPage, StoreError> {
        self.within(async { request::list(&mut self.begin(Mode::Read).await?, filter).await }).await
    }

    async fn request(&self, id: RequestId) -> Result<Option<RequestRow>, StoreError> {
        self.within(async { request::one(&mut self.begin(Mode::Read).await?, id).await }).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.within(async { audit::list(&mut self.begin(Mode::Read).await?, filter).await }).await
    }

    async fn retire(&self, unix_ms: u64, limit: u32) -> Result<u64, StoreError> {
        self.within(async { check::retire(self.begin(Mode::Write).await?, unix_ms, limit).await }).await
    }

    async fn claim(
        &self,
        session: &Session,
        claims: &[Claim],
        unix_ms: u64,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.within(async { claim::claim(self.begin(Mode::Write).await?, session, claims, unix_ms).await })
            .await
    }

    async fn release(&self, claims: &[(ClaimId, RequestId)]) -> Result<(), StoreError> {
        self.within(async { claim::release(self.begin(Mode::Write).await?, claims).await }).await
    }

    async fn retire_claims(&self, unix_ms: u64, limit: u32) -> Result<u64, StoreError> {
        self.within(async { claim::retire(self.begin(Mode::Write).await?, unix_ms, limit).await }).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.within(async { user::list(&mut self.begin(Mode::Read).await?).await }).await
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        self.within(async { user::any(&mut self.begin(Mode::Read).await?).await }).await
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.within(async { user::one(&mut self.begin(Mode::Read).await?, id).await }).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.within(async { user::by_email(&mut self.begin(Mode::Read).await?, email).await }).await
    }

    async fn user_by_invite(&self, hash: &[u8; 32]) -> Result<Option<User>, StoreError> {
        self.within(async { user::by_invite(&mut self.begin(Mode::Read).await?, hash).await }).await
    }

    async fn change_user(
        &self,
        change: &UserChange,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> Result<(), StoreError> {
        self.within(async { user::change(self.begin(Mode::Write).await?, change, audit, unix_ms).await })
            .await
    }

    async fn sign_in(&self, sign_in: &SignIn, audit: &AuditEntry, unix_ms: u64) -> Result<bool, StoreError> {
        self.within(async { user::sign_in(self.begin(Mode::Write).await?, sign_in, audit, unix_ms).await })
            .await
    }

    async fn session(&self, hash: &[u8; 32]) -> Result<Option<(SessionRow, User)>, StoreError> {
        self.within(async { user::session(&mut self.begin(Mode::Read).await?, hash).await }).await
    }

    async fn sessions(&self, user: &str) -> Result<Vec<SessionRow>, StoreError> {
        self.within(async { user::sessions(&mut self.begin(Mode::Read).await?, user).await }).await
    }

    async fn touch_session(&self, hash: &[u8; 32], unix_ms: u64) -> Result<(), StoreError> {
        self.within(async { user::touch(self.begin(Mode::Write).await?, hash, unix_ms).await }).await
    }

    async fn end_session(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        self.within(async { user::end(self.begin(Mode::Write).await?, hash).await }).await
    }

    async fn self_check(&self) -> Result<Vec<Mismatch>, StoreError> {
        self.within(async { check::run(&mut self.begin(Mode::Read).await?).await }).await
    }
}

/// A count as the database keeps it: at most `i64::MAX`.
fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the two columns of `COST_SUMS` from `column` on say: at most the largest number.
fn cost_sum(row: &Row, column: usize) -> Result<i64, StoreError> {
    let sum = i128::from(row.int(column)?) * 1_000_000_000 + i128::from(row.int(column + 1)?);
    Ok(i64::try_from(sum).unwrap_or(i64::MAX))
}

/// The part of `args` that is an integer, as an argument.
fn arg(count: u64) -> Arg<'static> {
    Arg::Int(int(count))
}

/// Whether no row can have this text: no NUL character is kept, and PostgreSQL does not even take one to look for.
fn is_nowhere(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(has_nul)
}

/// Texts as the JSON array that `AMONG` looks into. One with a NUL character is nowhere.
fn list_of(texts: &[String]) -> String {
    let there: Vec<&String> = texts.iter().filter(|text| !has_nul(text)).collect();
    crate::document::write(&there)
}

fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

/// Every statement, for the test that prepares them all.
#[cfg(test)]
pub(crate) fn every_statement() -> Vec<Statement> {
    let mut all = vec![SCHEMA_VERSION];
    for part in [
        audit::EVERY,
        catalog::EVERY,
        change::EVERY,
        check::EVERY,
        claim::EVERY,
        correct::EVERY,
        late::EVERY,
        latency::EVERY,
        lease::EVERY,
        node::EVERY,
        post::EVERY,
        request::EVERY,
        rollup::EVERY,
        usage::EVERY,
        user::EVERY,
    ] {
        all.extend_from_slice(part);
    }
    all
}

/// The lists of requests, each with what its plan must say.
#[cfg(test)]
pub(crate) use request::plans as request_plans;

/// Hexadecimal digits of bytes, as they travel inside JSON.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
