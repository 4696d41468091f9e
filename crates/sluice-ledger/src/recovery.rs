//! Joins the records of a journal into postings: a reservation and its end. The drain does it while the node runs,
//! recovery with what a run that ended has left behind.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    NanoUsd, Posting, Record, RequestId, UsageSource,
    record::{ByRequest, Flags, Mark, Outcome, Reserve, Settle},
};

/// The requests of one worker's journal that have begun and not ended. One for each epoch and worker: the numbers of
/// records count from the start of each.
#[derive(Debug, Default)]
pub struct Fold {
    open: ByRequest<Open>,
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
        answered: Arc::default(),
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

#[cfg(test)]
mod tests {
    use sluice_chat::Usage;

    use super::*;
    use crate::{
        Window,
        record::{Answered, Checkpoint, Void},
    };

    fn reserve(id: u8, reserved: u64) -> Record {
        Record::Reserve(Reserve {
            request: RequestId([id; 16]),
            unix_ms: 1,
            key: "k".into(),
            project: "p".into(),
            model: "m".into(),
            stream: true,
            reserved: NanoUsd(reserved),
            key_window: Some(Window(0)),
            project_window: None,
        })
    }

    fn mark(id: u8, cost: Option<u64>) -> Record {
        let usage = Usage { completion_tokens: cost.unwrap_or(7), ..Usage::default() };
        let answered = Arc::new(Answered { provider: "a".into(), ..Answered::default() });
        Record::Mark(Mark { request: RequestId([id; 16]), usage, cost: cost.map(NanoUsd), answered })
    }

    fn settle(id: u8, charged: u64) -> Record {
        Record::Settle(Settle {
            request: RequestId([id; 16]),
            unix_ms: 2,
            usage: Usage::default(),
            source: UsageSource::Provider,
            charged: Some(NanoUsd(charged)),
            answered: Arc::default(),
            flags: Flags::default(),
        })
    }

    fn void(id: u8) -> Record {
        Record::Void(Void { request: RequestId([id; 16]), unix_ms: 2, status: 502 })
    }

    /// Posted while the records came as `(id, charged)`, the oldest open one, and what closing the rest posts.
    fn check(
        records: Vec<Record>,
        posted: &[(u8, u64)],
        oldest: Option<u64>,
        closed: &[(u8, Option<u64>, &str)],
    ) {
        let mut fold = Fold::new();
        let found: Vec<_> =
            (1u64..).zip(records).filter_map(|(seq, record)| fold.push(seq, record)).collect();
        let found: Vec<_> = found.iter().map(|p| (p.reserve.request.0[0], p.charged().0)).collect();
        assert_eq!(found, posted);
        assert_eq!((fold.oldest_open(), fold.open_count()), (oldest, closed.len()));
        let found = fold.close_all(9).into_iter().map(|posting| match posting.outcome {
            Outcome::Settled(settle) => {
                assert_eq!((settle.source, settle.unix_ms), (UsageSource::Interrupted, 9));
                assert_eq!(settle.request, posting.reserve.request);
                let flags = match settle.flags {
                    Flags { unconfirmed: true, .. } => "unconfirmed",
                    Flags { excess: true, .. } => "excess",
                    _ => "",
                };
                assert_eq!(settle.answered.provider.is_empty(), flags == "unconfirmed");
                (settle.request.0[0], settle.charged.map(|c| c.0), flags)
            }
            Outcome::Voided(void) => panic!("{void:?}"),
        });
        assert_eq!(found.collect::<Vec<_>>(), closed);
    }

    #[test]
    fn reservations_meet_their_ends() {
        let node = Record::Checkpoint(Checkpoint { node: "n".into(), unix_ms: 0 });
        check(
            vec![node, reserve(1, 10), reserve(2, 10), settle(2, 4)],
            &[(2, 4)],
            Some(2),
            &[(1, Some(0), "unconfirmed")],
        );
        check(vec![reserve(1, 10), mark(1, Some(3)), settle(1, 4)], &[(1, 4)], None, &[]);
        check(vec![reserve(1, 10), mark(1, Some(3)), void(1)], &[(1, 0)], None, &[]);
    }

    #[test]
    fn ends_without_a_reservation_and_second_frames_say_nothing() {
        check(vec![settle(1, 4), void(2), mark(3, Some(1))], &[], None, &[]);
        check(
            vec![reserve(1, 10), settle(1, 4), settle(1, 4), void(1), mark(1, Some(9))],
            &[(1, 4)],
            None,
            &[],
        );
        check(vec![reserve(1, 10), reserve(1, 99), settle(1, 4)], &[(1, 4)], None, &[]);
        check(vec![reserve(1, 10), reserve(1, 10)], &[], Some(1), &[(1, Some(0), "unconfirmed")]);
    }

    #[test]
    fn what_never_ended_is_charged_at_its_last_mark() {
        check(
            vec![
                reserve(3, 10),
                reserve(1, 10),
                reserve(2, 10),
                mark(1, Some(3)),
                mark(1, Some(5)),
                mark(2, Some(11)),
            ],
            &[],
            Some(1),
            &[(3, Some(0), "unconfirmed"), (1, Some(5), ""), (2, Some(11), "excess")],
        );
        check(vec![reserve(1, 0), mark(1, None)], &[], Some(1), &[(1, None, "")]);
    }
}
