//! Providers: places to call. What was sent as a credential goes one way: it is sealed, and never shown again.

pub(super) mod create;
mod credential;
pub(super) mod delete;
pub(super) mod get;
mod headers;
pub(super) mod list;
pub(super) mod models;
pub(super) mod patch;
pub(super) mod test;

use serde_json::{Value, json};
use sluice_ledger::Origin;
use sluice_providers::{Credential, Provider, ProviderError, vendors};
use sluice_store::{Catalog, ObjectKind, ProviderOptions, ProviderRecord, users::Role};

use super::{
    call::Call,
    fields::{Fields, Item},
    names::{is_internal, name},
    refuse::{self, Checked},
};
use crate::{
    config::Config,
    console_settings::has_sandbox,
    places,
    rules::is_header_text,
    sealed::{self, Kept},
    snapshot::SANDBOX,
};

/// Longest address and credential, in bytes.
const URL_BYTES: usize = 2_000;
const API_KEY_BYTES: usize = 8_000;
/// Longest region, project, and so on, in bytes.
const WORD_BYTES: usize = 200;

/// What may be said about a provider when it is made or changed.
#[derive(Debug)]
struct Form {
    record: ProviderRecord,
    /// The credential that it brings.
    kept: Option<Kept>,
    /// With the address that it will have, and without a credential.
    provider: Provider,
}

impl Form {
    fn read(body: &Value) -> Checked<Self> {
        let fields = Fields::root(body)?;
        let name_item = fields.need("name")?;
        let name = provider_name(&name_item)?.to_owned();
        let kind_item = fields.need("kind")?;
        let kind = kind(&kind_item)?.to_owned();
        let base_item = fields.get("base_url");
        let base_url = base_item.as_ref().map(|item| short(item, URL_BYTES)).transpose()?.map(str::to_owned);
        let headers =
            fields.get("headers").map(|item| headers::fixed(&item)).transpose()?.unwrap_or_default();
        let forward_headers = fields.get("forward_headers").map(|item| headers::forwarded(&item, &headers));
        let options = ProviderOptions {
            forward_headers: forward_headers.transpose()?.unwrap_or_default(),
            headers,
            http2: fields.flag("http2")?.unwrap_or(false),
            internal: fields.flag("internal")?.unwrap_or(false),
            inline_media: fields.flag("inline_media")?.unwrap_or(false),
            region: words(&fields, "region")?,
            project: words(&fields, "project")?,
            location: words(&fields, "location")?,
            api_version: words(&fields, "api_version")?,
            tenant_id: words(&fields, "tenant_id")?,
            client_id: words(&fields, "client_id")?,
            ..ProviderOptions::default()
        };
        let kept = credential::read(&fields, &kind, &options)?;
        for (field, id) in [("tenant_id", &options.tenant_id), ("client_id", &options.client_id)] {
            if let Some(item) = fields.get(field).filter(|_| id.is_some() && kind != "azure") {
                return Err(item.fail(&format!("is no field of the kind '{kind}'")));
            }
        }
        fields.finish()?;
        let record = ProviderRecord { name, kind, base_url, options, sealed: None, origin: Origin::Admin };
        let provider = provider(&record, base_item.as_ref())?;
        if !record.options.internal {
            is_on_the_internet(&provider)?;
        }
        Ok(Self { record, kept, provider })
    }

    /// What a provider is now, in the form of a request, without anything secret: its headers have no values.
    fn of(record: &ProviderRecord) -> Value {
        let headers = record.options.headers.iter().map(|(name, _)| (name.clone(), "".into()));
        json!({
            "name": record.name,
            "kind": record.kind,
            "base_url": record.base_url,
            "headers": Value::Object(headers.collect()),
            "forward_headers": record.options.forward_headers,
            "http2": record.options.http2,
            "internal": record.options.internal,
            "inline_media": record.options.inline_media,
            "region": record.options.region,
            "project": record.options.project,
            "location": record.options.location,
            "api_version": record.options.api_version,
            "tenant_id": record.options.tenant_id,
            "client_id": record.options.client_id,
        })
    }

    /// Seals the credential for the place that it may go to.
    fn seal(&self, call: &Call) -> Checked<Option<Vec<u8>>> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let config = call.shared.config.load();
        let sealed = sealed::seal(&config.master_key, &self.provider, kept, call.random()?);
        sealed.map(Some).map_err(|error| refuse::value("api_key", &error.to_string()))
    }

    /// Seals the values of headers for the place that they may go to. Those of `stay` stay as they are stored.
    fn seal_headers(&mut self, call: &Call, stay: &[(String, String)]) -> Checked<()> {
        let config = call.shared.config.load();
        for (name, value) in &mut self.record.options.headers {
            if let Some((_, stored)) = stay.iter().find(|(other, _)| other == name) {
                value.clone_from(stored);
            }
            if !sealed::is_sealed_header(value) {
                let (header, random) = ((name.as_str(), value.as_str()), call.random()?);
                *value = sealed::seal_header(&config.master_key, &self.provider, header, random)
                    .map_err(|error| refuse::value("headers", &error.to_string()))?;
            }
        }
        Ok(())
    }
}

fn provider_name<'a>(item: &Item<'a>) -> Checked<&'a str> {
    let name = name(item)?;
    if name == SANDBOX {
        Err(item.fail("'sandbox' is the name of the built-in provider: choose another"))
    } else if name.contains('/') {
        Err(item.fail("must not contain '/': callers write 'provider/model'"))
    } else if !is_header_text(name) {
        Err(item.fail("must be printable ASCII: it stands in response headers"))
    } else {
        Ok(name)
    }
}

fn kind<'a>(item: &Item<'a>) -> Checked<&'a str> {
    let kind = item.text()?;
    if kind == SANDBOX {
        return Err(item.fail("the sandbox is built in and is not made"));
    }
    match Provider::new("", kind, Some("https://kind.invalid"), Credential::none()) {
        Err(ProviderError::UnknownKind(_)) => {
            let mut kinds: Vec<&str> = vendors().iter().map(|row| row.kind.as_str()).collect();
            kinds.retain(|kind| *kind != SANDBOX);
            kinds.sort_unstable();
            Err(item.fail(&format!("there is no such kind; there are: {}", kinds.join(", "))))
        }
        _ => Ok(kind),
    }
}

fn short<'a>(item: &Item<'a>, most: usize) -> Checked<&'a str> {
    let text = item.text()?;
    if text.len() > most { Err(item.fail(&format!("must have at most {most} bytes"))) } else { Ok(text) }
}

/// A word that has no secret in it, if it is there.
fn words(fields: &Fields<'_>, key: &'static str) -> Checked<Option<String>> {
    let Some(item) = fields.get(key) else { return Ok(None) };
    let text = short(&item, WORD_BYTES)?;
    let fine = !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if fine {
        Ok(Some(text.to_owned()))
    } else {
        Err(item.fail("must be visible ASCII characters, and not empty"))
    }
}

/// Where the provider is.
fn provider(record: &ProviderRecord, base_url: Option<&Item<'_>>) -> Checked<Provider> {
    let kind = &record.kind;
    places::provider(record, Credential::none()).map_err(|error| match (error, base_url) {
        (ProviderError::BaseUrlInvalid { reason, .. }, Some(item)) => item.fail(reason),
        (ProviderError::BaseUrlMissing { .. }, _) => {
            let text = format!(
                "Missing required parameter: 'base_url': the kind '{kind}' has no address of its own."
            );
            refuse::bad("missing_required_parameter", Some("base_url"), &text)
        }
        (ProviderError::SettingMissing { setting, .. }, _) => {
            let text = format!("Missing required parameter: '{setting}': the kind '{kind}' needs it.");
            refuse::bad("missing_required_parameter", Some(setting), &text)
        }
        (ProviderError::SettingInvalid { setting, reason }, _) => refuse::value(setting, reason),
        (error, _) => refuse::bad("invalid_value", Some("kind"), &error.to_string()),
    })
}

/// Whoever holds the token shall not reach into the operator's network by mistake.
fn is_on_the_internet(provider: &Provider) -> Checked<()> {
    let endpoint = provider.endpoint();
    let why = if is_internal(&endpoint.host) {
        "this address is on a network of your own"
    } else if !endpoint.tls {
        "this address is not https"
    } else {
        return Ok(());
    };
    Err(refuse::value("base_url", &format!("{why}: say 'internal': true if that is meant")))
}

fn find<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a ProviderRecord> {
    catalog.providers.iter().find(|provider| provider.name == name)
}

/// Only owners may send requests, and what is asked back, into networks of their own.
fn may_be_internal(call: &Call, record: &ProviderRecord) -> Checked<()> {
    if record.options.internal && call.principal.role != Role::Owner {
        let text = "Only an owner may make a provider with 'internal': true, or change it.";
        return Err(refuse::role(Some("internal"), text));
    }
    Ok(())
}

/// A provider that may be changed here.
fn find_own<'a>(catalog: &'a Catalog, config: &Config, name: &str) -> Checked<&'a ProviderRecord> {
    let owned = |code, by: &str| {
        refuse::owned(code, format!("The provider '{name}' {by}, so it cannot be changed here."))
    };
    match find(catalog, name) {
        Some(record) if record.origin == Origin::File => {
            Err(owned("owned_by_file", "is owned by the configuration file"))
        }
        Some(record) => Ok(record),
        None if config.detected.iter().any(|record| record.name == name) => {
            Err(owned("owned_by_environment", "was found in the environment of the process"))
        }
        None if is_sandbox(catalog, config, name) => Err(owned("built_in", "is built in")),
        None => Err(refuse::not_found(ObjectKind::Provider, name)),
    }
}

fn is_sandbox(catalog: &Catalog, config: &Config, name: &str) -> bool {
    name == SANDBOX && has_sandbox(&catalog.settings, config)
}

/// A provider as it is shown and as the audit log has it: that there is a credential, and nothing of it.
fn shown(record: &ProviderRecord, config: &Config, origin: &str) -> Value {
    let headers: Vec<&str> = record.options.headers.iter().map(|(name, _)| name.as_str()).collect();
    json!({
        "name": record.name,
        "kind": record.kind,
        "base_url": record.base_url,
        "has_api_key": has_credential(record, config),
        "header_names": headers,
        "forward_headers": record.options.forward_headers,
        "http2": record.options.http2,
        "internal": record.options.internal,
        "inline_media": record.options.inline_media,
        "region": record.options.region,
        "project": record.options.project,
        "location": record.options.location,
        "api_version": record.options.api_version,
        "tenant_id": record.options.tenant_id,
        "client_id": record.options.client_id,
        "origin": origin,
    })
}

fn shown_stored(record: &ProviderRecord, config: &Config) -> Value {
    shown(record, config, record.origin.as_str())
}

fn has_credential(record: &ProviderRecord, config: &Config) -> bool {
    if record.origin != Origin::File {
        return record.sealed.is_some();
    }
    let credential = places::credentials(record, config).unwrap_or_default().into_iter().next();
    let provider = places::provider(record, credential.unwrap_or_else(Credential::none));
    provider.is_ok_and(|provider| provider.has_credential())
}

/// Every provider that targets may name: those of the database, those found in the environment, and the sandbox.
fn all(catalog: &Catalog, config: &Config) -> Vec<Value> {
    let stored = catalog.providers.iter().map(|record| shown_stored(record, config));
    let found = config.detected.iter().filter(|record| find(catalog, &record.name).is_none());
    let found = found.map(|record| shown(record, config, "environment"));
    let sandbox = is_sandbox(catalog, config, SANDBOX).then(|| {
        let record = crate::snapshot::sandbox_record();
        shown(&record, config, "built_in")
    });
    stored.chain(found).chain(sandbox).collect()
}

/// Whether a target may name this provider.
pub(super) fn exists(catalog: &Catalog, config: &Config, name: &str) -> bool {
    let found = config.detected.iter().any(|record| record.name == name);
    found || is_sandbox(catalog, config, name) || find(catalog, name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Value {
        json!({
            "name": "p",
            "kind": "openai-compatible",
            "base_url": "https://api.example.com/v1",
            "headers": { "x-org": "o" },
            "forward_headers": ["x-other"],
            "http2": true,
            "internal": false,
            "inline_media": true,
            "region": null,
            "project": null,
            "location": null,
            "api_version": null,
            "tenant_id": null,
            "client_id": null,
        })
    }

    #[test]
    fn a_provider_is_what_its_form_says() {
        let read = Form::read(&form()).unwrap();
        let mut without_values = form();
        without_values["headers"] = json!({ "x-org": "" });
        assert_eq!(Form::of(&read.record), without_values);
        assert_eq!(read.record.options.headers, [("x-org".to_owned(), "o".to_owned())]);
        assert_eq!(read.provider.endpoint().authority, "api.example.com");
        let least = Form::read(&json!({ "name": "p", "kind": "openai", "api_key": "k" })).unwrap();
        assert_eq!(least.record.base_url, None);
        assert!(least.kept == Some(Kept::ApiKeys(vec!["k".into()])));
    }

    #[test]
    fn mistakes_are_named() {
        let check = |field: &str, value: Value, code: &str, param: &str| {
            let mut body = form();
            body[field] = value.clone();
            let refusal = Form::read(&body).unwrap_err();
            let found = (refusal.error.code.as_deref(), refusal.error.param.as_deref());
            assert_eq!(found, (Some(code), Some(param)), "{field}: {value}");
        };
        check("name", json!("sandbox"), "invalid_value", "name");
        check("name", json!("a/b"), "invalid_value", "name");
        check("name", json!("ä"), "invalid_value", "name");
        check("kind", json!("opennai"), "invalid_value", "kind");
        check("kind", json!("sandbox"), "invalid_value", "kind");
        check("kind", json!(null), "missing_required_parameter", "kind");
        check("base_url", json!(null), "missing_required_parameter", "base_url");
        check("base_url", json!("ftp://h"), "invalid_value", "base_url");
        check("base_url", json!("https://u:p@h"), "invalid_value", "base_url");
        check("base_url", json!("http://api.example.com/v1"), "invalid_value", "base_url");
        check("base_url", json!("https://127.0.0.1/v1"), "invalid_value", "base_url");
        check("base_url", json!("https://[::1]/v1"), "invalid_value", "base_url");
        check("base_url", json!("https://localhost/v1"), "invalid_value", "base_url");
        check("base_url", json!(["https://h"]), "invalid_type", "base_url");
        check("api_key", json!(""), "invalid_value", "api_key");
        check("api_key", json!("a b"), "invalid_value", "api_key");
        check("headers", json!({ "a b": "c" }), "invalid_value", "headers.a b");
        check("headers", json!({ "Authorization": "c" }), "invalid_value", "headers.Authorization");
        check("headers", json!({ "x": "a\nb" }), "invalid_value", "headers.x");
        check("headers", json!({ "x": "a", "X": "b" }), "invalid_value", "headers.X");
        check("forward_headers", json!(["cookie"]), "invalid_value", "forward_headers[0]");
        check("forward_headers", json!(["x", "X"]), "invalid_value", "forward_headers[1]");
        check("forward_headers", json!(["x-org"]), "invalid_value", "forward_headers[0]");
        check("http2", json!("yes"), "invalid_type", "http2");
        check("internal", json!(1), "invalid_type", "internal");
        check("inline_media", json!(1), "invalid_type", "inline_media");
        check("on_disconnect", json!("drain"), "unknown_parameter", "on_disconnect");
        check("region", json!("eu"), "invalid_value", "region");
        check("api_version", json!("v1"), "invalid_value", "api_version");
        check("tenant_id", json!("t"), "invalid_value", "tenant_id");
        check("access_key_id", json!("a"), "invalid_value", "access_key_id");
        check("client_secret", json!("a"), "invalid_value", "client_secret");
        check("credentials", json!("a"), "invalid_value", "credentials");
        check("api_keys", json!([]), "invalid_value", "api_keys");
        check("api_keys", json!(["a", "a"]), "invalid_value", "api_keys[1]");
        check("api_keys", json!("a"), "invalid_type", "api_keys");
    }

    #[test]
    fn credentials_of_single_kinds() {
        let check = |kind: &str, fields: Value, expect: Result<Option<Kept>, (&str, &str)>| {
            let mut body = fields.clone();
            (body["name"], body["kind"]) = (json!("p"), json!(kind));
            let read = Form::read(&body).map(|form| form.kept);
            let read = read.map_err(|refusal| {
                (refusal.error.code.unwrap_or_default(), refusal.error.param.unwrap_or_default())
            });
            assert!(
                read == expect.map_err(|(code, param)| (code.into(), param.into())),
                "{fields}: {read:?}"
            );
        };
        let (missing, value) = ("missing_required_parameter", "invalid_value");
        let azure = json!({ "base_url": "https://r.openai.azure.com", "tenant_id": "t", "client_id": "c" });
        let with = |base: &Value, more: Value| {
            let mut all = base.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let secret = json!({ "client_secret": "s" });
        check("azure", azure.clone(), Ok(None));
        check(
            "azure",
            with(&azure, secret.clone()),
            Ok(Some(Kept::Entra(["t", "c", "s"].map(str::to_owned)))),
        );
        let url = json!({ "base_url": "https://r.openai.azure.com" });
        check("azure", with(&url, secret.clone()), Err((missing, "tenant_id")));
        let both = with(&with(&azure, secret), json!({ "api_key": "k" }));
        check("azure", both, Err((value, "api_key")));
        check("openai", json!({ "api_key": "a", "api_keys": ["b"] }), Err((value, "api_key")));
        let keys = vec!["a".to_owned(), "b".to_owned()];
        check("openai", json!({ "api_keys": ["a", "b"] }), Ok(Some(Kept::ApiKeys(keys))));

        let vertex = json!({ "project": "p", "location": "eu" });
        let file =
            |token_uri: &str| json!({ "credentials": sluice_testkit::service_account::file(token_uri) });
        let google = file("https://oauth2.googleapis.com/token");
        let kept = Kept::Google(google["credentials"].as_str().unwrap().to_owned());
        check("vertex", with(&vertex, google.clone()), Ok(Some(kept)));
        check("vertex", google, Err((missing, "project")));
        check("vertex", with(&vertex, file("http://127.0.0.1/t")), Err((value, "credentials")));
        check("vertex", with(&vertex, file("https://169.254.169.254/t")), Err((value, "credentials")));
        check("vertex", with(&vertex, json!({ "credentials": "{}" })), Err((value, "credentials")));
        check("vertex", with(&vertex, json!({ "location": "a/b" })), Err((value, "location")));
    }

    #[test]
    fn own_networks_must_be_meant() {
        let check = |kind: &str, base_url: Option<&str>, internal: bool, fine: bool| {
            let body = json!({ "name": "p", "kind": kind, "base_url": base_url, "internal": internal });
            assert_eq!(Form::read(&body).is_ok(), fine, "{body}");
        };
        check("openai-compatible", Some("http://10.0.0.1:8000/v1"), true, true);
        check("openai-compatible", Some("http://10.0.0.1:8000/v1"), false, false);
        check("ollama", None, false, false);
        check("ollama", None, true, true);
        check("openai", None, false, true);
    }
}
