//! What wants an operator's eyes, the worst first.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_ledger::{AccountId, Budget, PurseId};
use sluice_store::{
    Catalog, Store,
    books::NODE_ALIVE_MS,
    query::{GroupBy, NodeRow, UsageQuery},
};

use super::{
    Moment,
    targets::{ProviderSeen, Seen, TargetSeen},
};
use crate::{
    admin::{
        call::Call,
        query::{moment_of_ms, moment_of_s},
    },
    metrics,
    worker::Shared,
};

/// A budget is told of from this share on, and more loudly from the next ones.
const BUDGET_PERCENT: [u128; 3] = [80, 95, 100];
/// A provider is told of where so many calls of ten minutes failed, in percent, and there were so many.
const FAILING_PERCENT: u32 = 20;
const FAILING_BADLY_PERCENT: u32 = 50;
const FAILING_CALLS: u32 = 10;
/// So far may the books be behind.
const LAG_S: f64 = 10.0;
const LAG_BAD_S: f64 = 60.0;
/// Keys that end within a week are told of.
const EXPIRING_S: i64 = 7 * 86_400;
/// Models without a price are told of where they were used within a week.
const USED_S: i64 = 7 * 86_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Critical,
    Warning,
    Info,
}

/// One thing. Ordered by how bad it is.
struct Item {
    severity: Severity,
    kind: &'static str,
    object: &'static str,
    object_id: String,
    message: String,
    /// What the message tells of, for who says it in other words.
    facts: Value,
    since: Option<String>,
}

impl Item {
    fn new(
        severity: Severity,
        kind: &'static str,
        (object, object_id): (&'static str, &str),
        (message, facts): (String, Value),
    ) -> Self {
        Self { severity, kind, object, object_id: object_id.to_owned(), message, facts, since: None }
    }

    fn json(&self) -> Value {
        let severity = match self.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        json!({
            "kind": self.kind,
            "severity": severity,
            "object": self.object,
            "object_id": self.object_id,
            "message": self.message,
            "facts": self.facts,
            "since": self.since,
        })
    }
}

/// What the database cannot be asked about is left out: that it is away stands there then.
pub(super) async fn list(call: &Call, moment: Moment, seen: &Seen, nodes: &[NodeRow]) -> Vec<Value> {
    let mut items = Vec::new();
    of_node(&call.shared, moment, &mut items);
    items.extend(seen.targets.iter().filter_map(|target| open_breaker(target, moment)));
    items.extend(seen.providers.iter().filter_map(failing));
    items.extend(nodes.iter().filter_map(|node| silent(node, moment.unix_ms)));
    if let Ok(catalog) = call.store().load_catalog().await {
        items.extend(
            catalog
                .keys
                .iter()
                .filter(|key| !key.revoked)
                .filter_map(|key| expiring(&key.id, &key.name, key.expires_at?, call.unix_s())),
        );
        items.extend(budgets(call, &catalog).await);
    }
    items.extend(unpriced(call).await);
    items.sort_by_key(|item| item.severity);
    items.iter().map(Item::json).collect()
}

fn of_node(shared: &Shared, moment: Moment, items: &mut Vec<Item>) {
    let node = ("node", &*shared.about.node);
    let mut add = |severity, kind, message: &str, facts| {
        items.push(Item::new(severity, kind, node, (message.to_owned(), facts)));
    };
    if !shared.books.is_open() {
        let text = "This node takes no more requests: see its log, then start it again.";
        add(Severity::Critical, "node_closed", text, json!({}));
    }
    if shared.books.may_be_stale(moment.now) {
        add(Severity::Critical, "database_away", "The database does not answer.", json!({}));
    }
    if shared.sharing.as_ref().is_some_and(|sharing| sharing.is_away()) {
        let text = "Redis does not answer: this node holds to its share of the limits.";
        add(Severity::Warning, "redis_away", text, json!({}));
    }
    let lag = shared.metrics.journal_lag_seconds.get();
    if lag >= LAG_S {
        let severity = if lag >= LAG_BAD_S { Severity::Critical } else { Severity::Warning };
        let (text, facts) = (
            format!("The books are {lag:.0} s behind the journal."),
            json!({ "seconds": lag.round() as u64 }),
        );
        add(severity, "journal_lag", &text, facts);
    }
    if let Some((unix_ms, why)) = shared.about.refused_file() {
        let text = format!("The configuration file was not taken when it was last read: {why}");
        let since = moment_of_ms(unix_ms);
        items.push(Item {
            since,
            ..Item::new(Severity::Warning, "file_refused", node, (text, json!({ "reason": why })))
        });
    }
}

fn open_breaker(target: &TargetSeen, moment: Moment) -> Option<Item> {
    if target.state() == "closed" {
        return None;
    }
    let id = format!("{}/{}", target.provider, target.upstream_model);
    let why = target.told.last_failure.map_or("it failed", |(kind, _)| metrics::reason(kind));
    let text = format!("The target {id} is not called for now: {why}.");
    let since = target.told.opened_at.and_then(|at| moment.written(at));
    let told = (text, json!({ "target": id, "reason": why }));
    Some(Item { since, ..Item::new(Severity::Warning, "breaker_open", ("target", &id), told) })
}

fn failing(provider: &ProviderSeen) -> Option<Item> {
    let ProviderSeen { name, calls, failures } = provider;
    let percent = failures.saturating_mul(100).checked_div(*calls)?;
    if *calls < FAILING_CALLS || percent < FAILING_PERCENT {
        return None;
    }
    let severity = if percent >= FAILING_BADLY_PERCENT { Severity::Critical } else { Severity::Warning };
    let text = format!("{failures} of {calls} calls of the provider '{name}' failed within ten minutes.");
    let facts = json!({ "provider": name, "failures": failures, "calls": calls });
    Some(Item::new(severity, "provider_failing", ("provider", name), (text, facts)))
}

fn silent(node: &NodeRow, unix_ms: u64) -> Option<Item> {
    let is_alive = unix_ms.saturating_sub(node.seen_ms) < NODE_ALIVE_MS;
    if is_alive || node.leased.0 == 0 {
        return None;
    }
    let text = "This node is silent and holds some of the budgets: start it, or write it off.".to_owned();
    let since = moment_of_ms(node.seen_ms);
    let told = (text, json!({}));
    Some(Item { since, ..Item::new(Severity::Warning, "node_silent", ("node", &node.node), told) })
}

fn expiring(id: &str, name: &str, expires_at: i64, unix_s: i64) -> Option<Item> {
    let left = expires_at.saturating_sub(unix_s);
    if !(1..=EXPIRING_S).contains(&left) {
        return None;
    }
    let text = match left / 86_400 {
        0 => format!("The key '{name}' ends within a day."),
        1 => format!("The key '{name}' ends in a day."),
        days => format!("The key '{name}' ends in {days} days."),
    };
    let until = moment_of_s(expires_at).unwrap_or_default();
    let message = format!("{text} ({until})");
    let facts = json!({ "name": name, "days": (left + 86_399) / 86_400, "expires_at": until });
    Some(Item::new(Severity::Info, "key_expiring", ("key", id), (message, facts)))
}

async fn budgets(call: &Call, catalog: &Catalog) -> Vec<Item> {
    let now = call.unix_s();
    let keys = catalog.keys.iter().filter(|key| !key.revoked);
    let keys =
        keys.filter_map(|key| Some((AccountId::key(&key.id), ("key", &key.id, &key.name), key.budget?)));
    let projects = catalog.projects.iter().filter_map(|project| {
        Some((AccountId::project(&project.name), ("project", &project.name, &project.name), project.budget?))
    });
    let all: Vec<(PurseId, _, Budget)> = keys
        .chain(projects)
        .map(|(account, object, budget)| {
            (PurseId { account, window: budget.period.window(now) }, object, budget)
        })
        .collect();
    let purses: Vec<PurseId> = all.iter().map(|(purse, ..)| purse.clone()).collect();
    let Ok(rows) = call.store().budgets(&purses).await else { return Vec::new() };
    let rows: std::collections::HashMap<_, _> =
        rows.into_iter().map(|row| (row.purse, row.posted.0)).collect();
    let item = |(purse, (object, id, name), budget): &(PurseId, (&'static str, &String, &String), Budget)| {
        let spent = rows.get(purse).copied().unwrap_or(0);
        budget_item((*object, id, name), spent, budget.limit.0)
    };
    all.iter().filter_map(item).collect()
}

fn budget_item((object, id, name): (&'static str, &str, &str), spent: u64, limit: u64) -> Option<Item> {
    let percent = (u128::from(spent) * 100).checked_div(u128::from(limit)).unwrap_or(100);
    let [told, warned, over] = BUDGET_PERCENT;
    let severity = match percent {
        percent if percent >= over => Severity::Critical,
        percent if percent >= warned => Severity::Warning,
        percent if percent >= told => Severity::Info,
        _ => return None,
    };
    let text = format!("The {object} '{name}' has spent {percent} % of its budget.");
    let facts = json!({ "name": name, "percent": u64::try_from(percent).unwrap_or(u64::MAX) });
    Some(Item::new(severity, "budget", (object, id), (text, facts)))
}

async fn unpriced(call: &Call) -> Vec<Item> {
    let names: BTreeSet<String> = {
        let snapshot = call.shared.snapshot.load();
        let without = snapshot.models().filter(|model| {
            let counts = !model.options.unpriced_free;
            counts && model.targets.iter().any(|target| target.health.is_some() && target.priced.is_none())
        });
        without.map(|model| model.name.clone()).collect()
    };
    if names.is_empty() {
        return Vec::new();
    }
    let now = call.unix_s();
    let query = UsageQuery {
        from: now.saturating_sub(USED_S),
        to: now.saturating_add(1),
        group_by: vec![GroupBy::Model],
        ..UsageQuery::default()
    };
    let rows = call.store().usage(&query).await.unwrap_or_default();
    let used = rows.into_iter().filter(|row| row.requests > row.errors).filter_map(|row| row.model);
    used.filter(|model| names.contains(model))
        .map(|model| {
            let text = format!("The model '{model}' is used and has no price: what it costs is not known.");
            let facts = json!({ "model": model });
            Item::new(Severity::Warning, "model_unpriced", ("model", &model), (text, facts))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sluice_ledger::NanoUsd;

    use super::*;

    fn told(item: Option<Item>) -> Option<(Severity, String)> {
        item.map(|item| (item.severity, item.message))
    }

    #[test]
    fn budgets_are_told_of_in_time() {
        let check = |spent, limit, expect: Option<(Severity, &str)>| {
            let found = told(budget_item(("key", "key_1", "k"), spent, limit));
            let expect = expect.map(|(severity, percent)| {
                (severity, format!("The key 'k' has spent {percent} % of its budget."))
            });
            assert_eq!(found, expect, "{spent} of {limit}");
        };
        check(79, 100, None);
        check(80, 100, Some((Severity::Info, "80")));
        check(949, 1_000, Some((Severity::Info, "94")));
        check(95, 100, Some((Severity::Warning, "95")));
        check(100, 100, Some((Severity::Critical, "100")));
        check(u64::MAX, 1, Some((Severity::Critical, "1844674407370955161500")));
        check(0, 0, Some((Severity::Critical, "100")));
    }

    #[test]
    fn providers_that_fail_are_told_of_where_there_were_calls() {
        let check = |calls, failures, expect: Option<Severity>| {
            let provider = ProviderSeen { name: "p".to_owned(), calls, failures };
            assert_eq!(
                told(failing(&provider)).map(|(severity, _)| severity),
                expect,
                "{failures} of {calls}"
            );
        };
        check(0, 0, None);
        check(9, 9, None);
        check(10, 1, None);
        check(10, 2, Some(Severity::Warning));
        check(10, 5, Some(Severity::Critical));
    }

    #[test]
    fn keys_that_end_soon_are_told_of() {
        let check = |left, expect: Option<&str>| {
            let found =
                told(expiring("key_1", "k", 1_795_219_200, 1_795_219_200 - left)).map(|(_, text)| text);
            assert_eq!(found.as_deref(), expect, "{left}");
        };
        check(0, None);
        check(-1, None);
        check(EXPIRING_S + 1, None);
        check(1, Some("The key 'k' ends within a day. (2026-11-21T00:00:00Z)"));
        check(EXPIRING_S, Some("The key 'k' ends in 7 days. (2026-11-21T00:00:00Z)"));
    }

    #[test]
    fn nodes_that_are_gone_with_money_are_told_of() {
        let check = |silent_ms, leased, expect| {
            let node = NodeRow { node: "n".to_owned(), epoch: 1, seen_ms: 1_000, leased: NanoUsd(leased) };
            assert_eq!(silent(&node, 1_000 + silent_ms).is_some(), expect, "{silent_ms} {leased}");
        };
        check(NODE_ALIVE_MS - 1, 5, false);
        check(NODE_ALIVE_MS, 5, true);
        check(NODE_ALIVE_MS, 0, false);
    }
}
