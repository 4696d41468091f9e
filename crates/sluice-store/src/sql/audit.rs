//! The audit log: numbered without gaps, each entry hashed together with the hash of the one before it.

use sha2::{Digest as _, Sha256};

use super::int;
use crate::{
    StoreError,
    engine::{Arg, Row, Statement, Tx},
    query::{AuditEntry, AuditFilter, AuditRow, Mismatch},
    statement,
};

/// In PostgreSQL its row is the lock that all who append take.
const NEXT_ID: Statement =
    statement!("UPDATE numbers SET value = value + 1 WHERE name = 'audit' RETURNING value");
const HASH: Statement = statement!("SELECT hash FROM audit WHERE id = $1");
const INSERT: Statement = statement!(
    "INSERT INTO audit (id, unix_ms, actor, action, object, object_id, before_json, after_json, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);
const LIST: Statement = statement!(
    "SELECT id, unix_ms, actor, action, object, object_id, before_json, after_json, hash FROM audit \
     WHERE id < $1 AND (CAST($3 AS TEXT) IS NULL OR object = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR object_id = $4) AND (CAST($5 AS TEXT) IS NULL OR actor = $5) \
     ORDER BY id DESC LIMIT $2"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[NEXT_ID, HASH, INSERT, LIST];

/// Entries whose hashes a self-check looks at.
const CHECKED_ENTRIES: u32 = 1_000;

/// Appends an entry, as part of the transaction that does what it says.
pub(super) async fn append(tx: &mut Tx, entry: &AuditEntry, unix_ms: u64) -> Result<(), StoreError> {
    let id = match tx.row(&NEXT_ID, &[]).await? {
        Some(row) => row.int(0)?,
        None => return Err(StoreError::Engine("the table `numbers` has lost its row `audit`".to_owned())),
    };
    let previous = tx.row(&HASH, &[Arg::Int(id - 1)]).await?.map(|row| row.bytes(0)).transpose()?;
    // Not every engine can hold a NUL character.
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    let entry = AuditEntry {
        actor: clean(&entry.actor),
        action: clean(&entry.action),
        object: clean(&entry.object),
        object_id: clean(&entry.object_id),
        before: entry.before.as_deref().map(clean),
        after: entry.after.as_deref().map(clean),
    };
    let row = AuditRow { id, unix_ms: u64::try_from(int(unix_ms)).unwrap_or(0), entry };
    let hash = hash(&previous.unwrap_or_default(), &row);
    let args = [
        Arg::Int(id),
        super::arg(unix_ms),
        Arg::Text(&row.entry.actor),
        Arg::Text(&row.entry.action),
        Arg::Text(&row.entry.object),
        Arg::Text(&row.entry.object_id),
        Arg::MaybeText(row.entry.before.as_deref()),
        Arg::MaybeText(row.entry.after.as_deref()),
        Arg::Bytes(&hash),
    ];
    tx.execute(&INSERT, &args).await.map(drop)
}

pub(super) async fn list(tx: &mut Tx, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    rows(tx, filter).await?.iter().map(read).collect()
}

async fn rows(tx: &mut Tx, filter: &AuditFilter) -> Result<Vec<Row>, StoreError> {
    let AuditFilter { object, object_id, actor, before, limit } = filter;
    let args = [
        Arg::Int(before.unwrap_or(i64::MAX)),
        Arg::Int(i64::from(*limit)),
        Arg::MaybeText(object.as_deref()),
        Arg::MaybeText(object_id.as_deref()),
        Arg::MaybeText(actor.as_deref()),
    ];
    tx.rows(&LIST, &args).await
}

fn read(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.int(0)?,
        unix_ms: row.count(1)?,
        entry: AuditEntry {
            actor: row.text(2)?,
            action: row.text(3)?,
            object: row.text(4)?,
            object_id: row.text(5)?,
            before: row.maybe_text(6)?,
            after: row.maybe_text(7)?,
        },
    })
}

/// SHA-256 over the hash before and every field with its length, so that no two entries read the same.
fn hash(previous: &[u8], row: &AuditRow) -> [u8; 32] {
    let AuditRow { id, unix_ms, entry } = row;
    let AuditEntry { actor, action, object, object_id, before, after } = entry;
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(id.to_le_bytes());
    hash.update(unix_ms.to_le_bytes());
    for field in [Some(actor), Some(action), Some(object), Some(object_id), before.as_ref(), after.as_ref()] {
        match field {
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
            None => hash.update([0]),
        }
    }
    hash.finalize().into()
}

/// Whether the newest entries are what was written, in one chain.
pub(super) async fn check(tx: &mut Tx) -> Result<Vec<Mismatch>, StoreError> {
    let rows = rows(tx, &AuditFilter::newest(CHECKED_ENTRIES)).await?;
    let mut wrong = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let entry = read(row)?;
        let previous = match rows.get(at + 1) {
            Some(before) if before.int(0)? == entry.id - 1 => before.bytes(8)?,
            None if entry.id == 1 => Vec::new(),
            // The oldest of those that are looked at has nothing to be compared with.
            None => continue,
            Some(before) => {
                let what = format!("audit entries before {}", entry.id);
                wrong.push(Mismatch {
                    what,
                    counted: i128::from(before.int(0)?),
                    kept: i128::from(entry.id - 1),
                });
                continue;
            }
        };
        if row.bytes(8)? != hash(&previous, &entry) {
            wrong.push(Mismatch { what: format!("hash of audit entry {}", entry.id), counted: 0, kept: 1 });
        }
    }
    Ok(wrong)
}
