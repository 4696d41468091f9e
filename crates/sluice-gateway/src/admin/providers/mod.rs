//! Providers: places to call. What was sent as a credential goes one way: it is sealed, and never shown again.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
mod headers;
pub(super) mod list;
pub(super) mod patch;

use serde_json::{Value, json};
use sluice_ledger::Origin;
use sluice_providers::{Credential, Provider, ProviderError, vendors};
use sluice_store::{Catalog, ObjectKind, ProviderOptions, ProviderRecord};

use super::{
    call::Call,
    fields::{Fields, Item},
    names::{is_internal, name},
    refuse::{self, Checked},
};
use crate::{
    config::Config,
    places,
    rules::is_header_text,
    sealed::{self, Kept},
    snapshot::SANDBOX,
};

/// Longest address and credential, in bytes.
const URL_BYTES: usize = 2_000;
const API_KEY_BYTES: usize = 8_000;

/// What may be said about a provider when it is made or changed.
#[derive(Debug)]
struct Form {
    record: ProviderRecord,
    api_key: Option<String>,
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
        let api_key = fields.get("api_key").map(|item| api_key(&item)).transpose()?;
        let headers =
            fields.get("headers").map(|item| headers::fixed(&item)).transpose()?.unwrap_or_default();
        let forward_headers = fields.get("forward_headers").map(|item| headers::forwarded(&item, &headers));
        let options = ProviderOptions {
            forward_headers: forward_headers.transpose()?.unwrap_or_default(),
            headers,
            http2: fields.flag("http2")?.unwrap_or(false),
            internal: fields.flag("internal")?.unwrap_or(false),
            ..ProviderOptions::default()
        };
        fields.finish()?;
        let provider = provider(&name, &kind, base_item.as_ref())?;
        if !options.internal {
            is_on_the_internet(&provider)?;
        }
        let record = ProviderRecord { name, kind, base_url, options, sealed: None, origin: Origin::Admin };
        Ok(Self { record, api_key, provider })
    }

    /// What a provider is now, in the form of a request; what is secret is there as far as a change needs it, so this
    /// is never shown.
    fn of(record: &ProviderRecord) -> Value {
        let headers = record.options.headers.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        json!({
            "name": record.name,
            "kind": record.kind,
            "base_url": record.base_url,
            "headers": Value::Object(headers.collect()),
            "forward_headers": record.options.forward_headers,
            "http2": record.options.http2,
            "internal": record.options.internal,
        })
    }

    /// Seals the credential for the place that it may go to.
    fn seal(&self, call: &Call) -> Checked<Option<Vec<u8>>> {
        let Some(secret) = &self.api_key else { return Ok(None) };
        let config = call.shared.config.load();
        let kept = Kept::ApiKeys(vec![secret.clone()]);
        let sealed = sealed::seal(&config.master_key, &self.provider, &kept, call.random()?);
        sealed.map(Some).map_err(|error| refuse::value("api_key", &error.to_string()))
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
        Err(ProviderError::KindNotSupportedYet(_)) => Err(item.fail("this kind is not built yet")),
        _ => Ok(kind),
    }
}

fn short<'a>(item: &Item<'a>, most: usize) -> Checked<&'a str> {
    let text = item.text()?;
    if text.len() > most { Err(item.fail(&format!("must have at most {most} bytes"))) } else { Ok(text) }
}

fn api_key(item: &Item<'_>) -> Checked<String> {
    let text = short(item, API_KEY_BYTES)?;
    let fine = !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if fine { Ok(text.to_owned()) } else { Err(item.fail("must be visible ASCII characters, and not empty")) }
}

/// Where the provider is.
fn provider(name: &str, kind: &str, base_url: Option<&Item<'_>>) -> Checked<Provider> {
    let text = base_url.map(|item| item.text()).transpose()?;
    Provider::new(name, kind, text, Credential::none()).map_err(|error| match (error, base_url) {
        (ProviderError::BaseUrlInvalid { reason, .. }, Some(item)) => item.fail(reason),
        (ProviderError::BaseUrlMissing { kind }, _) => {
            let text = format!(
                "Missing required parameter: 'base_url': the kind '{kind}' has no address of its own."
            );
            refuse::bad("missing_required_parameter", Some("base_url"), &text)
        }
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
        None if is_sandbox(config, name) => Err(owned("built_in", "is built in")),
        None => Err(refuse::not_found(ObjectKind::Provider, name)),
    }
}

fn is_sandbox(config: &Config, name: &str) -> bool {
    name == SANDBOX && config.sandbox_enabled
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
    let sandbox = is_sandbox(config, SANDBOX).then(|| {
        let record = crate::snapshot::sandbox_record();
        shown(&record, config, "built_in")
    });
    stored.chain(found).chain(sandbox).collect()
}

/// Whether a target may name this provider.
pub(super) fn exists(catalog: &Catalog, config: &Config, name: &str) -> bool {
    let found = config.detected.iter().any(|record| record.name == name);
    found || is_sandbox(config, name) || find(catalog, name).is_some()
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
        })
    }

    #[test]
    fn a_provider_is_what_its_form_says() {
        let read = Form::read(&form()).unwrap();
        assert_eq!(Form::of(&read.record), form());
        assert_eq!(read.provider.endpoint().authority, "api.example.com");
        let least = Form::read(&json!({ "name": "p", "kind": "openai", "api_key": "k" })).unwrap();
        assert_eq!((least.record.base_url, least.api_key.as_deref()), (None, Some("k")));
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
        check("kind", json!("anthropic"), "invalid_value", "kind");
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
        check("inline_media", json!(true), "unknown_parameter", "inline_media");
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
