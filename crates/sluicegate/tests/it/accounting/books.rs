//! Reading the books of a gateway from its database.

use std::path::Path;

use sluice_ledger::{AccountId, NanoUsd, PurseId, RequestId, Window};
use sluice_store::{
    SqlStore, Store,
    query::{NodeRow, RequestFilter, RequestRow},
};
use sluice_testkit::patience::within;

/// The books of the gateway whose directory is `dir`.
pub(crate) struct Books {
    store: SqlStore,
}

impl Books {
    pub(crate) async fn of(dir: &Path) -> Self {
        let store = SqlStore::open_sqlite(&dir.join("data/sluicegate.db")).await.expect("the database opens");
        Self { store }
    }

    /// The books of nodes that share a PostgreSQL.
    pub(crate) async fn shared(url: &str) -> Self {
        Self { store: SqlStore::open_postgres(url).await.expect("the database opens") }
    }

    /// The purse of the key with this name, whose budget is in total.
    pub(crate) async fn purse_of_key(&self, name: &str) -> PurseId {
        let catalog = self.store.load_catalog().await.expect("the database answers");
        let key = catalog.keys.iter().find(|key| key.name == name).expect("the key is there");
        PurseId { account: AccountId::key(&key.id), window: Window(0) }
    }

    /// The nodes that ever ran.
    pub(crate) async fn nodes(&self) -> Vec<NodeRow> {
        self.store.nodes().await.expect("the database answers")
    }

    /// The row of a request, once it is there.
    pub(crate) async fn row(&self, request_id: &str) -> RequestRow {
        let id = RequestId::from_text(request_id).expect("a request id");
        let look = async {
            loop {
                if let Some(row) = self.store.request(id).await.expect("the database answers") {
                    return row;
                }
                tokio::task::yield_now().await;
            }
        };
        within("the row of a request", look).await
    }

    /// Every row, newest first.
    pub(crate) async fn rows(&self) -> Vec<RequestRow> {
        let mut rows: Vec<RequestRow> = Vec::new();
        let mut filter = RequestFilter { limit: 500, ..RequestFilter::default() };
        loop {
            let page = self.store.requests(&filter).await.expect("the database answers");
            rows.extend(page.rows);
            if page.next.is_none() {
                return rows;
            }
            filter.before = page.next;
        }
    }

    /// What is posted and what is leased in the books of a purse.
    pub(crate) async fn budget(&self, purse: &PurseId) -> (NanoUsd, NanoUsd) {
        let rows = self.store.budgets(std::slice::from_ref(purse)).await.expect("the database answers");
        rows.first().map_or((NanoUsd(0), NanoUsd(0)), |row| (row.posted, row.leased))
    }

    /// Waits until the books of a purse are as `is` wants them.
    pub(crate) async fn until(
        &self,
        purse: &PurseId,
        is: impl Fn(NanoUsd, NanoUsd) -> bool,
    ) -> (NanoUsd, NanoUsd) {
        let look = async {
            loop {
                let (posted, leased) = self.budget(purse).await;
                if is(posted, leased) {
                    return (posted, leased);
                }
                tokio::task::yield_now().await;
            }
        };
        within("the books of a purse", look).await
    }

    /// Sums that two ways of counting do not agree on.
    pub(crate) async fn mismatches(&self) -> Vec<String> {
        let found = self.store.self_check().await.expect("the database answers");
        found.into_iter().map(|m| format!("{}: {} counted, {} kept", m.what, m.counted, m.kept)).collect()
    }
}
