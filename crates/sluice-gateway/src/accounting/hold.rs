//! Taking what a request needs before it is sent: room in its limits, money from its budgets, and a line in the
//! journal that says so.

use std::{sync::Arc, time::Instant};

use sluice_ledger::{
    Key, NanoUsd, Purses, Record, RequestId, Reservation, TooLittle,
    record::{Flags, Mark, Reserve, Settle, Void},
};
use sluice_store::journal::{AppendError, Position, Writer};
use tokio::time::{Instant as Deadline, timeout_at};

use super::{
    account::Account,
    desk::{Ask, LeaseReply},
    limits::{Permit, Standings},
    registry::Guard,
};
use crate::{bounds, clock, refusal::Refusal, worker::Worker};

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) request: RequestId,
    pub(crate) key: &'a Key,
    /// As the caller named it.
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
    pub(crate) unix_ms: u64,
    pub(crate) now: Instant,
    /// What it costs at most; `None`: no price is known.
    pub(crate) bound: Option<NanoUsd>,
    /// Tokens that count against limits until the true number is known.
    pub(crate) tokens: u64,
}

/// What a request holds from its admission to its end.
#[derive(Debug)]
#[must_use = "a hold is ended, never dropped"]
pub(crate) struct Hold {
    request: RequestId,
    reservation: Reservation,
    accounts: [Option<Arc<Account>>; 2],
    permit: Option<Permit>,
    /// Where the journal says so.
    written: Position,
}

/// How the end of a request is written: at once, or with what others write before somebody is told.
pub(crate) type Append = fn(&mut Writer, &Record) -> Result<Position, AppendError>;

/// What becomes of a hold.
#[derive(Debug)]
pub(crate) enum Closing {
    /// `used_tokens` count against the limits.
    Settled { settle: Settle, used_tokens: u64 },
    /// Free of charge; `used_tokens` is `None` where nothing was sent.
    Voided { void: Void, used_tokens: Option<u64> },
}

impl Hold {
    /// Takes everything or nothing. Waits only where a budget has to be leased or is held by others. What was taken is
    /// in the journal when [`Worker::written`] says so.
    pub(crate) async fn take(
        worker: &Worker,
        guard: &Guard,
        demand: &Demand<'_>,
    ) -> Result<(Self, Standings), Refusal> {
        if !worker.shared.books.is_open() {
            return Err(Refusal::accounting_unavailable());
        }
        let now_ns = worker.shared.books.since_start_ns(demand.now);
        let limits = guard.limits(demand.model);
        let taken = match &worker.shared.sharing {
            None => limits.take(now_ns, demand.tokens, 1),
            Some(sharing) => {
                let nodes = worker.shared.books.nodes_of_limits(sharing);
                sharing.take(limits, now_ns, demand.tokens, nodes).await
            }
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(limited) => return Err(Refusal::limited(&limited)),
        };
        let (permit, standings) = match taken {
            Some((permit, standings)) => (Some(permit), standings),
            None => (None, Standings::default()),
        };
        let reservation = match reserve(worker, guard, demand).await {
            Ok(reservation) => reservation,
            Err(refusal) => {
                if let Some(permit) = permit {
                    permit.end(now_ns, None);
                }
                return Err(refusal);
            }
        };
        match write_reserve(worker, demand, &reservation) {
            Ok(written) => {
                let accounts = guard.accounts().clone();
                Ok((Self { request: demand.request, reservation, accounts, permit, written }, standings))
            }
            Err(error) => {
                reservation.release();
                if let Some(permit) = permit {
                    permit.end(now_ns, None);
                }
                tracing::warn!(%error, "a request is refused: the journal takes no more");
                Err(Refusal::accounting_unavailable())
            }
        }
    }

    pub(crate) fn reserved(&self) -> NanoUsd {
        self.reservation.reserved()
    }

    /// Where the journal says that this was taken, or will.
    pub(crate) fn written(&self) -> Position {
        self.written
    }

    pub(crate) fn request(&self) -> RequestId {
        self.request
    }

    /// Whether `cost` goes beyond what was reserved.
    pub(crate) fn exceeds(&self, cost: NanoUsd) -> bool {
        self.reservation.exceeds(cost)
    }

    /// Writes down what the request would cost if it ended here. A mark that finds no room is left out.
    pub(crate) fn mark(&self, worker: &Worker, mark: Mark) {
        // What a lost mark costs is in the caller's favour.
        let _ = worker.journal.borrow_mut().append(&Record::Mark(mark));
    }

    /// Ends the hold: the journal first, then what others may take again. Ends even where the journal failed; then
    /// nobody may be told that the request is complete.
    pub(crate) fn close(
        self,
        worker: &Worker,
        closing: Closing,
        now: Instant,
        append: Append,
    ) -> Result<Position, AppendError> {
        let (record, cost, used_tokens) = match closing {
            Closing::Settled { settle, used_tokens } => {
                let cost = settle.charged.unwrap_or_default();
                (Record::Settle(settle), cost, Some(used_tokens))
            }
            Closing::Voided { void, used_tokens } => (Record::Void(void), NanoUsd::default(), used_tokens),
        };
        let written = append(&mut worker.journal.borrow_mut(), &record);
        self.reservation.settle(cost);
        for account in self.accounts.iter().flatten() {
            account.freed();
        }
        if let Some(permit) = self.permit {
            permit.end(worker.shared.books.since_start_ns(now), used_tokens);
        }
        written
    }
}

/// Flags of a charge.
pub(crate) fn flags(absurd: bool, excess: bool) -> Flags {
    Flags { absurd, excess, unconfirmed: false }
}

fn write_reserve(
    worker: &Worker,
    demand: &Demand<'_>,
    reservation: &Reservation,
) -> Result<Position, AppendError> {
    let window = |index| reservation.purse(index).map(|purse| purse.id().window);
    let record = Record::Reserve(Reserve {
        request: demand.request,
        unix_ms: demand.unix_ms,
        key: demand.key.id.clone(),
        project: demand.key.project.clone(),
        model: demand.model.to_owned(),
        stream: demand.stream,
        reserved: reservation.reserved(),
        key_window: window(0),
        project_window: window(1),
    });
    worker.journal.borrow_mut().hold(&record)
}

async fn reserve(worker: &Worker, guard: &Guard, demand: &Demand<'_>) -> Result<Reservation, Refusal> {
    let Some(bound) = demand.bound.filter(|_| guard.has_budget()) else {
        return Reservation::take(NanoUsd::default(), [None, None]).map_err(|_| Refusal::internal());
    };
    let unix_s = i64::try_from(demand.unix_ms / 1000).unwrap_or(i64::MAX);
    let purses: Purses = guard.accounts().each_ref().map(|a| a.as_ref().map(|account| account.purse(unix_s)));
    match Reservation::take(bound, purses.clone()) {
        Ok(reservation) => Ok(reservation),
        Err(too_little) => {
            let queue = Queue { worker, guard, bound, purses, since: demand.now };
            queue.wait(too_little).await
        }
    }
}

/// A request that waits for money: for a lease, or for what other requests hold.
struct Queue<'a> {
    worker: &'a Worker,
    guard: &'a Guard,
    bound: NanoUsd,
    purses: Purses,
    since: Instant,
}

impl Queue<'_> {
    async fn wait(&self, mut too_little: TooLittle) -> Result<Reservation, Refusal> {
        let until = self.until();
        loop {
            let index = too_little.index;
            let Some(account) = self.guard.accounts().get(index).and_then(Option::as_ref) else {
                return Err(Refusal::internal());
            };
            let waiting = account.wait();
            let mut freed = std::pin::pin!(waiting.notified());
            freed.as_mut().enable();
            match self.ask(account, &too_little).await? {
                LeaseReply::Spent => return Err(Refusal::budget_spent(account.id(), self.bound)),
                LeaseReply::Granted | LeaseReply::Held => {}
            }
            if let Ok(reservation) = Reservation::take(self.bound, self.purses.clone()) {
                return Ok(reservation);
            }
            if clock::timer_now() >= until {
                return Err(Refusal::budget_held());
            }
            let look_again = until.min(clock::timer_now() + bounds::LEASE_ASK_AGAIN);
            // Either way the purse is looked at again.
            let _ = timeout_at(look_again, freed).await;
            too_little = match Reservation::take(self.bound, self.purses.clone()) {
                Ok(reservation) => return Ok(reservation),
                Err(too_little) => too_little,
            };
        }
    }

    fn until(&self) -> Deadline {
        Deadline::from_std(self.since + bounds::ADMISSION_QUEUE)
    }

    /// Asks for a lease. Waits for the database, but not long.
    async fn ask(&self, account: &Arc<Account>, too_little: &TooLittle) -> Result<LeaseReply, Refusal> {
        let Some(purse) = self.purses.get(too_little.index).and_then(Option::as_ref) else {
            return Err(Refusal::internal());
        };
        let ask = |reply| Ask {
            account: Arc::clone(account),
            purse: Arc::clone(purse),
            need: too_little.short.missing,
            bound: self.bound,
            reply,
        };
        // No answer: the database is away or slow.
        let reply = self.worker.shared.books.lease(ask, self.until()).await;
        reply.ok_or_else(Refusal::accounting_unavailable)
    }
}
