//! The list of providers, and connecting one.

use askama::Template;

use super::{Provider, Vendor, texts::T};
use crate::{
    Action, Answers, List, Page, Problem, Rendered, Visit, Want,
    pages::{
        health::{self, Health, Sum, Words},
        problem,
    },
    parts::Pager,
    shell::Shell,
};

#[derive(Template)]
#[template(path = "providers/list.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    h: &'static Words,
    providers: Vec<Provider>,
    pager: Pager,
    health: Result<Health, Problem>,
    vendors: Vec<Vendor>,
    may_write: bool,
    /// Where to go afterwards.
    next: &'a str,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![
        Want::new("providers", "providers").with_those(visit.query, &["cursor"]),
        health::want(),
        Want::new("vendors", "vendors"),
    ]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list = match answers.read::<List<Provider>>("providers") {
        Ok(list) => list,
        Err(problem) => return problem::render(visit, &problem),
    };
    let shell = Shell::new(visit, t.title).with_scripts(&["providers.js"]);
    Rendered::of(&View {
        h: Words::here(&shell),
        shell,
        t,
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        providers: list.data,
        health: health::read(answers),
        vendors: super::vendors(answers),
        may_write: visit.who.can(Action::WriteGateway),
        next: super::next(visit.query.text("next")).unwrap_or("/providers/{name}"),
    })
}

impl View<'_> {
    /// What people call its kind.
    fn kind_label<'b>(&'b self, kind: &'b str) -> &'b str {
        self.vendors.iter().find(|vendor| vendor.kind == kind).map_or(kind, |vendor| &vendor.label)
    }

    /// Where it is.
    fn address<'b>(&'b self, provider: &'b Provider) -> Option<&'b str> {
        let vendor = self.vendors.iter().find(|vendor| vendor.kind == provider.kind);
        provider.base_url.as_deref().or_else(|| vendor?.base_url.as_deref())
    }

    fn sum(&self, provider: &Provider) -> Option<Sum> {
        self.health.as_ref().ok()?.sum(self.h, |target| target.provider == provider.name)
    }

    /// All fields stand in the form: the script shows those of the kind that is chosen.
    #[expect(clippy::unused_self, reason = "the fields of a provider's page ask its kind")]
    fn has_field(&self, _name: &str) -> bool {
        true
    }

    /// Whether nobody has connected anything yet.
    fn is_fresh(&self) -> bool {
        self.may_write && self.providers.iter().all(|provider| provider.origin == "built_in")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Role, test_visit::TestVisit};

    fn check(role: Role, providers: &Value, query: &[(&str, &str)], has: &[&str], lacks: &[&str]) {
        let vendor = |kind: &str, label: &str, base_url: Option<&str>| {
            json!({ "kind": kind, "label": label, "base_url": base_url, "needs_base_url": base_url.is_none(),
                    "fields": [{ "name": "api_key", "is_secret": true }], "lists_models": true })
        };
        let target = json!({ "provider": "a <b>", "upstream_model": "m", "state": "open", "calls": 30, "failures": 12 });
        let answers = Answers::new()
            .with("providers", json!({ "data": providers, "next_cursor": null }))
            .with("status", json!({ "targets": [target] }))
            .with(
                "vendors",
                json!({ "data": [vendor("openai", "OpenAI", Some("https://api.openai.com/v1")),
                                 vendor("openai-compatible", "OpenAI-compatible", None)] }),
            );
        TestVisit::new(Page::Providers).query(query).shows(role, &answers, has, lacks);
    }

    #[test]
    fn providers_are_listed_with_how_they_do() {
        let one = json!({ "name": "a <b>", "kind": "openai", "has_api_key": true, "origin": "admin" });
        let sandbox = json!({ "name": "sandbox", "kind": "sandbox", "origin": "built_in" });
        let form = "data-api=\"POST /admin/v1/providers\"";
        check(
            Role::Owner,
            &json!([one, sandbox]),
            &[],
            &[
                "href=\"/providers/a%20%3Cb%3E\"",
                "/requests?provider=a%20%3Cb%3E&amp;status=error",
                "40.0 %",
                "badge bad",
                "https://api.openai.com/v1",
                form,
                "data-next=\"/providers/{name}\"",
                "name=\"internal\"",
            ],
            &["<b>", "class=\"empty\""],
        );
        check(
            Role::Admin,
            &json!([one]),
            &[("next", "/")],
            &[form, "data-next=\"/\""],
            &["name=\"internal\""],
        );
        check(Role::Viewer, &json!([one]), &[], &["badge bad"], &[form]);
        check(Role::Owner, &json!([sandbox]), &[], &["class=\"empty\"", form], &[]);
    }
}
