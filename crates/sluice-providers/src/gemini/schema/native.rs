//! The subset of JSON Schema.

use serde_json::{Value, json};

use super::{Object, References, add_to_description, limits, merged, required, types};

pub(super) struct Native<'a>(pub(super) References<'a>);

/// Words that go as they are, if they are of the right kind.
const NUMBERS: &[&str] = &["minItems", "maxItems", "minimum", "maximum"];
const TEXTS: &[&str] = &["$anchor", "title", "description", "format"];
const LISTS: &[&str] = &["propertyOrdering"];

/// Words that limit values and that are not among those that are read.
const TOLD: &[&str] = &[
    "minLength",
    "maxLength",
    "pattern",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "not",
];

impl Native<'_> {
    pub(super) fn root(&mut self, schema: &Object) -> Value {
        self.node(schema)
    }

    fn value(&mut self, schema: &Value) -> Value {
        schema.as_object().map_or_else(|| json!({}), |schema| self.node(schema))
    }

    fn node(&mut self, node: &Object) -> Value {
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, node);
        }
        let node = &merged(node, &mut self.0);
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, node);
        }
        let mut out = Object::new();
        for (word, value) in node {
            self.word(word, value, node, &mut out);
        }
        if let Some(names) = required(node) {
            out.insert("required".to_owned(), names);
        }
        add_to_description(&mut out, limits(node, TOLD));
        values(node, &mut out);
        Value::Object(out)
    }

    fn word(&mut self, word: &str, value: &Value, node: &Object, out: &mut Object) {
        let kept = match (word, value) {
            ("type", Value::String(_)) => Some(value.clone()),
            ("type", Value::Array(_)) => Some(types(node).into()),
            (word, Value::String(_)) if TEXTS.contains(&word) => Some(value.clone()),
            (word, Value::Number(_)) if NUMBERS.contains(&word) => Some(value.clone()),
            (word, Value::Array(_)) if LISTS.contains(&word) => Some(value.clone()),
            ("items", Value::Object(items)) => Some(self.node(items)),
            ("additionalProperties", Value::Bool(_)) => Some(value.clone()),
            ("additionalProperties", Value::Object(schema)) => Some(self.node(schema)),
            ("properties", Value::Object(all)) => Some(self.map(all)),
            // What earlier drafts called it.
            ("$defs" | "definitions", Value::Object(all)) => {
                let mut defs = self.map(all);
                if let (Some(Value::Object(have)), Value::Object(more)) = (out.get_mut("$defs"), &mut defs) {
                    have.append(more);
                    return;
                }
                out.insert("$defs".to_owned(), defs);
                None
            }
            ("items" | "prefixItems", Value::Array(all)) => {
                out.insert("prefixItems".to_owned(), self.list(all));
                None
            }
            ("anyOf" | "oneOf", Value::Array(all)) if !out.contains_key("anyOf") => {
                out.insert("anyOf".to_owned(), self.list(all));
                None
            }
            _ => None,
        };
        if let Some(kept) = kept {
            out.insert(word.to_owned(), kept);
        }
    }

    fn map(&mut self, all: &Object) -> Value {
        all.iter().map(|(name, schema)| (name.clone(), self.value(schema))).collect::<Object>().into()
    }

    fn list(&mut self, all: &[Value]) -> Value {
        all.iter().map(|schema| self.value(schema)).collect::<Vec<_>>().into()
    }

    /// Beside a reference only words with a dollar may stand. One that leads nowhere asks for nothing.
    fn reference(&mut self, reference: &str, node: &Object) -> Value {
        let mut out = Object::new();
        if self.0.target(reference).is_some() {
            let known = reference.strip_prefix("#/definitions/").map(|name| format!("#/$defs/{name}"));
            out.insert("$ref".to_owned(), known.unwrap_or_else(|| reference.to_owned()).into());
        }
        for word in ["$defs", "definitions"] {
            if let Some(defs @ Value::Object(_)) = node.get(word) {
                self.word(word, defs, node, &mut out);
            }
        }
        Value::Object(out)
    }
}

/// `enum` and `const`: texts and numbers are read, null where the type has it; truth values say nothing beyond
/// their type.
fn values(node: &Object, out: &mut Object) {
    let constant = node.get("const").map(std::slice::from_ref);
    let Some(all) = constant.or_else(|| node.get("enum").and_then(Value::as_array).map(Vec::as_slice)) else {
        nullable(node, out);
        return;
    };
    let said: Vec<Value> = all.iter().filter(|v| v.is_string() || v.is_number()).cloned().collect();
    if said.is_empty() {
        add_to_description(out, Some(format!("(one of {})", Value::from(all))));
        nullable(node, out);
        return;
    }
    let null = all.iter().any(Value::is_null) || types(node).contains(&"null");
    if !out.contains_key("type") {
        let kind = if said.iter().all(Value::is_string) { "string" } else { "number" };
        out.insert("type".to_owned(), kind.into());
    }
    out.insert("enum".to_owned(), said.into());
    if !null {
        nullable(node, out);
        return;
    }
    // The null of a list of values is another schema.
    let mut member = std::mem::take(out);
    let types: Vec<&str> = types(node).into_iter().filter(|kind| *kind != "null").collect();
    match types[..] {
        [] => {}
        [one] => drop(member.insert("type".to_owned(), one.into())),
        _ => drop(member.insert("type".to_owned(), types.into())),
    }
    for word in ["title", "description", "$defs", "$anchor"] {
        out.extend(member.shift_remove(word).map(|value| (word.to_owned(), value)));
    }
    out.insert("anyOf".to_owned(), json!([member, { "type": "null" }]));
}

/// OpenAPI's `nullable`.
fn nullable(node: &Object, out: &mut Object) {
    if node.get("nullable") != Some(&Value::Bool(true)) {
        return;
    }
    let mut types = types(node);
    if !types.is_empty() && !types.contains(&"null") {
        types.push("null");
        out.insert("type".to_owned(), types.into());
    }
}
