//! What a node asks of the database and what it does with the answers: one call at a time, sent again until its
//! outcome is known.

use std::collections::{BTreeMap, VecDeque};

use sluice_ledger::{NanoUsd, Posting, PurseId, Window, lease::Lease, record::Outcome};

use crate::{
    books::{Ask, Batch, Books, Call, LeaseCall, Refused, Reply},
    disk::{Disk, Place},
    mutant::{Law, Mutant, Violation},
    node::{Around, Entry, Memory, Progress, purses},
    seed::Seed,
};

/// Frames that one look at a journal reads at most.
const DRAIN_FRAMES: usize = 64;
/// Postings of one batch of a recovery.
const RECOVERY_POSTINGS: usize = 16;

#[derive(Debug)]
pub(crate) enum Phase {
    Down,
    Opening,
    /// What is still to be said to the database before requests may come.
    Recovering(VecDeque<Call>),
    Running,
    Finished,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: usize,
    /// Counts the processes; what was meant for an earlier one is ignored.
    pub(crate) life: u32,
    pub(crate) phase: Phase,
    pub(crate) disk: Disk,
    pub(crate) memory: Memory,
    /// The call that is under way.
    pub(crate) asked: Option<(u64, Call)>,
    /// Sent, and not known to be in the books.
    batch: Option<Batch>,
    pub(crate) live_nodes: u32,
    /// No more requests come.
    pub(crate) closing: bool,
}

impl Node {
    pub(crate) fn new(id: usize) -> Self {
        Self {
            id,
            life: 0,
            phase: Phase::Down,
            disk: Disk::default(),
            memory: Memory::default(),
            asked: None,
            batch: None,
            live_nodes: 1,
            closing: false,
        }
    }

    /// The process is gone, and what it had in memory.
    pub(crate) fn stop(&mut self) {
        self.life += 1;
        self.phase = Phase::Down;
        self.memory = Memory::default();
        (self.asked, self.batch) = (None, None);
    }

    /// Begins a run.
    pub(crate) fn start(&mut self) {
        self.disk.epoch += 1;
        self.phase = Phase::Opening;
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// What to ask the database now.
    pub(crate) fn next_call(
        &mut self,
        books: &Books,
        seed: &mut Seed,
        mutant: Option<Mutant>,
    ) -> Option<Call> {
        match &self.phase {
            Phase::Down | Phase::Finished => None,
            Phase::Opening => Some(Call::Open),
            Phase::Recovering(steps) => steps.front().cloned(),
            Phase::Running => {
                // A lease is told by what the row says, so nothing may be asked of it while it is not known whether
                // a batch has changed the row.
                let unknown = self.batch.is_some() && mutant != Some(Mutant::LeaseWhileUnknown);
                let lease_first = seed.chance(500) && !unknown;
                let first = if lease_first { self.lease_call(books) } else { self.post_call(mutant) };
                let call = first
                    .or_else(|| if lease_first { self.post_call(mutant) } else { self.lease_call(books) });
                call.or_else(|| self.last_call())
            }
        }
    }

    /// Everything is posted and nothing is open: what is leased goes back.
    fn last_call(&self) -> Option<Call> {
        let pending = self.memory.entries.values().any(|entry| entry.pending.is_some());
        (self.closing && self.memory.is_idle() && self.batch.is_none() && !pending).then_some(Call::EndLeases)
    }

    fn post_call(&mut self, mutant: Option<Mutant>) -> Option<Call> {
        if self.batch.is_none() {
            let batch = self.read(mutant);
            self.batch = (!batch.postings.is_empty()).then_some(batch);
            if let (Some(Mutant::ForgetWhenSent), Some(batch)) = (mutant, &self.batch) {
                forget(&mut self.disk, batch);
            }
        }
        self.batch.clone().map(Call::Post)
    }

    /// What the journal has beyond the last look.
    fn read(&mut self, mutant: Option<Mutant>) -> Batch {
        let mut batch = Batch::default();
        let epoch = self.disk.epoch;
        for worker in 0..2 {
            let progress = self.memory.progress.entry(worker).or_default();
            let (records, offset) = self.disk.read((epoch, worker), progress.offset, DRAIN_FRAMES);
            progress.offset = offset;
            for (seq, record) in records {
                progress.last_seq = seq;
                batch.postings.extend(progress.fold.push(seq, record));
            }
            batch.cursors.push((epoch, worker, progress.cursor(mutant)));
        }
        batch
    }

    fn lease_call(&mut self, books: &Books) -> Option<Call> {
        let (purse, ask) = self.wanted()?;
        let live_nodes = self.live_nodes;
        let entry = self.memory.entry(&purse);
        if entry.pending.is_none() {
            let ask = match ask {
                Some(need) => Ask::Grant { need, live_nodes },
                None => {
                    let amount = match books.mutant {
                        Some(Mutant::ReturnWithoutTaking) => entry.purse.free(),
                        _ => entry.purse.empty(),
                    };
                    entry.returning = amount;
                    (entry.recalled, entry.used) = (false, true);
                    Ask::Return { amount }
                }
            };
            let op = entry.lease.op + 1;
            let seen_remaining = books.remaining(&purse);
            entry.pending = Some(LeaseCall { purse, op, ask, seen_remaining });
        }
        entry.pending.clone().map(Call::Lease)
    }

    /// A purse whose lease has to change, and what is needed in it; `None`: what is free goes back.
    fn wanted(&mut self) -> Option<(PurseId, Option<u64>)> {
        if let Some((id, _)) = self.memory.entries.iter().find(|(_, entry)| entry.pending.is_some()) {
            return Some((id.clone(), None));
        }
        if let Some((id, entry)) = self.memory.entries.iter_mut().find(|(_, entry)| entry.recalled) {
            entry.recalled = false;
            if entry.purse.free() > 0 {
                return Some((id.clone(), None));
            }
        }
        let plan = self.memory.waiting.front()?.clone();
        purses(&plan).into_iter().find_map(|id| {
            let missing = plan.bound.cast_signed() - self.memory.entry(&id).purse.free();
            u64::try_from(missing).ok().filter(|missing| *missing > 0).map(|missing| (id, Some(missing)))
        })
    }

    /// Nobody knows what became of a call.
    pub(crate) fn timed_out(&mut self, mutant: Option<Mutant>) -> Result<(), Violation> {
        let Some((_, call)) = self.asked.take() else { return Ok(()) };
        match (call, mutant) {
            (Call::Lease(call), Some(Mutant::ReturnTakenBack)) if matches!(call.ask, Ask::Return { .. }) => {
                let entry = self.memory.entry(&call.purse);
                entry.pending = None;
                entry.purse.change(std::mem::take(&mut entry.returning));
            }
            (Call::Lease(call), Some(Mutant::RetryAsNew)) => {
                let again = LeaseCall { op: call.op + 1, ..call };
                let purse = again.purse.clone();
                self.memory.entry(&purse).pending = Some(again);
            }
            // It may still come, and must then find that its run is over.
            (Call::EndLeases, mutant) if mutant != Some(Mutant::EndLeasesAgain) => self.start(),
            (Call::Post(batch), Some(Mutant::MirroredTwice)) if self.is_running() => {
                self.memory.mirror(&batch.postings, mutant)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The database answered the call that is under way.
    pub(crate) fn answered(
        &mut self,
        reply: Reply,
        books: &Books,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some((_, call)) = self.asked.take() else { return Ok(()) };
        match (call, reply) {
            (Call::Lease(call), Reply::Leased { amount, refused }) => {
                let entry = self.memory.entry(&call.purse);
                leased(entry, &call, (amount, refused.is_some()), around.mutant);
                entry.check()?;
                if refused == Some(Refused::Spent) {
                    self.memory.waiting.pop_front();
                }
                self.believed(&call.purse, books)
            }
            (Call::Open, Reply::Opened { cursors }) => {
                self.phase = Phase::Recovering(self.recovery(&cursors, around));
                Ok(())
            }
            (_, Reply::Posted | Reply::Ended) if matches!(self.phase, Phase::Recovering(_)) => {
                self.recovered();
                Ok(())
            }
            (Call::Post(batch), Reply::Posted) => {
                self.batch = None;
                self.memory.mirror(&batch.postings, around.mutant)?;
                forget(&mut self.disk, &batch);
                batch
                    .postings
                    .iter()
                    .flat_map(|p| p.reserve.purses())
                    .try_for_each(|id| self.believed(&id, books))
            }
            (Call::EndLeases, Reply::Ended) => {
                self.phase = Phase::Finished;
                Ok(())
            }
            (call, reply) => Err(Violation::new(Law::Turn, format!("node {}: {call:?} {reply:?}", self.id))),
        }
    }

    /// What the node believes is what the row says, when no change is under way.
    fn believed(&self, id: &PurseId, books: &Books) -> Result<(), Violation> {
        let Some(entry) = self.memory.entries.get(id).filter(|entry| entry.pending.is_none()) else {
            return Ok(());
        };
        let row = books.leases.get(&(self.id, id.clone())).copied().unwrap_or_default();
        // A change that was refused when it was sent again may have come late: the next answer tells of it.
        let late = row.op == entry.lease.op + 1;
        if late || row == entry.lease || (row == Lease::default() && entry.lease.amount == 0) {
            return Ok(());
        }
        Err(Violation::new(Law::Belief, format!("node {}: {row:?} {entry:?}", self.id)))
    }

    /// One step of the recovery is done.
    fn recovered(&mut self) {
        let Phase::Recovering(steps) = &mut self.phase else { return };
        steps.pop_front();
        if steps.is_empty() {
            let epoch = self.disk.epoch;
            self.disk.logs.retain(|place, _| place.0 >= epoch);
            self.phase = Phase::Running;
        }
    }

    /// What earlier runs left: their ends, what was cut off, and then the leases.
    fn recovery(&self, cursors: &BTreeMap<Place, u64>, around: &Around<'_>) -> VecDeque<Call> {
        let mut postings: Vec<Posting> = Vec::new();
        let mut ends = Vec::new();
        for place in self.disk.logs.keys().filter(|place| place.0 < self.disk.epoch) {
            let behind = cursors.get(place).copied().unwrap_or_default();
            let mut progress = Progress { last_seq: behind, ..Progress::default() };
            for (seq, record) in self.disk.read(*place, 0, usize::MAX).0 {
                if seq > behind {
                    progress.last_seq = seq;
                    postings.extend(progress.fold.push(seq, record));
                }
            }
            ends.push((place.0, place.1, progress.last_seq));
            if around.mutant != Some(Mutant::OpenDropped) {
                postings
                    .extend(progress.fold.close_all(around.unix_ms).into_iter().map(|p| closed(p, around)));
            }
        }
        let batch = |postings: &[Posting]| Batch { postings: postings.to_vec(), cursors: Vec::new() };
        let mut steps: VecDeque<Call> =
            postings.chunks(RECOVERY_POSTINGS).map(|chunk| Call::Post(batch(chunk))).collect();
        steps.push_back(Call::Post(Batch { postings: Vec::new(), cursors: ends }));
        if around.mutant == Some(Mutant::LeasesBackFirst) {
            steps.push_front(Call::EndLeases);
        } else {
            steps.push_back(Call::EndLeases);
        }
        steps
    }

    /// Returns what need not be here: of windows that are over, and what nobody used since the last look.
    pub(crate) fn tidy(&mut self, open: impl Fn(&PurseId) -> Window) {
        let shared = self.live_nodes > 1;
        for (id, entry) in &mut self.memory.entries {
            let free = entry.purse.free();
            let idle = shared && !entry.used && free == entry.free_before;
            entry.recalled |= free > 0 && (idle || open(id) != id.window);
            (entry.used, entry.free_before) = (false, free);
        }
        // Whoever waits for it would otherwise count its changes from the start again.
        let awaited: Vec<PurseId> = self.memory.waiting.iter().flat_map(purses).collect();
        let done = |entry: &Entry| entry.lease.amount == 0 && entry.pending.is_none() && entry.is_empty();
        self.memory.entries.retain(|id, entry| open(id) == id.window || awaited.contains(id) || !done(entry));
    }
}

/// The outcome of a change of a lease is known. What a posting took from the row meanwhile is told by the difference
/// to what was expected.
fn leased(entry: &mut Entry, call: &LeaseCall, (amount, refused): (i64, bool), mutant: Option<Mutant>) {
    let returned = std::mem::take(&mut entry.returning);
    let difference = amount - entry.lease.amount + returned;
    entry.lease = Lease { amount, op: if refused { entry.lease.op } else { call.op } };
    entry.pending = None;
    if mutant != Some(Mutant::ReturnDifferenceDropped) || matches!(call.ask, Ask::Grant { .. }) {
        entry.purse.change(difference);
    }
}

fn forget(disk: &mut Disk, batch: &Batch) {
    for (epoch, worker, seq) in &batch.cursors {
        disk.forget((*epoch, *worker), *seq);
    }
}

/// What was cut off, as it goes into the books.
fn closed(mut posting: Posting, around: &Around<'_>) -> Posting {
    if around.mutant == Some(Mutant::MarkIgnored)
        && let Outcome::Settled(settle) = &mut posting.outcome
    {
        settle.charged = Some(NanoUsd::default());
    }
    posting
}
