//! `POST /admin/v1/providers/{name}/test`: one real call with what is in force, and what came of it. It runs on the
//! worker that was asked, as every call of a provider does, and is no part of any budget.

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_chat::Failure;
use sluice_store::ObjectKind;

use crate::{
    admin::{
        Asked, body,
        fields::Fields,
        query::Query,
        refuse::{self, Checked},
    },
    bounds, clock,
    models::unescape,
    refusal::Refusal,
    snapshot::{Model, SANDBOX, Snapshot},
    translate, upstream,
    worker::Worker,
};

/// Longest name of a model, in bytes.
const MODEL_BYTES: usize = 500;
/// Most credentials that a provider has.
const CREDENTIALS_MAX: u64 = 100;

pub(in crate::admin) async fn run(worker: &Worker, asked: &Asked) -> Checked<Value> {
    Query::new(asked.query.as_deref()).finish()?;
    let name = unescape(&asked.id).unwrap_or_default();
    let snapshot = worker.shared.snapshot.load_full();
    let count =
        snapshot.credentials_of(&name).ok_or_else(|| refuse::not_found(ObjectKind::Provider, &name))?;
    let form = if asked.body.is_empty() { json!({}) } else { body::parse(&asked.body)? };
    let fields = Fields::root(&form)?;
    let wanted = fields.get("model").map(|item| super::short(&item, MODEL_BYTES)).transpose()?;
    let credential = fields.integer("credential", 0..=CREDENTIALS_MAX)?.unwrap_or(0);
    let credential = usize::try_from(credential).unwrap_or(usize::MAX);
    fields.finish()?;
    if credential >= count {
        return Err(refuse::value("credential", &format!("the provider has {count}, counted from 0")));
    }
    let upstream_model = match wanted {
        Some(model) => model.to_owned(),
        None => usual_model(&snapshot, &name).ok_or_else(|| {
            let text = "Missing required parameter: 'model': no model has a target at this provider.";
            refuse::bad("missing_required_parameter", Some("model"), text)
        })?,
    };
    let model = snapshot.model(&format!("{name}/{upstream_model}"));
    let model = model.ok_or_else(|| refuse::value("model", "there is no such model at this provider"))?;
    // An alias may be called like that: it is not the provider itself.
    let is_its_own = |target: &crate::snapshot::Target| {
        target.upstream.provider().name() == name && target.model.name() == upstream_model
    };
    if !model.targets.iter().all(is_its_own) {
        return Err(refuse::value("model", "an alias has this name: name another model"));
    }
    called(worker, &model, credential).await
}

/// What some model calls its target at the provider.
fn usual_model(snapshot: &Snapshot, provider: &str) -> Option<String> {
    let targets = snapshot.models().flat_map(|model| &model.targets);
    let mut here = targets.filter(|target| target.upstream.provider().name() == provider);
    if provider == SANDBOX {
        return Some("echo".to_owned());
    }
    here.next().map(|target| target.model.name().to_owned())
}

async fn called(worker: &Worker, model: &Arc<Model>, credential: usize) -> Checked<Value> {
    let begun = clock::now();
    let out = translate::probe(model, credential).map_err(|failure| Refusal::from_failure(*failure))?;
    let clocks = out.target().clocks;
    let answered =
        Box::pin(upstream::call(&worker.connections, &out, &clocks, begun + bounds::PROVIDER_TEST)).await;
    let latency = clock::now().saturating_duration_since(begun);
    let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let provider = out.upstream.provider().name();
    let (status, error) = match answered {
        Ok(_) => (Some(200), Value::Null),
        Err(failure) => (failure.status, told(&failure)),
    };
    Ok(json!({
        "ok": error.is_null(),
        "provider": provider,
        "model": out.target().model.name(),
        "credential": credential,
        "status": status,
        "latency_ms": latency_ms,
        "error": error,
    }))
}

/// The failure as the operator sees it, in the provider's own words, without a credential in them.
fn told(failure: &Failure) -> Value {
    let error = &failure.error;
    json!({ "message": error.message, "type": error.kind, "param": error.param, "code": error.code })
}
