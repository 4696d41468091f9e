//! The store in one SQLite file.

use std::{
    fs::OpenOptions, os::unix::fs::OpenOptionsExt, os::unix::fs::PermissionsExt, path::Path, time::Duration,
};

use sluice_ledger::{Key, Origin, Project};
use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::books::{Batch, BudgetRow, Cursor, Heartbeat, LeaseAnswer, LeaseRequest, Session};
use crate::query::{AuditEntry, AuditRow, Mismatch, RequestFilter, RequestRow, UsageQuery, UsageRow};
use crate::{
    Catalog, CatalogChange, ModelRecord, ObjectKind, ProviderRecord, Store, StoreError, document, row, sql,
};
use sluice_ledger::{PurseId, RequestId};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT_MS: u64 = 5_000;
/// How long a call waits for a connection of its pool.
const ACQUIRE_TIMEOUT_MS: u64 = 10_000;
const READERS: u32 = 4;
/// Only this process's user may read what is in the file.
const FILE_MODE: u32 = 0o600;

/// A store in one SQLite file: one connection writes, several read.
#[derive(Clone, Debug)]
pub struct SqlStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqlStore {
    /// Opens the file, making it (mode 0600) when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], or [`StoreError::NewerSchema`] when a later release wrote it.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|error| open_error(path, &error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS));
        let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_millis(ACQUIRE_TIMEOUT_MS));
        let writer = pool
            .clone()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(|error| open_error(path, &error))?;
        migrate(path, &writer).await?;
        let readers = pool.max_connections(READERS).connect_lazy_with(options.read_only(true));
        Ok(Self { writer, readers })
    }

    /// Closes the file after what is running.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A transaction that holds the write lock from its start, so that it never fails half way for want of it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(engine)
    }
}

impl Store for SqlStore {
    async fn schema_version(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar(sql::SCHEMA_VERSION).fetch_one(&self.readers).await.map_err(engine)
    }

    async fn load_catalog(&self) -> Result<Catalog, StoreError> {
        let mut tx = self.readers.begin().await.map_err(engine)?;
        let keys: Vec<row::KeyRow> =
            sqlx::query_as(sql::ALL_KEYS).fetch_all(&mut *tx).await.map_err(engine)?;
        let projects: Vec<row::ProjectRow> =
            sqlx::query_as(sql::ALL_PROJECTS).fetch_all(&mut *tx).await.map_err(engine)?;
        let providers: Vec<row::ProviderRow> =
            sqlx::query_as(sql::ALL_PROVIDERS).fetch_all(&mut *tx).await.map_err(engine)?;
        let models: Vec<row::ModelRow> =
            sqlx::query_as(sql::ALL_MODELS).fetch_all(&mut *tx).await.map_err(engine)?;
        tx.commit().await.map_err(engine)?;
        Ok(Catalog {
            keys: keys.into_iter().map(row::key).collect::<Result<_, _>>()?,
            projects: projects.into_iter().map(row::project).collect::<Result<_, _>>()?,
            providers: providers.into_iter().map(row::provider).collect::<Result<_, _>>()?,
            models: models.into_iter().map(row::model).collect::<Result<_, _>>()?,
        })
    }

    async fn apply_file(&self, objects: &Catalog) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for statement in [
            sql::DELETE_FILE_KEYS,
            sql::DELETE_FILE_MODELS,
            sql::DELETE_FILE_PROVIDERS,
            sql::DELETE_FILE_PROJECTS,
        ] {
            sqlx::query(statement).execute(&mut *tx).await.map_err(engine)?;
        }
        for project in &objects.projects {
            let done = insert_project(&mut tx, project).await?;
            owned_here(done, ObjectKind::Project, &project.name)?;
        }
        for provider in &objects.providers {
            let done = insert_provider(&mut tx, provider).await?;
            owned_here(done, ObjectKind::Provider, &provider.name)?;
        }
        for model in &objects.models {
            let done = insert_model(&mut tx, model).await?;
            owned_here(done, ObjectKind::Model, &model.name)?;
        }
        for key in &objects.keys {
            if !insert_key(&mut tx, key, Origin::File).await? {
                not_secret_of_another(&mut tx, key).await?;
                owned_here(false, ObjectKind::Key, &key.name)?;
            }
        }
        tx.commit().await.map_err(engine)
    }

    async fn insert_key(&self, key: &Key) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if !insert_key(&mut tx, key, key.origin).await? {
            not_secret_of_another(&mut tx, key).await?;
            return Err(StoreError::DuplicateName { kind: ObjectKind::Key, name: key.name.clone() });
        }
        tx.commit().await.map_err(engine)
    }

    async fn change(&self, _: &CatalogChange, _: &AuditEntry, _: u64) -> Result<(), StoreError> {
        absent()
    }
    async fn open_session(&self, _: &str, _: u32, _: u64) -> Result<Session, StoreError> {
        absent()
    }
    async fn heartbeat(&self, _: &Session, _: u64) -> Result<Heartbeat, StoreError> {
        absent()
    }
    async fn cursors(&self, _: &str) -> Result<Vec<Cursor>, StoreError> {
        absent()
    }
    async fn post(&self, _: &Session, _: &Batch) -> Result<(), StoreError> {
        absent()
    }
    async fn lease(&self, _: &Session, _: &LeaseRequest) -> Result<LeaseAnswer, StoreError> {
        absent()
    }
    async fn end_leases(&self, _: &Session) -> Result<(), StoreError> {
        absent()
    }
    async fn write_off(&self, _: &str, _: &AuditEntry, _: u64) -> Result<(), StoreError> {
        absent()
    }
    async fn budgets(&self, _: &[PurseId]) -> Result<Vec<BudgetRow>, StoreError> {
        absent()
    }
    async fn usage(&self, _: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        absent()
    }
    async fn requests(&self, _: &RequestFilter) -> Result<Vec<RequestRow>, StoreError> {
        absent()
    }
    async fn request(&self, _: RequestId) -> Result<Option<RequestRow>, StoreError> {
        absent()
    }
    async fn audit(&self, _: Option<i64>, _: u32) -> Result<Vec<AuditRow>, StoreError> {
        absent()
    }
    async fn retire(&self, _: u64, _: u32) -> Result<u64, StoreError> {
        absent()
    }
    async fn self_check(&self) -> Result<Vec<Mismatch>, StoreError> {
        absent()
    }
}

fn absent<T>() -> Result<T, StoreError> {
    Err(StoreError::Engine("this build does not keep books".to_owned()))
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
    let has_schema: i64 = sqlx::query_scalar(sql::HAS_SCHEMA)
        .fetch_one(writer)
        .await
        .map_err(|error| open_error(path, &error))?;
    if has_schema > 0 {
        let found: i64 = sqlx::query_scalar(sql::SCHEMA_VERSION)
            .fetch_one(writer)
            .await
            .map_err(|error| open_error(path, &error))?;
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

/// Turns an error of the driver into one of ours.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn engine(error: sqlx::Error) -> StoreError {
    // SQLITE_BUSY is 5; extended codes carry it in their low byte.
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse::<u32>().ok());
    match (&error, code) {
        (_, Some(code)) if code & 0xff == 5 => StoreError::Busy,
        (sqlx::Error::PoolTimedOut, _) => StoreError::Busy,
        _ => StoreError::Engine(error.to_string()),
    }
}

fn owned_here(inserted: bool, kind: ObjectKind, name: &str) -> Result<(), StoreError> {
    if inserted { Ok(()) } else { Err(StoreError::OwnedElsewhere { kind, name: name.to_owned() }) }
}

/// Says so when the secret of `key` is the reason why it could not be added.
async fn not_secret_of_another(tx: &mut SqliteConnection, key: &Key) -> Result<(), StoreError> {
    let other: Option<String> = sqlx::query_scalar(sql::KEY_NAME_OF_HASH)
        .bind(&key.hash.as_bytes()[..])
        .fetch_optional(tx)
        .await
        .map_err(engine)?;
    match other {
        Some(other) if other != key.name => {
            Err(StoreError::DuplicateSecret { name: key.name.clone(), other })
        }
        _ => Ok(()),
    }
}

/// Whether the row was added; `false`: one like it is there.
async fn insert_key(tx: &mut SqliteConnection, key: &Key, origin: Origin) -> Result<bool, StoreError> {
    let output =
        key.default_max_output_tokens.map(i64::try_from).transpose().map_err(|_| StoreError::TooLarge {
            kind: ObjectKind::Key,
            name: key.name.clone(),
            field: "default_max_output_tokens",
        })?;
    let done = sqlx::query(sql::INSERT_KEY)
        .bind(&key.id)
        .bind(&key.name)
        .bind(&key.hash.as_bytes()[..])
        .bind(&key.prefix)
        .bind(&key.project)
        .bind(document::write_models(&key.models))
        .bind(document::write_limits(&key.limits))
        .bind(document::write_model_limits(&key.model_limits))
        .bind(key.budget.as_ref().map(document::write_budget))
        .bind(output)
        .bind(key.expires_at)
        .bind(&key.owner)
        .bind(key.revoked)
        .bind(origin.as_str())
        .execute(tx)
        .await
        .map_err(engine)?;
    Ok(done.rows_affected() == 1)
}

async fn insert_project(tx: &mut SqliteConnection, project: &Project) -> Result<bool, StoreError> {
    let done = sqlx::query(sql::INSERT_PROJECT)
        .bind(&project.name)
        .bind(document::write_limits(&project.limits))
        .bind(project.budget.as_ref().map(document::write_budget))
        .bind(Origin::File.as_str())
        .execute(tx)
        .await
        .map_err(engine)?;
    Ok(done.rows_affected() == 1)
}

async fn insert_provider(tx: &mut SqliteConnection, provider: &ProviderRecord) -> Result<bool, StoreError> {
    let done = sqlx::query(sql::INSERT_PROVIDER)
        .bind(&provider.name)
        .bind(&provider.kind)
        .bind(&provider.base_url)
        .bind(document::write(&provider.options))
        .bind(Origin::File.as_str())
        .execute(tx)
        .await
        .map_err(engine)?;
    Ok(done.rows_affected() == 1)
}

async fn insert_model(tx: &mut SqliteConnection, model: &ModelRecord) -> Result<bool, StoreError> {
    let done = sqlx::query(sql::INSERT_MODEL)
        .bind(&model.name)
        .bind(document::write(&model.targets))
        .bind(model.price.as_ref().map(document::write_price))
        .bind(document::write(&model.options))
        .bind(Origin::File.as_str())
        .execute(tx)
        .await
        .map_err(engine)?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;

    use super::*;
    use crate::suite;

    async fn fresh() -> (tempfile::TempDir, SqlStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlStore::open_sqlite(&dir.path().join("sluicegate.db")).await.unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn keeps_the_contract_of_a_store() {
        for case in suite::CASES {
            let (_dir, store) = fresh().await;
            suite::run(case, &store).await;
        }
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let (_dir, store) = fresh().await;
        let mut connection = store.readers.acquire().await.unwrap();
        for statement in sql::EVERY {
            let prepared = (&mut *connection).prepare(sqlx::SqlStr::from_static(statement)).await;
            assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
        }
    }

    #[tokio::test]
    async fn survives_being_closed() {
        let (dir, store) = fresh().await;
        let catalog = suite::full_catalog();
        store.apply_file(&catalog).await.unwrap();
        store.close().await;
        let store = SqlStore::open_sqlite(&dir.path().join("sluicegate.db")).await.unwrap();
        assert_eq!(store.load_catalog().await.unwrap().keys, catalog.keys);
        assert_eq!(store.schema_version().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn files_are_private() {
        let (dir, store) = fresh().await;
        store.apply_file(&suite::full_catalog()).await.unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?} has mode {mode:o}", entry.path());
        }
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let (dir, store) = fresh().await;
        let path = dir.path().join("sluicegate.db");
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9000, 'later', TRUE, x'00', 0)",
        )
        .execute(&store.writer)
        .await
        .unwrap();
        store.close().await;
        let text = SqlStore::open_sqlite(&path).await.unwrap_err().to_string();
        assert!(text.contains("newer release (schema 9000, this one knows 2)"), "{text}");
    }

    #[tokio::test]
    async fn what_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sluicegate.db");
        std::fs::write(&path, "this is a text file, and a rather long one at that\n".repeat(30)).unwrap();
        let text = SqlStore::open_sqlite(&path).await.unwrap_err().to_string();
        assert!(text.starts_with("cannot open the database") && text.contains("not a database"), "{text}");
        let text = SqlStore::open_sqlite(&dir.path().join("no/such/dir.db")).await.unwrap_err().to_string();
        assert!(text.starts_with("cannot open the database"), "{text}");
    }
}
