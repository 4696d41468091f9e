//! Whose a key is: asked here first, then in the database.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use sluice_store::claims::{Claim, ClaimId, Claimed, Fingerprint};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    header,
    keeper::Ask,
    recording::{End, Head, Recording},
    repeat::Repeat,
    table::{Found, Table},
    ticket::{Held, Ticket},
};
use crate::{authenticate::Caller, bounds, clock, exchange::Exchange, ids::Ids, overload, refusal::Refusal};

/// What a request is to its key.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The first one, or one without a key.
    First(Ticket),
    /// One like it was there before.
    Repeat(Repeat),
}

/// Takes the key that a request names, or finds the answer to the request that has it.
///
/// # Errors
/// 400 for an unusable key; 409 where another body has it or its answer is not to be had here; 503 where the database
/// does not say in time whose it is.
pub(crate) async fn enter(
    exchange: &mut Exchange,
    ids: &Ids,
    headers: &HeaderMap,
    caller: &Caller,
    body: &Bytes,
) -> Result<Entry, Refusal> {
    let Some(name) = header::read(headers)? else { return Ok(Entry::First(Ticket::none())) };
    let id = ClaimId { key: caller.key().id.clone(), name: Fingerprint::of(name) };
    let body = fingerprint(body).await?;
    let request = ids.request();
    let table = Arc::clone(&exchange.worker().shared.idempotency);
    let mut until = wait_until();
    loop {
        match table.find(&id, body, request, clock::now()) {
            Found::OtherBody => return Err(Refusal::idempotency_key_reused()),
            Found::NotKept(first) => return Err(Refusal::replay_unavailable(first)),
            Found::Nobody(recording) => {
                let held = Held::new(&table, id.clone(), recording);
                overload::admit(exchange, ids, caller).await?;
                return claim(&table, held, Claim { id, body, request }).await;
            }
            Found::Asking(recording) => {
                // Somebody else's question may be answered for us; its failure is not ours.
                if timeout_at(until, claimed(&recording)).await.is_err() {
                    return Err(Refusal::accounting_unavailable());
                }
            }
            Found::Same(recording) => {
                // Who waits for another's answer makes no work.
                exchange.leave();
                let joins = !recording.has_ended();
                let reader = Reader::of(&recording);
                let first: Result<Arc<Head>, End> =
                    poll_fn(|cx| recording.poll_head(reader.number, cx)).await;
                match first {
                    Ok(head) => {
                        if joins {
                            exchange.worker().shared.metrics.idempotent_joins.inc();
                        }
                        return Ok(Entry::Repeat(Repeat::new(reader, head)));
                    }
                    // The first caller left before there was an answer: the key is free.
                    Err(_) => until = wait_until(),
                }
            }
        }
    }
}

fn wait_until() -> Instant {
    Instant::from_std(clock::now() + bounds::CLAIM_WAIT)
}

/// Asks the database, and waits for it, but not long.
async fn claim(table: &Arc<Table>, mut held: Held, claim: Claim) -> Result<Entry, Refusal> {
    let (reply, answer) = oneshot::channel();
    held.asked = true;
    if !table.ask(Ask { claim, reply }) {
        return Err(Refusal::accounting_unavailable());
    }
    match tokio::time::timeout(bounds::CLAIM_WAIT, answer).await {
        Ok(Ok(Claimed::Granted)) => {
            held.granted();
            Ok(Entry::First(held.into()))
        }
        Ok(Ok(Claimed::OtherBody)) => {
            held.refused();
            Err(Refusal::idempotency_key_reused())
        }
        Ok(Ok(Claimed::Taken(first))) => {
            held.refused();
            Err(Refusal::replay_unavailable(first))
        }
        // The database is away or slow; what it has heard of it is taken back.
        Ok(Err(_)) | Err(_) => Err(Refusal::accounting_unavailable()),
    }
}

async fn claimed(recording: &Arc<Recording>) {
    let reader = Reader::of(recording);
    poll_fn(|cx| recording.poll_claimed(reader.number, cx)).await;
}

/// One who waits for a recording; dropped, it waits no more.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) recording: Arc<Recording>,
    pub(super) number: u64,
}

impl Reader {
    fn of(recording: &Arc<Recording>) -> Self {
        Self { recording: Arc::clone(recording), number: recording.reader() }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.recording.leave(self.number);
    }
}

/// Of the body as it came, off the worker where it is large.
async fn fingerprint(body: &Bytes) -> Result<Fingerprint, Refusal> {
    if body.len() <= bounds::SCAN_ON_WORKER_BYTES {
        return Ok(Fingerprint::of(body));
    }
    let body = body.clone();
    let hashed = tokio::task::spawn_blocking(move || Fingerprint::of(&body)).await;
    hashed.map_err(|_| Refusal::internal())
}
