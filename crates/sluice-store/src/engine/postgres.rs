//! PostgreSQL: a pool of connections, shared with other nodes.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use url::Url;

use super::{Mode, Open, Tx};
use crate::StoreError;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a call waits for a connection of its pool, one that is made for it included.
const ACQUIRE_TIMEOUT_MS: u64 = 5_000;
/// How long a statement may run.
const STATEMENT_TIMEOUT_MS: u64 = 5_000;
/// How long a transaction may lie idle before the server ends it: longer than any pause that a healthy process makes.
const IDLE_TIMEOUT_MS: u64 = 15_000;
/// How long a migration may wait for one that another node runs.
const MIGRATION_TIMEOUT_MS: u64 = 120_000;
const CONNECTIONS: u32 = 8;
/// Beside them, one for each that listens.
const LISTENERS: u32 = 4;

const SCHEMA_TABLE: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const SCHEMA_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";

/// An open pool.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    pub(super) pool: PgPool,
    /// Apart, so that who listens never waits for who works.
    pub(crate) listeners: PgPool,
    /// The node that this process is, once it has said so.
    pub(crate) node: Arc<Mutex<Option<String>>>,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

impl Remote {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let place = place(url);
        let secret = password(url);
        let open = |reason: String| StoreError::Open {
            path: place.clone(),
            reason: secret.as_deref().map_or(reason.clone(), |secret| reason.replace(secret, "***")),
        };
        let options = PgConnectOptions::from_str(url).map_err(|error| open(error.to_string()))?;
        let options = options.application_name("sluicegate").disable_statement_logging();
        migrate(&place, &options, &open).await?;
        let options = options.options([
            ("statement_timeout", STATEMENT_TIMEOUT_MS.to_string()),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT_MS.to_string()),
        ]);
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(ACQUIRE_TIMEOUT_MS));
        let listeners = pool.clone().max_connections(LISTENERS).connect_lazy_with(options.clone());
        let pool = pool.max_connections(CONNECTIONS).connect_with(options).await;
        Ok(Self {
            pool: pool.map_err(|error| open(error.to_string()))?,
            listeners,
            node: Arc::default(),
            #[cfg(test)]
            faults: Default::default(),
        })
    }

    pub(super) async fn begin(&self, mode: Mode) -> Result<Tx, StoreError> {
        let begun = match mode {
            Mode::Write => self.pool.begin().await,
            Mode::Read => self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await,
        };
        Ok(Tx {
            open: Open::Postgres(begun.map_err(|error| super::failed(&error))?),
            events: Vec::new(),
            local: None,
            #[cfg(test)]
            faults: self.faults.clone(),
        })
    }

    /// Says which node this process is: what it causes itself, it does not need to hear.
    pub(crate) fn is_node(&self, name: &str) {
        if let Ok(mut node) = self.node.lock() {
            *node = Some(name.to_owned());
        }
    }

    pub(super) async fn close(self) {
        self.listeners.close().await;
        self.pool.close().await;
    }
}

/// The address without who and with what secret, for texts.
fn place(url: &str) -> PathBuf {
    let Ok(url) = Url::parse(url) else { return PathBuf::from("of the setting database.url") };
    let host = url.host_str().unwrap_or("localhost");
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    PathBuf::from(format!("{host}{port}{}", url.path()))
}

/// What must not be seen in a text.
fn password(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let asked = url.query_pairs().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned());
    asked.or_else(|| url.password().map(str::to_owned)).filter(|secret| !secret.is_empty())
}

async fn migrate(
    place: &Path,
    options: &PgConnectOptions,
    open: &(impl Fn(String) -> StoreError + Sync),
) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let run = async {
        let mut connection = options.connect().await.map_err(|error| open(error.to_string()))?;
        let has: bool = sqlx::query_scalar(SCHEMA_TABLE)
            .fetch_one(&mut connection)
            .await
            .map_err(|error| open(error.to_string()))?;
        if has {
            let found: i64 = sqlx::query_scalar(SCHEMA_VERSION)
                .fetch_one(&mut connection)
                .await
                .map_err(|error| open(error.to_string()))?;
            if found > known {
                return Err(StoreError::NewerSchema { path: place.to_owned(), found, known });
            }
        }
        MIGRATIONS.run(&mut connection).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
                StoreError::ForeignSchema { path: place.to_owned(), reason: error.to_string() }
            }
            other => open(other.to_string()),
        })?;
        // A connection that will not close properly has done its work all the same.
        let _ = connection.close().await;
        Ok(())
    };
    match tokio::time::timeout(Duration::from_millis(MIGRATION_TIMEOUT_MS), run).await {
        Ok(done) => done,
        Err(_) => Err(open(format!("no answer within {MIGRATION_TIMEOUT_MS} ms"))),
    }
}

/// By the error codes of PostgreSQL (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(super) fn failed(code: &str, text: String) -> StoreError {
    let class = code.get(..2).unwrap_or_default();
    let away = matches!(
        class,
        // Connections; credentials; conflicts with other transactions; resources; the operator stopped it.
        "08" | "28" | "40" | "53" | "57" | "58"
    ) || matches!(
        code,
        // A lock was not to be had; the server only reads, as one that has just lost its role; no such database;
        // a transaction lay idle.
        "55P03" | "25006" | "3D000" | "25P03"
    );
    if away { StoreError::Away(text) } else { StoreError::Engine(text) }
}

/// What is sent to listeners.
pub(crate) mod notification {
    use sluice_ledger::{AccountId, PurseId, Window};

    use crate::books::StoreEvent;

    /// As it travels: `catalog`, or `recall`, the node that asks (in bytes and text), the window and the account.
    pub(crate) fn write(node: &str, event: &StoreEvent) -> String {
        match event {
            StoreEvent::Recall(purse) => {
                format!("recall {} {node} {} {}", node.len(), purse.window.0, purse.account.as_str())
            }
            StoreEvent::CatalogChanged | StoreEvent::Reconnected => "catalog".to_owned(),
        }
    }

    /// The node that caused it, where it matters, and the event.
    pub(crate) fn read(text: &str) -> Option<(Option<String>, StoreEvent)> {
        if text == "catalog" {
            return Some((None, StoreEvent::CatalogChanged));
        }
        let (length, rest) = text.strip_prefix("recall ")?.split_once(' ')?;
        let (node, rest) = rest.split_at_checked(length.parse().ok()?)?;
        let (window, account) = rest.strip_prefix(' ')?.split_once(' ')?;
        let purse =
            PurseId { account: AccountId::from_stored(account)?, window: Window(window.parse().ok()?) };
        Some((Some(node.to_owned()), StoreEvent::Recall(purse)))
    }
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{AccountId, PurseId, Window};

    use super::*;
    use crate::books::StoreEvent;

    #[test]
    fn notifications_are_read_back() {
        let recall = |account| StoreEvent::Recall(PurseId { account, window: Window(-86_400) });
        let check = |node: &str, event: StoreEvent| {
            let (from, read) = notification::read(&notification::write(node, &event)).unwrap();
            assert_eq!(read, event);
            assert!(from.is_none_or(|from| from == node));
        };
        check("n", StoreEvent::CatalogChanged);
        check("a node", recall(AccountId::project("with spaces 名")));
        check("", recall(AccountId::key("key_1")));
        for text in ["", "recall", "recall 9 n 0 key:a", "recall 1 n x key:a", "recall 1 n 0 nobody"] {
            assert!(notification::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secret() {
        let check = |url: &str, expect: &str, secret: Option<&str>| {
            assert_eq!(place(url), PathBuf::from(expect));
            assert_eq!(password(url).as_deref(), secret);
        };
        check("postgres://me:s3cret@db.example:5433/sluice", "db.example:5433/sluice", Some("s3cret"));
        check("postgres://db.example/sluice?password=s3cret", "db.example/sluice", Some("s3cret"));
        check("postgres:///sluice", "localhost/sluice", None);
        check("not a url with s3cret", "of the setting database.url", None);
    }

    #[test]
    fn failures_that_pass_are_told_from_those_that_do_not() {
        let check = |code: &str, away: bool| {
            assert_eq!(matches!(failed(code, String::new()), StoreError::Away(_)), away, "{code}");
        };
        for code in ["57P01", "57P03", "57014", "08006", "53300", "40P01", "40001", "28P01", "25006"] {
            check(code, true);
        }
        for code in ["23505", "42703", "22021", ""] {
            check(code, false);
        }
    }
}
