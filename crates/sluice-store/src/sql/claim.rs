//! Idempotency keys: who has which.

use sluice_ledger::RequestId;

use super::{arg, has_nul, node};
use crate::{
    StoreError,
    books::Session,
    claims::{CLAIM_MS, Claim, ClaimId, Claimed},
    engine::{Arg, Row, Statement, Tx},
    statement,
};

const INSERT: Statement = statement!(
    "INSERT INTO claims (key_id, hash, body, request_id, node, epoch, expires_ms) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key_id, hash) DO NOTHING"
);
const FIND: Statement = statement!(
    "SELECT body, request_id, node, epoch, expires_ms FROM claims WHERE key_id = $1 AND hash = $2",
    LOCK
);
const TAKE_OVER: Statement = statement!(
    "UPDATE claims SET body = $3, request_id = $4, node = $5, epoch = $6, expires_ms = $7 \
     WHERE key_id = $1 AND hash = $2"
);
const COST: Statement = statement!(
    "SELECT CAST(CASE WHEN COALESCE(charged, 0) > 0 OR prompt_tokens + completion_tokens > 0 \
     THEN 1 ELSE 0 END AS BIGINT) FROM requests WHERE request_id = $1"
);
const RELEASE: Statement =
    statement!("DELETE FROM claims WHERE key_id = $1 AND hash = $2 AND request_id = $3");
const RETIRE: Statement = statement!(
    "DELETE FROM claims WHERE (key_id, hash) IN \
     (SELECT key_id, hash FROM claims WHERE expires_ms <= $1 ORDER BY expires_ms, key_id, hash LIMIT $2)"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[INSERT, FIND, TAKE_OVER, COST, RELEASE, RETIRE];

/// A row that was there may be gone when it is looked at, and another there when a new one is written.
const TRIES: u32 = 3;

pub(super) async fn claim(
    mut tx: Tx,
    session: &Session,
    claims: &[Claim],
    unix_ms: u64,
) -> Result<Vec<Claimed>, StoreError> {
    node::fence(&mut tx, session).await?;
    // In one order on all nodes: two that ask for the same keys never wait for one another.
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|at| &claims[*at].id);
    let mut answers = vec![Claimed::OtherBody; claims.len()];
    for at in order {
        answers[at] = one(&mut tx, session, &claims[at], unix_ms).await?;
    }
    tx.commit().await?;
    Ok(answers)
}

async fn one(tx: &mut Tx, session: &Session, claim: &Claim, unix_ms: u64) -> Result<Claimed, StoreError> {
    if has_nul(&claim.id.key) {
        return Err(StoreError::Engine("a key's id has a NUL character".to_owned()));
    }
    let args = [
        Arg::Text(&claim.id.key),
        Arg::Bytes(claim.id.name.as_bytes()),
        Arg::Bytes(claim.body.as_bytes()),
        Arg::Bytes(&claim.request.0),
        Arg::Text(&session.node),
        Arg::Int(i64::from(session.epoch)),
        arg(unix_ms.saturating_add(CLAIM_MS)),
    ];
    for _ in 0..TRIES {
        if tx.execute(&INSERT, &args).await? == 1 {
            return Ok(Claimed::Granted);
        }
        let Some(row) = tx.row(&FIND, &args[..2]).await? else { continue };
        let held = Held::read(&row)?;
        if !held.is_free(tx, session, unix_ms).await? {
            return Ok(match held.body == claim.body.as_bytes() {
                true => Claimed::Taken(held.request),
                false => Claimed::OtherBody,
            });
        }
        tx.execute(&TAKE_OVER, &args).await?;
        return Ok(Claimed::Granted);
    }
    Err(StoreError::Busy)
}

/// The row of a claim.
struct Held {
    body: Vec<u8>,
    request: RequestId,
    node: String,
    epoch: i64,
    expires_ms: u64,
}

impl Held {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let request = <[u8; 16]>::try_from(row.bytes(1)?)
            .map_err(|_| StoreError::Engine("the id of a request in `claims` is not one".to_owned()))?;
        Ok(Self {
            body: row.bytes(0)?,
            request: RequestId(request),
            node: row.text(2)?,
            epoch: row.int(3)?,
            expires_ms: row.count(4)?,
        })
    }

    /// Whether the claim counts for nothing any more. What may have cost its caller something is never run again.
    async fn is_free(&self, tx: &mut Tx, session: &Session, unix_ms: u64) -> Result<bool, StoreError> {
        if self.expires_ms <= unix_ms {
            return Ok(true);
        }
        match tx.row(&COST, &[Arg::Bytes(&self.request.0)]).await? {
            Some(row) => Ok(row.int(0)? == 0),
            // All that earlier runs of this node began is in the books: this one never began. What another run, or
            // another node, has in its journal nobody knows here.
            None => Ok(self.node == session.node && self.epoch < i64::from(session.epoch)),
        }
    }
}

pub(super) async fn release(mut tx: Tx, claims: &[(ClaimId, RequestId)]) -> Result<(), StoreError> {
    let mut order: Vec<&(ClaimId, RequestId)> = claims.iter().collect();
    order.sort();
    for (id, request) in order {
        let args = [Arg::Text(&id.key), Arg::Bytes(id.name.as_bytes()), Arg::Bytes(&request.0)];
        tx.execute(&RELEASE, &args).await?;
    }
    tx.commit().await
}

pub(super) async fn retire(mut tx: Tx, unix_ms: u64, limit: u32) -> Result<u64, StoreError> {
    let retired = tx.execute(&RETIRE, &[arg(unix_ms), Arg::Int(i64::from(limit))]).await?;
    tx.commit().await?;
    Ok(retired)
}
