//! Whether a value holds for a schema. For choosing among attempts: what cannot be said counts as yes.

use serde_json::{Map, Value, json};

use super::Fuel;
use super::number::Decimal;
use super::pattern::Pattern;
use super::reference::resolve;

/// Schemas within schemas.
const DEPTH_MAX: u32 = 100;

/// JSON Schema's equality: numbers by their value.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || Decimal::of(a).zip(Decimal::of(b)).is_some_and(|(a, b)| a == b)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

/// Whether `value` holds for `schema`, whose references lead into `root`.
pub(super) fn holds(root: &Value, schema: &Value, value: &Value, fuel: &Fuel) -> bool {
    Check { root, fuel, depth: 0 }.holds(schema, value)
}

#[derive(Clone, Copy)]
struct Check<'a> {
    root: &'a Value,
    fuel: &'a Fuel,
    depth: u32,
}

impl Check<'_> {
    fn holds(self, schema: &Value, value: &Value) -> bool {
        if self.depth > DEPTH_MAX || !self.fuel.spend(1) {
            return true;
        }
        let check = Self { depth: self.depth + 1, ..self };
        match schema {
            Value::Bool(holds) => *holds,
            Value::Object(schema) => {
                check.of_any_type(schema, value)
                    && check.applied(schema, value)
                    && match value {
                        Value::Object(object) => check.object(schema, object),
                        Value::Array(items) => check.array(schema, items),
                        Value::String(text) => string(schema, text, self.fuel),
                        Value::Number(_) => number(schema, value),
                        _ => true,
                    }
            }
            _ => true,
        }
    }

    fn of_any_type(self, schema: &Map<String, Value>, value: &Value) -> bool {
        let typed = match schema.get("type") {
            Some(Value::String(kind)) => is_of(kind, value),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).any(|kind| is_of(kind, value))
            }
            _ => true,
        };
        let among = schema.get("enum").and_then(Value::as_array);
        typed
            && among.is_none_or(|all| all.iter().any(|one| same(one, value)))
            && schema.get("const").is_none_or(|only| same(only, value))
    }

    /// Schemas that are applied to the same value.
    fn applied(self, schema: &Map<String, Value>, value: &Value) -> bool {
        let list = |key: &str| schema.get(key).and_then(Value::as_array);
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let to = schema.get(key).and_then(Value::as_str);
            if to.is_some_and(|to| !to.starts_with("#/")) {
                // The whole document may be searched for it.
                self.fuel.spend(1_000);
            }
            let target = to.and_then(|to| resolve(self.root, to));
            if target.is_some_and(|target| !self.holds(target, value)) {
                return false;
            }
        }
        let counted =
            |key: &str| list(key).map(|all| all.iter().filter(|one| self.holds(one, value)).count());
        if list("allOf").is_some_and(|all| !all.iter().all(|one| self.holds(one, value)))
            || list("anyOf").is_some_and(|all| !all.iter().any(|one| self.holds(one, value)))
            || counted("oneOf").is_some_and(|count| count != 1)
            || schema.get("not").is_some_and(|not| self.holds(not, value))
        {
            return false;
        }
        let Some(condition) = schema.get("if") else { return true };
        let rest = schema.get(if self.holds(condition, value) { "then" } else { "else" });
        rest.is_none_or(|rest| self.holds(rest, value))
    }

    fn object(self, schema: &Map<String, Value>, object: &Map<String, Value>) -> bool {
        let map = |key: &str| schema.get(key).and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let there = |name: &Value| name.as_str().is_none_or(|name| object.contains_key(name));
        if !required.into_iter().all(there) || !within(schema, "minProperties", "maxProperties", object.len())
        {
            return false;
        }
        let patterns: Vec<(Option<Pattern>, &Value)> = map("patternProperties")
            .into_iter()
            .flatten()
            .map(|(pattern, schema)| (Pattern::parse(pattern), schema))
            .collect();
        self.fuel.spend(object.len() * patterns.len());
        for (name, value) in object {
            let own = map("properties").and_then(|properties| properties.get(name));
            let mut named = own.is_some();
            let mut fine = own.is_none_or(|schema| self.holds(schema, value));
            for (pattern, schema) in &patterns {
                if pattern.as_ref().is_some_and(|pattern| pattern.is_match(name, self.fuel)) {
                    named = true;
                    fine &= self.holds(schema, value);
                }
            }
            let more = schema.get("additionalProperties").filter(|_| !named);
            fine &= more.is_none_or(|schema| self.holds(schema, value));
            let called = schema.get("propertyNames");
            fine &= called.is_none_or(|schema| self.holds(schema, &json!(name)));
            if !fine {
                return false;
            }
        }
        self.dependent(schema, object)
    }

    fn dependent(self, schema: &Map<String, Value>, object: &Map<String, Value>) -> bool {
        let value = || Value::Object(object.clone());
        ["dependentRequired", "dependentSchemas", "dependencies"].iter().all(|key| {
            let demands = schema.get(*key).and_then(Value::as_object).into_iter().flatten();
            demands.filter(|(name, _)| object.contains_key(*name)).all(|(_, demand)| match demand {
                Value::Array(names) => {
                    names.iter().filter_map(Value::as_str).all(|name| object.contains_key(name))
                }
                schema => self.holds(schema, &value()),
            })
        })
    }

    fn array(self, schema: &Map<String, Value>, items: &[Value]) -> bool {
        let (prefix, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Value::Array(prefix)), rest) => (prefix.as_slice(), rest),
            (_, Some(Value::Array(prefix))) => (prefix.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        let held = items
            .iter()
            .enumerate()
            .all(|(at, item)| prefix.get(at).or(rest).is_none_or(|schema| self.holds(schema, item)));
        let distinct = || (1..items.len()).all(|at| !items[..at].iter().any(|one| same(one, &items[at])));
        if !held
            || !within(schema, "minItems", "maxItems", items.len())
            || schema.get("uniqueItems") == Some(&Value::Bool(true)) && !distinct()
        {
            return false;
        }
        let Some(contained) = schema.get("contains") else { return true };
        let count = items.iter().filter(|item| self.holds(contained, item)).count();
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        count as u64 >= bound("minContains").unwrap_or(1)
            && bound("maxContains").is_none_or(|most| count as u64 <= most)
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => true,
    }
}

fn within(schema: &Map<String, Value>, fewest: &str, most: &str, count: usize) -> bool {
    super::count(schema, fewest).is_none_or(|fewest| count >= fewest)
        && super::count(schema, most).is_none_or(|most| count <= most)
}

fn string(schema: &Map<String, Value>, text: &str, fuel: &Fuel) -> bool {
    let pattern = schema.get("pattern").and_then(Value::as_str).and_then(Pattern::parse);
    let measured = ["minLength", "maxLength"].iter().any(|key| schema.contains_key(*key));
    pattern.is_none_or(|pattern| pattern.is_match(text, fuel))
        && (!measured || within(schema, "minLength", "maxLength", text.chars().count()))
}

fn number(schema: &Map<String, Value>, value: &Value) -> bool {
    let Some(float) = value.as_f64() else { return true };
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let strict = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let decimal = |value: &Value| value.as_number().and_then(Decimal::of);
    let multiple = || {
        let of = schema.get("multipleOf")?;
        decimal(value)?.is_multiple_of(decimal(of)?)
    };
    bound("minimum").is_none_or(|at| float > at || float == at && !strict("exclusiveMinimum"))
        && bound("maximum").is_none_or(|at| float < at || float == at && !strict("exclusiveMaximum"))
        && bound("exclusiveMinimum").is_none_or(|at| float > at)
        && bound("exclusiveMaximum").is_none_or(|at| float < at)
        && multiple().unwrap_or(true)
}
