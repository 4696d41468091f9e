//! Which keys are in use on this node, and the answers that are kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use sluice_ledger::RequestId;
use sluice_store::claims::{ClaimId, Fingerprint};
use tokio::sync::{Notify, mpsc};

use super::{
    keeper::Ask,
    recording::{Memory, Recording},
};
use crate::bounds;

/// All keys in use. One for the whole process: a request may be repeated on any worker.
#[derive(Debug)]
pub(crate) struct Table {
    inner: Mutex<Inner>,
    memory: Arc<Memory>,
    asks: mpsc::Sender<Ask>,
    /// There is something to free in the database.
    pub(super) freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<ClaimId, Entry>,
    /// Complete ones, the oldest first, and when each was complete.
    kept: VecDeque<(Instant, ClaimId, RequestId)>,
    /// Claims whose requests have ended without an answer that is kept.
    free: Vec<(ClaimId, RequestId)>,
}

#[derive(Debug)]
struct Entry {
    body: Fingerprint,
    recording: Arc<Recording>,
}

/// What a request with a key finds.
#[derive(Debug)]
pub(super) enum Found {
    /// Nobody here has it; now this request has.
    Nobody(Arc<Recording>),
    /// Somebody has just asked the database for it.
    Asking(Arc<Recording>),
    Same(Arc<Recording>),
    OtherBody,
    /// The answer of this request is too large to be kept.
    NotKept(RequestId),
}

impl Table {
    pub(super) fn new(asks: mpsc::Sender<Ask>, memory_bytes: usize) -> Self {
        Self { inner: Mutex::default(), memory: Memory::new(memory_bytes), asks, freed: Notify::new() }
    }

    /// What all recorded answers take, for whoever watches.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.memory.used_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks the key up, and takes it where nobody has it.
    pub(super) fn find(&self, id: &ClaimId, body: Fingerprint, request: RequestId, now: Instant) -> Found {
        let mut inner = self.lock();
        inner.forget_old(now);
        if let Some(entry) = inner.entries.get(id) {
            let recording = Arc::clone(&entry.recording);
            return match entry.body == body {
                _ if !recording.is_claimed() => Found::Asking(recording),
                false => Found::OtherBody,
                true if !recording.is_whole() => Found::NotKept(recording.request),
                true => Found::Same(recording),
            };
        }
        let recording = Recording::new(request, &self.memory);
        inner.entries.insert(id.clone(), Entry { body, recording: Arc::clone(&recording) });
        Found::Nobody(recording)
    }

    /// Asks the database. `false`: too many ask already.
    pub(super) fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// The answer of `request` is complete: it is kept for a while.
    pub(super) fn keep(&self, id: &ClaimId, request: RequestId, now: Instant) {
        let mut inner = self.lock();
        if inner.entries.get(id).is_some_and(|entry| entry.recording.is_whole()) {
            inner.kept.push_back((now, id.clone(), request));
            inner.make_room(&self.memory);
        } else {
            // Its row in the database goes on saying whose the key is.
            inner.entries.remove(id);
        }
    }

    /// The key is free again. `asked`: the database may have a row of it.
    pub(super) fn free(&self, id: &ClaimId, request: RequestId, asked: bool) {
        let mut inner = self.lock();
        if inner.entries.get(id).is_some_and(|entry| entry.recording.request == request) {
            inner.entries.remove(id);
        }
        drop(inner);
        if asked {
            self.free_row(id.clone(), request);
        }
    }

    /// Frees a row of the database, at once or when that is there again.
    pub(super) fn free_row(&self, id: ClaimId, request: RequestId) {
        let mut inner = self.lock();
        // Without room the row stays, and what its request cost decides about it.
        if inner.free.len() < bounds::CLAIMS_TO_FREE {
            inner.free.push((id, request));
        }
        drop(inner);
        self.freed.notify_one();
    }

    /// What is to be freed in the database.
    pub(super) fn take_freed(&self) -> Vec<(ClaimId, RequestId)> {
        std::mem::take(&mut self.lock().free)
    }

    /// It could not be freed yet.
    pub(super) fn put_back(&self, claims: Vec<(ClaimId, RequestId)>) {
        let mut inner = self.lock();
        let newer = std::mem::replace(&mut inner.free, claims);
        inner.free.extend(newer);
        inner.free.truncate(bounds::CLAIMS_TO_FREE);
    }

    /// Makes room where the memory is full: the oldest answers go first. `false`: nothing is left that could go.
    pub(super) fn make_room(&self) -> bool {
        !self.memory.is_full() || self.lock().make_room(&self.memory)
    }

    /// Forgets answers that were kept long enough.
    pub(super) fn forget_old(&self, now: Instant) {
        self.lock().forget_old(now);
    }
}

impl Inner {
    fn forget_old(&mut self, now: Instant) {
        while let Some((since, ..)) = self.kept.front()
            && now.saturating_duration_since(*since) >= bounds::ANSWER_KEPT
        {
            self.forget_oldest();
        }
    }

    fn make_room(&mut self, memory: &Memory) -> bool {
        while memory.is_full() {
            if self.kept.is_empty() {
                return false;
            }
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        let Some((_, id, request)) = self.kept.pop_front() else { return };
        if self.entries.get(&id).is_some_and(|entry| entry.recording.request == request) {
            self.entries.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::clock;

    fn table(memory_bytes: usize) -> Table {
        Table::new(mpsc::channel(1).0, memory_bytes)
    }

    fn id(name: &str) -> ClaimId {
        ClaimId { key: "k".to_owned(), name: Fingerprint::of(name.as_bytes()) }
    }

    fn request(n: u8) -> RequestId {
        RequestId([n; 16])
    }

    fn body(text: &str) -> Fingerprint {
        Fingerprint::of(text.as_bytes())
    }

    /// What the request `n` finds, in a word.
    fn find(table: &Table, name: &str, text: &str, n: u8, now: Instant) -> &'static str {
        match table.find(&id(name), body(text), request(n), now) {
            Found::Nobody(recording) => {
                recording.claimed();
                "nobody"
            }
            Found::Asking(_) => "asking",
            Found::Same(_) => "same",
            Found::OtherBody => "other body",
            Found::NotKept(_) => "not kept",
        }
    }

    fn recording(table: &Table, name: &str, text: &str) -> Arc<Recording> {
        match table.find(&id(name), body(text), request(99), clock::now()) {
            Found::Same(recording) => recording,
            found => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_key_belongs_to_its_first_body() {
        let now = clock::now();
        let table = table(10_000);
        let Found::Nobody(first) = table.find(&id("i"), body("a"), request(1), now) else { panic!() };
        assert_eq!(find(&table, "i", "b", 2, now), "asking", "nobody knows yet whose it is");
        first.claimed();
        assert_eq!(find(&table, "i", "b", 2, now), "other body");
        assert_eq!(find(&table, "i", "a", 2, now), "same");
        assert_eq!(find(&table, "j", "a", 2, now), "nobody");
        table.free(&id("i"), request(7), true);
        assert_eq!(find(&table, "i", "a", 2, now), "same", "it was not theirs");
        table.free(&id("i"), request(1), true);
        assert_eq!(find(&table, "i", "b", 3, now), "nobody");
        assert_eq!(table.take_freed(), [(id("i"), request(7)), (id("i"), request(1))]);
        assert_eq!(table.take_freed(), []);
    }

    #[test]
    fn answers_are_kept_for_a_while() {
        let now = clock::now();
        let table = table(10_000);
        let late = now + bounds::ANSWER_KEPT;
        let just = late.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(find(&table, "i", "a", 1, now), "nobody");
        assert_eq!(find(&table, "i", "a", 2, late), "same", "it runs, however long that takes");
        table.keep(&id("i"), request(1), now);
        assert_eq!(find(&table, "i", "a", 2, just), "same");
        assert_eq!(find(&table, "i", "a", 2, late), "nobody");
        assert_eq!(table.take_freed(), [], "the row stays");
    }

    #[test]
    fn the_oldest_answer_makes_room() {
        let now = clock::now();
        let table = table(2 * (100 + bounds::RECORDED_PIECE_BYTES) + 3 * bounds::RECORDING_BASE_BYTES);
        for (n, name) in [(1, "i"), (2, "j"), (3, "k")] {
            assert_eq!(find(&table, name, "a", n, now), "nobody");
            recording(&table, name, "a").push(&Bytes::from(vec![0; 100]), false);
            table.keep(&id(name), request(n), now);
        }
        assert_eq!(find(&table, "k", "a", 5, now), "same");
        assert_eq!(find(&table, "j", "a", 5, now), "same");
        assert_eq!(find(&table, "i", "a", 5, now), "nobody");
        // Only running ones are left after that.
        recording(&table, "i", "a").push(&Bytes::from(vec![0; 10_000]), false);
        assert!(!table.make_room());
        assert_eq!(find(&table, "k", "a", 6, now), "nobody");
        recording(&table, "i", "a").give_up();
        assert_eq!(find(&table, "i", "a", 6, now), "not kept");
        table.keep(&id("i"), request(5), now);
        assert_eq!(find(&table, "i", "a", 6, now), "nobody", "the database says whose it is");
    }
}
