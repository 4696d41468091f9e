//! `PATCH /admin/v1/providers/{name}`: what is named changes, `null` takes away. A credential belongs to one place:
//! where the place changes it has to be sent again, and so have the values of headers.

use serde_json::Value;
use sluice_providers::{Credential, Provider};
use sluice_store::{CatalogChange, ProviderOptions, ProviderRecord};

use super::{Form, credential::SECRETS, find_own, may_be_internal, shown_stored};
use crate::{
    admin::{
        body::merge,
        call::{Call, Reply},
        change::{self, Entry},
        fields::Fields,
        names::keeps_its_name,
        refuse::{self, Checked},
    },
    places,
};

pub(in crate::admin) async fn run(call: &Call, name: &str) -> Checked<Reply> {
    call.query.finish()?;
    let patch = call.json()?;
    let config = call.shared.config.load_full();
    let catalog = call.catalog().await?;
    let before = find_own(&catalog, &config, name)?.clone();
    let forgets = SECRETS.iter().any(|field| patch.get(field).is_some_and(Value::is_null));
    let stay = headers_that_stay(&before, &patch);
    let mut merged = Form::of(&before);
    merge(&mut merged, patch);
    let mut form = Form::read(&merged)?;
    if form.record.name != before.name {
        return Err(keeps_its_name(&Fields::root(&merged)?.need("name")?));
    }
    let sealed = credential(call, &before, &form, forgets)?;
    if !stay.is_empty() && moves(&before, &form) {
        let text = "the provider's place or kind has changed: send the values of its headers again, or null for none";
        return Err(refuse::value("headers", text));
    }
    form.seal_headers(call, &stay)?;
    let replaced = sealed != before.sealed;
    let Form { record, .. } = form;
    // What this API does not name stays as it was.
    let options =
        ProviderOptions { drain_on_disconnect: before.options.drain_on_disconnect, ..record.options };
    let after = ProviderRecord { options, sealed, origin: before.origin, ..record };
    let object = shown_stored(&after, &config);
    if after != before {
        may_be_internal(call, &after)?;
        let mut noted = object.clone();
        if replaced {
            noted["api_key_changed"] = true.into();
        }
        let entry = Entry {
            action: "update",
            object: "provider",
            id: name,
            before: Some(shown_stored(&before, &config)),
            after: Some(noted),
        };
        let change = CatalogChange::UpdateProvider { before: Box::new(before), after: Box::new(after) };
        change::make(call, catalog, change, &entry).await?;
    }
    Ok(Reply::ok(object))
}

/// What will be stored as the provider's credential.
fn credential(call: &Call, before: &ProviderRecord, form: &Form, forgets: bool) -> Checked<Option<Vec<u8>>> {
    match form.seal(call)? {
        Some(sealed) => return Ok(Some(sealed)),
        None if forgets => return Ok(None),
        None => {}
    }
    if before.sealed.is_some() && moves(before, form) {
        let text = "the provider's place or kind has changed: send its key again, or null for none";
        return Err(refuse::value("api_key", text));
    }
    if before.sealed.is_some() && signs_in_elsewhere(before, &form.record) {
        let text = "the tenant or the application has changed: send its secret again, or null for none";
        return Err(refuse::value("client_secret", text));
    }
    Ok(before.sealed.clone())
}

/// The headers, as they are stored, of which the patch says nothing.
fn headers_that_stay(before: &ProviderRecord, patch: &Value) -> Vec<(String, String)> {
    let said = match patch.get("headers") {
        None => None,
        Some(Value::Object(said)) => Some(said),
        Some(_) => return Vec::new(),
    };
    let stays = |(name, _): &&(String, String)| said.is_none_or(|said| !said.contains_key(name));
    before.options.headers.iter().filter(stays).cloned().collect()
}

fn signs_in_elsewhere(before: &ProviderRecord, after: &ProviderRecord) -> bool {
    let ids = |record: &ProviderRecord| (record.options.tenant_id.clone(), record.options.client_id.clone());
    ids(before) != ids(after)
}

/// Whether a credential would go elsewhere than it did, or would go less safely.
fn moves(before: &ProviderRecord, form: &Form) -> bool {
    let Ok(old) = places::provider(before, Credential::none()) else { return true };
    let place = |provider: &Provider| {
        let endpoint = provider.endpoint();
        (endpoint.tls, endpoint.host.clone(), endpoint.port)
    };
    before.kind != form.record.kind || place(&old) != place(&form.provider)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_that_are_not_named_stay() {
        let form = json!({ "name": "p", "kind": "openai", "headers": { "x-a": "1", "x-b": "2" } });
        let before = Form::read(&form).unwrap().record;
        let check = |patch: Value, expect: &[&str]| {
            let stay = headers_that_stay(&before, &patch);
            assert_eq!(stay.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expect, "{patch}");
        };
        check(json!({}), &["x-a", "x-b"]);
        check(json!({ "headers": {} }), &["x-a", "x-b"]);
        check(json!({ "headers": { "x-c": "3" } }), &["x-a", "x-b"]);
        check(json!({ "headers": { "x-a": "3" } }), &["x-b"]);
        check(json!({ "headers": { "x-a": null, "x-b": "2" } }), &[]);
        check(json!({ "headers": null }), &[]);
    }

    #[test]
    fn a_credential_stays_where_it_is() {
        let before =
            Form::read(&json!({ "name": "p", "kind": "openai", "base_url": "https://h.example/v1" }));
        let before = before.unwrap().record;
        let check = |kind: &str, base_url: Option<&str>, expect: bool| {
            let body = json!({ "name": "p", "kind": kind, "base_url": base_url, "internal": true });
            assert_eq!(moves(&before, &Form::read(&body).unwrap()), expect, "{body}");
        };
        check("openai", Some("https://h.example/v1"), false);
        check("openai", Some("https://H.example:443/other"), false);
        check("openai", Some("https://h.example:444/v1"), true);
        check("openai", Some("http://h.example:443/v1"), true);
        check("openai", Some("https://i.example/v1"), true);
        check("openai", None, true);
        check("openai-compatible", Some("https://h.example/v1"), true);
    }
}
