//! The older OpenAPI-like form.

use serde_json::{Value, json};

use super::{Object, References, add_to_description, limits, merged, required, types};

pub(super) struct Subset<'a> {
    pub(super) references: References<'a>,
    /// Nodes around the one that is read.
    pub(super) depth: u32,
}

/// What is deeper is cut off; requests themselves are no deeper, schemas written out may be.
const DEPTH_MAX: u32 = 100;

const NUMBERS: &[&str] = &[
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];
const TEXTS: &[&str] = &["title", "description", "pattern"];

/// Words that limit values and that the form does not have.
const TOLD: &[&str] = &["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "not"];

/// What a node that is too deep or refers to itself comes to.
fn anything() -> Value {
    json!({ "type": "OBJECT" })
}

impl Subset<'_> {
    pub(super) fn node(&mut self, node: &Object) -> Value {
        if self.depth >= DEPTH_MAX {
            return anything();
        }
        self.depth += 1;
        let out = self.read(node);
        self.depth -= 1;
        out
    }

    fn read(&mut self, node: &Object) -> Value {
        if let Some(to) = node.get("$ref").and_then(Value::as_str) {
            return self.written_out(to, node.get("description"));
        }
        let node = merged(node, &mut self.references);
        if let Some(to) = node.get("$ref").and_then(Value::as_str) {
            return self.written_out(to, node.get("description"));
        }
        match self.alternatives(&node) {
            Some(one_of) => one_of,
            None => self.plain(&node),
        }
    }

    fn written_out(&mut self, reference: &str, description: Option<&Value>) -> Value {
        let Some(target) = self.references.enter(reference) else { return anything() };
        let mut out = self.node(target);
        self.references.leave();
        if let (Value::Object(out), Some(text)) = (&mut out, description) {
            out.insert("description".to_owned(), text.clone());
        }
        out
    }

    /// `anyOf`, `oneOf` and lists of types: null becomes `nullable`; where several are left nothing else may stand
    /// beside them.
    fn alternatives(&mut self, node: &Object) -> Option<Value> {
        let listed = ["anyOf", "oneOf"].iter().find_map(|word| node.get(*word)?.as_array());
        let is_null = |member: &Value| types_of(member) == ["null"];
        let (members, null): (Vec<Object>, bool) = match listed {
            Some(all) => {
                let rest = all.iter().filter(|member| !is_null(member)).filter_map(Value::as_object);
                (rest.cloned().collect(), all.iter().any(is_null))
            }
            None => {
                let kinds = types(node);
                let rest: Vec<_> = kinds.iter().filter(|kind| **kind != "null").collect();
                if rest.len() < 2 {
                    return None;
                }
                let of = |kind: &&&str| {
                    let mut member = node.clone();
                    member.insert("type".to_owned(), (**kind).into());
                    ["title", "description", "default"]
                        .iter()
                        .for_each(|word| drop(member.shift_remove(*word)));
                    member
                };
                (rest.iter().map(of).collect(), kinds.contains(&"null"))
            }
        };
        let mut out = match members.as_slice() {
            [] => anything(),
            [one] => self.node(one),
            _ => json!({ "anyOf": members.iter().map(|member| self.node(member)).collect::<Vec<_>>() }),
        };
        describe(&mut out, node);
        if null && let Value::Object(out) = &mut out {
            match out.get_mut("anyOf").and_then(Value::as_array_mut).and_then(|all| all.first_mut()) {
                Some(first) => first["nullable"] = true.into(),
                None => drop(out.insert("nullable".to_owned(), true.into())),
            }
        }
        Some(out)
    }

    fn plain(&mut self, node: &Object) -> Value {
        let mut out = Object::new();
        let kinds = types(node);
        let kind = kinds.iter().find(|kind| **kind != "null").copied().or_else(|| guessed(node));
        if let Some(kind) = kind {
            out.insert("type".to_owned(), kind.to_ascii_uppercase().into());
        }
        if kinds.contains(&"null") || node.get("nullable") == Some(&Value::Bool(true)) {
            out.insert("nullable".to_owned(), true.into());
        }
        for (word, value) in node {
            let keep = (TEXTS.contains(&&**word) && value.is_string())
                || (NUMBERS.contains(&&**word) && value.is_number())
                || (word == "format" && format_is_known(kind, value));
            if keep {
                out.insert(word.clone(), value.clone());
            }
        }
        self.inner(node, kind, &mut out);
        values(node, kind, &mut out);
        add_to_description(&mut out, limits(node, TOLD));
        Value::Object(out)
    }

    fn inner(&mut self, node: &Object, kind: Option<&str>, out: &mut Object) {
        if let Some(all) = node.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty()) {
            let each = |(name, schema): (&String, &Value)| (name.clone(), self.value(schema));
            out.insert("properties".to_owned(), all.iter().map(each).collect::<Object>().into());
            out.extend(required(node).map(|names| ("required".to_owned(), names)));
            if let Some(order @ Value::Array(_)) = node.get("propertyOrdering") {
                out.insert("propertyOrdering".to_owned(), order.clone());
            }
        }
        if kind == Some("array") {
            let items = match node.get("items").or_else(|| node.get("prefixItems")) {
                Some(Value::Object(items)) => self.node(items),
                Some(Value::Array(all)) if !all.is_empty() => self.value(&all[0]),
                _ => json!({ "type": "STRING" }),
            };
            out.insert("items".to_owned(), items);
        }
    }

    fn value(&mut self, schema: &Value) -> Value {
        schema.as_object().map_or_else(anything, |schema| self.node(schema))
    }
}

fn types_of(member: &Value) -> Vec<&str> {
    member.as_object().map(types).unwrap_or_default()
}

/// Title and description of a node whose words had to go stand in its members.
fn describe(out: &mut Value, node: &Object) {
    let Value::Object(out) = out else { return };
    let targets: Vec<&mut Value> = match out.get_mut("anyOf") {
        Some(Value::Array(members)) => members.iter_mut().collect(),
        _ => return extend_with(out, node),
    };
    for target in targets {
        if let Value::Object(target) = target {
            extend_with(target, node);
        }
    }
}

fn extend_with(target: &mut Object, node: &Object) {
    for word in ["title", "description"] {
        if let Some(text @ Value::String(_)) = node.get(word)
            && !target.contains_key(word)
        {
            target.insert(word.to_owned(), text.clone());
        }
    }
}

/// The type of a node that names none.
fn guessed(node: &Object) -> Option<&'static str> {
    let words = [("properties", "object"), ("items", "array"), ("prefixItems", "array"), ("enum", "string")];
    let guessed = words.into_iter().find(|(word, _)| node.contains_key(*word)).map(|(_, kind)| kind);
    guessed.or_else(|| node.get("const").and_then(Value::as_str).map(|_| "string")).or(Some("object"))
}

/// Formats of texts are refused beyond two, those of numbers beyond their widths.
fn format_is_known(kind: Option<&str>, format: &Value) -> bool {
    let known: &[&str] = match kind {
        Some("string") => &["enum", "date-time"],
        Some("number") => &["float", "double"],
        Some("integer") => &["int32", "int64"],
        _ => &[],
    };
    format.as_str().is_some_and(|format| known.contains(&format))
}

/// Values are listed for texts alone, and never the empty one.
fn values(node: &Object, kind: Option<&str>, out: &mut Object) {
    let constant = node.get("const").map(std::slice::from_ref);
    let Some(all) = constant.or_else(|| node.get("enum").and_then(Value::as_array).map(Vec::as_slice)) else {
        return;
    };
    let texts: Vec<Value> =
        all.iter().filter(|value| value.as_str().is_some_and(|text| !text.is_empty())).cloned().collect();
    if all.iter().any(Value::is_null) {
        out.insert("nullable".to_owned(), true.into());
    }
    if kind == Some("string") && !texts.is_empty() {
        out.insert("enum".to_owned(), texts.into());
    } else if kind != Some("string") {
        add_to_description(out, Some(format!("(one of {})", Value::from(all))));
    }
}
