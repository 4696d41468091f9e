//! The reference of the API, from its OpenAPI document.

use std::{fmt::Write, path::Path};

use serde_json::{Map, Value};

use super::{cell, read};

const DOCUMENT: &str = "docs/openapi.json";
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

pub(super) fn render(root: &Path) -> Result<String, String> {
    let document: Value =
        serde_json::from_str(&read(root, DOCUMENT)?).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let mut out = String::new();
    for (path, item) in pairs(&document["paths"]) {
        for (method, operation) in pairs(item).filter(|(method, _)| METHODS.contains(&method.as_str())) {
            let _ = writeln!(out, "## {} {path}\n", method.to_uppercase());
            Renderer { document: &document }.operation(item, operation, &mut out);
        }
    }
    out.push_str("## Objects\n\n");
    for (name, schema) in pairs(&document["components"]["schemas"]) {
        let _ = writeln!(out, "### {name}\n");
        Renderer { document: &document }.schema(schema, &mut out);
    }
    Ok(out)
}

fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

struct Renderer<'a> {
    document: &'a Value,
}

/// One line of a table of fields.
struct Field<'a> {
    path: String,
    schema: &'a Value,
    required: bool,
}

impl<'a> Renderer<'a> {
    /// What a reference stands for; anything else is itself.
    fn follow(&self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }

    fn operation(&self, item: &'a Value, operation: &'a Value, out: &mut String) {
        let _ = writeln!(out, "{}.\n", text(operation, "summary").trim_end_matches('.'));
        if !text(operation, "description").is_empty() {
            let _ = writeln!(out, "{}\n", text(operation, "description"));
        }
        for server in items(&item["servers"]) {
            let _ = writeln!(out, "Server: {}, `{}`.\n", text(server, "description"), text(server, "url"));
        }
        let _ = writeln!(out, "Authorization: {}\n", self.security(operation));
        let parameters: Vec<&Value> = items(&operation["parameters"]).map(|one| self.follow(one)).collect();
        if !parameters.is_empty() {
            out.push_str("| parameter | in | type | meaning |\n|---|---|---|---|\n");
            for one in parameters {
                let kind = self.kind(&one["schema"]);
                let (name, place) = (text(one, "name"), text(one, "in"));
                let (range, about) = (range(&one["schema"]), cell(text(one, "description")));
                let kind = if range.is_empty() { kind } else { format!("{kind}, {range}") };
                let _ = writeln!(out, "| `{name}` | {place} | {} | {about} |", cell(&kind));
            }
            out.push('\n');
        }
        for (kind, body) in pairs(&operation["requestBody"]["content"]) {
            let _ = writeln!(out, "Request body: `{kind}`, {}.\n", self.kind(&body["schema"]));
        }
        out.push_str("| answer | body | headers | meaning |\n|---|---|---|---|\n");
        for (status, response) in pairs(&operation["responses"]) {
            let response = self.follow(response);
            let bodies: Vec<String> = pairs(&response["content"])
                .map(|(kind, body)| format!("`{kind}`: {}", self.kind(&body["schema"])))
                .collect();
            let headers: Vec<String> =
                pairs(&response["headers"]).map(|(name, _)| format!("`{name}`")).collect();
            let (bodies, headers) = (cell(&bodies.join("; ")), headers.join(" "));
            let _ = writeln!(
                out,
                "| {status} | {bodies} | {headers} | {} |",
                cell(text(response, "description"))
            );
        }
        out.push('\n');
    }

    fn security(&self, operation: &'a Value) -> String {
        let wanted = operation.get("security").unwrap_or(&self.document["security"]);
        let schemes = &self.document["components"]["securitySchemes"];
        let ways: Vec<String> = items(wanted)
            .map(|way| match pairs(way).next() {
                Some((name, _)) => text(&schemes[name], "description").to_owned(),
                None => "none on loopback.".to_owned(),
            })
            .collect();
        if ways.is_empty() { "none.".to_owned() } else { ways.join(" Or: ") }
    }

    /// One object of the API: its fields, or its forms with theirs.
    fn schema(&self, schema: &'a Value, out: &mut String) {
        if !text(schema, "description").is_empty() {
            let _ = writeln!(out, "{}\n", text(schema, "description"));
        }
        let forms: Vec<&Value> = items(&schema["oneOf"]).chain(items(&schema["anyOf"])).collect();
        for form in &forms {
            let title = text(form, "title");
            if title.is_empty() {
                let _ = writeln!(out, "- {}", self.kind(form));
            } else {
                let old = if form["deprecated"] == true { " (deprecated)" } else { "" };
                let _ = writeln!(out, "**{title}**{old}\n");
            }
            if form["properties"].is_object() {
                if title.is_empty() {
                    out.push('\n');
                }
                self.table(form, out);
            }
        }
        if schema["properties"].is_object() {
            self.table(schema, out);
        } else if forms.is_empty() {
            let _ = writeln!(out, "{} {}\n", self.kind(schema), range(schema));
        }
        if forms.iter().any(|form| text(form, "title").is_empty()) {
            out.push('\n');
        }
    }

    fn table(&self, schema: &'a Value, out: &mut String) {
        let mut fields = Vec::new();
        collect(schema, "", &mut fields);
        out.push_str("| field | type | required | range, default | meaning |\n|---|---|---|---|---|\n");
        for field in fields {
            let required = if field.required { "yes" } else { "" };
            let old = if field.schema["deprecated"] == true { "Deprecated. " } else { "" };
            let about = format!("{old}{}", text(field.schema, "description")).trim_end().to_owned();
            let (kind, range) = (cell(&self.kind(field.schema)), cell(&range(field.schema)));
            let _ = writeln!(out, "| `{}` | {kind} | {required} | {range} | {} |", field.path, cell(&about));
        }
        out.push('\n');
    }

    /// The type of a value, in words.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            return format!("[{name}](#{})", name.to_lowercase());
        }
        let forms: Vec<String> = items(&schema["oneOf"])
            .chain(items(&schema["anyOf"]))
            .map(|form| match text(form, "title") {
                "" => self.kind(form),
                title => title.to_owned(),
            })
            .collect();
        if !forms.is_empty() {
            return forms.join(" or ");
        }
        if let Some(only) = schema.get("const") {
            return format!("`{only}`");
        }
        if schema["enum"].is_array() {
            return items(&schema["enum"])
                .map(|word| if word.is_null() { "null".to_owned() } else { format!("`{word}`") })
                .collect::<Vec<_>>()
                .join(" or ");
        }
        let one = |name: &str| match name {
            "array" if schema["items"].is_object() => format!("array of {}", self.kind(&schema["items"])),
            name => name.to_owned(),
        };
        match &schema["type"] {
            Value::String(name) => one(name),
            Value::Array(names) => {
                names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
            }
            _ => "any".to_owned(),
        }
    }
}

/// The fields of an object, and those of the plain objects in it, by their paths.
fn collect<'a>(schema: &'a Value, path: &str, fields: &mut Vec<Field<'a>>) {
    let required: Vec<&str> = items(&schema["required"]).filter_map(Value::as_str).collect();
    for (name, inner) in pairs(&schema["properties"]) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields.push(Field { path: path.clone(), schema: inner, required: required.contains(&name.as_str()) });
        for form in std::iter::once(inner).chain(items(&inner["oneOf"])) {
            collect(form, &path, fields);
            collect(&form["items"], &format!("{path}[]"), fields);
        }
    }
}

/// What a value must keep to, and what it is when absent.
fn range(schema: &Value) -> String {
    let mut parts = Vec::new();
    let ends = |least: &str, most: &str, unit: &str| match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => None,
        (least, Value::Null) if *least == 1 => Some(format!("at least 1{}", unit.trim_end_matches('s'))),
        (least, Value::Null) => Some(format!("at least {least}{unit}")),
        (Value::Null, most) => Some(format!("at most {most}{unit}")),
        (least, most) => Some(format!("{least} to {most}{unit}")),
    };
    parts.extend(ends("minimum", "maximum", ""));
    parts.extend(ends("minItems", "maxItems", " items"));
    parts.extend(ends("minLength", "maxLength", " characters"));
    parts.extend(ends("minProperties", "maxProperties", " pairs"));
    for form in items(&schema["oneOf"]) {
        let inner = range(form);
        if !inner.is_empty() {
            parts.push(inner);
        }
    }
    if let Some(default) = schema.get("default") {
        parts.push(format!("default `{default}`"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_and_ranges() {
        let document = json!({});
        let check = |schema: Value, kind: &str, expect: &str| {
            assert_eq!(Renderer { document: &document }.kind(&schema), kind, "{schema}");
            assert_eq!(range(&schema), expect, "{schema}");
        };
        check(json!({ "type": "string", "maxLength": 128 }), "string", "at most 128 characters");
        check(
            json!({ "type": ["number", "null"], "minimum": 0, "maximum": 2, "default": 1 }),
            "number or null",
            "0 to 2; default `1`",
        );
        check(
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/Message" }, "minItems": 1 }),
            "array of [Message](#message)",
            "at least 1 item",
        );
        check(json!({ "enum": ["a", null] }), "`\"a\"` or null", "");
        check(json!({ "oneOf": [{ "type": "string" }, { "const": 1 }] }), "string or `1`", "");
        check(json!({}), "any", "");
    }

    #[test]
    fn fields_of_inner_objects_are_listed() {
        let schema = json!({ "required": ["a"], "properties": {
            "a": { "type": "object", "properties": { "b": {} } },
            "c": { "type": "array", "items": { "properties": { "d": {} } } } } });
        let mut fields = Vec::new();
        collect(&schema, "", &mut fields);
        let found: Vec<(&str, bool)> =
            fields.iter().map(|field| (field.path.as_str(), field.required)).collect();
        assert_eq!(found, [("a", true), ("a.b", false), ("c", false), ("c[].d", false)]);
    }
}
