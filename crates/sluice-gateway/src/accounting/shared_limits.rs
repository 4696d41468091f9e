//! Limits that several nodes count together: requests ask, one thread carries.
//!
//! All of a node goes over one connection, one batch at a time: what waits while one is under way goes with the next,
//! so that many requests share a round trip, and what one request gave back is there before the next asks, whichever
//! worker they came to. It has a thread of its own, so that nothing that the books do makes requests wait.
//!
//! Nobody is refused because the server does not answer: the node then counts for itself, up to its share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use prometheus_client::metrics::counter::Counter;
use sluice_ledger::limit::{MINUTE_NS, Rate};
use sluice_store::shared_limits::{Batch, Taken, Wish};
use tokio::sync::{mpsc, oneshot};

use super::limits::{
    Counted, Limit, LimitKind, LimitSet, Limited, PARALLEL_WAIT_NS, Permit, Standing, Standings, difference,
    share_of,
};
use crate::bounds;

/// The shared limits as workers see them.
#[derive(Debug)]
pub(crate) struct Sharing {
    asks: mpsc::Sender<Ask>,
    /// Set while the server does not answer.
    away: AtomicBool,
    /// How many nodes shared the limits when the server last said so.
    nodes: AtomicU32,
    pub(super) failures: Counter,
}

/// What workers have for the courier.
#[derive(Debug)]
pub(super) enum Ask {
    Take(Wanted),
    Ended(Ended),
}

/// A request wants to be sent. No reply at all: the server did not answer.
#[derive(Debug)]
pub(super) struct Wanted {
    limits: Arc<[Limit]>,
    tokens: u64,
    now_ns: u64,
    reply: oneshot::Sender<Result<(Permit, Standings), Limited>>,
}

/// A request has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) limits: Arc<[Limit]>,
    /// What was taken.
    pub(super) tokens: u64,
    pub(super) used: Option<u64>,
    pub(super) counted: Counted,
    pub(super) now_ns: u64,
}

impl Sharing {
    pub(super) fn new(failures: Counter) -> (Arc<Self>, mpsc::Receiver<Ask>) {
        let (asks, receiver) = mpsc::channel(bounds::LIMIT_ASKS);
        let sharing = Self { asks, away: AtomicBool::new(true), nodes: AtomicU32::new(1), failures };
        (Arc::new(sharing), receiver)
    }

    /// Takes one request of `tokens` from every limit, or from none: from what nodes share or, where that does not
    /// answer in time, from this node's share as one of `nodes`.
    pub(crate) async fn take(
        self: &Arc<Self>,
        set: &LimitSet,
        now_ns: u64,
        tokens: u64,
        nodes: u32,
    ) -> Result<Option<(Permit, Standings)>, Limited> {
        let Some(limits) = set.all() else { return Ok(None) };
        if !self.is_away() {
            let (reply, answer) = oneshot::channel();
            let wanted = Wanted { limits: Arc::clone(limits), tokens, now_ns, reply };
            if self.asks.try_send(Ask::Take(wanted)).is_ok() {
                match tokio::time::timeout(bounds::REDIS_WAIT, answer).await {
                    Ok(Ok(answered)) => return answered.map(Some),
                    // The courier has counted this failure already.
                    Ok(Err(_)) => {}
                    Err(_) => drop(self.failures.inc()),
                }
            } else {
                self.failures.inc();
            }
        }
        let taken = set.take(now_ns, tokens, nodes)?;
        Ok(taken.map(|(permit, standings)| (permit.shared_with(self), standings)))
    }

    /// A request has ended. Never waits: where there is no room the next count that the courier sends is right anyway,
    /// and an estimate stands for the true number of tokens.
    pub(super) fn ended(&self, ended: Ended) {
        if !self.is_away() && ended.matters() {
            let _ = self.asks.try_send(Ask::Ended(ended));
        }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Returns whether it was otherwise.
    pub(super) fn set_away(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::AcqRel) != away
    }

    /// How many nodes share the limits, as far as is known.
    pub(crate) fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::Relaxed)
    }

    pub(super) fn set_nodes(&self, nodes: u32) {
        self.nodes.store(nodes.max(1), Ordering::Relaxed);
    }
}

/// What a wish stands for.
#[derive(Clone, Copy, Debug)]
enum Wished {
    Requests(Rate),
    Tokens(Rate),
    Slot(u32),
}

impl Wished {
    fn rate(self) -> Option<Rate> {
        match self {
            Self::Requests(rate) | Self::Tokens(rate) => Some(rate),
            Self::Slot(_) => None,
        }
    }
}

/// What is wished for, in the order in which a request that is refused is told why.
fn wished(limits: &[Limit]) -> impl Iterator<Item = (&Limit, Wished)> {
    limits.iter().flat_map(|limit| {
        let wishes = [
            limit.parallel.map(Wished::Slot),
            limit.requests.map(Wished::Requests),
            limit.tokens.map(Wished::Tokens),
        ];
        wishes.into_iter().flatten().map(move |wished| (limit, wished))
    })
}

impl Wanted {
    pub(super) fn limits(&self) -> &Arc<[Limit]> {
        &self.limits
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.reply.is_closed()
    }

    /// Puts what is wished for into `batch`.
    pub(super) fn write(&self, batch: &mut Batch) {
        let wish = |(limit, wished): (&Limit, Wished)| {
            let keys = &limit.counters.keys;
            let rate = |key: &Arc<str>, rate: Rate, cost| Wish::Rate {
                key: Arc::clone(key),
                // What never fits must not fit by a rounding.
                cost_ns: if cost > rate.limit() {
                    rate.duration_ns(cost).max(MINUTE_NS + 1)
                } else {
                    rate.duration_ns(cost)
                },
            };
            match wished {
                Wished::Slot(limit) => Wish::Slot { key: Arc::clone(&keys.slots), limit },
                Wished::Requests(limit) => rate(&keys.requests, limit, 1),
                Wished::Tokens(limit) => rate(&keys.tokens, limit, self.tokens),
            }
        };
        let wishes: Vec<Wish> = wished(&self.limits).map(wish).collect();
        batch.take(&wishes);
    }

    /// How many rates are among the wishes.
    pub(super) fn rates(&self) -> usize {
        wished(&self.limits).filter(|(_, wished)| wished.rate().is_some()).count()
    }

    /// Tells the request what became of it.
    pub(super) fn answer(self, taken: &Taken, sharing: &Arc<Sharing>) {
        let standings = self.standings(taken);
        let answer = match taken.refused {
            Some(refused) => {
                let refusal = self.refusal(refused.wish, refused.wait_ns, standings);
                // The script knows only what it was asked; then it is not known what was refused.
                match refusal {
                    Some(limited) => Err(limited),
                    None => return,
                }
            }
            None => {
                for limit in self.limits.iter() {
                    if limit.parallel.is_some() {
                        limit.counters.slots.enter();
                    }
                    if let Some(rate) = limit.requests {
                        let share = share_of(rate, sharing.nodes());
                        limit.counters.requests.note(share, self.now_ns, 1);
                    }
                }
                let sharing = Some(Arc::clone(sharing));
                Ok((Permit::new(&self.limits, self.tokens, Counted::Together, sharing), standings))
            }
        };
        // A permit that nobody waits for any more is dropped, and so given back.
        let _ = self.reply.send(answer);
    }

    fn standings(&self, taken: &Taken) -> Standings {
        let mut standings = Standings::default();
        let rates = wished(&self.limits).filter_map(|(_, wished)| Some((wished, wished.rate()?)));
        for ((wished, rate), reset_ns) in rates.zip(&taken.reset_ns) {
            let standing = Standing {
                limit: rate.limit(),
                remaining: rate.remaining(*reset_ns, 0),
                reset_ns: *reset_ns,
            };
            match wished {
                Wished::Requests(_) => Standings::tighten(&mut standings.requests, standing),
                _ => Standings::tighten(&mut standings.tokens, standing),
            }
        }
        standings
    }

    fn refusal(&self, wish: usize, wait_ns: Option<u64>, standings: Standings) -> Option<Limited> {
        let (_, wished) = wished(&self.limits).nth(wish)?;
        let fits = |limit, cost, wait_ns: Option<u64>| wait_ns.filter(|_| cost <= limit);
        Some(match wished {
            Wished::Slot(limit) => Limited {
                kind: LimitKind::Parallel,
                limit: u64::from(limit),
                wait_ns: Some(PARALLEL_WAIT_NS),
                standings,
            },
            Wished::Requests(rate) => Limited {
                kind: LimitKind::Requests,
                limit: rate.limit(),
                wait_ns: fits(rate.limit(), 1, wait_ns),
                standings,
            },
            Wished::Tokens(rate) => Limited {
                kind: LimitKind::Tokens,
                limit: rate.limit(),
                wait_ns: fits(rate.limit(), self.tokens, wait_ns),
                standings,
            },
        })
    }
}

impl Ended {
    /// Whether there is something to tell the others.
    fn matters(&self) -> bool {
        self.limits.iter().any(|limit| {
            let rates = self.counted == Counted::Together
                && (self.used.is_none() && limit.requests.is_some()
                    || self.used != Some(self.tokens) && limit.tokens.is_some());
            limit.parallel.is_some() || rates
        })
    }

    /// Puts the corrections into `batch`, and what was used into this node's own count.
    pub(super) fn write(&self, batch: &mut Batch, nodes: u32) {
        if self.counted != Counted::Together {
            return;
        }
        for limit in self.limits.iter() {
            let keys = &limit.counters.keys;
            if let (Some(rate), None) = (limit.requests, self.used) {
                batch.post(&keys.requests, duration_ns(rate, -1));
            }
            let Some(rate) = limit.tokens else { continue };
            let more = difference(self.tokens, self.used.unwrap_or_default());
            if more != 0 {
                batch.post(&keys.tokens, duration_ns(rate, more));
            }
            if let Some(used) = self.used {
                limit.counters.tokens.note(share_of(rate, nodes), self.now_ns, used);
            }
        }
    }
}

fn duration_ns(rate: Rate, difference: i64) -> i64 {
    let ns = i64::try_from(rate.duration_ns(difference.unsigned_abs())).unwrap_or(i64::MAX);
    if difference < 0 { -ns } else { ns }
}
