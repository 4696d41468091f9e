//! What the cases put into a store.

use std::sync::Arc;

use sluice_chat::Usage;
use sluice_ledger::{
    AccountId, Budget, NanoUsd, Period, Posting, PurseId, RequestId, UsageSource, Window,
    record::{Answered, Flags, Outcome, Reserve, Settle, Void},
};

use crate::{
    SqlStore, Store as _, StoreError,
    books::{AttemptDetails, Batch, BudgetRow, Details, LeaseAnswer, LeaseAsk, LeaseRequest, Session},
    engine::{Arg, Mode, Statement},
    query::AuditEntry,
};

/// 2026-11-21, a Saturday, in Unix seconds.
pub(super) const DAY_S: i64 = 1_795_219_200;
pub(super) const DAY_MS: u64 = 1_795_219_200_000;
pub(super) const HOUR_MS: u64 = 3_600_000;
/// Ten o'clock of that day.
pub(super) const NOW_MS: u64 = DAY_MS + 10 * HOUR_MS;
pub(super) const LIMIT: u64 = 1_000;

pub(super) fn id(n: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    RequestId(bytes)
}

/// The one window of the budget of the key `key_a`.
pub(super) fn purse() -> PurseId {
    PurseId { account: AccountId::key("key_a"), window: Window(0) }
}

pub(super) fn budget(limit: u64, period: Period) -> Option<Budget> {
    Some(Budget { limit: NanoUsd(limit), period })
}

fn reserve(n: u64, reserved: u64) -> Reserve {
    Reserve {
        request: id(n),
        unix_ms: NOW_MS + n,
        key: "key_a".to_owned(),
        project: "p".to_owned(),
        model: "m".to_owned(),
        stream: false,
        reserved: NanoUsd(reserved),
        key_window: Some(Window(0)),
        project_window: None,
    }
}

pub(super) fn settle(n: u64, charged: u64) -> Settle {
    let mut usage = Usage { prompt_tokens: 10, completion_tokens: 5, ..Usage::default() };
    usage.prompt.cached_tokens = 4;
    usage.prompt.cache_write_tokens = 3;
    usage.completion.reasoning_tokens = 2;
    Settle {
        request: id(n),
        unix_ms: NOW_MS + n + 100,
        usage,
        source: UsageSource::Provider,
        charged: Some(NanoUsd(charged)),
        answered: Arc::new(Answered {
            provider: "up".to_owned(),
            upstream_model: "up-m".to_owned(),
            price_version: "v1".to_owned(),
        }),
        flags: Flags::default(),
    }
}

/// The request with the number `n` of the key `key_a`, which cost so much.
pub(super) fn posting(n: u64, charged: u64) -> Posting {
    Posting { reserve: reserve(n, charged), outcome: Outcome::Settled(settle(n, charged)) }
}

/// One that failed.
pub(super) fn voided(n: u64) -> Posting {
    let void = Void { request: id(n), unix_ms: NOW_MS + n, status: 502 };
    Posting { reserve: reserve(n, 50), outcome: Outcome::Voided(void) }
}

pub(super) fn batch(postings: impl IntoIterator<Item = Posting>) -> Batch {
    Batch { postings: postings.into_iter().map(|posting| (posting, None)).collect(), ..Batch::default() }
}

pub(super) fn details(status: u16) -> Details {
    Details {
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
        status,
        error_code: (status >= 400).then(|| "some_error".to_owned()),
        queue_us: Some(1),
        first_token_us: Some(2),
        total_us: 3,
        repaired: true,
        hedged: true,
        wasted: NanoUsd(4),
        attempts: vec![
            AttemptDetails {
                provider: "up".to_owned(),
                upstream_model: "up-m".to_owned(),
                started_ms: NOW_MS,
                first_token_us: Some(5),
                ended_us: 6,
                status: Some(500),
                outcome: "failed",
                reason: Some("upstream_error".to_owned()),
                why: "fallback",
            },
            AttemptDetails { outcome: "ok", ..AttemptDetails::default() },
        ],
    }
}

pub(super) fn entry(action: &str, object_id: &str) -> AuditEntry {
    AuditEntry {
        actor: "admin_token".to_owned(),
        action: action.to_owned(),
        object: "key".to_owned(),
        object_id: object_id.to_owned(),
        before: None,
        after: Some(r#"{"name":"名 \"x\""}"#.to_owned()),
    }
}

pub(super) async fn session(store: &SqlStore, node: &str) -> Session {
    store.open_session(node, 0, NOW_MS).await.unwrap()
}

pub(super) async fn ask(
    store: &SqlStore,
    session: &Session,
    op: i64,
    ask: LeaseAsk,
) -> Result<LeaseAnswer, StoreError> {
    let request = LeaseRequest { purse: purse(), limit: NanoUsd(LIMIT), op, ask };
    store.lease(session, &request).await
}

/// Grants from the purse of [`purse`], among this many nodes.
pub(super) fn need(need: u64, live_nodes: u32) -> LeaseAsk {
    LeaseAsk::Grant { need: NanoUsd(need), live_nodes }
}

pub(super) fn give(amount: u64) -> LeaseAsk {
    LeaseAsk::Return { amount }
}

pub(super) async fn row(store: &SqlStore, purse: &PurseId) -> Option<BudgetRow> {
    store.budgets(std::slice::from_ref(purse)).await.unwrap().pop()
}

/// The limit, what was posted and what is leased of the purse of [`purse`].
pub(super) async fn balance(store: &SqlStore) -> (u64, u64, u64) {
    let row = row(store, &purse()).await.expect("the purse has a row");
    (row.limit.0, row.posted.0, row.leased.0)
}

/// Everything that is derived agrees with what it is derived from.
pub(super) async fn assert_sound(store: &SqlStore) {
    assert_eq!(store.self_check().await.unwrap(), []);
}

/// Runs a statement of the test's own.
pub(super) async fn sql(store: &SqlStore, text: &'static str) -> Result<(), StoreError> {
    let mut tx = store.begin(Mode::Write).await.unwrap();
    tx.execute(&Statement::new(text, text), &[] as &[Arg<'_>]).await?;
    tx.commit().await
}
