//! What a writer shares with the keeper and the tail: one lane for each worker.
//!
//! A writer alone moves its lane on. After each write it publishes first the number, then the place up to which the
//! file may be read, both with release order: whoever loads them with acquire order finds the bytes of every frame up
//! to there in the file, because the write of them had returned before.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Waker,
};

use super::{disk::DiskFile, locked};

/// A segment without frames, made ahead.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) index: u32,
    pub(super) file: Arc<dyn DiskFile>,
}

/// Segments made ahead. Held while one is made, so that they are used in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) queue: VecDeque<Fresh>,
    /// Number of the next segment; one that could not be made has used its number up.
    pub(super) next_index: u32,
}

/// Where a segment ended when the writer left it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    /// Length of its frames in bytes; what is behind them is zeros or a frame that failed.
    pub(super) end: u32,
    /// Number of the last record in it or before it.
    pub(super) last: u64,
}

/// A segment with frames.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) index: u32,
    pub(super) file: Arc<dyn DiskFile>,
    /// `None`: the writer is in it.
    pub(super) closed: Option<Closed>,
    /// Whether it was synced after it was closed.
    pub(super) synced: bool,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) epoch: u32,
    pub(super) worker: u16,
    /// Number of the last record whose write has returned.
    written: AtomicU64,
    /// Index of the segment that the writer is in and the end of its last frame, packed into one number.
    end: AtomicU64,
    /// Number of the last record that is on the disk.
    synced: AtomicU64,
    /// Reservations without an end.
    open: AtomicU32,
    /// Length of the queue of `ahead`.
    ready: AtomicU32,
    pub(super) ahead: Mutex<Ahead>,
    /// In the order of their indices; the last one is the writer's.
    pub(super) used: Mutex<VecDeque<Used>>,
    /// By the number of the record that is waited for.
    waiters: Mutex<BTreeMap<u64, Waker>>,
}

impl Lane {
    pub(super) fn new(epoch: u32, worker: u16) -> Self {
        Self {
            epoch,
            worker,
            written: AtomicU64::new(0),
            end: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            open: AtomicU32::new(0),
            ready: AtomicU32::new(0),
            ahead: Mutex::default(),
            used: Mutex::default(),
            waiters: Mutex::default(),
        }
    }

    /// For the writer, after the write of a frame has returned.
    pub(super) fn publish(&self, seq: u64, index: u32, offset: u32) {
        self.written.store(seq, Ordering::Release);
        self.end.store(u64::from(index) << 32 | u64::from(offset), Ordering::Release);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Index of the writer's segment, and how far it may be read.
    pub(super) fn end(&self) -> (u32, u32) {
        let end = self.end.load(Ordering::Acquire);
        ((end >> 32) as u32, end as u32)
    }

    pub(super) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    pub(super) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn set_open(&self, open: u32) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// Segments that were made ahead. Only the writer takes them, so for it there are never fewer.
    pub(super) fn ready(&self) -> u32 {
        self.ready.load(Ordering::Acquire)
    }

    pub(super) fn set_ready(&self, ahead: &Ahead) {
        self.ready.store(ahead.queue.len() as u32, Ordering::Release);
    }

    /// Registers the waker of whoever waits for the record `seq`. One task can wait for one record: another one that
    /// comes later takes its place, and the one before is woken to see.
    pub(super) fn wait(&self, seq: u64, waker: &Waker) {
        let mut waiters = locked(&self.waiters);
        if waiters.get(&seq).is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let before = waiters.insert(seq, waker.clone());
        drop(waiters);
        if let Some(before) = before {
            before.wake();
        }
    }

    /// For the keeper: all up to `seq` is on the disk.
    pub(super) fn set_synced(&self, seq: u64) {
        self.synced.store(seq, Ordering::Release);
        self.wake(seq);
    }

    /// Wakes everybody who waits for a record up to `seq`. Who registers after this has looked, looks again itself.
    pub(super) fn wake(&self, seq: u64) {
        let mut waiters = locked(&self.waiters);
        let later = seq.checked_add(1).map(|next| waiters.split_off(&next)).unwrap_or_default();
        let woken = std::mem::replace(&mut *waiters, later);
        drop(waiters);
        woken.into_values().for_each(Waker::wake);
    }
}
