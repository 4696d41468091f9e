//! What the page takes out of the OpenAPI document: its operations, in their order, by their tags.

use serde_json::Value;

use super::{
    fields::{Field, Inner, Reader, Rule},
    samples::{self, Sample},
};

/// Where an address of this listener is a path alone, samples name the usual one; the page's script puts in its own.
pub(super) const USUAL_ADMIN: &str = "http://127.0.0.1:8081";

/// Operations of one tag.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) operations: Vec<Operation>,
}

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    /// In capitals.
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) access: Access,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) responses: Vec<Response>,
    pub(super) samples: Vec<Sample>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Key,
    Admin,
    /// The admin token, unless the listener is on loopback.
    AdminOrLocal,
    Everybody,
}

#[derive(Debug)]
pub(super) struct Parameter {
    /// `path`, `query` or `header`.
    pub(super) place: String,
    pub(super) field: Field,
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) description: String,
    pub(super) schema: String,
    pub(super) rules: Vec<Rule>,
    pub(super) inner: Inner,
    /// Title and text.
    pub(super) examples: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: String,
    pub(super) anchor: String,
    pub(super) description: String,
    pub(super) headers: Vec<Field>,
    pub(super) contents: Vec<Content>,
}

impl Response {
    pub(super) fn is_error(&self) -> bool {
        self.status.starts_with(['4', '5'])
    }
}

#[derive(Debug)]
pub(super) struct Content {
    pub(super) media: String,
    pub(super) inner: Inner,
    pub(super) example: String,
}

/// The sections of a document. What it lacks is left out.
pub(super) fn sections(document: &Value) -> Vec<Section> {
    let tags = document["tags"].as_array().into_iter().flatten();
    let mut sections: Vec<Section> = tags
        .map(|tag| Section {
            name: text(tag, "name"),
            description: text(tag, "description"),
            operations: vec![],
        })
        .collect();
    // One reader for all answers: what is in several of them is told once.
    let mut reader = Reader::new(document);
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let made = self::operation(document, &mut reader, (path, item), (method, operation));
            match sections.iter_mut().find(|section| section.name == tag) {
                Some(section) => section.operations.push(made),
                None => sections.push(Section {
                    name: tag.to_owned(),
                    description: String::new(),
                    operations: vec![made],
                }),
            }
        }
    }
    sections.retain(|section| !section.operations.is_empty());
    sections
}

fn operation<'a>(
    document: &'a Value,
    reader: &mut Reader<'a>,
    (path, item): (&str, &'a Value),
    (method, operation): (&str, &'a Value),
) -> Operation {
    let id = text(operation, "operationId");
    let body = operation.get("requestBody").map(|body| self::body(document, body, &id));
    let access = access(document, operation);
    let parameters = parameters(document, (item, operation), &id);
    let responses = responses(document, reader, operation, &id);
    let server = [&item["servers"][0], &document["servers"][0]];
    let server = server.iter().find_map(|server| server["url"].as_str()).unwrap_or_default();
    let server = if server.starts_with('/') { USUAL_ADMIN } else { server };
    let call = samples::Call {
        method: method.to_uppercase(),
        server: server.trim_end_matches('/'),
        path,
        access,
        parameters: &parameters,
        body: body.as_ref().and_then(|body| body.examples.first()).map(|(_, text)| text.as_str()),
        operation: &id,
    };
    let samples = samples::samples(&call);
    Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(operation, "summary"),
        description: text(operation, "description"),
        access,
        parameters,
        body,
        responses,
        samples,
        id,
    }
}

fn access(document: &Value, operation: &Value) -> Access {
    let schemes = operation.get("security").unwrap_or(&document["security"]);
    let names: Vec<&str> = schemes
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one.as_object().and_then(|one| one.keys().next()).map_or("", String::as_str))
        .collect();
    match names.as_slice() {
        [] => Access::Everybody,
        names if names.contains(&"key") => Access::Key,
        names if names.contains(&"") => Access::AdminOrLocal,
        _ => Access::Admin,
    }
}

fn parameters<'a>(
    document: &'a Value,
    (item, operation): (&'a Value, &'a Value),
    id: &str,
) -> Vec<Parameter> {
    let mut reader = Reader::new(document);
    let mut parameters = Vec::new();
    for parameter in [item, operation].iter().filter_map(|place| place["parameters"].as_array()).flatten() {
        let parameter = reader.resolve(parameter);
        let (name, place) = (text(parameter, "name"), text(parameter, "in"));
        let required = parameter["required"] == Value::Bool(true);
        let mut field = reader.field(&name, &parameter["schema"], required, format!("{id}.{place}.{name}"));
        field.description = text(parameter, "description");
        if let Some(example) = parameter["example"].as_str() {
            field.rules.push(Rule::Example(example.to_owned()));
        }
        parameters.push(Parameter { place, field });
    }
    parameters
}

fn body(document: &Value, body: &Value, id: &str) -> Body {
    let mut reader = Reader::new(document);
    let content = &body["content"]["application/json"];
    let schema = &content["schema"];
    let whole = reader.field("", schema, false, id.to_owned());
    let given = content["examples"].as_object().into_iter().flatten();
    let mut examples: Vec<(String, String)> =
        given.map(|(name, one)| (text_or(one, "summary", name), pretty(&one["value"]))).collect();
    if examples.is_empty() {
        let example = content.get("example").cloned();
        let example = example.unwrap_or_else(|| reader.sample(schema, false));
        examples.push((String::new(), pretty(&example)));
    }
    Body {
        required: body["required"] == Value::Bool(true),
        description: whole.description,
        schema: name_of(schema),
        rules: whole.rules,
        inner: whole.inner,
        examples,
    }
}

fn responses<'a>(
    document: &'a Value,
    reader: &mut Reader<'a>,
    operation: &'a Value,
    id: &str,
) -> Vec<Response> {
    let mut responses = Vec::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = reader.resolve(response);
        let anchor = format!("{id}.{status}");
        let mut contents = Vec::new();
        for (media, content) in response["content"].as_object().into_iter().flatten() {
            let schema = &content["schema"];
            let example = content.get("example").cloned();
            let example = pretty(&example.unwrap_or_else(|| reader.sample(schema, true)));
            let anchor =
                if media == "application/json" { anchor.clone() } else { format!("{anchor}.stream") };
            contents.push(Content { media: media.clone(), inner: reader.body(schema, &anchor), example });
        }
        responses.push(Response {
            description: text(response, "description"),
            contents,
            headers: headers(document, response, &anchor),
            status: status.clone(),
            anchor,
        });
    }
    responses
}

fn headers(document: &Value, response: &Value, anchor: &str) -> Vec<Field> {
    let mut reader = Reader::new(document);
    let all = response["headers"].as_object().into_iter().flatten();
    all.map(|(name, header)| {
        let header = reader.resolve(header);
        let mut field = reader.field(name, &header["schema"], false, format!("{anchor}.{name}"));
        field.description = text(header, "description");
        field
    })
    .collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn text_or(value: &Value, key: &str, other: &str) -> String {
    value[key].as_str().unwrap_or(other).to_owned()
}

fn name_of(schema: &Value) -> String {
    schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()).unwrap_or_default().to_owned()
}

/// JSON in lines; a text as it is.
fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_end().to_owned(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}
