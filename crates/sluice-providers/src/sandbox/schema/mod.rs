//! Values for JSON Schemas, and texts for patterns.
//!
//! A schema is flattened (references, `allOf`, one branch of every choice) into one set of constraints, from which a
//! value is made; the value is then checked against the schema, and made again with other decisions where it does
//! not hold. Everything is bounded: depth, values, attempts. What cannot be satisfied gets the best of the attempts.

mod array;
mod check;
mod flat;
mod number;
mod object;
mod pattern;
mod reference;
mod string;
#[cfg(test)]
mod tests;

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::dice::Dice;
use flat::Flat;

/// Attempts at one value.
const ATTEMPTS: u32 = 24;

/// Values that are made in all, over all attempts; from half of it on only what is required.
const VALUES_MAX: u32 = 6_000;

/// What may be spent on one instance.
const FUEL: u32 = 300_000;

/// JSON values in a schema; a larger one gets an empty object.
const SCHEMA_VALUES_MAX: u32 = 20_000;

/// Nesting up to which optional things are there.
const SHALLOW: u32 = 4;

/// Nesting at which a value is given up.
const DEPTH_MAX: u32 = 48;

/// An instance of a schema, the same for the same seed.
pub(in crate::sandbox) fn instance(schema: &Value, seed: u64) -> Value {
    if !is_bounded(schema) {
        return json!({});
    }
    let dice = Dice::of(&[b"schema", &seed.to_le_bytes()]);
    let mut maker = Maker { root: schema, dice, values: 0, fuel: Fuel::new() };
    maker.value(schema, 0)
}

/// A schema of a size that is worth the work.
fn is_bounded(schema: &Value) -> bool {
    let mut open = vec![schema];
    for _ in 0..SCHEMA_VALUES_MAX {
        match open.pop() {
            None => return true,
            Some(Value::Object(map)) => open.extend(map.values()),
            Some(Value::Array(list)) => open.extend(list),
            Some(_) => {}
        }
    }
    false
}

/// A text that a regular expression matches; `None` where it uses what is not known here.
pub(in crate::sandbox) fn matching(pattern: &str, seed: u64) -> Option<String> {
    let pattern = pattern::Pattern::parse(pattern)?;
    let mut dice = Dice::of(&[b"pattern", &seed.to_le_bytes()]);
    pattern.text(&mut dice, (0, usize::MAX), &Fuel::new())
}

/// What may still be spent on one instance: schemas that are looked at, keywords, steps of comparisons.
struct Fuel(Cell<u32>);

impl Fuel {
    fn new() -> Self {
        Self(Cell::new(FUEL))
    }

    /// Spends some; false when there is none left.
    fn spend(&self, amount: usize) -> bool {
        let left = self.0.get().saturating_sub(u32::try_from(amount).unwrap_or(u32::MAX));
        self.0.set(left);
        left > 0
    }

    fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// Makes one instance.
struct Maker<'a> {
    root: &'a Value,
    dice: Dice,
    /// How many values were begun.
    values: u32,
    fuel: Fuel,
}

impl<'a> Maker<'a> {
    /// A value that holds, or the first attempt at one.
    fn value(&mut self, schema: &Value, depth: u32) -> Value {
        let mut first = None;
        for attempt in 0..ATTEMPTS {
            if self.values > VALUES_MAX || self.fuel.is_spent() {
                break;
            }
            let value = self.attempt(schema, depth, attempt);
            if check::holds(self.root, schema, &value, &self.fuel) {
                return value;
            }
            first.get_or_insert(value);
        }
        first.unwrap_or_default()
    }

    fn attempt(&mut self, schema: &Value, depth: u32, attempt: u32) -> Value {
        self.values += 1;
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        let mut flat = Flat::new(self.root, &self.fuel, self.is_deep(depth), attempt);
        flat.absorb(schema, &mut self.dice);
        self.of_flat(&flat.keywords, depth, attempt)
    }

    /// Only what is required is made here.
    fn is_deep(&self, depth: u32) -> bool {
        depth >= SHALLOW || self.values > VALUES_MAX / 2
    }

    fn of_flat(&mut self, flat: &Map<String, Value>, depth: u32, attempt: u32) -> Value {
        if let Some(value) = flat.get("const") {
            return value.clone();
        }
        if let Some(values) = flat.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
            let fits = |value: &&Value| {
                let mut rest = flat.clone();
                rest.remove("enum");
                check::holds(self.root, &Value::Object(rest), value, &self.fuel)
            };
            let fitting: Vec<&Value> = values.iter().filter(fits).collect();
            let among = if fitting.is_empty() { values.iter().collect() } else { fitting };
            let at = self.dice.below(among.len() as u64) as usize;
            return among[at].clone();
        }
        match self.kind(flat, depth, attempt) {
            "object" => self.object(flat, depth, attempt),
            "array" => self.array(flat, depth, attempt),
            "string" => json!(string::of(flat, &mut self.dice, &self.fuel)),
            "integer" => number::of(flat, true, attempt, &mut self.dice),
            "number" => number::of(flat, false, attempt, &mut self.dice),
            "boolean" => json!(self.dice.below(2) == 0),
            _ => Value::Null,
        }
    }

    /// The type of the value: one that is named, else the one that the other keywords speak of.
    fn kind<'s>(&mut self, flat: &'s Map<String, Value>, depth: u32, attempt: u32) -> &'s str {
        let named: Vec<&str> = match flat.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if named.len() > 1 && attempt > 0 {
            return named[self.dice.below(named.len() as u64) as usize];
        }
        if self.is_deep(depth) {
            let simple = named.iter().find(|kind| !matches!(**kind, "object" | "array"));
            if let Some(kind) = simple {
                return kind;
            }
        }
        if let Some(kind) = named.iter().find(|kind| **kind != "null").or(named.first()) {
            return kind;
        }
        let spoken = KEYWORDS.iter().find(|(_, keys)| keys.iter().any(|key| flat.contains_key(*key)));
        match spoken {
            Some((kind, _)) => kind,
            None if attempt == 0 => "string",
            None => ["string", "integer", "boolean", "object", "array", "number", "null"]
                [self.dice.below(7) as usize],
        }
    }
}

/// Keywords that speak of one type alone.
const KEYWORDS: &[(&str, &[&str])] = &[
    (
        "object",
        &[
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "dependentRequired",
            "dependentSchemas",
        ],
    ),
    (
        "array",
        &["items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems"],
    ),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
];

/// A count that a keyword gives.
fn count(flat: &Map<String, Value>, key: &str) -> Option<usize> {
    let value = flat.get(key)?;
    let float = || value.as_f64().filter(|float| *float >= 0.0).map(|float| float as u64);
    value.as_u64().or_else(float).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}
