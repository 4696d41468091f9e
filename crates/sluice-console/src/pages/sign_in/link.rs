//! Links: the one that makes the first owner, and invitations.

use askama::Template;

use super::{Told, texts::T};
use crate::{Answers, Rendered, Visit, Want, shell::Shell, texts::fill};

#[derive(Template)]
#[template(path = "sign_in/link.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    told: &'a Told,
    problem: String,
    lead: String,
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let (t, told) = (T::of(visit.language), Told::of(answers));
    let title = match (&told.invited, told.has_form()) {
        (_, false) => t.title,
        (Some(_), true) => t.invite_title,
        (None, true) => t.link_title,
    };
    let lead = match &told.invited {
        Some(email) => fill(t.invite_lead, &[email]),
        None => t.link_lead.to_owned(),
    };
    Rendered::of(&View { shell: Shell::new(visit, title), t, problem: told.problem(t), told: &told, lead })
}
