//! From a JSON Schema of the document to the fields that a reader looks for: names, types, ranges, what is inside.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Integers beyond these are the limits of a machine, not of the API.
const NO_LIMIT: f64 = 9e18;

/// A field of a body, or a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Field {
    /// Its id on the page: where the address of this field leads.
    pub(super) anchor: String,
    pub(super) name: String,
    /// Such as `string` or `array<object>`.
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) deprecated: bool,
    pub(super) description: String,
    pub(super) rules: Vec<Rule>,
    pub(super) inner: Inner,
}

/// What is inside of a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Inner {
    #[default]
    Nothing,
    Fields(Vec<Field>),
    /// One of several forms.
    Forms(Vec<Form>),
    /// A schema that is spread out elsewhere in the same body: its name, and the id of that place.
    Elsewhere(String, String),
}

/// One of several forms that a value may have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) fields: Vec<Field>,
}

/// What further holds of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// As an inequality around `x`.
    Range(String),
    Default(String),
    Words(Vec<String>),
    /// How many characters, entries or fields: words for the least and the most.
    Characters(Option<u64>, Option<u64>),
    Entries(Option<u64>, Option<u64>),
    Pattern(String),
    Format(String),
    Example(String),
}

/// Reads the schemas of one document. One reader goes through one body: a schema that occurs in it again is a link to
/// where it was spread out.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    document: &'a Value,
    /// Anchors by the names of schemas.
    spread: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document, spread: BTreeMap::new() }
    }

    /// What a `$ref` leads to; anything else is itself.
    pub(super) fn resolve(&self, value: &'a Value) -> &'a Value {
        reference(value).and_then(|target| self.document.pointer(target)).unwrap_or(value)
    }

    /// The fields of a body.
    pub(super) fn body(&mut self, schema: &'a Value, anchor: &str) -> Inner {
        self.inner(schema, anchor)
    }

    /// A schema with a name of its own.
    pub(super) fn field(&mut self, name: &str, schema: &'a Value, required: bool, anchor: String) -> Field {
        let resolved = self.resolve(schema);
        let text = |key: &str| {
            // What stands beside a reference is about this place.
            let near = schema.get(key).or_else(|| resolved.get(key));
            near.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Field {
            name: name.to_owned(),
            kind: self.kind(schema),
            required,
            deprecated: [schema, resolved].iter().any(|one| one["deprecated"] == Value::Bool(true)),
            description: text("description"),
            rules: self.rules(schema),
            inner: self.inner(schema, &anchor),
            anchor,
        }
    }

    /// The fields of an object, those of all its parts (`allOf`) among them.
    fn fields(&mut self, schema: &'a Value, anchor: &str) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for part in parts(schema) {
            let part = self.resolve(part);
            fields.extend(self.fields(part, anchor));
        }
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)));
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            fields.push(self.field(name, schema, is_required(name), format!("{anchor}.{name}")));
        }
        fields
    }

    fn inner(&mut self, schema: &'a Value, anchor: &str) -> Inner {
        if let Some(target) = reference(schema) {
            let name = target.rsplit('/').next().unwrap_or_default().to_owned();
            if let Some(place) = self.spread.get(&name) {
                let has_inside = self.has_inside(self.resolve(schema));
                return if has_inside { Inner::Elsewhere(name, place.clone()) } else { Inner::Nothing };
            }
            self.spread.insert(name, anchor.to_owned());
            return self.inner(self.resolve(schema), anchor);
        }
        if schema.get("properties").is_some() || !parts(schema).is_empty() {
            let fields = self.fields(schema, anchor);
            return if fields.is_empty() { Inner::Nothing } else { Inner::Fields(fields) };
        }
        for key in ["items", "additionalProperties", "contentSchema"] {
            if schema[key].is_object() {
                return self.inner(&schema[key], anchor);
            }
        }
        let all: Vec<&'a Value> =
            forms(schema).iter().filter(|form| self.has_inside(self.resolve(form))).collect();
        match all.as_slice() {
            [] => Inner::Nothing,
            [one] => self.inner(one, anchor),
            several => Inner::Forms(several.iter().map(|form| self.form(form, anchor)).collect()),
        }
    }

    fn form(&mut self, schema: &'a Value, anchor: &str) -> Form {
        let resolved = self.resolve(schema);
        let title = match (resolved["title"].as_str(), reference(schema)) {
            (Some(title), _) => title.replace('`', ""),
            (None, Some(target)) => target.rsplit('/').next().unwrap_or_default().to_owned(),
            (None, None) => self.kind(schema),
        };
        let slug: String =
            title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let anchor = format!("{anchor}.{}", slug.trim_matches('-'));
        let fields = match self.inner(schema, &anchor) {
            Inner::Fields(fields) => fields,
            inner @ (Inner::Forms(_) | Inner::Elsewhere(..)) => {
                vec![Field {
                    anchor,
                    name: "[]".to_owned(),
                    kind: self.kind(schema),
                    inner,
                    ..Field::default()
                }]
            }
            Inner::Nothing => Vec::new(),
        };
        let description = resolved["description"].as_str().unwrap_or_default().to_owned();
        Form { title, description, fields }
    }

    /// Whether there is anything to spread out.
    fn has_inside(&self, schema: &'a Value) -> bool {
        let schema = self.resolve(schema);
        if schema["properties"].as_object().is_some_and(|properties| !properties.is_empty()) {
            return true;
        }
        let below = ["items", "additionalProperties", "contentSchema"];
        parts(schema).iter().any(|part| self.has_inside(part))
            || below.iter().any(|key| schema[*key].is_object() && self.has_inside(&schema[*key]))
            || forms(schema).iter().any(|form| self.has_inside(form))
    }

    /// The type in words.
    pub(super) fn kind(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        if let Some(word) = schema.get("const") {
            return word.to_string();
        }
        if !forms(schema).is_empty() {
            let mut kinds: Vec<String> = Vec::new();
            for kind in forms(schema).iter().map(|form| self.kind(form)) {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return kinds.join(" | ");
        }
        match &schema["type"] {
            Value::Null if !parts(schema).is_empty() => "object".to_owned(),
            Value::String(kind) => self.named(kind, schema),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                kinds.map(|kind| self.named(kind, schema)).collect::<Vec<_>>().join(" | ")
            }
            _ => "any".to_owned(),
        }
    }

    fn named(&self, kind: &str, schema: &'a Value) -> String {
        let of = |key: &str| {
            Some(&schema[key]).filter(|inner| inner.is_object()).map(|inner: &'a Value| self.kind(inner))
        };
        match kind {
            "array" => format!("array<{}>", of("items").unwrap_or_else(|| "any".to_owned())),
            "object" if schema.get("properties").is_none() => match of("additionalProperties") {
                Some(values) => format!("map<string, {values}>"),
                None => "object".to_owned(),
            },
            kind => kind.to_owned(),
        }
    }

    fn rules(&self, schema: &'a Value) -> Vec<Rule> {
        let schema = self.resolve(schema);
        let mut rules = Vec::new();
        let limit = |key: &str| {
            let limit = schema[key].as_f64().filter(|limit| limit.abs() < NO_LIMIT);
            limit.map(|_| plain(&schema[key]))
        };
        match (limit("minimum"), limit("maximum")) {
            (Some(low), Some(high)) => rules.push(Rule::Range(format!("{low} ≤ x ≤ {high}"))),
            (Some(low), None) => rules.push(Rule::Range(format!("x ≥ {low}"))),
            (None, Some(high)) => rules.push(Rule::Range(format!("x ≤ {high}"))),
            (None, None) => {}
        }
        if let Some(words) = schema["enum"].as_array() {
            let words = words.iter().filter(|word| !word.is_null());
            rules.push(Rule::Words(words.map(plain).collect()));
        }
        let span = |least: &str, most: &str| (schema[least].as_u64(), schema[most].as_u64());
        if let (least, most) = span("minLength", "maxLength")
            && (least, most) != (None, None)
        {
            rules.push(Rule::Characters(least, most));
        }
        for (least, most) in [span("minItems", "maxItems"), span("minProperties", "maxProperties")] {
            if (least, most) != (None, None) {
                rules.push(Rule::Entries(least, most));
            }
        }
        rules.extend(schema["pattern"].as_str().map(|text| Rule::Pattern(text.to_owned())));
        rules.extend(schema["format"].as_str().filter(|f| *f != "int64").map(|f| Rule::Format(f.to_owned())));
        rules.extend(schema.get("default").map(|value| Rule::Default(plain(value))));
        let examples = schema["examples"].as_array().into_iter().flatten();
        rules.extend(examples.map(|example| Rule::Example(plain(example))));
        rules
    }

    /// A value that fits: for bodies without an example of their own. `whole` has every field, else only what must be.
    pub(super) fn sample(&self, schema: &'a Value, whole: bool) -> Value {
        self.sample_at(schema, whole, 0)
    }

    fn sample_at(&self, schema: &'a Value, whole: bool, depth: usize) -> Value {
        let schema = self.resolve(schema);
        let given =
            [schema.get("const"), schema["examples"].get(0), schema.get("example"), schema["enum"].get(0)];
        if let Some(given) = given.into_iter().flatten().next() {
            return given.clone();
        }
        let full = |form: &&'a Value| self.resolve(form)["type"] != "null";
        if let Some(form) = forms(schema).iter().find(full) {
            return self.sample_at(form, whole, depth);
        }
        if !parts(schema).is_empty() {
            let all = parts(schema).iter().map(|part| self.sample_at(part, whole, depth));
            return Value::Object(all.filter_map(|part| part.as_object().cloned()).flatten().collect());
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") if depth < 6 => {
                let required = schema["required"].as_array();
                let wanted = |name: &String| {
                    whole
                        || required
                            .is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name.as_str())))
                };
                let properties = schema["properties"].as_object().into_iter().flatten();
                let rows = properties.filter(|(name, _)| wanted(name));
                Value::Object(
                    rows.map(|(name, inner)| (name.clone(), self.sample_at(inner, whole, depth + 1)))
                        .collect(),
                )
            }
            Some("object") => Value::Object(Map::new()),
            Some("array") if depth < 6 && schema["items"].is_object() => {
                Value::Array(vec![self.sample_at(&schema["items"], whole, depth + 1)])
            }
            Some("array") => Value::Array(Vec::new()),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 0.into()),
            Some("boolean") => Value::Bool(false),
            Some("string") if schema["format"] == "date-time" => "2027-01-01T00:00:00Z".into(),
            Some("string") => "string".into(),
            _ => Value::Null,
        }
    }
}

/// The pointer of a `$ref` into this document.
fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str().and_then(|target| target.strip_prefix('#'))
}

/// The forms of a schema that may be one of several.
fn forms(schema: &Value) -> &[Value] {
    let list = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    list.map(Vec::as_slice).unwrap_or_default()
}

/// What all hold together of a schema.
fn parts(schema: &Value) -> &[Value] {
    schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A value as people write it: texts without quotes, `2.0` as `2`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The fields as lines: name, `*` where it is required, type, rules.
    fn lines(inner: &Inner, depth: usize, out: &mut Vec<String>) {
        let indent = "  ".repeat(depth);
        match inner {
            Inner::Nothing => {}
            Inner::Fields(fields) => {
                for field in fields {
                    let star = if field.required { "*" } else { "" };
                    let rules: String = field.rules.iter().map(|rule| format!(" {rule:?}")).collect();
                    out.push(format!("{indent}{}{star}: {}{rules}", field.name, field.kind));
                    lines(&field.inner, depth + 1, out);
                }
            }
            Inner::Forms(forms) => {
                for form in forms {
                    out.push(format!("{indent}= {}", form.title));
                    lines(&Inner::Fields(form.fields.clone()), depth + 1, out);
                }
            }
            Inner::Elsewhere(name, place) => out.push(format!("{indent}-> {name} at {place}")),
        }
    }

    #[test]
    fn schemas_become_fields() {
        let document = json!({ "components": { "schemas": {
            "Part": { "oneOf": [
                { "title": "Text", "type": "object", "required": ["type"], "properties": { "type": { "const": "text" } } },
                { "title": "Next one", "type": "object", "properties": { "part": { "$ref": "#/components/schemas/Part" } } }
            ] },
            "Word": { "type": "string" }
        } } });
        let check = |schema: Value, expect: &[&str]| {
            let mut reader = Reader::new(&document);
            let mut found = Vec::new();
            lines(&reader.body(&schema, "op"), 0, &mut found);
            assert_eq!(found, expect, "{schema}");
        };
        check(json!({ "type": "string" }), &[]);
        check(
            json!({ "type": "object", "required": ["a"], "properties": {
                "a": { "type": ["number", "null"], "minimum": 0.0, "maximum": 2.0, "default": 1.0 },
                "b": { "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX },
                "c": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "d": { "type": "object", "additionalProperties": { "type": "number" } },
                "e": { "oneOf": [{ "type": "string", "enum": ["x", null] }, { "type": "null" }] },
                "f": { "$ref": "#/components/schemas/Word" },
                "g": { "type": "string", "minLength": 1, "maxLength": 9, "enum": ["x"] }
            } }),
            &[
                "a*: number | null Range(\"0 ≤ x ≤ 2\") Default(\"1\")",
                "b: integer",
                "c: array<string> Entries(Some(1), None)",
                "d: map<string, number>",
                "e: string | null",
                "f: string",
                "g: string Words([\"x\"]) Characters(Some(1), Some(9))",
            ],
        );
        check(
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/Part" } }),
            &["= Text", "  type*: \"text\"", "= Next one", "  part: object", "    -> Part at op"],
        );
        check(
            json!({ "allOf": [
                { "type": "object", "required": ["a"], "properties": { "a": { "type": "string" } } },
                { "type": "object", "properties": { "b": { "type": "integer" } } }
            ] }),
            &["a*: string", "b: integer"],
        );
    }

    #[test]
    fn samples_fit() {
        let document = json!({});
        let check = |schema: Value, whole, expect: Value| {
            assert_eq!(Reader::new(&document).sample(&schema, whole), expect, "{schema}");
        };
        let object = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": ["string", "null"] }, "b": { "type": "integer", "minimum": 1 },
            "c": { "type": "array", "items": { "const": "x" } }, "d": { "anyOf": [{ "type": "null" }, { "type": "boolean" }] }
        } });
        check(object.clone(), false, json!({ "a": "string" }));
        let both = json!({ "allOf": [{ "type": "object", "properties": { "e": { "const": 1 } } }, object] });
        check(both, true, json!({ "e": 1, "a": "string", "b": 1, "c": ["x"], "d": false }));
        check(object, true, json!({ "a": "string", "b": 1, "c": ["x"], "d": false }));
    }
}
