//! The page of a refusal: what the admin API said to the page's first want, or that there is no such page.

mod texts;

use askama::Template;

use self::texts::T;
use crate::{Problem, Rendered, Visit, shell::Shell};

#[derive(Template)]
#[template(path = "problem.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    lead: &'a str,
    problem: &'a Problem,
}

/// Calm, and with the status that it is about.
pub(crate) fn render(visit: &Visit<'_>, problem: &Problem) -> Rendered {
    let t = T::of(visit.language);
    let (title, lead) = match problem.status {
        404 => (t.not_found, t.not_found_lead),
        401 | 403 => (t.not_allowed, t.not_allowed_lead),
        503 => (t.away, t.away_lead),
        _ => (t.other, ""),
    };
    let view = View { shell: Shell::new(visit, title), t, lead, problem };
    Rendered::of(&view).with_status(problem.status)
}
