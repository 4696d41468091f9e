//! `GET /admin/v1/providers/{name}/models`: which models the provider itself says that it has, by one real call. It runs
//! on the worker that was asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_chat::{ApiError, error::kind};
use sluice_providers::{DialectKind, sandbox};
use sluice_store::ObjectKind;

use crate::{
    admin::{
        Asked,
        query::Query,
        refuse::{self, Checked},
    },
    bounds, clock,
    models::unescape,
    refusal::Refusal,
    snapshot::SANDBOX,
    upstream::Upstream,
    worker::Worker,
};

/// Largest list that is read, in bytes, and most models of it.
const LIST_BYTES: usize = 8 * 1024 * 1024;
const MODELS_MAX: usize = 5_000;
/// Longest name of a model, in characters.
const NAME_CHARS: usize = 500;

pub(in crate::admin) async fn run(worker: &Worker, asked: &Asked) -> Checked<Value> {
    Query::new(asked.query.as_deref()).finish()?;
    let name = unescape(&asked.id).unwrap_or_default();
    let snapshot = worker.shared.snapshot.load_full();
    let upstream = snapshot.upstream(&name).ok_or_else(|| refuse::not_found(ObjectKind::Provider, &name))?;
    if name == SANDBOX && upstream.provider().is_sandbox() {
        let models = sandbox::models().iter().map(|model| json!({ "id": model, "label": null }));
        return Ok(json!({ "data": models.collect::<Vec<_>>(), "next_cursor": null }));
    }
    let (target, headers) = place(upstream).ok_or_else(|| {
        let text = "This kind of provider has no list of models that can be asked for: name the model.";
        refuse::bad("not_supported", None, text)
    })?;
    let limits = (LIST_BYTES, std::time::Duration::from_millis(bounds::CONNECT_MS));
    let asked = Box::pin(upstream.document(&worker.connections, &target, headers, limits));
    let within = clock::timer_now() + bounds::MODELS_LIST;
    let said =
        tokio::time::timeout_at(within, asked).await.map_err(|_| failed("it did not answer in time"))?;
    // Its words may repeat the credential.
    let said = said.map_err(|failure| failed(&failure.error.message))?;
    if said.status != 200 {
        return Err(failed(&format!("it answered with the status {}", said.status)));
    }
    let list = serde_json::from_slice(&said.body).ok().as_ref().and_then(models);
    let list = list.ok_or_else(|| failed("what it answered is no list of models"))?;
    let data: Vec<Value> =
        list.into_iter().take(MODELS_MAX).map(|(id, label)| json!({ "id": id, "label": label })).collect();
    Ok(json!({ "data": data, "next_cursor": null }))
}

fn failed(why: &str) -> Refusal {
    let text = format!("The provider did not give its list of models: {why}.");
    Refusal::new(502, ApiError::new(kind::UPSTREAM, "upstream_bad_response", text))
}

/// Headers beside the provider's own.
type More = &'static [(&'static str, &'static str)];

/// Path and query of the list, and the headers that it wants. `None`: there is none, or none for this credential.
fn place(upstream: &Upstream) -> Option<(String, More)> {
    let provider = upstream.provider();
    if upstream.has_made_credential() || !provider.has_fixed_paths() {
        return None;
    }
    let anthropic: More = &[("anthropic-version", "2023-06-01")];
    Some(match provider.row().dialect {
        DialectKind::OpenAi => (provider.path("/models"), &[]),
        DialectKind::Anthropic => (format!("{}?limit=1000", provider.path("/models")), anthropic),
        DialectKind::Gemini => (format!("{}?pageSize=1000", provider.path("/models")), &[]),
        // The list is in the first version of the API alone.
        DialectKind::Cohere => ("/v1/models?page_size=1000&endpoint=chat".to_owned(), &[]),
        DialectKind::Ollama => (provider.path("/api/tags"), &[]),
        DialectKind::Bedrock => return None,
    })
}

/// The models of a list by their ids, with what the provider calls them for people.
fn models(answer: &Value) -> Option<BTreeMap<String, Option<String>>> {
    let list = ["data", "models"].iter().find_map(|key| answer.get(key)).unwrap_or(answer).as_array()?;
    let text = |item: &Value, keys: &[&str]| {
        let found = keys.iter().find_map(|key| item.get(key)?.as_str());
        found.filter(|text| !text.is_empty() && text.chars().count() <= NAME_CHARS).map(str::to_owned)
    };
    let named = list.iter().filter_map(|item| {
        let id = text(item, &["id", "name"])?;
        // Google's.
        let id = id.strip_prefix("models/").map(str::to_owned).unwrap_or(id);
        let label = text(item, &["display_name", "displayName"]).filter(|label| *label != id);
        Some((id, label))
    });
    Some(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_dialects_are_read() {
        let check = |answer: Value, expect: Option<&[(&str, Option<&str>)]>| {
            let found = models(&answer).map(|list| list.into_iter().collect::<Vec<_>>());
            let expect = expect.map(|list| {
                list.iter()
                    .map(|(id, label)| ((*id).to_owned(), label.map(str::to_owned)))
                    .collect::<Vec<_>>()
            });
            assert_eq!(found, expect, "{answer}");
        };
        check(json!({ "data": [{ "id": "b" }, { "id": "a" }] }), Some(&[("a", None), ("b", None)]));
        check(json!({ "data": [{ "id": "a", "display_name": "A" }] }), Some(&[("a", Some("A"))]));
        check(json!({ "models": [{ "name": "models/a", "displayName": "A" }] }), Some(&[("a", Some("A"))]));
        check(json!({ "models": [{ "name": "llama3:8b" }] }), Some(&[("llama3:8b", None)]));
        check(json!([{ "id": "a" }]), Some(&[("a", None)]));
        check(json!({ "data": [{ "id": 1 }, {}, "x", { "id": "x".repeat(501) }] }), Some(&[]));
        check(json!({ "error": "no" }), None);
        check(json!("no"), None);
    }
}
