//! The journal of a node on a disk that can lose what was not synced. Its frames are the real ones.

use std::collections::{BTreeMap, VecDeque};

use sluice_ledger::{
    Record,
    frame::{Header, decode, encode},
};

use crate::seed::Seed;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The journal is forgotten in pieces of this size.
const SEGMENT_BYTES: usize = 4096;

/// The journal of one worker in one run. Offsets count from its start, whatever was forgotten since.
#[derive(Debug, Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    /// Offset of the first byte that is still there.
    base: usize,
    synced: usize,
    synced_seq: u64,
    last_seq: u64,
    /// Number and end of every frame that is still there.
    ends: VecDeque<(u64, usize)>,
}

/// Which journal: the run, and the worker in it.
pub(crate) type Place = (u32, u16);

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The newest run that this disk knows of; written and synced before anything of it.
    pub(crate) epoch: u32,
    pub(crate) logs: BTreeMap<Place, Log>,
}

impl Disk {
    /// Appends a record. Returns the offset behind it.
    pub(crate) fn append(&mut self, place: Place, record: &Record) -> usize {
        let log = self.logs.entry(place).or_default();
        log.last_seq += 1;
        let (epoch, worker) = place;
        encode(&mut log.bytes, Header { epoch, worker, seq: log.last_seq, synced: log.synced_seq }, record);
        let end = log.base + log.bytes.len();
        log.ends.push_back((log.last_seq, end));
        end
    }

    pub(crate) fn sync(&mut self, epoch: u32) {
        for (_, log) in self.logs.range_mut((epoch, 0)..=(epoch, u16::MAX)) {
            log.synced = log.base + log.bytes.len();
            log.synced_seq = log.last_seq;
        }
    }

    /// Forgets everything of a journal up to `seq`, in whole segments.
    pub(crate) fn forget(&mut self, place: Place, seq: u64) {
        let Some(log) = self.logs.get_mut(&place) else { return };
        let below = log.ends.partition_point(|(number, _)| *number <= seq);
        let Some((_, end)) = below.checked_sub(1).and_then(|last| log.ends.get(last)) else { return };
        if end - log.base >= SEGMENT_BYTES {
            log.bytes.drain(..end - log.base);
            log.base = *end;
            log.ends.drain(..below);
        }
    }

    /// The power goes: of what was not synced some sectors are there and others are not.
    pub(crate) fn lose_power(&mut self, seed: &mut Seed) {
        for log in self.logs.values_mut() {
            let synced = log.synced.max(log.base) - log.base;
            for sector in log.bytes[synced..].chunks_mut(SECTOR_BYTES) {
                if seed.chance(500) {
                    sector.fill(0);
                }
            }
            let left = read(&log.bytes, 0, usize::MAX).1;
            log.bytes.truncate(left);
            let end = log.base + left;
            let whole = log.ends.partition_point(|(_, frame)| *frame <= end);
            log.ends.truncate(whole);
        }
    }

    /// The offset up to which a journal is whole; what lies behind it was lost.
    pub(crate) fn whole_to(&self, place: Place) -> usize {
        self.logs.get(&place).map_or(0, |log| log.base + log.bytes.len())
    }

    /// Records of a journal from `offset` on, at most so many, and the offset behind them.
    pub(crate) fn read(&self, place: Place, offset: usize, most: usize) -> (Vec<(u64, Record)>, usize) {
        let Some(log) = self.logs.get(&place) else { return (Vec::new(), offset) };
        let from = offset.max(log.base);
        let (records, end) = read(&log.bytes, from - log.base, most);
        (records, log.base + end)
    }
}

/// Whole frames from `at` on, at most so many, and where they end.
fn read(bytes: &[u8], mut at: usize, most: usize) -> (Vec<(u64, Record)>, usize) {
    let mut records = Vec::new();
    while records.len() < most
        && let Ok(Some((header, record, used))) = decode(&bytes[at..])
    {
        records.push((header.seq, record));
        at += used;
    }
    (records, at)
}
