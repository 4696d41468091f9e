//! Nodes: who shares the database, and what they hold of its budgets.

pub(super) mod list;
pub(super) mod write_off;

use serde_json::{Value, json};
use sluice_store::{books::NODE_ALIVE_MS, query::NodeRow};

use super::query::moment_of_ms;

pub(super) fn shown(row: &NodeRow, unix_ms: u64) -> Value {
    json!({
        "id": row.node,
        "alive": unix_ms.saturating_sub(row.seen_ms) < NODE_ALIVE_MS,
        "seen_at": moment_of_ms(row.seen_ms),
        "epoch": row.epoch,
        "leased_nanousd": row.leased.0,
    })
}

#[cfg(test)]
mod tests {
    use sluice_ledger::NanoUsd;

    use super::*;

    #[test]
    fn silence_is_told() {
        let row = NodeRow { node: "n".to_owned(), epoch: 2, seen_ms: 1_000, leased: NanoUsd(5) };
        let check = |unix_ms, alive: bool| assert_eq!(shown(&row, unix_ms)["alive"], alive, "{unix_ms}");
        check(0, true);
        check(1_000 + NODE_ALIVE_MS - 1, true);
        check(1_000 + NODE_ALIVE_MS, false);
        assert_eq!(shown(&row, 0)["leased_nanousd"], 5);
    }
}
