//! Taking a batch into the books: rows of requests, sums, budgets and leases, and how far the journal is posted, in
//! one transaction.
//!
//! What is one row or a few for a whole batch travels as one JSON text a statement, rows of requests as
//! `engine/insert.rs` has it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::LazyLock,
};

use serde::{Serialize, Serializer};
use sluice_ledger::{
    AccountId, Period, Posting, PurseId, RequestId, Window,
    record::{Outcome, Reserve, Settle, joined},
};

use super::{
    correct, int, late, latency, node,
    request::{AttemptsDocument, FLAG_HEDGED, FLAG_REPAIRED, FLAG_STREAM},
    rollup::{Added, Group, Rollup},
};
use crate::{
    StoreError,
    books::{Batch, Cursor, Details, Refused, Session},
    document,
    engine::{Arg, Columns, Insert, Statement, Tx},
    statement, statement_piece,
};

const INSERT: Statement = statement!(
    "INSERT INTO requests (",
    REQUEST_COLUMNS,
    ") SELECT ",
    ID,
    REQUEST_VALUES,
    " FROM ",
    ROWS,
    " WHERE true ON CONFLICT (request_id) DO NOTHING"
);
/// Nothing of it is taken back alone, so SQLite need not keep pages as they were before it: `OR FAIL`.
static INSERT_ROWS: LazyLock<Insert> = LazyLock::new(|| {
    let head =
        concat!("INSERT OR FAIL INTO requests (", statement_piece!(sqlite REQUEST_COLUMNS), ") VALUES");
    Insert::new::<RequestColumns<'_>>(INSERT, head, "ON CONFLICT (request_id) DO NOTHING")
});
const INSERT_RETURNING: Statement = statement!(
    "INSERT INTO requests (",
    REQUEST_COLUMNS,
    ") SELECT ",
    ID,
    REQUEST_VALUES,
    " FROM ",
    ROWS,
    " WHERE true ON CONFLICT (request_id) DO NOTHING RETURNING request_id"
);
const LOCK_BUDGETS: Statement = statement!(
    "SELECT b.account, b.window_start, b.posted \
     FROM (SELECT value ->> 0 AS account, CAST(value ->> 1 AS BIGINT) AS window_start FROM ",
    ROWS,
    ") AS p \
     JOIN budgets AS b ON b.account = p.account AND b.window_start = p.window_start \
     ORDER BY b.account, b.window_start",
    LOCK_BUDGETS
);
const KEY_BUDGETS: Statement = statement!(
    "SELECT k.id, k.budget_json FROM (SELECT value ->> 0 AS id FROM ",
    ROWS,
    ") AS p JOIN keys AS k ON k.id = p.id WHERE k.budget_json IS NOT NULL"
);
const PROJECT_BUDGETS: Statement = statement!(
    "SELECT k.name, k.budget_json FROM (SELECT value ->> 0 AS name FROM ",
    ROWS,
    ") AS p JOIN projects AS k ON k.name = p.name WHERE k.budget_json IS NOT NULL"
);
const LEASES: Statement = statement!(
    "SELECT l.account, l.window_start, l.amount \
     FROM (SELECT value ->> 0 AS account, CAST(value ->> 1 AS BIGINT) AS window_start FROM ",
    ROWS,
    ") AS p \
     JOIN leases AS l ON l.node = $2 AND l.account = p.account AND l.window_start = p.window_start"
);
const CHARGE_BUDGETS: Statement = statement!(
    "UPDATE budgets SET posted = p.posted, leased = budgets.leased - p.covered \
     FROM (SELECT value ->> 0 AS account, CAST(value ->> 1 AS BIGINT) AS window_start, \
     CAST(value ->> 2 AS BIGINT) AS posted, CAST(value ->> 3 AS BIGINT) AS covered FROM ",
    ROWS,
    ") AS p \
     WHERE budgets.account = p.account AND budgets.window_start = p.window_start"
);
const CHARGE_LEASES: Statement = statement!(
    "UPDATE leases SET amount = leases.amount - p.covered \
     FROM (SELECT value ->> 0 AS account, CAST(value ->> 1 AS BIGINT) AS window_start, \
     CAST(value ->> 3 AS BIGINT) AS covered FROM ",
    ROWS,
    ") AS p \
     WHERE leases.node = $2 AND leases.account = p.account AND leases.window_start = p.window_start"
);
const SET_CURSORS: Statement = statement!(
    "INSERT INTO cursors (node, epoch, worker, seq) SELECT $2, CAST(value ->> 0 AS BIGINT), \
     CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT) FROM ",
    ROWS,
    " WHERE true ON CONFLICT (node, epoch, worker) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > cursors.seq"
);

#[cfg(test)]
pub(super) const EVERY: &[Statement] = &[
    INSERT,
    INSERT_RETURNING,
    LOCK_BUDGETS,
    KEY_BUDGETS,
    PROJECT_BUDGETS,
    LEASES,
    CHARGE_BUDGETS,
    CHARGE_LEASES,
    SET_CURSORS,
];

/// Longest text of a caller or of an upstream that a row keeps, in bytes: what is longer is cut. Several of them fit
/// into one key of an index of PostgreSQL (2,704 bytes).
const TEXT_MAX_BYTES: usize = 800;

/// What is expected of the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// None of them is known: the common case, which needs no list of those that were.
    AllNew,
    SomeKnown,
}

/// Whether it was done; `false`: some rows are known, nothing was done.
pub(super) async fn run(
    mut tx: Tx,
    session: &Session,
    batch: &Batch,
    rows: Rows,
) -> Result<bool, StoreError> {
    node::fence(&mut tx, session).await?;
    let mut known = Vec::new();
    let (postings, refused) = match rows {
        Rows::AllNew => {
            let sent = batch.postings.len() + batch.refused.len();
            if sent > 0 {
                let inserted = tx.insert(&INSERT_ROWS, &request_rows(batch)).await?;
                if inserted != sent as u64 {
                    return Ok(false);
                }
            }
            (batch.postings.iter().collect::<Vec<_>>(), batch.refused.iter().collect::<Vec<_>>())
        }
        Rows::SomeKnown => {
            let returned =
                tx.rows(&INSERT_RETURNING, &[Arg::Text(&document::write(&request_rows(batch)))]).await?;
            let mut new = HashSet::with_capacity(returned.len());
            for row in returned {
                new.insert(row.bytes(0)?);
            }
            // Removed as they are met: a request that is in the batch twice counts once.
            let mut is_new = |id: &RequestId| new.remove(&id.0[..]);
            let (postings, others): (Vec<_>, Vec<_>) =
                batch.postings.iter().partition(|(posting, _)| is_new(&posting.reserve.request));
            known.extend(others.into_iter().map(|(posting, _)| posting));
            let refused = batch.refused.iter().filter(|one| is_new(&one.request)).collect();
            (postings, refused)
        }
    };
    let cut_off = correct::find(&mut tx, &known).await?;
    let mut sums = sums(&postings, &refused);
    correct::run(&mut tx, &cut_off, &mut sums).await?;
    let late = late::find(&mut tx, batch, rows).await?;
    late.count(&mut sums);
    sums.write(&mut tx).await?;
    let charged = postings.iter().map(|(posting, _)| (&posting.reserve, int(posting.charged().0)));
    let corrected = correct::charges(&cut_off).map(|(posting, charged)| (&posting.reserve, charged));
    charge(&mut tx, session, charged.chain(corrected)).await?;
    late.write(&mut tx).await?;
    set_cursors(&mut tx, session, &batch.cursors).await?;
    // Where rows are known the batch may have been taken before, and these with it: they are counted once at most.
    if rows == Rows::AllNew {
        latency::add(&mut tx, session, &batch.latencies).await?;
    }
    tx.commit().await?;
    Ok(true)
}

fn sums<'a>(postings: &[&'a (Posting, Option<Details>)], refused: &[&'a Refused]) -> Rollup<'a> {
    let mut rollup = Rollup::default();
    for (posting, details) in postings {
        let cost = int(posting.charged().0);
        let usage = settled(posting).map(|settle| &settle.usage);
        let added = Added { failed: failed(posting, details.as_ref()), usage, cost };
        rollup.add(posting.reserve.unix_ms, group(posting, details.as_ref()), added);
    }
    for refused in refused {
        // Names that callers make up get no sums of their own.
        let known = refused.details.status != 404;
        let group = Group {
            key: text(&refused.key),
            project: text(&refused.project),
            model: if known { text(&refused.model) } else { "" },
            provider: refused.details.last_called().map_or("", text),
        };
        rollup.add(refused.unix_ms, group, Added { failed: true, ..Added::default() });
    }
    rollup
}

/// Whether the caller got an error, as far as it is known.
fn failed(posting: &Posting, details: Option<&Details>) -> bool {
    posting.is_error() || details.is_some_and(Details::is_error)
}

/// What a posting is counted with: where nobody answered, with who was called last.
pub(super) fn group<'a>(posting: &'a Posting, details: Option<&'a Details>) -> Group<'a> {
    let reserve = &posting.reserve;
    let called = || details.and_then(Details::last_called).map_or("", text);
    Group {
        key: text(&reserve.key),
        project: text(&reserve.project),
        model: text(&reserve.model),
        provider: settled(posting).map_or_else(called, |settle| text(&settle.answered.provider)),
    }
}

pub(super) fn settled(posting: &Posting) -> Option<&Settle> {
    match &posting.outcome {
        Outcome::Settled(settle) => Some(settle),
        Outcome::Voided(_) => None,
    }
}

/// Moves the balances by what each request adds, in nano-dollars. A purse without a row has nothing to move: its row
/// will begin with what the sums say.
async fn charge<'a>(
    tx: &mut Tx,
    session: &Session,
    charges: impl Iterator<Item = (&'a Reserve, i64)>,
) -> Result<(), StoreError> {
    let requests = joined(charges.filter(|(_, charged)| *charged != 0));
    let periods = periods(tx, &requests).await?;
    // Taking the sum at once covers what taking one charge after the other would: nothing is granted in between. Beside
    // the sum, what of it was taken from a lease.
    let mut charges: BTreeMap<PurseId, (i64, i64)> = BTreeMap::new();
    for (reserve, charged) in &requests {
        for purse in reserve.purses() {
            let (sum, taken) = charges.entry(purse).or_default();
            (*sum, *taken) = (sum.saturating_add(*charged), taken.saturating_add(*charged));
        }
        for purse in passed_over(reserve, &periods) {
            let (sum, _) = charges.entry(purse).or_default();
            *sum = sum.saturating_add(*charged);
        }
    }
    if charges.is_empty() {
        return Ok(());
    }
    let purses: Vec<_> = charges.keys().map(|purse| (purse.account.as_str(), purse.window.0)).collect();
    let purses = document::write(&purses);
    let budgets = tx.rows(&LOCK_BUDGETS, &[Arg::Text(&purses)]).await?;
    // Read after the locks are held: nobody changes them now.
    let mut leases = BTreeMap::new();
    for row in tx.rows(&LEASES, &[Arg::Text(&purses), Arg::Text(&session.node)]).await? {
        leases.insert((row.text(0)?, row.int(1)?), row.int(2)?);
    }
    let charges: BTreeMap<(&str, i64), (i64, i64)> =
        charges.iter().map(|(purse, sums)| ((purse.account.as_str(), purse.window.0), *sums)).collect();
    let mut moved = Vec::with_capacity(budgets.len());
    for row in &budgets {
        let (account, window, posted) = (row.text(0)?, row.int(1)?, row.int(2)?);
        let (charged, taken) = charges.get(&(account.as_str(), window)).copied().unwrap_or_default();
        let purse = (account, window);
        let covered = taken.min(leases.get(&purse).copied().unwrap_or(0)).max(0);
        moved.push((purse.0, window, posted.saturating_add(charged).max(0), covered));
    }
    if moved.is_empty() {
        return Ok(());
    }
    let moved = document::write(&moved);
    tx.execute(&CHARGE_BUDGETS, &[Arg::Text(&moved)]).await?;
    tx.execute(&CHARGE_LEASES, &[Arg::Text(&moved), Arg::Text(&session.node)]).await.map(drop)
}

/// The periods of the budgets as they are now.
async fn periods(
    tx: &mut Tx,
    requests: &[(&Reserve, i64)],
) -> Result<BTreeMap<AccountId, Period>, StoreError> {
    let mut periods = BTreeMap::new();
    let keys: BTreeSet<_> = requests.iter().map(|(reserve, _)| (text(&reserve.key),)).collect();
    let projects: BTreeSet<_> = requests.iter().map(|(reserve, _)| (text(&reserve.project),)).collect();
    let of_key: fn(&str) -> AccountId = AccountId::key;
    for (statement, names, account) in
        [(&KEY_BUDGETS, keys, of_key), (&PROJECT_BUDGETS, projects, AccountId::project)]
    {
        if names.is_empty() {
            continue;
        }
        let names: Vec<_> = names.into_iter().collect();
        for row in tx.rows(statement, &[Arg::Text(&document::write(&names))]).await? {
            // A document that cannot be read stops `load_catalog`, which says so.
            if let Ok(budget) = document::read_budget(&row.text(1)?) {
                periods.insert(account(&row.text(0)?), budget.period);
            }
        }
    }
    Ok(periods)
}

/// The windows that a request belongs to without having been taken from: the budget was added, or got another period,
/// while it ran. A window that is later than its own clock says is its own all the same.
fn passed_over<'a>(
    reserve: &'a Reserve,
    periods: &'a BTreeMap<AccountId, Period>,
) -> impl Iterator<Item = PurseId> + 'a {
    let unix_s = int(reserve.unix_ms / 1_000);
    let accounts = [
        (AccountId::key(&reserve.key), reserve.key_window),
        (AccountId::project(&reserve.project), reserve.project_window),
    ];
    accounts.into_iter().filter_map(move |(account, taken)| {
        let period = periods.get(&account)?;
        let window = period.window(unix_s);
        let own = |taken: Window| taken == window || taken > window && period.window(taken.0) == taken;
        (!taken.is_some_and(own)).then_some(PurseId { account, window })
    })
}

async fn set_cursors(tx: &mut Tx, session: &Session, cursors: &[Cursor]) -> Result<(), StoreError> {
    // One row for each worker: no statement may touch a row twice.
    let mut furthest: BTreeMap<(u32, u16), i64> = BTreeMap::new();
    for cursor in cursors {
        let seq = furthest.entry((cursor.epoch, cursor.worker)).or_default();
        *seq = int(cursor.seq).max(*seq);
    }
    if furthest.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = furthest.into_iter().map(|((epoch, worker), seq)| (epoch, worker, seq)).collect();
    let args = [Arg::Text(&document::write(&rows)), Arg::Text(&session.node)];
    tx.execute(&SET_CURSORS, &args).await.map(drop)
}

/// What a row keeps of a text.
pub(super) fn text(text: &str) -> &str {
    // No engine takes a NUL character in every place; what comes before it is enough of such a text.
    if text.len() <= TEXT_MAX_BYTES && !super::has_nul(text) {
        return text;
    }
    let end = text.find('\0').unwrap_or(text.len());
    text.get(..text.floor_char_boundary(end.min(TEXT_MAX_BYTES))).unwrap_or_default()
}

/// A row of `requests`, in the order of `REQUEST_COLUMNS`.
#[derive(Serialize)]
pub(super) struct RequestColumns<'a>(
    Id,
    i64,
    &'a str,
    &'a str,
    &'a str,
    i64,
    u16,
    i64,
    Option<i64>,
    i64,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<&'a str>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

const COLUMNS: usize = 26;

impl Columns for RequestColumns<'_> {
    const COUNT: usize = COLUMNS;

    fn each<'a>(&'a self, take: impl FnMut(Arg<'a>)) {
        let columns: [Arg<'a>; COLUMNS] = [
            Arg::Bytes(&self.0.0.0),
            Arg::Int(self.1),
            Arg::Text(self.2),
            Arg::Text(self.3),
            Arg::Text(self.4),
            Arg::Int(self.5),
            Arg::Int(i64::from(self.6)),
            Arg::Int(self.7),
            Arg::MaybeInt(self.8),
            Arg::Int(self.9),
            Arg::MaybeText(self.10),
            Arg::MaybeText(self.11),
            Arg::MaybeText(self.12),
            Arg::MaybeText(self.13),
            Arg::Int(self.14),
            Arg::Int(self.15),
            Arg::Int(self.16),
            Arg::Int(self.17),
            Arg::Int(self.18),
            Arg::MaybeText(self.19),
            Arg::MaybeText(self.20),
            Arg::MaybeInt(self.21),
            Arg::MaybeInt(self.22),
            Arg::MaybeInt(self.23),
            Arg::MaybeInt(self.24),
            Arg::MaybeText(self.25.as_deref()),
        ];
        columns.into_iter().for_each(take);
    }
}

/// An id as it travels inside a document: in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(RequestId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(&self.0.0))
    }
}

pub(super) fn flags(details: &Details) -> i64 {
    let bit = |set: bool, bit: i64| if set { bit } else { 0 };
    bit(details.repaired, FLAG_REPAIRED) | bit(details.hedged, FLAG_HEDGED)
}

pub(super) fn trace(details: &Details) -> Option<&str> {
    named(&details.trace_id)
}

/// What a row keeps of a text that is empty where there is none.
fn named(name: &str) -> Option<&str> {
    Some(text(name)).filter(|name| !name.is_empty())
}

fn attempts(details: &Details) -> String {
    document::write(&AttemptsDocument(&details.attempts))
}

/// In the order of their ids, which is nearly that of time: in most indexes they go to the end, one behind the other.
fn request_rows(batch: &Batch) -> Vec<RequestColumns<'_>> {
    enum Of<'a> {
        Posting(&'a (Posting, Option<Details>)),
        Refused(&'a Refused),
    }
    let postings = batch.postings.iter().map(|posting| (posting.0.reserve.request, Of::Posting(posting)));
    let refused = batch.refused.iter().map(|refused| (refused.request, Of::Refused(refused)));
    let mut ordered: Vec<_> = postings.chain(refused).collect();
    ordered.sort_by_key(|(id, _)| *id);
    let rows = ordered.into_iter().map(|(_, of)| match of {
        Of::Posting((posting, details)) => posted_row(posting, details.as_ref()),
        Of::Refused(refused) => refused_row(refused),
    });
    rows.collect()
}

pub(super) fn posted_row<'a>(posting: &'a Posting, details: Option<&'a Details>) -> RequestColumns<'a> {
    let reserve = &posting.reserve;
    let settle = settled(posting);
    let ended_as = match &posting.outcome {
        Outcome::Settled(_) => 200,
        Outcome::Voided(void) => void.status,
    };
    let charged = match settle {
        Some(settle) => settle.charged.map(|charged| int(charged.0)),
        None => Some(0),
    };
    let stream = if reserve.stream { FLAG_STREAM } else { 0 };
    let odd = settle.map_or(0, |settle| i64::from(settle.flags.bits()));
    let usage = settle.map(|settle| settle.usage).unwrap_or_default();
    let answered = settle.map(|settle| &settle.answered);
    RequestColumns(
        Id(reserve.request),
        int(reserve.unix_ms),
        text(&reserve.key),
        text(&reserve.project),
        text(&reserve.model),
        stream | odd | details.map_or(0, flags),
        details.map_or(ended_as, |details| details.status),
        int(reserve.reserved.0),
        charged,
        i64::from(failed(posting, details)),
        answered.and_then(|answered| named(&answered.provider)),
        answered.and_then(|answered| named(&answered.upstream_model)),
        answered.and_then(|answered| named(&answered.price_version)),
        settle.map(|settle| settle.source.as_str()),
        int(usage.prompt_tokens),
        int(usage.completion_tokens),
        int(usage.prompt.cached_tokens),
        int(usage.prompt.cache_write_tokens),
        int(usage.completion.reasoning_tokens),
        details.and_then(trace),
        details.and_then(|details| details.error_code.as_deref().map(text)),
        details.and_then(|details| details.queue_us.map(int)),
        details.and_then(|details| details.first_token_us.map(int)),
        details.map(|details| int(details.total_us)),
        details.map(|details| int(details.wasted.0)),
        details.map(attempts),
    )
}

fn refused_row(refused: &Refused) -> RequestColumns<'_> {
    let details = &refused.details;
    RequestColumns(
        Id(refused.request),
        int(refused.unix_ms),
        text(&refused.key),
        text(&refused.project),
        text(&refused.model),
        if refused.stream { FLAG_STREAM | flags(details) } else { flags(details) },
        details.status,
        0,
        Some(0),
        1,
        None,
        None,
        None,
        None,
        0,
        0,
        0,
        0,
        0,
        trace(details),
        details.error_code.as_deref().map(text),
        details.queue_us.map(int),
        details.first_token_us.map(int),
        Some(int(details.total_us)),
        Some(int(details.wasted.0)),
        Some(attempts(details)),
    )
}
