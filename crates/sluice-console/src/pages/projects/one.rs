//! One project: its limits, its budget, its keys, what went through it.

use askama::Template;

use super::{Project, texts::T};
use crate::{
    Action, Answers, List, Page, Problem, Rendered, Visit, Want,
    pages::{
        keys::Key,
        limits::{self, Words},
        month::{self, Month},
        problem,
    },
    parts::Choice,
    shell::Shell,
    texts::fill,
};

/// How many of its keys stand on its page.
const KEYS_SHOWN: &str = "20";

#[derive(Template)]
#[template(path = "projects/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    w: &'static Words,
    project: &'a Project,
    month: Result<Month, Problem>,
    keys: Result<List<Key>, Problem>,
    may_write: bool,
    may_budget: bool,
    periods: Vec<Choice>,
    delete_sure: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![
        Want::one("project", "projects", visit.id),
        month::want(visit, "project", visit.id),
        Want::new("keys", "keys").with("project", visit.id).with("limit", KEYS_SHOWN),
    ]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let project = match answers.read::<Project>("project") {
        Ok(project) => project,
        Err(problem) => return problem::render(visit, &problem),
    };
    let changes = !project.is_of_file();
    Rendered::of(&View {
        shell: Shell::new(visit, &project.name),
        t,
        w: Words::of(visit.language),
        month: month::read(visit, answers),
        keys: answers.read("keys"),
        may_write: changes && visit.who.can(Action::WriteGateway),
        may_budget: changes && visit.who.can(Action::WriteProjectBudgets),
        periods: limits::periods(visit.language, project.budget.as_ref()),
        delete_sure: fill(t.delete_sure, &[&project.name]),
        project: &project,
    })
}

impl View<'_> {
    fn budget_limit(&self) -> String {
        self.shell.usd_field(self.project.budget.as_ref().map(|budget| budget.limit_nanousd))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    fn check(role: Role, origin: &str, has: &[&str], lacks: &[&str]) {
        let project = json!({ "name": "a/<b>", "limits": { "rpm": 5 }, "budget": null, "origin": origin });
        let answers = Answers::new()
            .with("project", project)
            .with("usage", json!({ "data": [] }))
            .with("keys", json!({ "data": [], "next_cursor": null }));
        TestVisit::new(Page::Project).shows(role, &answers, has, lacks);
    }

    #[test]
    fn a_project_is_changed_by_those_who_may() {
        let edit = "data-api=\"PATCH /admin/v1/projects/a%2F%3Cb%3E\"";
        let delete = "data-api=\"DELETE /admin/v1/projects/a%2F%3Cb%3E\"";
        check(Role::Owner, "admin", &[edit, delete, "limits.rpm", "a/&#60;b&#62;"], &["<b>"]);
        check(Role::Billing, "admin", &[edit, "budget.limit_nanousd"], &[delete, "limits.rpm"]);
        check(Role::Viewer, "admin", &["/requests?project=a%2F%3Cb%3E"], &[edit, delete]);
        check(Role::Owner, "file", &[], &[edit, delete]);
    }
}
