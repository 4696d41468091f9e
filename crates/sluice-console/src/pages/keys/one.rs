//! One key: its limits, its budget, what went through it; rotating and revoking.

use askama::Template;

use super::{Key, samples::Samples, texts::T};
use crate::{
    Action, Answers, Page, Problem, Rendered, Visit, Want,
    pages::{
        limits::{self, Words},
        month::{self, Month},
        problem,
    },
    parts::Choice,
    shell::Shell,
    texts::fill,
};

#[derive(Template)]
#[template(path = "keys/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    w: &'static Words,
    key: &'a Key,
    month: Result<Month, Problem>,
    may: May,
    projects: Vec<Choice>,
    owners: Vec<Choice>,
    periods: Vec<Choice>,
    overlaps: Vec<Choice>,
    revoke_sure: String,
    samples: Samples,
}

/// What is offered here.
struct May {
    write: bool,
    budget: bool,
    rotate: bool,
    spend: bool,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want::one("key", "keys", visit.id), month::want(visit, "key", visit.id)];
    if visit.who.can(Action::WriteKeys) {
        wants.push(Want::new("projects", "projects").with("limit", "500"));
        if visit.who.can(Action::SeeGateway) {
            wants.push(Want::new("users", "users").with("limit", "500"));
        }
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let key = match answers.read::<Key>("key") {
        Ok(key) => key,
        Err(problem) => return problem::render(visit, &problem),
    };
    let changes = !key.is_of_file() && !key.revoked;
    let model = match key.models.iter().find(|model| !model.contains('*')) {
        Some(model) => model.as_str(),
        None => "sandbox/echo",
    };
    let overlaps = [
        ("0", t.overlap_none),
        ("3600", t.overlap_hour),
        ("86400", t.overlap_day),
        ("604800", t.overlap_week),
        ("2592000", t.overlap_month),
    ];
    Rendered::of(&View {
        shell: Shell::new(visit, &key.name).with_scripts(&["keys.js"]),
        t,
        w: Words::of(visit.language),
        month: month::read(visit, answers),
        may: May {
            write: changes && visit.who.can(Action::WriteKeys),
            budget: changes && visit.who.can(Action::WriteBudgets),
            rotate: changes && visit.who.can(Action::RotateKeys),
            spend: !key.revoked && visit.who.may_spend(key.owner_user_id.as_deref()),
        },
        projects: super::projects(answers, &key.project),
        owners: super::owners(answers, key.owner_user_id.as_deref(), t),
        periods: limits::periods(visit.language, key.budget.as_ref()),
        overlaps: Choice::list(overlaps, "86400"),
        revoke_sure: fill(t.revoke_sure, &[&key.name]),
        samples: Samples::new(visit.api_base, model),
        key: &key,
    })
}

impl View<'_> {
    fn budget_limit(&self) -> String {
        self.shell.usd_field(self.key.budget.as_ref().map(|budget| budget.limit_nanousd))
    }

    /// The limits of single models as JSON: what the script makes rows of, and what it changes.
    fn model_limits(&self) -> String {
        let limits = |limits: &limits::Limits| {
            let all = [
                ("rpm", limits.rpm),
                ("tpm", limits.tpm),
                ("parallel", limits.parallel),
                ("max_output_tokens", limits.max_output_tokens),
            ];
            let told = all.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into())));
            serde_json::Value::Object(told.collect())
        };
        let all = self.key.model_limits.iter().map(|(model, one)| (model.clone(), limits(one)));
        serde_json::Value::Object(all.collect()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    fn check(role: Role, more: &Value, has: &[&str], lacks: &[&str]) {
        let mut key = json!({
            "id": "key_1", "name": "team <a>", "prefix": "sk-abc", "project": "default", "models": ["fast", "b"],
            "limits": {}, "model_limits": { "fast": { "rpm": 7, "tpm": null } }, "budget": null,
            "default_max_output_tokens": 9, "expires_at": null, "owner_user_id": "user_9", "revoked": false,
            "previous_valid_until": null, "created_at": null, "origin": "admin",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            key[name] = value.clone();
        }
        let usage = json!({ "bucket": "2026-11-20T00:00:00Z", "model": "fast", "requests": 12, "errors": 3,
                            "prompt_tokens": 10, "completion_tokens": 5, "cost_nanousd": 2_000_000_000 });
        let answers = Answers::new().with("key", key.clone()).with("usage", json!({ "data": [usage] }));
        TestVisit::new(Page::Key).shows(role, &answers, has, lacks);
    }

    #[test]
    fn a_key_is_changed_by_those_who_may() {
        let edit = "data-api=\"PATCH /admin/v1/keys/key_1\"";
        let rotate = "data-api=\"POST /admin/v1/keys/key_1/rotate\"";
        let revoke = "data-api=\"DELETE /admin/v1/keys/key_1\"";
        let none = json!({});
        check(
            Role::Owner,
            &none,
            &[edit, rotate, revoke, "team &#60;a&#62;", "$2.00", "/requests?key=key_1", "&#34;rpm&#34;:7"],
            &["<a>"],
        );
        check(Role::Billing, &none, &[edit, "budget.limit_nanousd"], &[rotate, revoke, "limits.rpm"]);
        check(Role::Viewer, &none, &["$2.00"], &[edit, rotate, revoke, "/playground?key="]);
        let own = json!({ "owner_user_id": TestVisit::new(Page::Key).who.user_id });
        check(Role::Viewer, &own, &["/playground?key=key_1"], &[edit]);
        check(Role::Member, &none, &[rotate, revoke], &[edit]);
        check(Role::Owner, &json!({ "revoked": true }), &["badge bad"], &[edit, rotate, revoke]);
        check(Role::Owner, &json!({ "origin": "file" }), &["badge plain"], &[edit, rotate, revoke]);
    }
}
