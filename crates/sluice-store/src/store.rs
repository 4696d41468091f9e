//! What the rest of the gateway asks of a database. One method is one business transaction: it happens whole or not
//! at all. No type of a driver appears here.

use std::future::Future;

use sluice_ledger::{Key, PurseId, RequestId};

use crate::{
    Catalog, CatalogChange, StoreError,
    books::{Batch, BudgetRow, Cursor, Heartbeat, LeaseAnswer, LeaseRequest, Session},
    claims::{Claim, ClaimId, Claimed},
    query::{
        AuditEntry, AuditFilter, AuditRow, LatencyRow, Mismatch, NodeRow, RequestFilter, RequestPage,
        RequestRow, UsageQuery, UsageRow,
    },
    users::{SessionRow, SignIn, User, UserChange},
};

/// A database of keys, projects, providers and models, and of what was spent.
pub trait Store: Send + Sync + 'static {
    /// Number of the newest migration that was applied.
    fn schema_version(&self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Reads everything, each list in the order of names.
    fn load_catalog(&self) -> impl Future<Output = Result<Catalog, StoreError>> + Send;

    /// As [`Store::load_catalog`], with the version that [`Heartbeat`] tells of this very catalog.
    fn load_catalog_and_version(&self) -> impl Future<Output = Result<(Catalog, i64), StoreError>> + Send;

    /// Replaces everything that the configuration file owned by `objects`, which must be of [`Origin::File`]. Limits
    /// of budgets that have changed hold at once for the windows that are open.
    ///
    /// # Errors
    /// [`StoreError::OwnedElsewhere`] and [`StoreError::DuplicateSecret`] when an object of the file meets one that
    /// was made elsewhere; nothing is changed then.
    ///
    /// [`Origin::File`]: sluice_ledger::Origin::File
    fn apply_file(&self, objects: &Catalog) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::DuplicateName`] or [`StoreError::DuplicateSecret`] when there is one like it.
    fn insert_key(&self, key: &Key) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Changes one object of the catalog and writes the entry of the audit log, both or neither.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::DuplicateName`], [`StoreError::DuplicateSecret`],
    /// [`StoreError::Stale`] when the object is no longer as the change says it was, [`StoreError::OwnedByFile`],
    /// [`StoreError::InUse`], [`StoreError::Missing`] when it names an object that is not there.
    fn change(
        &self,
        change: &CatalogChange,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Begins a run of `node`: no earlier run of it may write any more. `epoch` is the newest epoch that the node's
    /// own journal knows; the new one is above it.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when the database knows a newer epoch than the node itself: its data directory is
    /// a copy of one that is in use elsewhere.
    fn open_session(
        &self,
        node: &str,
        epoch: u32,
        unix_ms: u64,
    ) -> impl Future<Output = Result<Session, StoreError>> + Send;

    /// Says that the node is alive.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when a newer run of the node has begun.
    fn heartbeat(
        &self,
        session: &Session,
        unix_ms: u64,
    ) -> impl Future<Output = Result<Heartbeat, StoreError>> + Send;

    /// How far the journals of a node have been posted.
    fn cursors(&self, node: &str) -> impl Future<Output = Result<Vec<Cursor>, StoreError>> + Send;

    /// Takes a batch into the books: rows of requests that are not there yet, and for those alone balances, leases
    /// and rollups. Sending a batch again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when a newer run of the node has begun.
    fn post(&self, session: &Session, batch: &Batch) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Grants a lease, or takes one back.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when a newer run of the node has begun.
    fn lease(
        &self,
        session: &Session,
        request: &LeaseRequest,
    ) -> impl Future<Output = Result<LeaseAnswer, StoreError>> + Send;

    /// Gives back all that the node has leased, in any run of it. Only when all of its journal is posted and nothing
    /// of it is open.
    fn end_leases(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives back what a node that will not come back had leased; an operator's decision, recorded.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InUse`] while the node is alive.
    fn write_off(
        &self,
        node: &str,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All nodes that ever ran, in the order of their ids.
    fn nodes(&self) -> impl Future<Output = Result<Vec<NodeRow>, StoreError>> + Send;

    /// The rows of these purses; those without a row are left out.
    fn budgets(&self, purses: &[PurseId]) -> impl Future<Output = Result<Vec<BudgetRow>, StoreError>> + Send;

    /// Sums of usage, in the order of bucket and groups.
    fn usage(&self, query: &UsageQuery) -> impl Future<Output = Result<Vec<UsageRow>, StoreError>> + Send;

    /// How long answers took, in the order of bucket and groups. `None`: of what is asked for together there are no
    /// histograms, see [`Dimension`](crate::latency::Dimension).
    fn latency(
        &self,
        query: &UsageQuery,
    ) -> impl Future<Output = Result<Option<Vec<LatencyRow>>, StoreError>> + Send;

    /// Requests, newest first. No call looks at more than some thousand rows.
    fn requests(
        &self,
        filter: &RequestFilter,
    ) -> impl Future<Output = Result<RequestPage, StoreError>> + Send;

    /// One request.
    fn request(&self, id: RequestId) -> impl Future<Output = Result<Option<RequestRow>, StoreError>> + Send;

    /// The audit log, newest first. What is asked for by kind, id or actor is looked for entry by entry.
    fn audit(&self, filter: &AuditFilter) -> impl Future<Output = Result<Vec<AuditRow>, StoreError>> + Send;

    /// Deletes rows of requests that came before `unix_ms`, at most `limit` of them. Usage stays. Returns how many.
    fn retire(&self, unix_ms: u64, limit: u32) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Asks for idempotency keys, all different, for requests of this run; each is answered for itself, in the order
    /// of `claims`. One that is held by another request is free again when it was made [`CLAIM_MS`] ago or more; when
    /// that request is in the books and cost nothing; when it is not in the books and belongs to an earlier run of
    /// this node, all of whose journal is in the books. Else it stays held: what may have been charged is never
    /// charged again.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when a newer run of the node has begun.
    ///
    /// [`CLAIM_MS`]: crate::claims::CLAIM_MS
    fn claim(
        &self,
        session: &Session,
        claims: &[Claim],
        unix_ms: u64,
    ) -> impl Future<Output = Result<Vec<Claimed>, StoreError>> + Send;

    /// Frees idempotency keys that these requests hold; those that others hold stay as they are.
    fn release(&self, claims: &[(ClaimId, RequestId)])
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes claims that no longer hold at `unix_ms`, at most `limit` of them. Returns how many.
    fn retire_claims(&self, unix_ms: u64, limit: u32)
    -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// All users, in the order of their addresses.
    fn users(&self) -> impl Future<Output = Result<Vec<User>, StoreError>> + Send;

    /// Whether there is any user.
    fn has_users(&self) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// One user by its id.
    fn user(&self, id: &str) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// One user by its address, in any letters.
    fn user_by_email(&self, email: &str) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// One user by the hash of its invitation, which may be over.
    fn user_by_invite(
        &self,
        hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// Changes one user and writes the entry of the audit log, both or neither. A new epoch ends all sessions.
    ///
    /// # Errors
    /// [`StoreError::DuplicateName`] of an address; [`StoreError::NotFound`]; [`StoreError::Stale`] when the user is
    /// no longer as the change says, or is not the first; [`StoreError::InUse`] for the last owner.
    fn change_user(
        &self,
        change: &UserChange,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Begins a session and uses up what its factor names, all or nothing. `false`: the account is disabled, gone or
    /// in another epoch, or the factor was used before.
    fn sign_in(
        &self,
        sign_in: &SignIn,
        audit: &AuditEntry,
        unix_ms: u64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A session and its user. `None`: there is none, or its user is disabled or in another epoch. How old it is, is
    /// for the caller to judge.
    fn session(
        &self,
        hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<(SessionRow, User)>, StoreError>> + Send;

    /// The sessions of a user, the one seen last first.
    fn sessions(&self, user: &str) -> impl Future<Output = Result<Vec<SessionRow>, StoreError>> + Send;

    /// Notes that a session is in use.
    fn touch_session(
        &self,
        hash: &[u8; 32],
        unix_ms: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a session, if it is there.
    fn end_session(&self, hash: &[u8; 32]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Compares what is derived with what it is derived from: rollups with rows, leases with budgets.
    fn self_check(&self) -> impl Future<Output = Result<Vec<Mismatch>, StoreError>> + Send;
}
