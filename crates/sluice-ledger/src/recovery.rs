//! Joins the records of a journal into postings: a reservation and its end. The drain does it while the node runs,
//! recovery with what a run that ended has left behind.

use std::collections::{BTreeMap, HashMap};

use crate::{
    NanoUsd, Posting, Record, RequestId, UsageSource,
    record::{Answered, Flags, Mark, Outcome, Reserve, Settle},
};

/// The requests of one worker's journal that have begun and not ended. One for each epoch and worker: the numbers of
/// records count from the start of each.
#[derive(Debug, Default)]
pub struct Fold {
    open: HashMap<RequestId, Open>,
    /// The same requests in the order of their reservations.
    order: BTreeMap<u64, RequestId>,
}

#[derive(Debug)]
struct Open {
    seq: u64,
    reserve: Reserve,
    /// The last one: what the request is charged if it never ends.
    mark: Option<Mark>,
}

impl Fold {
    /// Nothing is open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the record with the number `seq`; records come in the order of their numbers. Returns what goes into the
    /// books with it. Ends of requests that are not open say nothing: their reservations are behind the cursor, so
    /// they are posted; and a frame that was written twice ends its request once.
    pub fn push(&mut self, seq: u64, record: Record) -> Option<Posting> {
        match record {
            Record::Checkpoint(_) | Record::Lease(_) => None,
            Record::Reserve(reserve) => {
                self.begin(seq, reserve);
                None
            }
            Record::Mark(mark) => {
                if let Some(open) = self.open.get_mut(&mark.request) {
                    open.mark = Some(mark);
                }
                None
            }
            Record::Settle(settle) => self.end(settle.request, Outcome::Settled(settle)),
            Record::Void(void) => self.end(void.request, Outcome::Voided(void)),
        }
    }

    /// The number of the oldest reservation that has not ended. A cursor stays before it.
    pub fn oldest_open(&self) -> Option<u64> {
        self.order.first_key_value().map(|(seq, _)| *seq)
    }

    /// Requests that have not ended.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Ends every open request, for no task is left that could: at its last mark, or at nothing where there is none.
    /// In the order of their reservations. `unix_ms` is when that was found.
    pub fn close_all(mut self, unix_ms: u64) -> Vec<Posting> {
        let open = &mut self.open;
        self.order
            .into_values()
            .filter_map(|request| Some(interrupted(open.remove(&request)?, unix_ms)))
            .collect()
    }

    fn begin(&mut self, seq: u64, reserve: Reserve) {
        let request = reserve.request;
        // The first one counts if a frame was written twice.
        if !self.open.contains_key(&request) {
            self.order.insert(seq, request);
            self.open.insert(request, Open { seq, reserve, mark: None });
        }
    }

    fn end(&mut self, request: RequestId, outcome: Outcome) -> Option<Posting> {
        let open = self.open.remove(&request)?;
        self.order.remove(&open.seq);
        Some(Posting { reserve: open.reserve, outcome })
    }
}

fn interrupted(open: Open, unix_ms: u64) -> Posting {
    let Open { reserve, mark, .. } = open;
    let unconfirmed = mark.is_none();
    let mark = mark.unwrap_or_else(|| Mark {
        request: reserve.request,
        usage: sluice_chat::Usage::default(),
        cost: Some(NanoUsd::default()),
        answered: Answered::default(),
    });
    let excess = mark.cost.is_some_and(|cost| cost > reserve.reserved) && reserve.purses().next().is_some();
    let settle = Settle {
        request: reserve.request,
        unix_ms,
        usage: mark.usage,
        source: UsageSource::Interrupted,
        charged: mark.cost,
        answered: mark.answered,
        flags: Flags { absurd: false, excess, unconfirmed },
    };
    Posting { reserve, outcome: Outcome::Settled(settle) }
}
