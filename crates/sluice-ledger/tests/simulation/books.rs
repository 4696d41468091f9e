//! The database, as a few maps that keep the rules which the SQL keeps. What it does is done whole or not at all.

use std::collections::{BTreeMap, HashSet};

use sluice_ledger::{
    AccountId, NanoUsd, Posting, PurseId, RequestId, Window,
    lease::{Lease, chunk},
};

use crate::mutant::{Law, Mutant, Violation};

/// One budget in one window, in nano-dollars.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) limit: i64,
    pub(crate) posted: i64,
    pub(crate) leased: i64,
    /// The sum of what is in the rows of requests: what `posted` has to be.
    rows: i64,
    /// Posted without a lease to take it from.
    uncovered: i64,
    /// What requests in the books cost beyond what was reserved for them.
    excess: i64,
    written_off: i64,
    /// What power losses may have added to charges whose reservations were given to others.
    power: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct LeaseCall {
    pub(crate) purse: PurseId,
    pub(crate) op: i64,
    pub(crate) ask: Ask,
    /// What was seen of the row when this was sent; nothing honest looks at it.
    pub(crate) seen_remaining: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Grant { need: u64, live_nodes: u32 },
    Return { amount: i64 },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) postings: Vec<Posting>,
    /// Epoch, worker, number.
    pub(crate) cursors: Vec<(u32, u16, u64)>,
}

/// What nodes ask of the database.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// Begins a run. The number was made durable by the node before it asked, so asking twice is asking once.
    Open,
    Lease(LeaseCall),
    Post(Batch),
    EndLeases,
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Opened {
        cursors: BTreeMap<(u32, u16), u64>,
    },
    Leased {
        amount: i64,
        refused: Option<Refused>,
    },
    Posted,
    Ended,
    /// A newer run of the node has begun.
    Superseded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Spent,
    Held,
}

/// What came of a call beside its reply.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) reply: Reply,
    /// Rows that are new.
    pub(crate) inserted: Vec<Posting>,
    /// A purse that other nodes are asked to give back.
    pub(crate) recall: Option<PurseId>,
}

#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) rows: BTreeMap<PurseId, Row>,
    pub(crate) leases: BTreeMap<(usize, PurseId), Lease>,
    limits: BTreeMap<AccountId, i64>,
    requests: HashSet<RequestId>,
    cursors: BTreeMap<(usize, u32, u16), u64>,
    /// The newest run of each node.
    pub(crate) sessions: Vec<u32>,
    pub(crate) mutant: Option<Mutant>,
    /// The window that is open now; nothing honest looks at it.
    pub(crate) window: Window,
}

impl Books {
    pub(crate) fn new(nodes: usize, limits: BTreeMap<AccountId, i64>, mutant: Option<Mutant>) -> Self {
        Self {
            rows: BTreeMap::new(),
            leases: BTreeMap::new(),
            limits,
            requests: HashSet::new(),
            cursors: BTreeMap::new(),
            sessions: vec![0; nodes],
            mutant,
            window: Window(0),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// `limit - posted - leased` of a row.
    pub(crate) fn remaining(&self, purse: &PurseId) -> i64 {
        match self.rows.get(purse) {
            Some(row) => row.limit - row.posted - row.leased,
            None => self.limits.get(&purse.account).copied().unwrap_or_default(),
        }
    }

    pub(crate) fn execute(&mut self, node: usize, epoch: u32, call: &Call) -> Result<Done, Violation> {
        let mut done = Done { reply: Reply::Superseded, inserted: Vec::new(), recall: None };
        let current = self.sessions[node];
        if matches!(call, Call::Open) {
            if epoch >= current {
                self.sessions[node] = epoch;
                let of_node = self.cursors.range((node, 0, 0)..=(node, u32::MAX, u16::MAX));
                let cursors = of_node.map(|((_, epoch, worker), seq)| ((*epoch, *worker), *seq)).collect();
                done.reply = Reply::Opened { cursors };
            }
            return Ok(done);
        }
        if epoch != current && !self.is(Mutant::EpochNotCompared) {
            return Ok(done);
        }
        match call {
            Call::Open => {}
            Call::Lease(call) => {
                let (reply, recall) = self.lease(node, call)?;
                (done.reply, done.recall) = (reply, recall);
                self.check(&call.purse)?;
            }
            Call::Post(batch) => {
                done.inserted = self.post(node, batch)?;
                done.reply = Reply::Posted;
            }
            Call::EndLeases => {
                self.end_leases(node, false)?;
                done.reply = Reply::Ended;
            }
        }
        Ok(done)
    }

    fn row(&mut self, purse: &PurseId) -> &mut Row {
        let limit = self.limits.get(&purse.account).copied().unwrap_or_default();
        self.rows.entry(purse.clone()).or_insert_with(|| Row { limit, ..Row::default() })
    }

    fn lease(&mut self, node: usize, call: &LeaseCall) -> Result<(Reply, Option<PurseId>), Violation> {
        let (blind, by_old_sight) = (self.is(Mutant::GrantWithoutLimit), self.is(Mutant::GrantByOldSight));
        let below = self.is(Mutant::ReturnBelowNothing);
        let compared = !self.is(Mutant::OpNotCompared);
        self.row(&call.purse);
        let lease = self.leases.entry((node, call.purse.clone())).or_default();
        if compared && call.op == lease.op {
            return Ok((Reply::Leased { amount: lease.amount, refused: None }, None));
        }
        if compared && call.op != lease.op + 1 {
            let text = format!("node {node}: {:?} after change {}", call, lease.op);
            // A change of long ago that comes late hurts nobody: its answer is not waited for.
            return if call.op < lease.op {
                Ok((Reply::Superseded, None))
            } else {
                Err(Violation::new(Law::Turn, text))
            };
        }
        let Some(row) = self.rows.get_mut(&call.purse) else { return Ok((Reply::Superseded, None)) };
        let mut refused = None;
        match call.ask {
            // What was posted since it was sent may have taken some of it: no lease goes below nothing.
            Ask::Return { amount } => {
                let amount = if below { amount } else { amount.min(lease.amount) };
                lease.amount -= amount;
                row.leased -= amount;
            }
            Ask::Grant { need, live_nodes } => {
                let mut remaining = row.limit - row.posted - row.leased;
                if by_old_sight {
                    remaining = call.seen_remaining;
                }
                if blind {
                    remaining = i64::MAX;
                }
                let nano = |amount: i64| NanoUsd(u64::try_from(amount).unwrap_or_default());
                let nodes = if blind { 2 } else { live_nodes };
                match chunk(nano(remaining), NanoUsd(need), nodes) {
                    Some(NanoUsd(granted)) => {
                        let granted = granted.min(need.saturating_mul(if blind { 2 } else { u64::MAX }));
                        let granted = i64::try_from(granted).unwrap_or(i64::MAX);
                        lease.amount += granted;
                        row.leased += granted;
                    }
                    None if need > nano(row.limit - row.posted).0 => refused = Some(Refused::Spent),
                    None => refused = Some(Refused::Held),
                }
            }
        }
        // A change that was refused is none: it may be asked again under the same number.
        lease.op = if refused.is_some() { lease.op } else { call.op };
        let recall = (refused == Some(Refused::Held)).then(|| call.purse.clone());
        Ok((Reply::Leased { amount: lease.amount, refused }, recall))
    }

    fn post(&mut self, node: usize, batch: &Batch) -> Result<Vec<Posting>, Violation> {
        let mut inserted = Vec::new();
        for posting in &batch.postings {
            let fresh = self.requests.insert(posting.reserve.request);
            if fresh {
                inserted.push(posting.clone());
            }
            let charged = i64::try_from(posting.charged().0).unwrap_or(i64::MAX);
            for purse in posting.reserve.purses() {
                if fresh {
                    let row = self.row(&purse);
                    row.rows += charged;
                    row.excess +=
                        (charged - i64::try_from(posting.reserve.reserved.0).unwrap_or(i64::MAX)).max(0);
                }
                if fresh || self.is(Mutant::PostTwice) {
                    self.take(node, &purse, charged);
                }
                self.check(&purse)?;
            }
        }
        for (epoch, worker, seq) in &batch.cursors {
            let cursor = self.cursors.entry((node, *epoch, *worker)).or_default();
            *cursor = (*cursor).max(*seq);
        }
        Ok(inserted)
    }

    /// What power losses may add to charges; nothing honest looks at it.
    pub(crate) fn powers_went(&mut self, more: Vec<(PurseId, i64)>) {
        for (purse, amount) in more {
            self.row(&purse).power += amount;
        }
    }

    /// A charge goes into the books and out of the lease, as far as that goes.
    fn take(&mut self, node: usize, purse: &PurseId, charged: i64) {
        let mut purse = purse.clone();
        if self.is(Mutant::WindowOfEnd) && purse.window != Window(0) {
            purse.window = self.window;
        }
        let reduced = !self.is(Mutant::LeaseNotReduced);
        let lease = self.leases.entry((node, purse.clone())).or_default();
        let before = lease.amount;
        let uncovered = lease.post(NanoUsd(u64::try_from(charged).unwrap_or_default()));
        if !reduced {
            lease.amount = before;
        }
        let row = self.row(&purse);
        row.posted += charged;
        row.uncovered += uncovered;
        if reduced {
            row.leased -= charged - uncovered;
        }
    }

    /// All leases of a node go back to the budgets.
    pub(crate) fn end_leases(&mut self, node: usize, written_off: bool) -> Result<(), Violation> {
        let of_node: Vec<PurseId> =
            self.leases.keys().filter(|(owner, _)| *owner == node).map(|(_, purse)| purse.clone()).collect();
        for purse in of_node {
            let amount = self.leases.remove(&(node, purse.clone())).unwrap_or_default().amount;
            let row = self.row(&purse);
            row.leased -= amount;
            if written_off {
                row.written_off += amount;
            }
            self.check(&purse)?;
        }
        Ok(())
    }

    /// What holds for a row after every step.
    fn check(&self, purse: &PurseId) -> Result<(), Violation> {
        let Some(row) = self.rows.get(purse) else { return Ok(()) };
        let broken = |law| Err(Violation::new(law, format!("{purse:?} {row:?}")));
        let nodes = 0..self.sessions.len();
        let leases =
            nodes.filter_map(|node| self.leases.get(&(node, purse.clone()))).map(|lease| lease.amount);
        let (least, leased) = leases.fold((0, 0), |(least, sum), amount| (amount.min(least), sum + amount));
        if row.leased != leased || least < 0 {
            return broken(Law::RowLeased);
        }
        if row.posted != row.rows {
            return broken(Law::PostedOnce);
        }
        if row.posted + row.leased - row.uncovered > row.limit {
            return broken(Law::Limit);
        }
        if row.uncovered > row.excess + row.written_off + row.power {
            return broken(Law::Covered);
        }
        if row.excess + row.written_off + row.power == 0 && row.posted > row.limit {
            return broken(Law::Limit);
        }
        Ok(())
    }

    /// What holds when everything has ended.
    pub(crate) fn check_end(&self) -> Result<(), Violation> {
        for (purse, row) in &self.rows {
            self.check(purse)?;
            if row.leased != 0 {
                return Err(Violation::new(Law::Empty, format!("{purse:?} {row:?}")));
            }
        }
        Ok(())
    }
}
