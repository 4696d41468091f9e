//! One user: role, projects, password, keys.

use askama::Template;
use serde::Deserialize;

use super::{User, texts::T};
use crate::{
    Action, Answers, List, Page, Rendered, Role, Visit, Want, pages::problem, parts::Choice, shell::Shell,
    texts::fill,
};

#[derive(Template)]
#[template(path = "users/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    user: &'a User,
    keys: Vec<Key>,
    may_write: bool,
    is_you: bool,
    roles: Vec<Choice>,
    projects: Vec<Choice>,
    delete_sure: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    id: String,
    name: String,
    owner_user_id: Option<String>,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![
        Want::one("user", "users", visit.id),
        Want::new("keys", "keys").with("owner", visit.id).with("limit", "100"),
        Want::new("projects", "projects").with("limit", "500"),
    ]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let user = match answers.read::<User>("user") {
        Ok(user) => user,
        Err(problem) => return problem::render(visit, &problem),
    };
    let keys = answers.read::<List<Key>>("keys").map(|list| list.data).unwrap_or_default();
    let is_owner = user.role == Role::Owner.word();
    Rendered::of(&View {
        shell: Shell::new(visit, &user.email).with_scripts(&["users.js"]),
        t,
        keys: keys.into_iter().filter(|key| key.owner_user_id.as_ref() == Some(&user.id)).collect(),
        may_write: visit.who.can(Action::WriteUsers) && (!is_owner || visit.who.can(Action::WriteOwners)),
        is_you: visit.who.user_id == user.id,
        roles: super::roles(visit, &user.role),
        projects: super::projects(answers, &user.projects, t),
        delete_sure: fill(t.delete_sure, &[&user.email]),
        user: &user,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_visit::TestVisit;

    #[test]
    fn a_user_is_changed_by_those_who_may() {
        let check = |role, of: &str, has: &[&str], lacks: &[&str]| {
            let user = json!({ "id": "user_9", "email": "c@example.com", "role": of, "projects": ["gone"],
                               "has_password": true, "has_totp": true });
            let keys = json!([{ "id": "key_1", "name": "theirs", "owner_user_id": "user_9" }]);
            let answers = Answers::new()
                .with("user", user)
                .with("keys", json!({ "data": keys }))
                .with("projects", json!({ "data": [{ "name": "team" }] }));
            TestVisit::new(Page::User).shows(role, &answers, has, lacks);
        };
        let edit = "data-api=\"PATCH /admin/v1/users/user_9\"";
        let delete = "data-api=\"DELETE /admin/v1/users/user_9\"";
        let all = [edit, delete, "/keys/key_1", "value=\"gone\" checked", "value=\"team\""];
        check(Role::Owner, "owner", &all, &[]);
        check(Role::Admin, "viewer", &all, &[]);
        check(Role::Admin, "owner", &["/keys/key_1"], &[edit, delete]);
        check(Role::Viewer, "viewer", &["/keys/key_1"], &[edit, delete]);
    }
}
