//! A schema as one set of constraints.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::super::dice::Dice;
use super::Fuel;
use super::check::same;
use super::pattern::Pattern;
use super::reference::resolve;

/// References and parts that are followed for one value.
const FOLLOWED_MAX: u32 = 200;

/// Schemas that are looked at for the cost of one branch.
const COST_STEPS_MAX: u32 = 300;

/// Too dear: it may never end.
const ENDLESS: u32 = 1_000;

/// Constraints that are being put together. Of `multipleOf`, `pattern` and `contains` there may be several: they
/// are lists here.
pub(super) struct Flat<'a> {
    root: &'a Value,
    fuel: &'a Fuel,
    /// Choices go to what ends soonest.
    deep: bool,
    attempt: u32,
    followed: u32,
    pub(super) keywords: Map<String, Value>,
}

impl<'a> Flat<'a> {
    pub(super) fn new(root: &'a Value, fuel: &'a Fuel, deep: bool, attempt: u32) -> Self {
        Self { root, fuel, deep, attempt, followed: 0, keywords: Map::new() }
    }

    /// Adds all that a schema demands, and one branch of each of its choices.
    pub(super) fn absorb(&mut self, schema: &Value, dice: &mut Dice) {
        self.followed += 1;
        if self.followed > FOLLOWED_MAX {
            return;
        }
        let Value::Object(schema) = schema else { return };
        let properties = schema.get("properties").and_then(Value::as_object).map_or(0, Map::len);
        if !self.fuel.spend(5 + schema.len() + properties) {
            return;
        }
        self.bound_properties(schema);
        for (key, value) in schema {
            self.keyword(key, value, schema);
        }
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let target = schema.get(key).and_then(Value::as_str).and_then(|to| resolve(self.root, to));
            if let Some(target) = target {
                self.absorb(target, dice);
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.absorb(part, dice);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(branches) = schema.get(key).and_then(Value::as_array).filter(|all| !all.is_empty()) {
                let branch = self.branch(branches, dice);
                self.absorb(&branches[branch], dice);
            }
        }
        self.condition(schema, dice);
        self.dependent_schemas(schema, dice);
    }

    fn branch(&self, branches: &[Value], dice: &mut Dice) -> usize {
        let attempt = self.attempt as usize;
        if attempt > 0 {
            return if attempt < branches.len() {
                attempt
            } else {
                dice.below(branches.len() as u64) as usize
            };
        }
        if self.deep {
            let costs = branches.iter().map(|branch| cost(self.root, branch, 8, &Cell::new(COST_STEPS_MAX)));
            return costs.enumerate().min_by_key(|(_, cost)| *cost).map_or(0, |(at, _)| at);
        }
        let says_something =
            |branch: &Value| branch.get("type") != Some(&json!("null")) && *branch != Value::Bool(false);
        branches.iter().position(says_something).unwrap_or(0)
    }

    /// `if`: at first what holds for it, later perhaps what holds without it.
    fn condition(&mut self, schema: &Map<String, Value>, dice: &mut Dice) {
        let Some(condition) = schema.get("if") else { return };
        let then = self.attempt == 0 || dice.below(2) == 0;
        if then {
            self.absorb(condition, dice);
        }
        if let Some(rest) = schema.get(if then { "then" } else { "else" }) {
            self.absorb(rest, dice);
        }
    }

    /// What is demanded where a property is there, of those that will be.
    fn dependent_schemas(&mut self, schema: &Map<String, Value>, dice: &mut Dice) {
        for key in ["dependentSchemas", "dependencies"] {
            for (name, demand) in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
                let has = |key: &str| match self.keywords.get(key) {
                    Some(Value::Object(map)) => map.contains_key(name),
                    Some(Value::Array(list)) => list.iter().any(|one| one == name),
                    _ => false,
                };
                if has("required") || has("properties") && self.attempt == 0 {
                    self.absorb(demand, dice);
                }
            }
        }
    }

    /// What one side says of properties that only the other one names.
    fn bound_properties(&mut self, schema: &Map<String, Value>) {
        let ours = self.keywords.get("properties").and_then(Value::as_object);
        let theirs = schema.get("properties").and_then(Value::as_object);
        let names = |of: Option<&Map<String, Value>>, but: Option<&Map<String, Value>>| -> Vec<String> {
            let all = of.into_iter().flat_map(Map::keys);
            all.filter(|name| but.is_none_or(|but| !but.contains_key(*name))).cloned().collect()
        };
        let mut bounds = Vec::new();
        for name in names(ours, theirs) {
            bounds.extend(beyond(schema, &name, self.fuel).map(|bound| (name, bound)));
        }
        for name in names(theirs, ours) {
            bounds.extend(beyond(&self.keywords, &name, self.fuel).map(|bound| (name, bound)));
        }
        for (name, bound) in bounds {
            self.keyword("properties", &json!({ name: bound }), schema);
        }
    }

    /// Adds one keyword to what is there.
    fn keyword(&mut self, key: &str, value: &Value, schema: &Map<String, Value>) {
        let (key, value) = match (key, value) {
            // Of draft 4: the bound itself is beside it.
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(exclusive)) => {
                let bound = schema.get(if key == "exclusiveMinimum" { "minimum" } else { "maximum" });
                match bound.filter(|_| *exclusive) {
                    Some(bound) => (key, bound.clone()),
                    None => return,
                }
            }
            ("items", Value::Array(_)) => ("prefixItems", value.clone()),
            ("additionalItems", _) if matches!(schema.get("items"), Some(Value::Array(_))) => {
                ("items", value.clone())
            }
            ("dependencies", Value::Object(all)) => {
                let lists = all.iter().filter(|(_, demand)| demand.is_array());
                ("dependentRequired", lists.map(|(name, demand)| (name.clone(), demand.clone())).collect())
            }
            ("contains", _) => {
                let bound = |key: &str| schema.get(key).cloned().unwrap_or_default();
                (
                    "contains",
                    json!([{ "schema": value, "min": bound("minContains"), "max": bound("maxContains") }]),
                )
            }
            ("multipleOf" | "pattern", _) => (key, json!([value])),
            (
                "$ref" | "allOf" | "anyOf" | "oneOf" | "if" | "then" | "else" | "not" | "additionalItems",
                _,
            ) => return,
            _ => (key, value.clone()),
        };
        let merged = match self.keywords.get(key) {
            Some(old) => merge(key, old, &value),
            None => value,
        };
        self.keywords.insert(key.to_owned(), merged);
    }
}

/// Both of two values of a keyword.
fn merge(key: &str, old: &Value, new: &Value) -> Value {
    let numbers = (old.as_f64(), new.as_f64());
    let first = |takes_old: bool| if takes_old { old.clone() } else { new.clone() };
    match key {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            first(numbers.0 >= numbers.1)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            first(numbers.0 <= numbers.1)
        }
        "type" => types_of_both(old, new),
        "enum" => match (old, new) {
            (Value::Array(old), Value::Array(new)) => {
                old.iter().filter(|one| new.iter().any(|other| same(one, other))).cloned().collect()
            }
            _ => old.clone(),
        },
        "required" | "multipleOf" | "pattern" | "contains" => match (old, new) {
            (Value::Array(old), Value::Array(new)) => {
                let more = new.iter().filter(|one| !old.contains(one));
                old.iter().chain(more).cloned().collect()
            }
            _ => old.clone(),
        },
        "properties" | "patternProperties" | "dependentRequired" => match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let mut all = old.clone();
                for (name, schema) in new {
                    let joined = old.get(name).map_or_else(|| schema.clone(), |old| both(old, schema));
                    all.insert(name.clone(), joined);
                }
                Value::Object(all)
            }
            _ => old.clone(),
        },
        "additionalProperties" | "items" | "propertyNames" => both(old, new),
        "prefixItems" => match (old, new) {
            (Value::Array(old), Value::Array(new)) => {
                let at = |list: &[Value], at: usize| list.get(at).cloned().unwrap_or(Value::Bool(true));
                (0..old.len().max(new.len())).map(|i| both(&at(old, i), &at(new, i))).collect()
            }
            _ => old.clone(),
        },
        "uniqueItems" => first(old == &Value::Bool(true)),
        _ => old.clone(),
    }
}

/// A schema for what two schemas allow.
pub(super) fn both(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Bool(true), schema) | (schema, Value::Bool(true)) => schema.clone(),
        (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
        (Value::Array(one), Value::Array(other)) => one.iter().chain(other).cloned().collect(),
        _ if one == other => one.clone(),
        _ => json!({ "allOf": [one, other] }),
    }
}

fn types_of_both(old: &Value, new: &Value) -> Value {
    let list = |value: &Value| match value {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    };
    let (old, new) = (list(old), list(new));
    let mut types = Vec::new();
    for one in &old {
        for other in &new {
            let joined = match (one.as_str(), other.as_str()) {
                (one, other) if one == other => one,
                (Some("integer"), Some("number")) | (Some("number"), Some("integer")) => Some("integer"),
                _ => None,
            };
            types.extend(joined.map(|kind| json!(kind)));
        }
    }
    Value::Array(types)
}

/// What a schema says of a property that it does not name.
pub(super) fn beyond(schema: &Map<String, Value>, name: &str, fuel: &Fuel) -> Option<Value> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let matching = patterns
        .into_iter()
        .flatten()
        .filter(|(pattern, _)| Pattern::parse(pattern).is_none_or(|pattern| pattern.is_match(name, fuel)));
    let joined = matching.map(|(_, schema)| schema.clone()).reduce(|one, other| both(&one, &other));
    joined.or_else(|| schema.get("additionalProperties").cloned())
}

/// How deep an instance must be at least, up to [`ENDLESS`]. `left` bounds the nesting, `steps` the work.
fn cost(root: &Value, schema: &Value, left: u32, steps: &Cell<u32>) -> u32 {
    let Some(schema) = schema.as_object() else {
        return if *schema == Value::Bool(false) { ENDLESS } else { 0 };
    };
    if left == 0 || steps.get() == 0 {
        return ENDLESS;
    }
    steps.set(steps.get() - 1);
    let of = |schema: &Value| cost(root, schema, left - 1, steps);
    let list = |key: &str| schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut most = 0;
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|to| resolve(root, to)) {
        most = most.max(of(target));
    }
    most = list("allOf").iter().map(of).max().unwrap_or(0).max(most);
    for key in ["anyOf", "oneOf"] {
        most = list(key).iter().map(of).min().unwrap_or(0).max(most);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for name in list("required").iter().filter_map(Value::as_str) {
        let needed = properties.and_then(|properties| properties.get(name)).map_or(0, of);
        most = most.max(1 + needed);
    }
    let fewest = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    if let Some(items) = schema.get("items").filter(|_| fewest > 0) {
        most = most.max(1 + of(items));
    }
    most.min(ENDLESS)
}
