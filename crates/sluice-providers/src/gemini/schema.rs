//! JSON Schemas of callers in the two forms that Gemini reads: a subset of JSON Schema (2.5 and later), and the older
//! OpenAPI-like `Schema`, which answers 400 to every word that it does not know.
//!
//! What a form cannot say is written into the description, where it limits values, and left out otherwise. Names of
//! properties are never taken for words of the schema.

mod native;
mod subset;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// For `parametersJsonSchema` and `responseJsonSchema`. References stay where they are.
pub(super) fn native(schema: &Object) -> Value {
    native::Native(References::of(schema)).root(schema)
}

/// For `parameters` and `responseSchema`. References are written out, a cycle once.
pub(super) fn subset(schema: &Object) -> Value {
    subset::Subset { references: References::of(schema), depth: 0 }.node(schema)
}

/// Bytes of schemas that are copied to where they are referred to, at most: a small schema may refer to a large one
/// in many places.
const COPIED_BYTES_MAX: usize = 4 << 20;

/// References that are written out inside one another, at most.
const OPEN_MAX: usize = 32;

/// Resolves references while a schema is read from its root.
struct References<'a> {
    root: &'a Object,
    /// References that are being written out.
    open: Vec<String>,
    bytes_left: usize,
}

impl<'a> References<'a> {
    fn of(root: &'a Object) -> Self {
        Self { root, open: Vec::new(), bytes_left: COPIED_BYTES_MAX }
    }

    fn target(&self, reference: &str) -> Option<&'a Object> {
        match reference.strip_prefix('#')? {
            "" => Some(self.root),
            pointer => {
                let mut steps = pointer.strip_prefix('/')?.split('/').map(unescaped);
                let first = self.root.get(&steps.next()?)?;
                steps
                    .try_fold(first, |at, step| match at {
                        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                        at => at.get(&step),
                    })?
                    .as_object()
            }
        }
    }

    /// The target, to be copied. `None` where it leads nowhere, or too much was copied already.
    fn copied(&mut self, reference: &str) -> Option<&'a Object> {
        let target = self.target(reference).filter(|_| self.bytes_left > 0)?;
        let size = serde_json::to_vec(target).map_or(COPIED_BYTES_MAX, |json| json.len());
        self.bytes_left = self.bytes_left.saturating_sub(size);
        (self.bytes_left > 0).then_some(target)
    }

    /// Enters a reference that is to be written out; `None` too where it leads back into itself. Otherwise
    /// [`leave`](Self::leave) it again.
    fn enter(&mut self, reference: &str) -> Option<&'a Object> {
        if self.open.len() >= OPEN_MAX || self.open.iter().any(|open| open == reference) {
            return None;
        }
        let target = self.copied(reference)?;
        self.open.push(reference.to_owned());
        Some(target)
    }

    fn leave(&mut self) {
        self.open.pop();
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// `allOf` as one schema: the node's own words, and those of its members that it does not have. Properties and
/// required names add up. References inside are followed once.
fn merged(node: &Object, references: &mut References<'_>) -> Object {
    let mut whole = node.clone();
    let Some(Value::Array(members)) = whole.shift_remove("allOf") else { return whole };
    // Members of members come one level after the other; what is nested deeper than this is not merged.
    let mut waiting: Vec<(Value, u32)> = members.into_iter().map(|member| (member, 0)).rev().collect();
    while let Some((member, depth)) = waiting.pop() {
        let Value::Object(mut member) = member else { continue };
        if depth > ALL_OF_DEPTH_MAX {
            continue;
        }
        if let Some(to) = member.get("$ref").and_then(Value::as_str) {
            let Some(target) = references.copied(to) else { continue };
            member = target.clone();
        }
        if let Some(Value::Array(inner)) = member.shift_remove("allOf") {
            waiting.extend(inner.into_iter().rev().map(|inner| (inner, depth + 1)));
        }
        absorb(&mut whole, member);
    }
    whole
}

const ALL_OF_DEPTH_MAX: u32 = 8;

fn absorb(whole: &mut Object, member: Object) {
    for (word, value) in member {
        match (word.as_str(), whole.get_mut(&word), value) {
            ("properties" | "$defs" | "definitions", Some(Value::Object(have)), Value::Object(more)) => {
                for (name, schema) in more {
                    have.entry(name).or_insert(schema);
                }
            }
            ("required", Some(Value::Array(have)), Value::Array(more)) => {
                let new: Vec<_> = more.into_iter().filter(|name| !have.contains(name)).collect();
                have.extend(new);
            }
            (_, Some(_), _) => {}
            (_, None, value) => drop(whole.insert(word, value)),
        }
    }
}

/// Words that limit a value and that a form does not have, as a text for the description.
fn limits(node: &Object, words: &[&str]) -> Option<String> {
    let said = |word: &&str| Some(format!("{word}: {}", node.get(*word).filter(|value| !value.is_null())?));
    let all: Vec<String> = words.iter().filter_map(said).collect();
    (!all.is_empty()).then(|| format!("({})", all.join(", ")))
}

fn add_to_description(node: &mut Object, text: Option<String>) {
    let Some(text) = text else { return };
    let whole = match node.get("description").and_then(Value::as_str) {
        Some(before) if !before.is_empty() => format!("{before} {text}"),
        _ => text,
    };
    node.insert("description".to_owned(), whole.into());
}

/// The required names that are among the properties.
fn required(node: &Object) -> Option<Value> {
    let properties = node.get("properties")?.as_object()?;
    let names = node.get("required")?.as_array()?.iter();
    let known: Vec<Value> =
        names.filter(|name| name.as_str().is_some_and(|n| properties.contains_key(n))).cloned().collect();
    (!known.is_empty()).then_some(Value::Array(known))
}

fn types(node: &Object) -> Vec<&str> {
    match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
