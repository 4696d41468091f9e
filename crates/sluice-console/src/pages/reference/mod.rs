//! API reference: every call of the API, to read and to try. It is made from the OpenAPI document that the gateway
//! serves; nothing on it is written by hand but its headings and the Chinese of its texts.

mod chinese;
mod document;
mod fields;
mod markup;
mod samples;
mod texts;

use askama::Template;
use serde_json::Value;

use self::{
    document::{Access, Operation, Response, Section},
    fields::Inner,
    markup::Writer,
    texts::T,
};
use super::{playground::Actor, problem};
use crate::{Answers, Rendered, Visit, Want, html::Html, shell::Shell};

#[derive(Template)]
#[template(path = "reference.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    writer: Writer,
    sections: Vec<Section>,
    /// Keys that a call can be made as.
    keys: Vec<Actor>,
}

impl View<'_> {
    fn section_title<'a>(&self, name: &'a str) -> &'a str {
        match name {
            "chat" => self.t.section_chat,
            "models" => self.t.section_models,
            "admin" => self.t.section_admin,
            "operation" => self.t.section_operation,
            other => other,
        }
    }

    fn place(&self, place: &str) -> &'static str {
        match place {
            "path" => self.t.in_path,
            "query" => self.t.in_query,
            _ => self.t.in_header,
        }
    }

    fn access(&self, operation: &Operation) -> &'static str {
        match operation.access {
            Access::Key => self.t.access_key,
            Access::Admin => self.t.access_admin,
            Access::AdminOrLocal => self.t.access_admin_or_local,
            Access::Everybody => self.t.access_everybody,
        }
    }

    /// The parameters of an operation as fields, those of one place after another.
    fn parameters(&self, operation: &Operation) -> Html {
        let fields: Vec<fields::Field> = operation
            .parameters
            .iter()
            .map(|parameter| fields::Field {
                kind: format!("{} · {}", parameter.field.kind, self.place(&parameter.place)),
                ..parameter.field.clone()
            })
            .collect();
        self.writer.fields(&fields)
    }

    fn answers<'b>(&self, operation: &'b Operation) -> Vec<&'b Response> {
        operation.responses.iter().filter(|response| !response.is_error()).collect()
    }

    /// The body of errors is told once, at the first call.
    fn error_body<'b>(&self, operation: &'b Operation) -> Option<&'b Inner> {
        let first = self.sections.first()?.operations.first()?;
        let error = operation.responses.iter().find(|response| response.is_error())?;
        (first.id == operation.id).then(|| error.contents.first().map(|content| &content.inner))?
    }

    fn errors<'b>(&self, operation: &'b Operation) -> Vec<&'b Response> {
        operation.responses.iter().filter(|response| response.is_error()).collect()
    }
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want { name: "document", path: "/docs/openapi.json".to_owned() }];
    if visit.who.is_somebody() {
        wants.push(Want::new("keys", "keys").with("limit", super::playground::KEYS));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let document: &Value = match answers.get("document") {
        Ok(document) => document,
        Err(problem) => return problem::render(visit, &problem),
    };
    let view = View {
        shell: Shell::new(visit, t.title).with_scripts(&["reference.js"]),
        t,
        writer: Writer::new(visit.language),
        sections: document::sections(document),
        keys: answers.read("keys").map(|keys| super::playground::actors(visit, keys)).unwrap_or_default(),
    };
    Rendered::of(&view)
}

#[cfg(test)]
mod tests;
