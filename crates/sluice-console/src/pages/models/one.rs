//! One model: its targets and how they do, its price, what it can do, and changing it.

use askama::Template;

use super::{LongContext, Model, Target, form::Form, texts::T};
use crate::{
    Action, Answers, Page, Problem, Rendered, Visit, Want,
    html::Html,
    pages::{
        health::{self, Health, Sum, Words},
        month::{self, Month},
        problem,
    },
    shell::Shell,
    texts::fill,
};

#[derive(Template)]
#[template(path = "models/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    h: &'static Words,
    model: &'a Model,
    month: Result<Month, Problem>,
    health: Option<Result<Health, Problem>>,
    may_see: bool,
    may_write: bool,
    form: Form,
    delete_sure: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![Want::one("model", "models", visit.id), month::want(visit, "model", visit.id)];
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
    let model = match answers.read::<Model>("model") {
        Ok(model) => model,
        Err(problem) => return problem::render(visit, &problem),
    };
    let may_see = visit.who.can(Action::SeeGateway);
    let shell = Shell::new(visit, &model.name).with_scripts(&["models.js"]);
    Rendered::of(&View {
        h: Words::here(&shell),
        form: Form::new(&shell, t, &model, &super::providers(answers)),
        shell,
        t,
        month: month::read(visit, answers),
        health: may_see.then(|| health::read(answers)),
        may_see,
        may_write: visit.who.can(Action::WriteGateway) && !model.is_of_file(),
        delete_sure: fill(t.delete_sure, &[&model.name]),
        model: &model,
    })
}

impl View<'_> {
    fn sum(&self, target: &Target) -> Option<Sum> {
        let health = self.health.as_ref()?.as_ref().ok()?;
        health.sum(self.h, |seen| seen.provider == target.provider && seen.upstream_model == target.model)
    }

    /// Which part of its tier's requests a target gets.
    fn share(&self, target: &Target) -> Html {
        let tier = self.model.targets.iter().filter(|other| other.priority == target.priority);
        let whole: u64 = tier.map(Target::share).sum();
        self.shell.percent(target.share(), whole)
    }

    fn capabilities(&self) -> &[String] {
        self.model.capabilities.as_deref().unwrap_or_default()
    }

    fn long(&self) -> Option<&LongContext> {
        self.model.price.as_ref()?.long_context.as_ref()
    }

    fn long_above(&self, long: &LongContext) -> String {
        fill(self.t.long_above, &[&crate::format::count(long.above_tokens.unwrap_or(0))])
    }

    /// What is not as usual, by its label and value.
    fn options(&self) -> Vec<(&'static str, String)> {
        let (t, model) = (self.t, self.model);
        let ms = |value: Option<u64>| value.map(|ms| crate::format::duration(ms as f64));
        let number = |value: Option<u64>| value.map(crate::format::count);
        let flag = |value: Option<bool>| value.map(|on| if on { t.on } else { t.off }.to_owned());
        let repair = model.stream_repair.as_deref();
        let all = [
            (t.connect, ms(model.timeouts.connect_ms)),
            (t.first_token, ms(model.timeouts.first_token_ms)),
            (t.idle, ms(model.timeouts.idle_ms)),
            (t.total, ms(model.timeouts.total_ms)),
            (t.max_attempts, number(model.retry.max_attempts)),
            (t.retry_after, ms(model.retry.retry_after_wait_ms)),
            (t.hedge, flag(model.hedge.enabled)),
            (t.hedge_delay, ms(model.hedge.min_delay_ms)),
            (t.hedge_budget, model.hedge.budget_percent.map(|percent| format!("{percent} %"))),
            (
                t.stream_repair,
                repair.map(|word| if word == "off" { t.off } else { t.repair_splice }.to_owned()),
            ),
            (t.strict, flag(model.strict)),
        ];
        all.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    fn whole() -> Value {
        let target = |model: &str, weight: u64, priority: u64| {
            json!({ "provider": "p <q>", "model": model, "weight": weight, "priority": priority,
                    "context_length": 4096, "max_output_tokens": null, "capabilities": null })
        };
        json!({
            "name": "fast",
            "targets": [target("u1", 3, 0), target("u2", 1, 0), target("u3", 1, 1)],
            "price": {
                "input_nanousd_per_mtok": 1_500_000_001, "output_nanousd_per_mtok": 6_000_000_000_u64,
                "long_context": { "above_tokens": 200_000, "input_nanousd_per_mtok": 3_000_000_000_u64,
                                  "output_nanousd_per_mtok": 9_000_000_000_u64, "cache_read_nanousd_per_mtok": null },
            },
            "unpriced": null, "timeouts": { "first_token_ms": 2500 }, "retry": { "max_attempts": 3 },
            "hedge": { "enabled": false }, "stream_repair": "splice", "strict": true,
            "default_max_output_tokens": 7, "context_length": 128_000, "max_output_tokens": 16_384,
            "capabilities": ["tools"], "origin": "admin",
        })
    }

    fn check(role: Role, model: &Value, has: &[&str], lacks: &[&str]) {
        let seen = json!({ "provider": "p <q>", "upstream_model": "u1", "models": ["fast"], "state": "open",
                           "calls": 10, "failures": 5, "first_token_p95_ms": 420.0 });
        let answers = Answers::new()
            .with("model", model.clone())
            .with("usage", json!({ "data": [] }))
            .with("status", json!({ "targets": [seen] }))
            .with("providers", json!({ "data": [{ "name": "sandbox" }] }));
        TestVisit::new(Page::Model).shows(role, &answers, has, lacks);
    }

    #[test]
    fn a_model_is_shown_and_changed() {
        let edit = "data-api=\"PATCH /admin/v1/models/fast\"";
        let delete = "data-api=\"DELETE /admin/v1/models/fast\"";
        check(
            Role::Owner,
            &whole(),
            &[
                edit,
                delete,
                "75.0 %",
                "25.0 %",
                "420 ms",
                "badge bad",
                "data-rows=\"3\"",
                "name=\"targets[2].priority\"",
                "name=\"targets[0].context_length\" inputmode=\"numeric\"",
                "value=\"4096\"",
                "<option value=\"p &#60;q&#62;\" selected>",
                // To the last digit.
                "value=\"1.500000001\"",
                "name=\"price.long_context.above_tokens\"",
                "value=\"200000\"",
                "2.50 s",
                "<option value=\"splice\" selected>",
                "<option value=\"false\" selected>",
                "/playground?model=fast",
                "/requests?model=fast",
            ],
            &["<q>"],
        );
        check(Role::Viewer, &whole(), &["75.0 %"], &[edit, delete]);
        let mut of_file = whole();
        of_file["origin"] = json!("file");
        check(Role::Owner, &of_file, &["class=\"notice "], &[edit, delete]);
        let public = json!({ "name": "fast", "price": null, "unpriced": "free", "capabilities": ["tools"] });
        check(Role::Member, &public, &["tools", "/playground?model=fast"], &[edit, delete, "/providers"]);
    }
}
