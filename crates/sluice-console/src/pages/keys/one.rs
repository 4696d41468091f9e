//! One key: its limits, its budget, its requests.

use askama::Template;

use super::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell};

#[derive(Template)]
#[template(path = "keys/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::one("key", "keys", visit.id)]
}

pub(crate) fn render(visit: &Visit<'_>, _answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    Rendered::of(&View { shell: Shell::new(visit, visit.id), t })
}
