//! One provider: its address, its credential, its models, how it does.

use askama::Template;
use serde::Deserialize;

use super::{Provider, Vendor, texts::T};
use crate::{
    Action, Answers, List, Problem, Rendered, Visit, Want,
    pages::{
        health::{self, Health, Sum, Words},
        month::{self, Month},
        problem,
    },
    shell::Shell,
    texts::fill,
};

#[derive(Template)]
#[template(path = "providers/one.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    h: &'static Words,
    provider: &'a Provider,
    vendor: Option<&'a Vendor>,
    month: Result<Month, Problem>,
    health: Result<Health, Problem>,
    /// Models with a target here, as `model name` and `upstream model`.
    offered: Vec<(String, String)>,
    may_write: bool,
    may_edit: bool,
    delete_sure: String,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    provider: String,
    model: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    vec![
        Want::one("provider", "providers", visit.id),
        month::want(visit, "provider", visit.id),
        health::want(),
        Want::new("vendors", "vendors"),
        Want::new("models", "models").with("limit", "500"),
    ]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let provider = match answers.read::<Provider>("provider") {
        Ok(provider) => provider,
        Err(problem) => return problem::render(visit, &problem),
    };
    let vendors = super::vendors(answers);
    let models = answers.read::<List<Model>>("models").map(|list| list.data).unwrap_or_default();
    let targets = models.into_iter().flat_map(|model| {
        let Model { name, targets } = model;
        targets.into_iter().map(move |target| (name.clone(), target))
    });
    let offered = targets.filter(|(_, target)| target.provider == provider.name);
    let may_write = visit.who.can(Action::WriteGateway);
    // A provider on an internal network is an owner's to change.
    let may_change = may_write && (!provider.internal || visit.who.can(Action::WriteOwners));
    let shell = Shell::new(visit, &provider.name).with_scripts(&["providers.js"]);
    Rendered::of(&View {
        h: Words::here(&shell),
        shell,
        t,
        vendor: vendors.iter().find(|vendor| vendor.kind == provider.kind),
        month: month::read(visit, answers),
        health: health::read(answers).map(|health| health.of_provider(&provider.name)),
        offered: offered.map(|(name, target)| (name, target.model)).collect(),
        may_write,
        may_edit: may_change && provider.is_own(),
        delete_sure: fill(t.delete_sure, &[&provider.name]),
        provider: &provider,
    })
}

impl View<'_> {
    /// What can be called without a name: for the field's list.
    fn upstream_models(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.offered.iter().map(|(_, model)| model.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Which models have a target here, as JSON for the script: by what the provider calls them.
    fn offered_json(&self) -> String {
        let mut by_model = serde_json::Map::new();
        for (name, model) in &self.offered {
            by_model.entry(model.clone()).or_insert_with(|| name.clone().into());
        }
        serde_json::Value::Object(by_model).to_string()
    }

    fn sum(&self) -> Option<Sum> {
        self.health.as_ref().ok()?.sum(self.h, |_| true)
    }

    fn credentials(&self) -> u64 {
        self.health.as_ref().map_or(0, Health::credentials)
    }

    fn has_field(&self, name: &str) -> bool {
        self.vendor.is_none_or(|vendor| vendor.has(name))
    }

    /// What stands in the fields of a credential that is there.
    fn keep(&self) -> &'static str {
        if self.provider.has_api_key { self.t.unchanged } else { "" }
    }

    fn drop_sure(&self) -> String {
        fill(self.t.drop_sure, &[&self.provider.name])
    }

    /// The change that takes a header away.
    fn drop_header(&self, name: &str) -> String {
        serde_json::json!({ "headers": { (name): null } }).to_string()
    }

    fn needs_base_url(&self) -> bool {
        self.vendor.is_some_and(|vendor| vendor.needs_base_url)
    }

    fn lists_models(&self) -> bool {
        self.vendor.is_none_or(|vendor| vendor.lists_models)
    }

    fn default_url(&self) -> &str {
        self.vendor.and_then(|vendor| vendor.base_url.as_deref()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Page, Role, test_visit::TestVisit};

    fn check(role: Role, more: &Value, has: &[&str], lacks: &[&str]) {
        let mut provider = json!({
            "name": "a b", "kind": "azure", "base_url": "https://<x>", "has_api_key": true,
            "header_names": ["x-org"], "forward_headers": ["x-user"], "http2": true, "internal": false,
            "tenant_id": "tenant-1", "origin": "admin",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            provider[name] = value.clone();
        }
        let model = |name: &str, provider: &str| json!({ "name": name, "targets": [{ "provider": provider, "model": "up-1" }] });
        let target = |credential: u64| {
            json!({ "provider": "a b", "upstream_model": "up-1", "credential": credential, "state": "open",
                    "models": ["fast"], "calls": 4, "failures": 1, "reason": "timeout" })
        };
        let vendor = json!({ "kind": "azure", "label": "Azure <AI>", "needs_base_url": true, "lists_models": true,
            "fields": [{ "name": "api_key" }, { "name": "tenant_id" }, { "name": "client_secret" }] });
        let answers = Answers::new()
            .with("provider", provider.clone())
            .with("usage", json!({ "data": [] }))
            .with("status", json!({ "targets": [target(0), target(1)] }))
            .with("vendors", json!({ "data": [vendor] }))
            .with("models", json!({ "data": [model("fast", "a b"), model("slow", "other")] }));
        TestVisit::new(Page::Provider).shows(role, &answers, has, lacks);
    }

    #[test]
    fn a_provider_is_changed_by_those_who_may() {
        let edit = "data-api=\"PATCH /admin/v1/providers/a%20b\"";
        let test = "data-api=\"POST /admin/v1/providers/a%20b/test\"";
        let delete = "data-api=\"DELETE /admin/v1/providers/a%20b\"";
        check(
            Role::Owner,
            &json!({}),
            &[
                edit,
                test,
                delete,
                "Azure &#60;AI&#62;",
                "https://&#60;x&#62;",
                "tenant-1",
                "name=\"client_secret\"",
                "name=\"credential\"",
                "data-body=\"{&#34;headers&#34;:{&#34;x-org&#34;:null}}\"",
                "data-offered=\"{&#34;up-1&#34;:&#34;fast&#34;}\"",
                "name=\"internal\"",
                "/requests?provider=a%20b&amp;status=error",
                "href=\"/models/fast\"",
            ],
            &["<x>", "<AI>", "name=\"region\"", "slow"],
        );
        check(Role::Viewer, &json!({}), &["tenant-1"], &[edit, test, delete]);
        check(Role::Owner, &json!({ "internal": true }), &[edit], &[]);
        check(Role::Admin, &json!({}), &[edit], &["name=\"internal\""]);
        check(Role::Admin, &json!({ "internal": true }), &[test, "class=\"notice "], &[edit, delete]);
        for origin in ["file", "environment", "built_in"] {
            check(Role::Owner, &json!({ "origin": origin }), &[test, "class=\"notice "], &[edit, delete]);
        }
    }
}
