//! Nodes, their runs, and how far their journals are posted.

use sluice_ledger::{NanoUsd, PurseId};

use super::arg;
use crate::{
    StoreError,
    books::{Cursor, Heartbeat, NODE_ALIVE_MS, Session},
    engine::{Arg, Statement, Tx},
    query::NodeRow,
    statement,
};

const NODE: Statement = statement!("SELECT epoch, used_epoch, seen_ms FROM nodes WHERE node = $1", LOCK);
/// Since when a node that was cut off is silent stays known until its journal is in the books: rows wait for that.
const NEW_EPOCH: Statement = statement!(
    "INSERT INTO nodes (node, epoch, used_epoch, seen_ms) VALUES ($1, $2, 0, $3) \
     ON CONFLICT (node) DO UPDATE SET epoch = excluded.epoch, \
     seen_ms = CASE WHEN nodes.ended = 0 THEN nodes.seen_ms ELSE excluded.seen_ms END"
);
const USED: Statement =
    statement!("UPDATE nodes SET used_epoch = epoch WHERE node = $1 AND epoch = $2 AND used_epoch < $2");
const EPOCH: Statement = statement!("SELECT epoch FROM nodes WHERE node = $1", SHARE);
const SEEN: Statement =
    statement!("UPDATE nodes SET seen_ms = $3, used_epoch = epoch, ended = 0 WHERE node = $1 AND epoch = $2");
const HEARTBEAT: Statement = statement!(
    "SELECT (SELECT COUNT(*) FROM nodes WHERE seen_ms >= $1), \
     (SELECT value FROM numbers WHERE name = 'catalog_version')"
);
const CURSORS: Statement =
    statement!("SELECT epoch, worker, seq FROM cursors WHERE node = $1 ORDER BY epoch, worker");
const LIST: Statement = statement!(
    "SELECT n.node, n.epoch, n.seen_ms, CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) \
     FROM nodes AS n LEFT JOIN leases AS l ON l.node = n.node GROUP BY n.node, n.epoch, n.seen_ms ORDER BY n.node"
);
const FORGET_CURSORS: Statement = statement!("DELETE FROM cursors WHERE node = $1 AND epoch < $2");

#[cfg(test)]
pub(super) const EVERY: &[Statement] =
    &[NODE, NEW_EPOCH, USED, EPOCH, SEEN, HEARTBEAT, CURSORS, LIST, FORGET_CURSORS];

/// Runs of a node whose cursors are kept. A journal that is older is read from its start, which changes nothing.
const EPOCHS_KEPT: i64 = 256;

/// What the database knows of a node.
pub(super) struct Known {
    pub(super) epoch: i64,
    /// The newest epoch that has written anything.
    pub(super) used_epoch: i64,
    pub(super) seen_ms: u64,
}

pub(super) async fn known(tx: &mut Tx, node: &str) -> Result<Option<Known>, StoreError> {
    if super::has_nul(node) {
        return Ok(None);
    }
    let Some(row) = tx.row(&NODE, &[Arg::Text(node)]).await? else { return Ok(None) };
    Ok(Some(Known { epoch: row.int(0)?, used_epoch: row.int(1)?, seen_ms: row.count(2)? }))
}

/// An epoch that was given but has written nothing yet may be unknown to the journal of the node: the process ended,
/// or the answer was lost, before it could be noted there. It is passed over.
pub(super) async fn open_session(
    mut tx: Tx,
    node: &str,
    epoch: u32,
    unix_ms: u64,
) -> Result<Session, StoreError> {
    let known = known(&mut tx, node).await?;
    if known.as_ref().is_some_and(|known| known.used_epoch > i64::from(epoch)) {
        return Err(superseded(node));
    }
    let next = known.map_or(0, |known| known.epoch).max(i64::from(epoch)) + 1;
    let new = u32::try_from(next).map_err(|_| superseded(node))?;
    tx.execute(&NEW_EPOCH, &[Arg::Text(node), Arg::Int(next), arg(unix_ms)]).await?;
    tx.execute(&FORGET_CURSORS, &[Arg::Text(node), Arg::Int(next - EPOCHS_KEPT)]).await?;
    tx.commit().await?;
    Ok(Session { node: node.to_owned(), epoch: new })
}

fn superseded(node: &str) -> StoreError {
    StoreError::Superseded { node: node.to_owned() }
}

/// Makes sure that no newer run of the node has begun, and that none begins before the transaction ends.
pub(super) async fn fence(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    let epoch = i64::from(session.epoch);
    // Apart from reading, which several transactions of one node may do at the same time.
    tx.execute(&USED, &[Arg::Text(&session.node), Arg::Int(epoch)]).await?;
    match tx.row(&EPOCH, &[Arg::Text(&session.node)]).await? {
        Some(row) if row.int(0)? == epoch => Ok(()),
        _ => Err(superseded(&session.node)),
    }
}

pub(super) async fn heartbeat(mut tx: Tx, session: &Session, unix_ms: u64) -> Result<Heartbeat, StoreError> {
    let args = [Arg::Text(&session.node), Arg::Int(i64::from(session.epoch)), arg(unix_ms)];
    if tx.execute(&SEEN, &args).await? == 0 {
        return Err(superseded(&session.node));
    }
    let row = tx.row(&HEARTBEAT, &[arg(unix_ms.saturating_sub(NODE_ALIVE_MS))]).await?;
    let (live, version) = match row {
        Some(row) => (row.count(0)?, row.maybe_int(1)?.unwrap_or(0)),
        None => (1, 0),
    };
    tx.commit().await?;
    Ok(Heartbeat { live_nodes: u32::try_from(live).unwrap_or(u32::MAX).max(1), catalog_version: version })
}

pub(super) async fn cursors(tx: &mut Tx, node: &str) -> Result<Vec<Cursor>, StoreError> {
    let rows = tx.rows(&CURSORS, &[Arg::Text(node)]).await?;
    let corrupt = || StoreError::Engine(format!("a cursor of the node `{node}` is out of range"));
    rows.iter()
        .map(|row| {
            Ok(Cursor {
                epoch: u32::try_from(row.int(0)?).map_err(|_| corrupt())?,
                worker: u16::try_from(row.int(1)?).map_err(|_| corrupt())?,
                seq: row.count(2)?,
            })
        })
        .collect()
}

pub(super) async fn list(tx: &mut Tx) -> Result<Vec<NodeRow>, StoreError> {
    let rows = tx.rows(&LIST, &[]).await?;
    rows.iter()
        .map(|row| {
            let node = row.text(0)?;
            let epoch = u32::try_from(row.int(1)?)
                .map_err(|_| StoreError::Engine(format!("the epoch of the node `{node}` is out of range")))?;
            Ok(NodeRow { node, epoch, seen_ms: row.count(2)?, leased: NanoUsd(row.count(3)?) })
        })
        .collect()
}

/// The two arguments that name a purse.
pub(super) fn purse(purse: &PurseId) -> [Arg<'_>; 2] {
    [Arg::Text(purse.account.as_str()), Arg::Int(purse.window.0)]
}
