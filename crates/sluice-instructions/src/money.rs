//! What a request costs us to be paid for.

use std::{hint::black_box, sync::Arc};

use sluice_chat::Usage;
use sluice_ledger::{
    AccountId, NanoUsd, Posting, Purse, PurseId, RequestId, Reservation, UsageSource, Window,
    record::{Answered, Flags, Outcome, Record, Reserve, Settle},
};
use sluice_store::{
    SqlStore, Store as _,
    books::{AttemptDetails, Batch, Cursor, Details},
    journal::{Journal, Options},
};

use crate::{Made, Part};

/// Records of one run of the journal: they stay in its first segments.
const RECORDS: u64 = 100;
/// Rows of one batch.
const ROWS: u64 = 500;
const NOW_MS: u64 = 1_795_219_200_000;

pub(crate) fn reserve_and_settle() -> Made {
    let purse = |account| {
        let purse = Purse::new(PurseId { account, window: Window(0) });
        purse.change(1 << 60);
        Some(Arc::new(purse))
    };
    let purses = [purse(AccountId::key("key_a")), purse(AccountId::project("p"))];
    let run = move || {
        let reserved = Reservation::take(black_box(NanoUsd(1_000)), purses.clone());
        reserved.map_err(|_| "too little")?.settle(black_box(NanoUsd(1)));
        Ok(())
    };
    Ok(Part { units: 1, run: Box::new(run) })
}

/// As ids of ours are: the time first.
fn id(n: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(NOW_MS << 16 | n & 0xffff).to_be_bytes());
    bytes[8..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    RequestId(bytes)
}

fn reserve(n: u64) -> Reserve {
    Reserve {
        request: id(n),
        unix_ms: NOW_MS + n / 16,
        key: "key_0197d2a4c0de7000".to_owned(),
        project: "project".to_owned(),
        model: "gpt-5-mini".to_owned(),
        stream: false,
        reserved: NanoUsd(1_000_000),
        key_window: Some(Window(0)),
        project_window: Some(Window(0)),
    }
}

fn settle(n: u64, answered: &Arc<Answered>) -> Settle {
    Settle {
        request: id(n),
        unix_ms: NOW_MS + n / 16 + 100,
        usage: Usage { prompt_tokens: 1_000, completion_tokens: 64, ..Usage::default() },
        source: UsageSource::Provider,
        charged: Some(NanoUsd(250_000)),
        answered: Arc::clone(answered),
        flags: Flags::default(),
    }
}

fn answered() -> Arc<Answered> {
    Arc::new(Answered {
        provider: "openai".to_owned(),
        upstream_model: "gpt-5-mini-2025-08-07".to_owned(),
        price_version: "bundled-2026-11-21".to_owned(),
    })
}

/// The two records of a request.
pub(crate) fn journal_append() -> Made {
    let dir = tempfile::tempdir()?;
    let journal = Journal::open(dir.path(), Options::default())?;
    let (mut writers, keeper) = journal.start("n", 1, 1, 0)?;
    let mut writer = writers.pop().ok_or("no writer")?;
    let (answered, mut next) = (answered(), 0);
    let run = move || {
        // They live as long as the part does.
        let _held = (&dir, &journal, &keeper);
        for _ in 0..RECORDS / 2 {
            next += 1;
            writer.append(&Record::Reserve(reserve(next)))?;
            writer.append(&Record::Settle(settle(next, &answered)))?;
        }
        Ok(())
    };
    Ok(Part { units: RECORDS, run: Box::new(run) })
}

/// Rows of requests into SQLite, with their sums, budgets and leases.
pub(crate) fn post() -> Made {
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = runtime.block_on(SqlStore::open_sqlite(&dir.path().join("db")))?;
    let session = runtime.block_on(store.open_session("n", 0, NOW_MS))?;
    let (answered, mut next) = (answered(), 0);
    let run = move || {
        let _held = &dir;
        let postings = (next..next + ROWS).map(|n| {
            let posting = Posting { reserve: reserve(n), outcome: Outcome::Settled(settle(n, &answered)) };
            (posting, Some(details(n)))
        });
        let cursors = vec![Cursor { epoch: session.epoch, worker: 0, seq: 2 * (next + ROWS) }];
        let batch = Batch { postings: postings.collect(), cursors, ..Batch::default() };
        next += ROWS;
        runtime.block_on(store.post(&session, &batch))?;
        Ok(())
    };
    Ok(Part { units: ROWS, run: Box::new(run) })
}

fn details(n: u64) -> Details {
    Details {
        trace_id: format!("{:032x}", u128::from_be_bytes(id(n).0)),
        status: 200,
        queue_us: Some(40),
        total_us: 812_000,
        attempts: vec![AttemptDetails {
            provider: "openai".to_owned(),
            upstream_model: "gpt-5-mini-2025-08-07".to_owned(),
            started_ms: NOW_MS,
            ended_us: 811_000,
            status: Some(200),
            outcome: "ok",
            ..AttemptDetails::default()
        }],
        ..Details::default()
    }
}
