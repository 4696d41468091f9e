//! Many rows for one table. To SQLite they go as bound values, some rows a statement: to take them out of a document
//! costs it twice as much as to keep them. To PostgreSQL they go as one document: each value would be a message.

use std::sync::Arc;

use serde::Serialize;
use sqlx::{Arguments as _, AssertSqlSafe, sqlite::SqliteArguments};

use super::{Arg, Open, Statement, Tx, failed};
use crate::{StoreError, document};

type BoxDynError = sqlx::error::BoxDynError;

/// Rows a statement, the most first. One at a time is always possible.
const ROWS: [usize; 3] = [64, 8, 1];

/// A statement that inserts rows.
#[derive(Debug)]
pub(crate) struct Insert {
    /// Takes all rows as one document.
    document: Statement,
    /// Take as many rows as [`ROWS`] says.
    bound: [Arc<str>; ROWS.len()],
}

/// A row as its columns, and as a document of them in the same order.
pub(crate) trait Columns: Serialize {
    /// How many there are.
    const COUNT: usize;

    /// Tells `take` each of them.
    fn each<'a>(&'a self, take: impl FnMut(Arg<'a>));
}

impl Insert {
    /// `head` and `tail` for SQLite: `INSERT INTO t (…) VALUES`, and what stands behind the values.
    pub(crate) fn new<R: Columns>(document: Statement, head: &str, tail: &str) -> Self {
        // Values without names: names are looked up one by one, each time.
        let row = format!("({})", vec!["?"; R::COUNT].join(", "));
        let bound = ROWS.map(|rows| format!("{head} {} {tail}", vec![&*row; rows].join(", ")).into());
        Self { document, bound }
    }

    /// The statement for the first of so many rows, and how many it takes.
    fn piece(&self, left: usize) -> (usize, &Arc<str>) {
        let fits = ROWS.iter().position(|rows| *rows <= left).unwrap_or(ROWS.len() - 1);
        (ROWS[fits], &self.bound[fits])
    }
}

impl Tx {
    /// Inserts rows; how many were inserted.
    pub(crate) async fn insert<R: Columns>(
        &mut self,
        insert: &Insert,
        rows: &[R],
    ) -> Result<u64, StoreError> {
        if let Open::Postgres(_) = self.open {
            return self.execute(&insert.document, &[Arg::Text(&document::write(&rows))]).await;
        }
        let (mut inserted, mut left) = (0, rows);
        while !left.is_empty() {
            let (count, text) = insert.piece(left.len());
            let (some, others) = left.split_at(count.min(left.len()));
            inserted += self.insert_bound(text, some).await?;
            left = others;
        }
        Ok(inserted)
    }

    async fn insert_bound<R: Columns>(&mut self, text: &Arc<str>, rows: &[R]) -> Result<u64, StoreError> {
        #[cfg(test)]
        self.faults.call()?;
        let Open::Sqlite(tx) = &mut self.open else { return Ok(0) };
        let args = bound(rows).map_err(|error| StoreError::Engine(error.to_string()))?;
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(text)), args);
        let done = query.execute(&mut **tx).await.map_err(|error| failed(&error))?;
        Ok(done.rows_affected())
    }
}

/// The values of rows, one after the other. A text that is that of the row before is not copied: most are.
fn bound<R: Columns>(rows: &[R]) -> Result<SqliteArguments, BoxDynError> {
    let mut args = SqliteArguments::default();
    args.reserve(rows.len() * R::COUNT, 0);
    let mut before: Vec<Option<Arc<str>>> = vec![None; R::COUNT];
    for row in rows {
        let mut columns = before.iter_mut();
        let mut outcome = Ok(());
        row.each(|arg| {
            let column = columns.next();
            let added = match arg {
                Arg::Int(value) => args.add(value),
                Arg::MaybeInt(value) => args.add(value),
                Arg::Text(text) | Arg::MaybeText(Some(text)) => args.add(kept(column, text)),
                Arg::MaybeText(None) => args.add(None::<i64>),
                Arg::Bytes(bytes) => args.add(bytes),
                Arg::MaybeBytes(bytes) => args.add(bytes),
                Arg::Bool(value) => args.add(value),
            };
            if added.is_err() && outcome.is_ok() {
                outcome = added;
            }
        });
        outcome?;
    }
    Ok(args)
}

fn kept(before: Option<&mut Option<Arc<str>>>, text: &str) -> Arc<str> {
    match before {
        Some(Some(before)) if **before == *text => Arc::clone(before),
        Some(before) => Arc::clone(before.insert(text.into())),
        None => text.into(),
    }
}
