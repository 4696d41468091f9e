//! The list of keys, and making one.

use askama::Template;

use super::{Key, samples::Samples, texts::T};
use crate::{
    Action, Answers, List, Page, Rendered, Visit, Want,
    pages::limits::{self, Limits, Words},
    parts::{Choice, Pager},
    shell::Shell,
};

/// A model that answers without any provider, for the samples where there is no other.
const SANDBOX_MODEL: &str = "sandbox/echo";

#[derive(Template)]
#[template(path = "keys/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    w: &'static Words,
    keys: Vec<Key>,
    pager: Pager,
    is_filtered: bool,
    may_write: bool,
    /// Of the filter.
    in_projects: Vec<Choice>,
    /// Of the form.
    projects: Vec<Choice>,
    owners: Vec<Choice>,
    periods: Vec<Choice>,
    samples: Samples,
    none: Limits,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want::new("keys", "keys").with_those(visit.query, &["q", "project", "cursor"])];
    if visit.who.can(Action::SeeProjects) {
        wants.push(Want::new("projects", "projects").with("limit", "500"));
    }
    if visit.who.can(Action::WriteKeys) {
        wants.push(Want::new("models", "models").with("limit", "1"));
        if visit.who.can(Action::SeeGateway) {
            wants.push(Want::new("users", "users").with("limit", "500"));
        }
    }
    wants
}

#[derive(serde::Deserialize)]
struct Model {
    name: String,
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list = match answers.read::<List<Key>>("keys") {
        Ok(list) => list,
        Err(problem) => return crate::pages::problem::render(visit, &problem),
    };
    let project = visit.query.text("project");
    let mut in_projects = super::projects(answers, project);
    in_projects.insert(0, Choice { value: String::new(), label: t.any_project.to_owned(), chosen: false });
    for choice in &mut in_projects {
        choice.chosen = choice.value == project;
    }
    let first = answers.read::<List<Model>>("models").ok().and_then(|models| models.data.into_iter().next());
    let model = first.map_or_else(|| SANDBOX_MODEL.to_owned(), |model| model.name);
    Rendered::of(&View {
        shell: Shell::new(visit, t.title),
        t,
        w: Words::of(visit.language),
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        keys: list.data,
        is_filtered: ["q", "project", "cursor"].iter().any(|name| visit.query.get(name).is_some()),
        may_write: visit.who.can(Action::WriteKeys),
        in_projects,
        projects: super::projects(answers, project),
        owners: super::owners(answers, None, t),
        periods: limits::periods(visit.language, None),
        samples: Samples::new(visit.api_base, &model),
        none: Limits::default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    pub(super) fn key(name: &str, more: &Value) -> Value {
        let mut key = json!({
            "id": "key_1", "name": name, "prefix": "sk-abc", "project": "default", "models": ["*"],
            "limits": { "rpm": 60, "tpm": null, "parallel": null, "max_output_tokens": null }, "model_limits": {},
            "budget": { "limit_nanousd": 1_000_000_000, "spent_nanousd": 900_000_000, "reserved_nanousd": 0, "period": "day" },
            "default_max_output_tokens": null, "expires_at": null, "owner_user_id": null, "revoked": false,
            "previous_valid_until": null, "created_at": "2026-11-01T00:00:00Z", "origin": "admin",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            key[name] = value.clone();
        }
        key
    }

    fn check(role: Role, keys: &Value, has: &[&str], lacks: &[&str]) {
        let answers = Answers::new()
            .with("keys", json!({ "data": keys, "next_cursor": null }))
            .with("projects", json!({ "data": [{ "name": "team" }] }))
            .with("models", json!({ "data": [{ "name": "fast" }] }));
        TestVisit::new(Page::Keys).shows(role, &answers, has, lacks);
    }

    #[test]
    fn keys_are_listed_for_those_who_see_them() {
        let form = "data-api=\"POST /admin/v1/keys\"";
        check(
            Role::Owner,
            &json!([key("<b>", &json!({}))]),
            &[
                "&#60;b&#62;",
                "/keys/key_1",
                "/requests?key=key_1",
                form,
                "class=\"fill warn\"",
                "value=\"team\"",
            ],
            &["<b>", "class=\"empty\""],
        );
        check(Role::Viewer, &json!([key("a", &json!({}))]), &["/keys/key_1"], &[form]);
        check(Role::Owner, &json!([]), &["class=\"empty\"", form], &[]);
        check(Role::Member, &json!([]), &["class=\"empty\""], &[form, "data-dialog"]);
        check(Role::Owner, &json!([key("a", &json!({ "revoked": true }))]), &["badge bad"], &["badge good"]);
        let gone = json!([key("a", &json!({ "expires_at": "2026-11-21T11:59:59Z" }))]);
        check(Role::Owner, &gone, &["badge bad"], &["badge good"]);
        let stays = json!([key("a", &json!({ "expires_at": "2026-11-21T12:00:01Z", "origin": "file" }))]);
        check(Role::Owner, &stays, &["badge good", "badge plain"], &["badge bad"]);
    }

    #[test]
    fn what_is_wanted_depends_on_who_looks() {
        let check = |role, query: &[(&str, &str)], expect: &[&str]| {
            let mut owned = TestVisit::new(Page::Keys).query(query);
            owned.who.role = role;
            let paths: Vec<String> = wants(&owned.visit()).into_iter().map(|want| want.path).collect();
            assert_eq!(paths, expect);
        };
        check(Role::Member, &[("q", "a b"), ("x", "1")], &["/admin/v1/keys?q=a%20b"]);
        check(Role::Viewer, &[], &["/admin/v1/keys", "/admin/v1/projects?limit=500"]);
        check(
            Role::Owner,
            &[("project", "p")],
            &[
                "/admin/v1/keys?project=p",
                "/admin/v1/projects?limit=500",
                "/admin/v1/models?limit=1",
                "/admin/v1/users?limit=500",
            ],
        );
    }
}
