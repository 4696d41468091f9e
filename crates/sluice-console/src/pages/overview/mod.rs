//! Overview: what goes through, what it costs, and what needs attention.

mod texts;

use askama::Template;

use self::texts::T;
use crate::{Answers, Rendered, Visit, Want, shell::Shell};

#[derive(Template)]
#[template(path = "overview.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![]
}

pub(crate) fn render(visit: &Visit<'_>, _answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    Rendered::of(&View { shell: Shell::new(visit, t.title), t })
}
