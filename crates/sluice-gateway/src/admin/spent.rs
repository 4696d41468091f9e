//! What is spent and held of budgets.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_ledger::{AccountId, Budget, PurseId};
use sluice_store::{Store, books::BudgetRow};

use super::{
    call::Call,
    refuse::{self, Checked},
};

/// The rows of the windows that are current.
#[derive(Debug, Default)]
pub(super) struct Spent {
    rows: BTreeMap<PurseId, BudgetRow>,
    unix_s: i64,
}

impl Spent {
    /// Asks for all budgets of a page at once.
    pub(super) async fn read(
        call: &Call,
        budgets: impl Iterator<Item = (AccountId, Option<Budget>)> + Send,
    ) -> Checked<Self> {
        let unix_s = call.unix_s();
        let purse = |(account, budget): (AccountId, Option<Budget>)| {
            Some(PurseId { account, window: budget?.period.window(unix_s) })
        };
        let purses: Vec<PurseId> = budgets.filter_map(purse).collect();
        if purses.is_empty() {
            return Ok(Self { unix_s, ..Self::default() });
        }
        let rows = call.store().budgets(&purses).await.map_err(|error| refuse::store(&error))?;
        Ok(Self { rows: rows.into_iter().map(|row| (row.purse.clone(), row)).collect(), unix_s })
    }

    /// A budget with what is spent of it; `null` without one.
    pub(super) fn json(&self, account: AccountId, budget: Option<Budget>) -> Value {
        let Some(budget) = budget else { return Value::Null };
        let row = self.rows.get(&PurseId { account, window: budget.period.window(self.unix_s) });
        json!({
            "limit_nanousd": budget.limit.0,
            "spent_nanousd": row.map_or(0, |row| row.posted.0),
            "reserved_nanousd": row.map_or(0, |row| row.leased.0),
            "period": budget.period.as_str(),
        })
    }
}
