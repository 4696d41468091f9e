//! Arrays.

use serde_json::{Map, Value, json};

use super::check::same;
use super::{Maker, count, flat};

/// Items that are made at most.
const ITEMS_MAX: usize = 1_024;

/// Attempts at an item that is not there yet.
const DISTINCT_ATTEMPTS: u32 = 40;

impl Maker<'_> {
    pub(super) fn array(&mut self, flat: &Map<String, Value>, depth: u32, attempt: u32) -> Value {
        let plan = self.item_schemas(flat, depth, attempt);
        let unique = flat.get("uniqueItems") == Some(&Value::Bool(true));
        let fewest = count(flat, "minItems").unwrap_or(0);
        let mut items: Vec<Value> = Vec::with_capacity(plan.len());
        for schema in &plan {
            let mut item = self.value(schema, depth + 1);
            let known = |item: &Value, items: &[Value]| unique && items.iter().any(|one| same(one, item));
            for _ in 0..DISTINCT_ATTEMPTS {
                if !known(&item, &items) {
                    break;
                }
                item = self.value(schema, depth + 1);
            }
            if known(&item, &items) && items.len() >= fewest {
                break;
            }
            items.push(item);
        }
        Value::Array(items)
    }

    /// The schema of every item that is made.
    fn item_schemas(&mut self, flat: &Map<String, Value>, depth: u32, attempt: u32) -> Vec<Value> {
        let fewest = count(flat, "minItems").unwrap_or(0).min(ITEMS_MAX);
        let most = count(flat, "maxItems").unwrap_or(usize::MAX).min(ITEMS_MAX);
        let prefix = flat.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let anything = Value::Bool(true);
        let closed = flat.get("unevaluatedItems") == Some(&Value::Bool(false));
        let nothing = Value::Bool(false);
        let items = flat.get("items").unwrap_or(if closed { &nothing } else { &anything });
        let demands = Demand::all(flat);
        let deep = self.is_deep(depth);
        let demanded: usize = demands.iter().map(|demand| demand.fewest).sum();
        let mut length = if deep { 0 } else { prefix.len() };
        if !deep && prefix.is_empty() && flat.contains_key("items") {
            length = if attempt == 0 { 2 } else { self.dice.below(4) as usize };
        }
        length = length.max(prefix.len() * usize::from(demanded > 0) + demanded).max(fewest).min(most);
        if *items == nothing {
            length = length.min(prefix.len());
        }
        let mut open: Vec<&Demand> =
            demands.iter().flat_map(|demand| std::iter::repeat_n(demand, demand.fewest)).collect();
        open.reverse();
        let first_free = prefix.len().min(length.saturating_sub(open.len()));
        (0..length)
            .map(|at| {
                let own = prefix.get(at).unwrap_or(items);
                match open.pop_if(|_| at >= first_free) {
                    Some(demand) => flat::both(own, &demand.schema),
                    None => demands.iter().fold(own.clone(), Demand::avoided),
                }
            })
            .collect()
    }
}

/// What `contains` demands.
struct Demand {
    schema: Value,
    fewest: usize,
    /// More of them are not allowed.
    bounded: bool,
}

impl Demand {
    fn all(flat: &Map<String, Value>) -> Vec<Self> {
        let all = flat.get("contains").and_then(Value::as_array).into_iter().flatten();
        all.map(|demand| {
            let number = |key: &str| demand.get(key).and_then(Value::as_u64);
            Self {
                schema: demand.get("schema").cloned().unwrap_or(Value::Bool(true)),
                fewest: number("min").unwrap_or(1).min(ITEMS_MAX as u64) as usize,
                bounded: number("max").is_some(),
            }
        })
        .collect()
    }

    /// The schema without what this demand speaks of, where there must not be more of it.
    fn avoided(schema: Value, demand: &Self) -> Value {
        if demand.bounded { flat::both(&schema, &json!({ "not": demand.schema })) } else { schema }
    }
}
