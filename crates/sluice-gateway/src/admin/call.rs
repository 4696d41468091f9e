//! One call of the admin API as its handlers see it, and what they answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_ledger::secret;
use sluice_store::{Catalog, SqlStore, Store, query::Visible};

use super::{
    body,
    principal::Principal,
    query::Query,
    refuse::{self, Checked},
};
use crate::{refusal::Refusal, worker::Shared};

/// Objects are told apart by this much of a random id, in hexadecimal digits.
const ID_BYTES: usize = 12;

/// Where random bits come from: 256 of them.
pub(super) type Random = fn() -> Result<[u8; 32], String>;

/// What was asked, by whom, and when. Handlers run on the runtime that the store belongs to, and go on to their end
/// whoever leaves.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) principal: Arc<Principal>,
    /// Milliseconds since the Unix epoch.
    pub(super) unix_ms: u64,
    pub(super) query: Arc<Query>,
    pub(super) body: Bytes,
    pub(super) random: Random,
    /// What a change would do, where that is all that was asked.
    pub(super) preview: Option<Arc<Preview>>,
}

/// What a change would do that is not made.
#[derive(Debug, Default)]
pub(super) struct Preview(Mutex<Option<Value>>);

impl Preview {
    /// Notes the object before and after, and what should be thought of.
    pub(super) fn note(&self, before: Option<&Value>, after: Option<&Value>, warnings: &[String]) {
        let noted = json!({ "dry_run": true, "before": before, "after": after, "warnings": warnings });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted);
    }

    /// In place of the answer to the change. Where nothing was noted nothing would change.
    pub(super) fn reply(&self, unchanged: &Reply) -> Reply {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let same =
            || json!({ "dry_run": true, "before": unchanged.body, "after": unchanged.body, "warnings": [] });
        Reply::ok(noted.unwrap_or_else(same))
    }
}

/// An answer that is not a refusal.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    pub(super) fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body) }
    }

    pub(super) fn nothing() -> Self {
        Self { status: 204, body: None }
    }

    pub(super) fn list(data: Vec<Value>, next_cursor: Option<String>) -> Self {
        let fields = [("data".to_owned(), data.into()), ("next_cursor".to_owned(), next_cursor.into())];
        Self::ok(Value::Object(fields.into_iter().collect()))
    }
}

impl Call {
    pub(super) fn store(&self) -> &SqlStore {
        &self.shared.books.store
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Checked<Value> {
        body::parse(&self.body)
    }

    /// The catalog as the database has it now.
    pub(super) async fn catalog(&self) -> Checked<Catalog> {
        self.store().load_catalog().await.map_err(|error| refuse::store(&error))
    }

    /// Whose usage and requests the caller sees.
    pub(super) async fn visible(&self) -> Checked<Visible> {
        visible(self.store(), &self.principal).await
    }

    /// When the call came, in Unix seconds.
    pub(super) fn unix_s(&self) -> i64 {
        i64::try_from(self.unix_ms / 1000).unwrap_or(i64::MAX)
    }

    /// Who changes things, in the audit log.
    pub(super) fn actor(&self) -> &str {
        &self.principal.actor
    }

    /// 256 random bits.
    pub(super) fn random(&self) -> Checked<[u8; 32]> {
        (self.random)().map_err(|error| {
            tracing::error!(error, "the operating system gives no random bits");
            Refusal::internal()
        })
    }

    /// The id of a new object: `prefix`, and random digits.
    pub(super) fn new_id(&self, prefix: &str) -> Checked<String> {
        let random = self.random()?;
        let digits: String = random[..ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{prefix}{digits}"))
    }

    /// The secret of a new key.
    pub(super) fn new_secret(&self) -> Checked<String> {
        self.random().map(secret::from_random)
    }
}

/// Whose usage and requests somebody sees.
pub(super) async fn visible(store: &SqlStore, principal: &Principal) -> Checked<Visible> {
    if principal.is_everywhere() {
        return Ok(Visible::All);
    }
    let catalog = store.load_catalog().await.map_err(|error| refuse::store(&error))?;
    Ok(principal.visible(&catalog))
}
