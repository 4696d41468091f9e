//! The list of models, and making one.

use askama::Template;

use super::{Model, form::Form, texts::T};
use crate::{
    Action, Answers, List, Page, Rendered, Visit, Want,
    pages::{
        health::{self, Health, Sum, Words},
        problem,
        providers::next,
    },
    parts::Pager,
    shell::Shell,
};

/// How many targets of a model stand in its row.
const TARGETS_SHOWN: usize = 2;

#[derive(Template)]
#[template(path = "models/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    h: &'static Words,
    models: Vec<Model>,
    pager: Pager,
    health: Option<Health>,
    may_see: bool,
    may_write: bool,
    form: Form,
    none: Model,
    next: &'a str,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want::new("models", "models").with_those(visit.query, &["cursor"])];
    if visit.who.can(Action::SeeGateway) {
        wants.push(health::want());
    }
    if visit.who.can(Action::WriteGateway) {
        wants.push(Want::new("providers", "providers").with("limit", "500"));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list = match answers.read::<List<Model>>("models") {
        Ok(list) => list,
        Err(problem) => return problem::render(visit, &problem),
    };
    let shell = Shell::new(visit, t.title).with_scripts(&["models.js"]);
    let none = Model::default();
    Rendered::of(&View {
        h: Words::here(&shell),
        form: Form::new(&shell, t, &none, &super::providers(answers)),
        shell,
        t,
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        models: list.data,
        health: health::read(answers).ok(),
        may_see: visit.who.can(Action::SeeGateway),
        may_write: visit.who.can(Action::WriteGateway),
        none,
        next: next(visit.query.text("next")).unwrap_or("/models/{name}"),
    })
}

impl View<'_> {
    fn sum(&self, model: &Model) -> Option<Sum> {
        self.health.as_ref()?.sum(self.h, |target| target.models.contains(&model.name))
    }

    fn empty_text(&self) -> &'static str {
        if self.may_write { self.t.empty_text } else { self.t.empty_others }
    }

    /// How many targets are not shown.
    fn hidden(&self, model: &Model) -> usize {
        model.targets.len().saturating_sub(TARGETS_SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    fn check(role: Role, models: &Value, has: &[&str], lacks: &[&str]) {
        let target =
            json!({ "provider": "p", "upstream_model": "u", "models": ["a/<b>"], "state": "half_open" });
        let answers = Answers::new()
            .with("models", json!({ "data": models, "next_cursor": "a/<b>" }))
            .with("status", json!({ "targets": [target] }))
            .with("providers", json!({ "data": [{ "name": "sandbox" }, { "name": "p" }] }));
        TestVisit::new(Page::Models).shows(role, &answers, has, lacks);
    }

    #[test]
    fn models_are_listed_with_what_they_cost() {
        let target = |model: &str| json!({ "provider": "p", "model": model, "weight": 1, "priority": 0 });
        let one = json!({
            "name": "a/<b>", "targets": [target("u1"), target("u2"), target("u3")],
            "price": { "input_nanousd_per_mtok": 150_000_000, "output_nanousd_per_mtok": 600_000_000 },
            "context_length": 128_000, "capabilities": ["tools", "vision"], "origin": "admin",
        });
        let public = json!({ "name": "a/<b>", "price": null, "unpriced": "free", "context_length": 9 });
        let form = "data-api=\"POST /admin/v1/models\"";
        check(
            Role::Owner,
            &json!([one]),
            &[
                "href=\"/models/a%2F%3Cb%3E\"",
                "/requests?model=a%2F%3Cb%3E",
                "href=\"/providers/p\"",
                "u2",
                "+1",
                "$0.15",
                "$0.60",
                "tools, vision",
                "badge warn",
                form,
                "<option value=\"p\" selected>",
                "name=\"targets[].model\"",
                "cursor=a%2F%3Cb%3E",
            ],
            &["<b>", "u3", "class=\"empty\""],
        );
        check(
            Role::Member,
            &json!([public]),
            &["/playground?model=a%2F%3Cb%3E"],
            &[form, "/providers", "targets"],
        );
        check(Role::Owner, &json!([]), &["class=\"empty\"", form], &[]);
        check(Role::Viewer, &json!([]), &["class=\"empty\""], &[form]);
    }
}
