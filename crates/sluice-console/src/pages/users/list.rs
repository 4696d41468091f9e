//! The list of users, and adding one.

use askama::Template;

use super::{User, texts::T};
use crate::{
    Action, Answers, List, Page, Rendered, Visit, Want,
    pages::problem,
    parts::{Choice, Pager},
    shell::Shell,
};

#[derive(Template)]
#[template(path = "users/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    users: Vec<User>,
    pager: Pager,
    may_write: bool,
    roles: Vec<Choice>,
    projects: Vec<Choice>,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want::new("users", "users").with_those(visit.query, &["cursor"])];
    if visit.who.can(Action::WriteUsers) {
        wants.push(Want::new("projects", "projects").with("limit", "500"));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list = match answers.read::<List<User>>("users") {
        Ok(list) => list,
        Err(problem) => return problem::render(visit, &problem),
    };
    Rendered::of(&View {
        shell: Shell::new(visit, t.title).with_scripts(&["users.js"]),
        t,
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        users: list.data,
        may_write: visit.who.can(Action::WriteUsers),
        roles: super::roles(visit, "member"),
        projects: super::projects(answers, &["*".to_owned()], t),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    #[test]
    fn users_are_listed() {
        let check = |role, has: &[&str], lacks: &[&str]| {
            let users = json!([
                { "id": "user_1", "email": "<i>@example.com", "role": "owner", "projects": ["*"], "has_password": true },
                { "id": "user_2", "email": "b@example.com", "role": "member", "projects": [],
                  "invite_expires_at": "2026-11-28T00:00:00Z" },
            ]);
            let answers = Answers::new()
                .with("users", json!({ "data": users, "next_cursor": "n" }))
                .with("projects", json!({ "data": [{ "name": "team" }] }));
            TestVisit::new(Page::Users).shows(role, &answers, has, lacks);
        };
        let form = "data-api=\"POST /admin/v1/users\"";
        let owner = "<option value=\"owner\"";
        check(
            Role::Owner,
            &[form, owner, "value=\"team\"", "/users/user_1", "badge warn", "cursor=n", "&#60;i&#62;@"],
            &["<i>"],
        );
        check(Role::Admin, &[form, "<option value=\"admin\""], &[owner]);
        check(Role::Viewer, &["/users/user_2"], &[form]);
    }
}
