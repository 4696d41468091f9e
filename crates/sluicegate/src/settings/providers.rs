//! `[[providers]]`: places to call, each with its credential.

use std::collections::BTreeMap;

use sluice_gateway::rules::{NEVER_FORWARDED, OWN_HEADERS, is_header_name, is_header_text};
use sluice_ledger::Origin;
use sluice_providers::{Credential, Provider, ProviderError, Site, vendors};
use sluice_store::{ProviderOptions, ProviderRecord};

use super::{
    credentials::{self, Wanted},
    problem::hint,
    reader::{Section, Text},
    unique::Names,
};

/// The provider that is always there unless it is switched off.
pub(super) const SANDBOX: &str = "sandbox";

/// What the file says about providers.
#[derive(Debug, Default)]
pub(super) struct Providers {
    pub(super) records: Vec<ProviderRecord>,
    pub(super) wanted: BTreeMap<String, Wanted>,
    /// Every name in the file.
    pub(super) names: Vec<Text>,
    /// Whether the file has any `[[providers]]` at all, good or bad.
    pub(super) any: bool,
}

pub(super) fn providers(root: &Section<'_>) -> Providers {
    let mut found = Providers::default();
    let mut names = Names::new("provider");
    for section in root.sections("providers") {
        found.any = true;
        if let Some(one) = provider(section, &mut names) {
            found.names.push(one.name);
            found.wanted.insert(one.record.name.clone(), one.wanted);
            found.records.push(one.record);
        }
    }
    found
}

struct One {
    name: Text,
    record: ProviderRecord,
    wanted: Wanted,
}

/// One provider. `None` after an error that leaves it without a name.
fn provider(section: Section<'_>, names: &mut Names) -> Option<One> {
    let name = section.need("name").and_then(|value| value.text());
    if let Some(name) = &name {
        names.add(&section, name);
        check_name(&section, name);
    }
    let kind = section.need("kind").and_then(|value| value.text());
    let known = kind.as_ref().is_some_and(|kind| check_kind(&section, kind));
    let base_url = section.get("base_url").map(|value| (value.text(), value));
    let mut options = options(&section);
    let wanted = credentials::credentials(&section, kind.as_ref().filter(|_| known), &mut options);
    let base = base_url.as_ref().and_then(|(text, _)| text.as_ref());
    let unread = base_url.as_ref().is_some_and(|(text, _)| text.is_none());
    if let (Some(kind), true, false) = (&kind, known, unread) {
        whole(&section, kind, base, &options);
    }
    let name = name?;
    let record = ProviderRecord {
        name: name.value.clone(),
        kind: kind.map(|kind| kind.value).unwrap_or_default(),
        base_url: base.map(|text| text.value.clone()),
        options,
        sealed: None,
        origin: Origin::File,
    };
    section.finish();
    Some(One { name, record, wanted })
}

fn check_name(section: &Section<'_>, name: &Text) {
    let fail = |text: &str| section.reader.problem(name.offset, &name.path, text);
    if name.value == SANDBOX {
        fail("`sandbox` is the name of the built-in provider, switched off or not: choose another");
    } else if name.value.contains('/') {
        fail("must not contain `/`: callers write `provider/model`");
    } else if !is_header_text(&name.value) {
        fail("must be printable ASCII: it stands in response headers");
    }
}

fn check_kind(section: &Section<'_>, kind: &Text) -> bool {
    if kind.value == SANDBOX {
        let text = "the sandbox is built in and needs no table; `[sandbox] enabled = false` switches it off";
        section.reader.problem(kind.offset, &kind.path, text);
        return false;
    }
    let mut kinds: Vec<&str> = vendors().iter().map(|row| row.kind.as_str()).collect();
    kinds.retain(|kind| *kind != SANDBOX);
    if kinds.contains(&kind.value.as_str()) {
        return true;
    }
    kinds.sort_unstable();
    let text = format!(
        "there is no kind `{}`{}; there are: {}",
        kind.shown,
        hint(&kind.shown, kinds.iter().copied()),
        kinds.join(", ")
    );
    section.reader.problem(kind.offset, &kind.path, text);
    false
}

/// What only the parts together can tell: whether the provider can be made at all.
fn whole(section: &Section<'_>, kind: &Text, base_url: Option<&Text>, options: &ProviderOptions) {
    let base = base_url.map(|text| text.value.as_str());
    // Region and project may come from elsewhere, later.
    let site = Site {
        base_url: base,
        region: options.region.as_deref().or((kind.value == "bedrock").then_some("later")),
        project: options.project.as_deref().or((kind.value == "vertex").then_some("later")),
        location: options.location.as_deref(),
        api_version: options.api_version.as_deref(),
    };
    match (Provider::at("", &kind.value, &site, Credential::none()), base_url) {
        (Ok(provider), None) => {
            if let Some(own) = provider.row().base_url.as_deref() {
                section.reader.note(section.path_of("base_url"), format!("{own:?}"), true);
            }
        }
        (Err(ProviderError::BaseUrlInvalid { reason, .. }), Some(text)) => {
            section.reader.problem(text.offset, &text.path, reason);
        }
        (Err(ProviderError::BaseUrlMissing { .. }), _) => {
            let text = format!("`base_url` is missing: the kind `{}` has no address of its own", kind.shown);
            section.reader.problem(section.offset, &section.path, text);
        }
        (Err(ProviderError::SettingInvalid { setting, reason }), _) => {
            let at = section.get(setting).map_or(section.offset, |value| value.offset());
            section.reader.problem(at, &section.path_of(setting), reason);
        }
        (Err(error), _) => section.reader.problem(section.offset, &section.path, error.to_string()),
        (Ok(_), _) => {}
    }
}

fn options(section: &Section<'_>) -> ProviderOptions {
    let headers = section.section("headers").map(headers).unwrap_or_default();
    let forward_headers = forward_headers(section, &headers);
    let http2 = section.flag_or("http2", false);
    let inline_media = section.flag_or("inline_media", false);
    let drain = section.word("on_disconnect", &[("cancel", false), ("drain", true)]).unwrap_or(false);
    let internal = section.flag_or("internal", false);
    ProviderOptions {
        headers,
        forward_headers,
        http2,
        inline_media,
        drain_on_disconnect: drain,
        internal,
        ..ProviderOptions::default()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a section is read once")]
fn headers(section: Section<'_>) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for (name, value) in section.entries() {
        let lower = name.value.to_ascii_lowercase();
        check_header_name(&section, &name, &lower);
        if OWN_HEADERS.contains(&lower.as_str()) {
            let instead = if lower == "authorization" { "; use `api_key`" } else { "" };
            let text = format!("the gateway writes `{lower}` itself{instead}");
            section.reader.problem(name.offset, &name.path, text);
        }
        let Some(value) = value.secret() else { continue };
        let printable = |b: u8| b == b'\t' || (0x20..=0x7e).contains(&b);
        if !value.value.bytes().all(printable) || value.value.trim() != value.value {
            let text = "must be printable ASCII, without white space at its ends";
            section.reader.problem(value.offset, &value.path, text);
        }
        if list.iter().any(|(other, _)| *other == lower) {
            section.reader.problem(name.offset, &name.path, "this header is there twice");
        }
        list.push((lower, value.value));
    }
    list
}

/// `set` are the headers that the provider gets anyway.
fn forward_headers(section: &Section<'_>, set: &[(String, String)]) -> Vec<String> {
    let mut list = Vec::new();
    for name in section.texts("forward_headers").unwrap_or_default() {
        let lower = name.value.to_ascii_lowercase();
        check_header_name(section, &name, &lower);
        if OWN_HEADERS.contains(&lower.as_str()) || NEVER_FORWARDED.contains(&lower.as_str()) {
            let text = format!("`{}` is never passed on", name.shown);
            section.reader.problem(name.offset, &name.path, text);
        } else if list.contains(&lower) {
            section.reader.problem(name.offset, &name.path, "this header is there twice");
        } else if set.iter().any(|(other, _)| *other == lower) {
            let text = format!("`{}` is one of the provider's own `headers` already", name.shown);
            section.reader.problem(name.offset, &name.path, text);
        }
        list.push(lower);
    }
    list
}

fn check_header_name(section: &Section<'_>, name: &Text, lower: &str) {
    if !is_header_name(lower) {
        section.reader.problem(
            name.offset,
            &name.path,
            format!("`{}` is not the name of a header", name.shown),
        );
    }
}
