//! Who may call, within which limits and budget.

use askama::Template;

use super::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell};

#[derive(Template)]
#[template(path = "keys/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::new("keys", "keys").with_those(visit.query, &["cursor"])]
}

pub(crate) fn render(visit: &Visit<'_>, _answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    Rendered::of(&View { shell: Shell::new(visit, t.title), t })
}
