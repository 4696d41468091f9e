//! The list of projects, and making one.

use askama::Template;

use super::{Project, texts::T};
use crate::{
    Action, Answers, List, Page, Rendered, Visit, Want,
    pages::{
        limits::{self, Limits, Words},
        problem,
    },
    parts::{Choice, Pager},
    shell::Shell,
};

#[derive(Template)]
#[template(path = "projects/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    w: &'static Words,
    projects: Vec<Project>,
    pager: Pager,
    may_write: bool,
    periods: Vec<Choice>,
    none: Limits,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::new("projects", "projects").with_those(visit.query, &["cursor"])]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list = match answers.read::<List<Project>>("projects") {
        Ok(list) => list,
        Err(problem) => return problem::render(visit, &problem),
    };
    Rendered::of(&View {
        shell: Shell::new(visit, t.title),
        t,
        w: Words::of(visit.language),
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        projects: list.data,
        may_write: visit.who.can(Action::WriteGateway),
        periods: limits::periods(visit.language, None),
        none: Limits::default(),
    })
}
