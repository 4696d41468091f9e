//! Requests, newest first: to filter, to search, to follow as they come.

use askama::Template;

use super::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell};

#[derive(Template)]
#[template(path = "requests/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![
        Want::new("requests", "requests")
            .with_those(visit.query, &["key", "model", "status", "trace_id", "cursor"]),
    ]
}

pub(crate) fn render(visit: &Visit<'_>, _answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    Rendered::of(&View { shell: Shell::new(visit, t.title), t })
}
