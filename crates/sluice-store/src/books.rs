//! What the store keeps about money: nodes, leases, and the rows that requests become.

use sluice_ledger::{NanoUsd, Posting, PurseId, RequestId};

use crate::latency::Latencies;

/// One run of one node. Epochs of a node rise with every start; only the newest may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub node: String,
    pub epoch: u32,
}

/// What a node learns when it says that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Nodes that said so within the last [`NODE_ALIVE_MS`], with this one.
    pub live_nodes: u32,
    /// Rises with every change of the catalog.
    pub catalog_version: i64,
}

/// A node that has been silent this long no longer counts as alive. Its leases stay where they are.
pub const NODE_ALIVE_MS: u64 = 10_000;

/// How far the journal of one worker has been posted: everything up to `seq` needs no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    pub epoch: u32,
    pub worker: u16,
    pub seq: u64,
}

/// A change of one node's lease of one purse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    pub purse: PurseId,
    /// The limit of the budget, with which the row is made where there is none yet.
    pub limit: NanoUsd,
    /// One more than that of the last change that was taken. Sending the same number again asks for the outcome of
    /// a change whose answer was lost; the change happens once.
    pub op: i64,
    pub ask: LeaseAsk,
}

/// What is asked of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseAsk {
    /// At least `need`, more if [`chunk`](sluice_ledger::lease::chunk) says so.
    Grant { need: NanoUsd, live_nodes: u32 },
    /// So many nano-dollars that are free go back.
    Return { amount: u64 },
}

/// What became of a [`LeaseRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseAnswer {
    /// What the row of this node's lease says now, in nano-dollars. What was granted is the difference to before.
    pub amount: i64,
    /// Where nothing was granted: why.
    pub refused: Option<LeaseRefusal>,
}

/// Why nothing was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRefusal {
    /// `posted + need` is above the limit.
    Spent,
    /// It would fit if nobody else held a lease; the other nodes have been asked to give back what is free.
    Held,
}

/// The row of one purse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRow {
    pub purse: PurseId,
    pub limit: NanoUsd,
    pub posted: NanoUsd,
    /// Held by nodes, spent by requests that are not posted yet or free.
    pub leased: NanoUsd,
}

/// What is known of a request beside its money. It may be lost; the money may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub trace_id: String,
    pub status: u16,
    pub error_code: Option<String>,
    /// Microseconds between the arrival of the request and its first call.
    pub queue_us: Option<u64>,
    pub first_token_us: Option<u64>,
    pub total_us: u64,
    pub repaired: bool,
    pub hedged: bool,
    /// What was spent on answers that nobody got.
    pub wasted: NanoUsd,
    pub attempts: Vec<AttemptDetails>,
}

impl Details {
    /// Whether the caller got an error: as the answer, or inside a stream that had begun.
    pub fn is_error(&self) -> bool {
        self.status >= 400 || self.error_code.is_some()
    }

    /// The provider that was called last.
    pub fn last_called(&self) -> Option<&str> {
        self.attempts.last().map(|attempt| attempt.provider.as_str())
    }
}

/// One call of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptDetails {
    pub provider: String,
    pub upstream_model: String,
    /// Milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Microseconds since it started.
    pub first_token_us: Option<u64>,
    pub ended_us: u64,
    /// The status that the upstream answered, if it answered.
    pub status: Option<u16>,
    /// `ok`, `failed` or `cancelled`.
    pub outcome: &'static str,
    /// The error code of a failure.
    pub reason: Option<String>,
    /// Why it was made, one of [`WHYS`]; empty where that is not known.
    pub why: &'static str,
}

/// Why an upstream is called: the first call of a request, another target with the same model or with another one, the
/// same target again or when it said to, beside a slow call, or to go on with a stream that broke.
pub const WHYS: [&str; 7] = ["first", "equal", "fallback", "retry", "after_wait", "hedge", "repair"];

/// A request that was refused before anything was reserved for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub request: RequestId,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
    pub key: String,
    pub project: String,
    /// As the caller named it; empty where it named none.
    pub model: String,
    pub stream: bool,
    pub details: Details,
}

/// What one transaction takes into the books.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Ends of requests, each with its details if they have come.
    pub postings: Vec<(Posting, Option<Details>)>,
    pub refused: Vec<Refused>,
    /// Details of requests that are in the books already.
    pub late_details: Vec<(RequestId, Details)>,
    /// How far the journal is posted with this.
    pub cursors: Vec<Cursor>,
    /// How long answers took: of these requests, or of others that were posted before.
    pub latencies: Latencies,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let Self { postings, refused, late_details, cursors, latencies } = self;
        let told = postings.is_empty() && refused.is_empty() && late_details.is_empty();
        told && cursors.is_empty() && latencies.is_empty()
    }

    /// Half of it, and the rest if there is one, to be posted in this order: how far the journal is posted is said
    /// with the last piece only.
    pub fn halve(mut self) -> (Self, Option<Self>) {
        let Self { postings, refused, late_details, .. } = &mut self;
        let rest = Self {
            postings: postings.split_off(postings.len().div_ceil(2)),
            refused: refused.split_off(refused.len().div_ceil(2)),
            late_details: late_details.split_off(late_details.len().div_ceil(2)),
            cursors: Vec::new(),
            latencies: Latencies::default(),
        };
        if rest.is_empty() {
            return (self, None);
        }
        let rest = Self { cursors: std::mem::take(&mut self.cursors), ..rest };
        (self, Some(rest))
    }
}

/// What the database tells without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// Something in the catalog has changed, here or on another node.
    CatalogChanged,
    /// Another node needs what is free of this purse.
    Recall(PurseId),
    /// The connection was lost and is there again: anything may have happened in between.
    Reconnected,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_halved_until_nothing_is_left_to_halve() {
        let late = |n: u8| (RequestId([n; 16]), Details::default());
        let cursor = Cursor { epoch: 1, worker: 0, seq: 9 };
        let mut left = vec![Batch {
            late_details: (0..5).map(late).collect(),
            cursors: vec![cursor],
            ..Batch::default()
        }];
        let mut pieces = Vec::new();
        while let Some(batch) = left.pop() {
            let (first, rest) = batch.halve();
            match rest {
                Some(rest) => left.extend([rest, first]),
                None => pieces.push(first),
            }
        }
        let ids: Vec<_> = pieces.iter().map(|piece| piece.late_details[0].0.0[0]).collect();
        let cursors: Vec<_> = pieces.iter().map(|piece| piece.cursors.len()).collect();
        assert_eq!((ids, cursors), (vec![0, 1, 2, 3, 4], vec![0, 0, 0, 0, 1]));
    }
}
