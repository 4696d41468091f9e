//! Objects.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::pattern::Pattern;
use super::{Fuel, Maker, check, count, flat, string};

/// Properties beyond the named ones that are made at most.
const MORE_MAX: usize = 256;

impl Maker<'_> {
    pub(super) fn object(&mut self, flat: &Map<String, Value>, depth: u32, attempt: u32) -> Value {
        let most = count(flat, "maxProperties").unwrap_or(usize::MAX);
        let fewest = count(flat, "minProperties").unwrap_or(0).min(MORE_MAX);
        let mut object = Map::new();
        for name in self.names(flat, (fewest, most), depth, attempt) {
            if let Some(schema) = property(flat, &name, &self.fuel) {
                let value = self.value(&schema, depth + 1);
                object.insert(name, value);
            }
        }
        let open = flat.get("additionalProperties").is_some_and(Value::is_object)
            || flat.contains_key("patternProperties");
        let wanted = if object.is_empty() && open && !self.is_deep(depth) { fewest.max(1) } else { fewest };
        for at in 0..MORE_MAX * 2 {
            if object.len() >= wanted.min(most) || self.fuel.is_spent() {
                break;
            }
            let name = self.new_name(flat, at);
            if object.contains_key(&name) || !self.may_be_called(flat, &name) {
                continue;
            }
            if let Some(schema) =
                property(flat, &name, &self.fuel).filter(|schema| *schema != Value::Bool(false))
            {
                let value = self.value(&schema, depth + 1);
                object.insert(name, value);
            }
        }
        Value::Object(object)
    }

    /// The named properties that are made: those that are required, and optional ones as far as there is room.
    fn names(
        &mut self,
        flat: &Map<String, Value>,
        (fewest, most): (usize, usize),
        depth: u32,
        attempt: u32,
    ) -> Vec<String> {
        let required = flat.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: Vec<String> = required.filter_map(Value::as_str).map(str::to_owned).collect();
        let properties = flat.get("properties").and_then(Value::as_object);
        let is_required: HashSet<&str> = required.iter().map(String::as_str).collect();
        let mut optional: Vec<String> = Vec::new();
        for (name, schema) in properties.into_iter().flatten() {
            if is_required.contains(name.as_str())
                || *schema == Value::Bool(false)
                || !self.may_be_called(flat, name)
            {
                continue;
            }
            let bare = self.is_deep(depth) && required.len() + optional.len() >= fewest;
            if !bare && (attempt == 0 || self.dice.below(2) == 0) {
                optional.push(name.clone());
            }
        }
        optional.truncate(most.saturating_sub(required.len()));
        let demands = flat.get("dependentRequired").and_then(Value::as_object);
        let mut at = 0;
        while let Some(name) = required.iter().chain(&optional).nth(at).cloned() {
            let more = demands.and_then(|demands| demands.get(&name)).and_then(Value::as_array);
            for more in more.into_iter().flatten().filter_map(Value::as_str) {
                if !required.iter().chain(&optional).any(|name| name == more) {
                    optional.push(more.to_owned());
                }
            }
            at += 1;
        }
        let chosen: HashSet<&String> = required.iter().chain(&optional).collect();
        let is_named = |name: &&String| properties.is_some_and(|map| map.contains_key(*name));
        let named = properties.into_iter().flat_map(Map::keys).filter(|name| chosen.contains(name));
        let beyond = required.iter().chain(&optional).filter(|name| !is_named(name));
        named.chain(beyond).cloned().collect()
    }

    fn may_be_called(&self, flat: &Map<String, Value>, name: &str) -> bool {
        let names = flat.get("propertyNames");
        names.is_none_or(|schema| check::holds(self.root, schema, &json!(name), &self.fuel))
    }

    /// A name that nobody named.
    fn new_name(&mut self, flat: &Map<String, Value>, at: usize) -> String {
        let closed = flat.get("additionalProperties") == Some(&Value::Bool(false));
        let patterns = flat.get("patternProperties").and_then(Value::as_object).filter(|map| !map.is_empty());
        if let Some(patterns) = patterns.filter(|_| closed || at.is_multiple_of(2)) {
            let pattern = patterns.keys().nth(at / 2 % patterns.len()).and_then(|text| Pattern::parse(text));
            if let Some(name) = pattern.and_then(|pattern| pattern.text(&mut self.dice, (0, 64), &self.fuel))
            {
                return name;
            }
        }
        match flat.get("propertyNames") {
            Some(schema) if schema.is_object() => match self.value(schema, super::SHALLOW) {
                Value::String(name) => name,
                _ => string::word(&mut self.dice),
            },
            _ if at < 8 => string::word(&mut self.dice),
            _ => format!("{}_{at}", string::word(&mut self.dice)),
        }
    }
}

/// The schema of a property by all that is said of it; `None` where it must not be.
fn property(flat: &Map<String, Value>, name: &str, fuel: &Fuel) -> Option<Value> {
    let named = flat.get("properties").and_then(|properties| properties.get(name));
    let schema = match named {
        None => flat::beyond(flat, name, fuel).unwrap_or(Value::Bool(true)),
        Some(named) => {
            let mut patterns = Map::new();
            patterns.extend(
                flat.get("patternProperties").map(|all| ("patternProperties".to_owned(), all.clone())),
            );
            flat::beyond(&patterns, name, fuel).map_or_else(|| named.clone(), |more| flat::both(named, &more))
        }
    };
    Some(schema).filter(|schema| *schema != Value::Bool(false))
}
