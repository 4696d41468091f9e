//! One node: requests that come and end, and the desk that leases, posts and recovers. Purses, leases, reservations,
//! frames and the fold are the real ones.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use sluice_ledger::{
    AccountId, Fold, NanoUsd, Posting, Purse, PurseId, Record, RequestId, Reservation, UsageSource, Window,
    lease::Lease,
    record::{Flags, Mark, Reserve, Settle, Void},
};

use crate::{
    books::LeaseCall,
    disk::{Disk, Place},
    mutant::{Law, Mutant, Violation},
    truth::Truth,
};

/// A purse and what the node knows about it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) purse: Arc<Purse>,
    pub(crate) lease: Lease,
    /// A change whose outcome is not known.
    pub(crate) pending: Option<LeaseCall>,
    /// Taken out of the purse to go back.
    pub(crate) returning: i64,
    /// Counted apart from the purse: held by requests, and charged but not mirrored from the books yet.
    held: i64,
    spent: i64,
    pub(crate) used: bool,
    pub(crate) free_before: i64,
    pub(crate) recalled: bool,
}

impl Entry {
    fn new(id: PurseId) -> Self {
        Self {
            purse: Arc::new(Purse::new(id)),
            lease: Lease::default(),
            pending: None,
            returning: 0,
            held: 0,
            spent: 0,
            used: false,
            free_before: 0,
            recalled: false,
        }
    }

    /// Whether nothing of it is free, held, spent or on its way.
    pub(crate) fn is_empty(&self) -> bool {
        (self.purse.free(), self.held, self.spent, self.returning) == (0, 0, 0, 0)
    }

    pub(crate) fn check(&self) -> Result<(), Violation> {
        if self.lease.amount == self.purse.free() + self.held + self.spent + self.returning {
            return Ok(());
        }
        Err(Violation::new(Law::Purse, format!("{self:?}")))
    }
}

/// What a request is going to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) request: RequestId,
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) windows: [Window; 2],
    pub(crate) bound: u64,
    /// What it is charged; `None` where it fails.
    pub(crate) charged: Option<u64>,
    pub(crate) marks: u64,
    pub(crate) lasts_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) plan: Plan,
    reservation: Reservation,
    place: Place,
    written: bool,
    pub(crate) marks: u64,
}

/// How far the journal of one worker was read.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) fold: Fold,
    pub(crate) last_seq: u64,
    pub(crate) offset: usize,
}

impl Progress {
    pub(crate) fn cursor(&self, mutant: Option<Mutant>) -> u64 {
        match self.fold.oldest_open() {
            Some(open) if mutant != Some(Mutant::CursorPastOpen) => open - 1,
            _ => self.last_seq,
        }
    }
}

/// What is in memory while the process lives.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) entries: BTreeMap<PurseId, Entry>,
    pub(crate) running: HashMap<RequestId, Running>,
    pub(crate) waiting: VecDeque<Plan>,
    /// Ends that wait for the disk: request, charge, journal, offset.
    unsynced: Vec<(RequestId, i64, Place, usize)>,
    pub(crate) progress: BTreeMap<u16, Progress>,
}

/// What every step of a node may look at and change.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) truth: &'a mut Truth,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) power: bool,
    pub(crate) unix_ms: u64,
}

impl Around<'_> {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

/// Which purse has too little for a request, and how much is missing.
pub(crate) type Missing = (PurseId, u64);

impl Memory {
    pub(crate) fn entry(&mut self, id: &PurseId) -> &mut Entry {
        self.entries.entry(id.clone()).or_insert_with(|| Entry::new(id.clone()))
    }

    /// Takes what a request needs, writes it down and sends it upstream; or says what is missing.
    pub(crate) fn admit(
        &mut self,
        plan: &Plan,
        disk: &mut Disk,
        around: &mut Around<'_>,
    ) -> Result<Option<Missing>, Violation> {
        let ids = purses(plan);
        let purses = ids.each_ref().map(|id| Some(Arc::clone(&self.entry(id).purse)));
        let bound = NanoUsd(plan.bound);
        let reservation = match Reservation::take(bound, purses.clone()) {
            Ok(reservation) => reservation,
            Err(too_little) => {
                if around.is(Mutant::OneOfTwo)
                    && too_little.index == 1
                    && let [Some(key), _] = &purses
                {
                    let _ = key.take(bound);
                }
                let id = &ids[too_little.index];
                for id in &ids {
                    self.entry(id).check()?;
                }
                return Ok(Some((id.clone(), too_little.short.missing.0)));
            }
        };
        for id in &ids {
            let entry = self.entry(id);
            (entry.held, entry.used) = (entry.held + signed(plan.bound), true);
            entry.check()?;
        }
        let worker = u16::from(plan.request.0[15] & 1);
        let place = (disk.epoch, worker);
        let mut running = Running { plan: plan.clone(), reservation, place, written: false, marks: 0 };
        let mut reserved = 0;
        if !around.is(Mutant::SendBeforeReserve) {
            reserved = running.write(disk, around);
        }
        around.truth.sent(plan.request, ids, place, reserved);
        self.running.insert(plan.request, running);
        Ok(None)
    }

    /// What a request would cost if it ended now.
    pub(crate) fn mark(&mut self, request: RequestId, disk: &mut Disk, around: &mut Around<'_>) {
        let Some(running) = self.running.get_mut(&request) else { return };
        running.write(disk, around);
        running.marks += 1;
        let share = running.plan.charged.unwrap_or(running.plan.bound / 2);
        let cost = share * running.marks / (running.plan.marks + 1);
        let mark = Mark {
            request,
            usage: sluice_chat::Usage { completion_tokens: running.marks, ..Default::default() },
            cost: Some(NanoUsd(cost)),
            answered: Arc::default(),
        };
        let at = disk.append(running.place, &Record::Mark(mark));
        around.truth.marked(request, at, signed(cost));
    }

    /// The last byte may go out.
    pub(crate) fn end(
        &mut self,
        request: RequestId,
        disk: &mut Disk,
        around: &mut Around<'_>,
    ) -> Result<(), Violation> {
        let Some(mut running) = self.running.remove(&request) else { return Ok(()) };
        running.write(disk, around);
        let Running { plan, reservation, place, .. } = running;
        let charged = signed(plan.charged.unwrap_or_default());
        let at = disk.append(place, &end_record(&plan, around.unix_ms));
        around.truth.ended(request, at, charged);
        let ids = purses(&plan);
        if around.is(Mutant::SettledTwice) {
            for id in &ids {
                self.entry(id).purse.settle(NanoUsd(plan.bound), NanoUsd(plan.bound / 2));
            }
        }
        match plan.charged {
            Some(cost) => reservation.settle(NanoUsd(cost)),
            None if around.is(Mutant::VoidKeepsHold) => drop(reservation),
            None => reservation.release(),
        }
        for id in &ids {
            let entry = self.entry(id);
            entry.held -= signed(plan.bound);
            entry.spent += charged;
            entry.check()?;
        }
        if plan.charged.is_some() {
            if around.power && !around.is(Mutant::AckBeforeSync) {
                self.unsynced.push((request, charged, place, at));
            } else {
                around.truth.acknowledged(request, charged);
            }
        }
        Ok(())
    }

    /// The disk has everything that was written.
    pub(crate) fn synced(&mut self, truth: &mut Truth) {
        for (request, charged, ..) in self.unsynced.drain(..) {
            truth.acknowledged(request, charged);
        }
    }

    /// A batch is in the books: what they took from the lease is taken here.
    pub(crate) fn mirror(&mut self, postings: &[Posting], mutant: Option<Mutant>) -> Result<(), Violation> {
        for posting in postings {
            for id in posting.reserve.purses() {
                // What was forgotten had nothing in it: this is free of charge.
                let Some(entry) = self.entries.get_mut(&id) else { continue };
                let uncovered = entry.lease.post(posting.charged());
                entry.spent -= signed(posting.charged().0);
                if mutant != Some(Mutant::UncoveredForgotten) {
                    entry.purse.change(uncovered);
                }
                entry.check()?;
            }
        }
        Ok(())
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let open = self.progress.values().any(|progress| progress.fold.open_count() > 0);
        self.running.is_empty() && self.waiting.is_empty() && self.unsynced.is_empty() && !open
    }
}

impl Running {
    /// Writes the reservation, if it is not written. Returns the offset behind it.
    fn write(&mut self, disk: &mut Disk, around: &Around<'_>) -> usize {
        if std::mem::replace(&mut self.written, true) {
            return 0;
        }
        let reserve = Reserve {
            request: self.plan.request,
            unix_ms: around.unix_ms,
            key: self.plan.key.clone(),
            project: self.plan.project.clone(),
            model: "m".into(),
            stream: true,
            reserved: self.reservation.reserved(),
            key_window: Some(self.plan.windows[0]),
            project_window: Some(self.plan.windows[1]),
        };
        disk.append(self.place, &Record::Reserve(reserve))
    }
}

/// The key's and the project's.
pub(crate) fn purses(plan: &Plan) -> [PurseId; 2] {
    [
        PurseId { account: AccountId::key(&plan.key), window: plan.windows[0] },
        PurseId { account: AccountId::project(&plan.project), window: plan.windows[1] },
    ]
}

fn end_record(plan: &Plan, unix_ms: u64) -> Record {
    match plan.charged {
        None => Record::Void(Void { request: plan.request, unix_ms, status: 502 }),
        Some(charged) => Record::Settle(Settle {
            request: plan.request,
            unix_ms,
            usage: sluice_chat::Usage::default(),
            source: UsageSource::Provider,
            charged: Some(NanoUsd(charged)),
            answered: Arc::default(),
            flags: Flags { excess: charged > plan.bound, ..Flags::default() },
        }),
    }
}

pub(crate) fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
