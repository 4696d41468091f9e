//! What the books need beside money: old rows go, sums are compared, a catalog that was changed is read. None of it
//! may keep the desk from its requests.

use std::{sync::Arc, time::Duration};

use sluice_store::{SqlStore, Store, query::Mismatch};
use tokio::time::sleep;

use super::desk::ticker;
use crate::{bounds, clock, worker::Shared};

/// Deletes rows of requests that are older than `retention`, or than was set through the admin API, for ever. A step is
/// short, and the database rests after it for longer than it took: on SQLite whoever writes waits for it.
pub(super) async fn retire(store: SqlStore, shared: Arc<Shared>, retention: Option<Duration>) {
    let mut look = ticker(bounds::RETIRE);
    loop {
        look.tick().await;
        loop {
            let days = shared.snapshot.load().settings.request_rows_days;
            let set = days.map(|days| Duration::from_secs(days.saturating_mul(86_400)));
            let Some(retention) = set.or(retention) else { break };
            let begun = clock::timer_now();
            let age_ms = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
            match store.retire(clock::unix_ms().saturating_sub(age_ms), bounds::RETIRE_ROWS).await {
                Ok(rows) if rows >= u64::from(bounds::RETIRE_ROWS) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "rows of old requests could not be deleted; tried again later");
                    break;
                }
            }
            sleep(begun.elapsed() * bounds::DRAIN_REST).await;
        }
    }
}

/// Compares what is derived with what it is derived from. Only tells: what is right an operator has to decide.
pub(super) async fn self_check(store: SqlStore, shared: Arc<Shared>) {
    match store.self_check().await {
        Ok(mismatches) => {
            shared.metrics.ledger_mismatches.set(i64::try_from(mismatches.len()).unwrap_or(i64::MAX));
            for Mismatch { what, counted, kept } in mismatches {
                tracing::error!(what, %counted, %kept, "two ways of counting the books do not agree");
            }
        }
        Err(error) => tracing::warn!(%error, "the books could not be checked; tried again in a day"),
    }
}

/// Takes over the catalog as the database has it now. Until that is done keys that nobody knows here may be good.
pub(super) async fn refresh(store: SqlStore, shared: Arc<Shared>) {
    // Whoever changes the catalog puts it into force as well; what came beside that is seen at the next beat.
    let Ok(_alone) = shared.changing.try_lock() else { return };
    match store.load_catalog_and_version().await {
        Ok((catalog, version)) => {
            shared.books.set_catalog_version(version);
            match shared.publish(catalog) {
                Ok(()) => shared.books.set_behind(false),
                Err(error) => {
                    shared.books.set_behind(true);
                    tracing::error!(%error, "the catalog in the database cannot be used; the one before stays");
                }
            }
        }
        Err(error) => {
            shared.books.set_behind(true);
            shared.metrics.database_failures.inc();
            tracing::warn!(%error, what = "catalog", "the database does not answer; tried again");
        }
    }
}
