//! The journal on a simulated disk: every call fails once, every byte is torn, power is lost.

mod crashes;
mod figures;
mod files;
mod rules;
mod simulated;

use std::{path::Path, sync::Arc};

use sluice_ledger::{
    NanoUsd, Record, RequestId, UsageSource, Window,
    frame::Header,
    record::{Answered, Flags, Mark, Reserve, Settle, Void},
};

use super::{Durability, Journal, JournalError, Options, Recovery, Unread, Writer};
use crate::books::Cursor;
use simulated::SimulatedDisk;

const DIR: &str = "/j";
/// Room for a few records only, so that segments change all the time.
const SMALL_SEGMENT_BYTES: u32 = 4096;

fn id(number: u64) -> RequestId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    RequestId(bytes)
}

fn reserve(number: u64) -> Record {
    Record::Reserve(Reserve {
        request: id(number),
        unix_ms: 1_795_219_200_000 + number,
        key: "key_0123456789abcdef".to_owned(),
        project: "default".to_owned(),
        model: "gpt-5-mini".to_owned(),
        stream: number.is_multiple_of(2),
        reserved: NanoUsd(20_000_000 + number),
        key_window: Some(Window(1_793_491_200)),
        project_window: None,
    })
}

fn answered() -> Arc<Answered> {
    Arc::new(Answered {
        provider: "openai".to_owned(),
        upstream_model: "gpt-5-mini-2025-08-07".to_owned(),
        price_version: "bundled-2026-11-21".to_owned(),
    })
}

fn mark(number: u64) -> Record {
    let cost = Some(NanoUsd(number));
    Record::Mark(Mark { request: id(number), usage: usage(number), cost, answered: answered() })
}

fn usage(number: u64) -> sluice_chat::Usage {
    sluice_chat::Usage { prompt_tokens: 1000 + number % 100, completion_tokens: 64, ..Default::default() }
}

fn settle(number: u64) -> Record {
    Record::Settle(Settle {
        request: id(number),
        unix_ms: 1_795_219_201_000 + number,
        usage: usage(number),
        source: UsageSource::Provider,
        charged: Some(NanoUsd(1_234_567 + number)),
        answered: answered(),
        flags: Flags::default(),
    })
}

fn void(number: u64) -> Record {
    Record::Void(Void { request: id(number), unix_ms: 1_795_219_201_000, status: 502 })
}

fn options(disk: &Arc<SimulatedDisk>, durability: Durability) -> Options {
    Options {
        durability,
        segment_bytes: SMALL_SEGMENT_BYTES,
        journal_bytes_max: 1 << 20,
        disk: Arc::clone(disk) as Arc<_>,
    }
}

fn open(disk: &Arc<SimulatedDisk>) -> Journal {
    Journal::open_unbounded(Path::new(DIR), options(disk, Durability::Process)).unwrap()
}

/// A journal without a thread: the test makes the rounds.
fn begin(disk: &Arc<SimulatedDisk>, workers: u16) -> (Journal, Vec<Writer>) {
    let journal = open(disk);
    let writers = journal.begin("node_1", journal.newest_epoch() + 1, workers, 1).unwrap();
    (journal, writers)
}

fn drained(mut recovery: Recovery) -> Result<Vec<(Header, Record)>, JournalError> {
    let mut records = Vec::new();
    while let Some(record) = recovery.next()? {
        records.push(record);
    }
    Ok(records)
}

/// What a start finds.
fn recovered(disk: &Arc<SimulatedDisk>, cursors: &[Cursor]) -> Result<Vec<(Header, Record)>, JournalError> {
    drained(open(disk).recover(cursors)?)
}

fn only_records(records: Vec<(Header, Record)>) -> Vec<Record> {
    records.into_iter().map(|(_, record)| record).collect()
}

/// Numbers that look like chance, the same for each seed (xorshift64*).
fn dice(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }
}
