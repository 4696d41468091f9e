//! Budgets and leases of them. `posted + leased <= spend_limit` holds in one row whatever nodes do; only a posting that
//! cost more than was reserved for it can break it, and then nothing is granted until it holds again.

use sluice_ledger::{AccountId, Budget, NanoUsd, PurseId, Window, lease::chunk};

use super::{audit, int, node};
use crate::{
    ObjectKind, StoreError,
    books::{
        BudgetRow, LeaseAnswer, LeaseAsk, LeaseRefusal, LeaseRequest, NODE_ALIVE_MS, Session, StoreEvent,
    },
    document,
    engine::{Arg, Row, Statement, Tx},
    query::AuditEntry,
    statement,
};

const BUDGET: Statement = statement!(
    "SELECT account, window_start, spend_limit, posted, leased FROM budgets \
     WHERE account = $1 AND window_start = $2",
    LOCK
);
const BUDGETS: Statement = statement!(
    "SELECT b.account, b.window_start, b.spend_limit, b.posted, b.leased \
     FROM (SELECT value ->> 0 AS account, CAST(value ->> 1 AS BIGINT) AS window_start FROM ",
    ROWS,
    ") AS p \
     JOIN budgets AS b ON b.account = p.account AND b.window_start = p.window_start \
     ORDER BY b.account, b.window_start"
);
const MAKE_BUDGET: Statement = statement!(
    "INSERT INTO budgets (account, window_start, spend_limit, posted, leased) VALUES ($1, $2, $3, $4, 0) \
     ON CONFLICT DO NOTHING"
);
const KEY_BUDGET: Statement = statement!("SELECT budget_json FROM keys WHERE id = $1", SHARE);
const PROJECT_BUDGET: Statement = statement!("SELECT budget_json FROM projects WHERE name = $1", SHARE);
const KEY_SPENT: Statement =
    statement!("SELECT ", COST_SUMS, " FROM usage_daily WHERE key_id = $1 AND start >= $2");
const PROJECT_SPENT: Statement =
    statement!("SELECT ", COST_SUMS, " FROM usage_daily WHERE project = $1 AND start >= $2");
const LEASE: Statement =
    statement!("SELECT amount, op FROM leases WHERE node = $1 AND account = $2 AND window_start = $3");
/// The guard: whatever was read before, no grant breaks it.
const GRANT: Statement = statement!(
    "UPDATE budgets SET leased = leased + $3 WHERE account = $1 AND window_start = $2 \
     AND posted + leased + $3 <= spend_limit"
);
const RETURN: Statement = statement!(
    "UPDATE budgets SET leased = leased - $3 WHERE account = $1 AND window_start = $2 AND leased >= $3"
);
const SET_LEASE: Statement = statement!(
    "INSERT INTO leases (node, account, window_start, amount, op) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (node, account, window_start) DO UPDATE SET amount = excluded.amount, op = excluded.op"
);
const LOCK_OF_NODE: Statement = statement!(
    "SELECT b.account FROM budgets AS b JOIN leases AS l \
     ON l.account = b.account AND l.window_start = b.window_start \
     WHERE l.node = $1 ORDER BY b.account, b.window_start",
    LOCK_BUDGETS
);
const RETURN_OF_NODE: Statement = statement!(
    "UPDATE budgets SET leased = leased - l.amount \
     FROM (SELECT account, window_start, amount FROM leases WHERE node = $1) AS l \
     WHERE budgets.account = l.account AND budgets.window_start = l.window_start"
);
const END_OF_NODE: Statement = statement!("DELETE FROM leases WHERE node = $1");
const ENDED: Statement = statement!("UPDATE nodes SET ended = 1 WHERE node = $1");
const FENCE_OFF: Statement = statement!("UPDATE nodes SET epoch = epoch + 1 WHERE node = $1");
const WINDOWS: Statement =
    statement!("SELECT window_start FROM budgets WHERE account = $1 ORDER BY window_start DESC");
const NEW_LIMIT: Statement =
    statement!("UPDATE budgets SET spend_limit = $3 WHERE account = $1 AND window_start = $2");
const NEW_POSTED: Statement =
    statement!("UPDATE budgets SET posted = $3 WHERE account = $1 AND window_start = $2");

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    BUDGET,
    BUDGETS,
    MAKE_BUDGET,
    KEY_BUDGET,
    PROJECT_BUDGET,
    KEY_SPENT,
    PROJECT_SPENT,
    LEASE,
    GRANT,
    RETURN,
    SET_LEASE,
    LOCK_OF_NODE,
    RETURN_OF_NODE,
    END_OF_NODE,
    ENDED,
    FENCE_OFF,
    WINDOWS,
    NEW_LIMIT,
    NEW_POSTED,
];

/// What a node holds of a purse, as stored.
struct Held {
    amount: i64,
    op: i64,
}

pub(super) async fn run(
    mut tx: Tx,
    session: &Session,
    request: &LeaseRequest,
) -> Result<LeaseAnswer, StoreError> {
    node::fence(&mut tx, session).await?;
    // Its lock comes before anything is read about leases.
    let budget = locked_budget(&mut tx, request).await?;
    let held = held(&mut tx, session, &request.purse).await?;
    if request.op == held.op {
        return Ok(LeaseAnswer { amount: held.amount, refused: None });
    }
    let out_of_step = StoreError::LeaseOutOfStep {
        account: request.purse.account.as_str().to_owned(),
        stored: held.op,
        asked: request.op,
    };
    if Some(request.op) != held.op.checked_add(1) {
        return Err(out_of_step);
    }
    let amount = match request.ask {
        LeaseAsk::Grant { need, live_nodes } => match grantable(&budget, need, live_nodes) {
            Ok(granted) => {
                let change = change(&mut tx, &GRANT, &request.purse, granted).await?;
                // The row is locked, and `granted` is from what it says.
                if change { held.amount.checked_add(granted) } else { None }
            }
            Err(refusal) => {
                if refusal == LeaseRefusal::Held {
                    tx.notify(&session.node, StoreEvent::Recall(request.purse.clone())).await?;
                }
                tx.commit().await?;
                return Ok(LeaseAnswer { amount: held.amount, refused: Some(refusal) });
            }
        },
        LeaseAsk::Return { amount } => {
            // A charge that was posted in the meantime may have taken more than it held: then less is there to return.
            let returned = int(amount).min(held.amount);
            let change = change(&mut tx, &RETURN, &request.purse, returned).await?;
            if change { held.amount.checked_sub(returned) } else { None }
        }
    };
    let Some(amount) = amount else { return Err(out_of_step) };
    let [account, window] = node::purse(&request.purse);
    let args = [Arg::Text(&session.node), account, window, Arg::Int(amount), Arg::Int(request.op)];
    tx.execute(&SET_LEASE, &args).await?;
    tx.commit().await?;
    Ok(LeaseAnswer { amount, refused: None })
}

/// How much can be granted of what the row has left.
fn grantable(budget: &BudgetRow, need: NanoUsd, live_nodes: u32) -> Result<i64, LeaseRefusal> {
    if budget.posted.0.saturating_add(budget.leased.0) > budget.limit.0 {
        // After a charge beyond its reservation, or a limit that was lowered, not even nothing can be granted.
        let spent = budget.posted.0.saturating_add(need.0) > budget.limit.0;
        return Err(if spent { LeaseRefusal::Spent } else { LeaseRefusal::Held });
    }
    let after_posted = budget.limit.0.saturating_sub(budget.posted.0);
    let remaining = NanoUsd(after_posted.saturating_sub(budget.leased.0));
    match chunk(remaining, need, live_nodes) {
        Some(granted) => Ok(int(granted.0)),
        None if need.0 > after_posted => Err(LeaseRefusal::Spent),
        None => Err(LeaseRefusal::Held),
    }
}

async fn change(
    tx: &mut Tx,
    statement: &Statement,
    purse: &PurseId,
    amount: i64,
) -> Result<bool, StoreError> {
    let [account, window] = node::purse(purse);
    Ok(tx.execute(statement, &[account, window, Arg::Int(amount)]).await? == 1)
}

async fn held(tx: &mut Tx, session: &Session, purse: &PurseId) -> Result<Held, StoreError> {
    let [account, window] = node::purse(purse);
    match tx.row(&LEASE, &[Arg::Text(&session.node), account, window]).await? {
        Some(row) => Ok(Held { amount: row.int(0)?, op: row.int(1)? }),
        None => Ok(Held { amount: 0, op: 0 }),
    }
}

/// The row of the purse, which is made with what was spent in its window where there is none.
async fn locked_budget(tx: &mut Tx, request: &LeaseRequest) -> Result<BudgetRow, StoreError> {
    let purse = &request.purse;
    if let Some(row) = tx.row(&BUDGET, &node::purse(purse)).await? {
        return budget_row(&row);
    }
    // The node may not have heard yet of a budget that was changed: the database knows it.
    let budget = stored_budget(tx, &purse.account).await?;
    let current = budget.filter(|budget| budget.period.window(purse.window.0) == purse.window);
    let limit = current.map_or(request.limit, |budget| budget.limit);
    let posted = spent(tx, &purse.account, purse.window).await?;
    let [account, window] = node::purse(purse);
    tx.execute(&MAKE_BUDGET, &[account, window, super::arg(limit.0), Arg::Int(posted)]).await?;
    match tx.row(&BUDGET, &node::purse(purse)).await? {
        Some(row) => budget_row(&row),
        None => Err(StoreError::Engine("a row of a budget vanished while it was made".to_owned())),
    }
}

/// The id of a key, or the name of a project, and what belongs to its kind.
fn of_account<'a>(
    account: &'a AccountId,
    key: &'static Statement,
    project: &'static Statement,
) -> (&'static Statement, &'a str) {
    let text = account.as_str();
    match text.strip_prefix("key:") {
        Some(id) => (key, id),
        None => (project, text.strip_prefix("project:").unwrap_or(text)),
    }
}

async fn stored_budget(tx: &mut Tx, account: &AccountId) -> Result<Option<Budget>, StoreError> {
    let (statement, name) = of_account(account, &KEY_BUDGET, &PROJECT_BUDGET);
    let Some(row) = tx.row(statement, &[Arg::Text(name)]).await? else { return Ok(None) };
    // A document that cannot be read stops `load_catalog`, which says so.
    Ok(row.maybe_text(0)?.and_then(|text| document::read_budget(&text).ok()))
}

/// What the rollups say that the account has spent since the window began. All windows begin with a day.
async fn spent(tx: &mut Tx, account: &AccountId, window: Window) -> Result<i64, StoreError> {
    let (statement, name) = of_account(account, &KEY_SPENT, &PROJECT_SPENT);
    let row = tx.row(statement, &[Arg::Text(name), Arg::Int(window.0)]).await?;
    row.map_or(Ok(0), |row| super::cost_sum(&row, 0))
}

fn budget_row(row: &Row) -> Result<BudgetRow, StoreError> {
    let account = row.text(0)?;
    let account = AccountId::from_stored(&account)
        .ok_or_else(|| StoreError::Engine(format!("`{account}` in the table `budgets` is not an account")))?;
    Ok(BudgetRow {
        purse: PurseId { account, window: Window(row.int(1)?) },
        limit: NanoUsd(row.count(2)?),
        posted: NanoUsd(row.count(3)?),
        leased: NanoUsd(row.count(4)?),
    })
}

pub(super) async fn budgets(tx: &mut Tx, purses: &[PurseId]) -> Result<Vec<BudgetRow>, StoreError> {
    let purses: Vec<_> = purses.iter().map(|purse| (purse.account.as_str(), purse.window.0)).collect();
    tx.rows(&BUDGETS, &[Arg::Text(&document::write(&purses))]).await?.iter().map(budget_row).collect()
}

pub(super) async fn end_all(mut tx: Tx, session: &Session) -> Result<(), StoreError> {
    node::fence(&mut tx, session).await?;
    return_all(&mut tx, &session.node).await?;
    tx.commit().await
}

async fn return_all(tx: &mut Tx, node: &str) -> Result<(), StoreError> {
    // In the order in which everybody takes these locks.
    tx.rows(&LOCK_OF_NODE, &[Arg::Text(node)]).await?;
    tx.execute(&RETURN_OF_NODE, &[Arg::Text(node)]).await?;
    tx.execute(&END_OF_NODE, &[Arg::Text(node)]).await?;
    tx.execute(&ENDED, &[Arg::Text(node)]).await.map(drop)
}

/// The node is fenced off with it: should it be alive after all, nothing more is taken from it until it begins anew.
pub(super) async fn write_off(
    mut tx: Tx,
    node: &str,
    audit: &AuditEntry,
    unix_ms: u64,
) -> Result<(), StoreError> {
    let name = || node.to_owned();
    let Some(known) = node::known(&mut tx, node).await? else {
        return Err(StoreError::NotFound { kind: ObjectKind::Node, name: name() });
    };
    if known.seen_ms >= unix_ms.saturating_sub(NODE_ALIVE_MS) {
        let by = "a process that is running: stop it first".to_owned();
        return Err(StoreError::InUse { kind: ObjectKind::Node, name: name(), by });
    }
    return_all(&mut tx, node).await?;
    tx.execute(&FENCE_OFF, &[Arg::Text(node)]).await?;
    audit::append(&mut tx, audit, unix_ms).await?;
    tx.commit().await
}

/// The open window of an account takes over a budget that has changed. Without the time, the newest window that the
/// budget can have is taken for the open one.
pub(super) async fn follow_budget(
    tx: &mut Tx,
    account: &AccountId,
    was: Option<Budget>,
    now: Option<Budget>,
    unix_s: Option<i64>,
) -> Result<(), StoreError> {
    let Some(now) = now.filter(|_| was != now) else { return Ok(()) };
    let rows = tx.rows(&WINDOWS, &[Arg::Text(account.as_str())]).await?;
    let windows = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    let open = windows.into_iter().find(|start| match unix_s {
        Some(unix_s) => now.period.window(unix_s).0 == *start,
        None => now.period.window(*start).0 == *start,
    });
    let Some(open) = open else { return Ok(()) };
    let purse = [Arg::Text(account.as_str()), Arg::Int(open)];
    tx.execute(&NEW_LIMIT, &[purse[0], purse[1], super::arg(now.limit.0)]).await?;
    if was.is_none_or(|was| was.period != now.period) {
        // Until now the row was kept for another width of window, or not at all.
        let spent = spent(tx, account, Window(open)).await?;
        tx.execute(&NEW_POSTED, &[purse[0], purse[1], Arg::Int(spent)]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_granted() {
        let check = |(limit, posted, leased): (u64, u64, u64), need, live, expect| {
            let purse = PurseId { account: AccountId::key("k"), window: Window(0) };
            let [limit, posted, leased] = [limit, posted, leased].map(NanoUsd);
            let row = BudgetRow { purse, limit, posted, leased };
            assert_eq!(grantable(&row, NanoUsd(need), live), expect, "{row:?} {need} {live}");
        };
        check((1_000, 0, 0), 10, 1, Ok(1_000));
        check((1_000, 100, 100), 10, 2, Ok(16));
        check((1_000, 100, 895), 10, 2, Err(LeaseRefusal::Held));
        check((1_000, 995, 0), 10, 2, Err(LeaseRefusal::Spent));
        check((1_000, 1_200, 0), 1, 2, Err(LeaseRefusal::Spent));
        check((1_000, 1_001, 0), 0, 1, Err(LeaseRefusal::Spent));
        check((1_000, 900, 200), 0, 1, Err(LeaseRefusal::Held));
        check((u64::MAX, 0, 0), u64::MAX, 1, Ok(i64::MAX));
        check((0, 0, 0), u64::MAX, 1, Err(LeaseRefusal::Spent));
    }
}
