//! What a provider's table says about who we are there, and where it is: keys, applications, regions, projects.

use std::path::PathBuf;

use sluice_providers::{
    Credential, Source,
    credential::{AwsSource, ENTRA_AUTHORITY, EntraApp},
    sigv4::AwsCredentials,
};
use sluice_store::ProviderOptions;

use super::reader::{Section, Text, Value};

/// Settings of single kinds: the kind, the setting, whether it is secret.
const KIND_SETTINGS: &[(&str, &str, bool)] = &[
    ("bedrock", "region", false),
    ("bedrock", "access_key_id", true),
    ("bedrock", "secret_access_key", true),
    ("bedrock", "session_token", true),
    ("vertex", "project", false),
    ("vertex", "location", false),
    ("vertex", "credentials_file", false),
    ("azure", "api_version", false),
    ("azure", "tenant_id", false),
    ("azure", "client_id", false),
    ("azure", "client_secret", true),
];

/// What calls of a provider are authenticated with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// As the file says, equal to one another; empty: nothing.
    Ready(Vec<Credential>),
    /// What this Google credentials file says.
    GoogleFile(PathBuf),
    /// Google's usual places.
    Google,
    /// AWS's usual places.
    Aws,
}

/// Reads the settings that only some kinds have, and the keys.
pub(super) fn credentials(
    section: &Section<'_>,
    kind: Option<&Text>,
    options: &mut ProviderOptions,
) -> Wanted {
    let keys = api_keys(section);
    let [region, id, secret, session, project, location, file, version, tenant, client, client_secret] =
        kind_settings(section, kind);
    let value = |text: &Option<Text>| text.as_ref().map(|text| text.value.clone());
    options.project = value(&project);
    options.location = value(&location);
    options.api_version = value(&version);
    options.tenant_id = value(&tenant);
    options.client_id = value(&client);
    options.region = value(&region);
    let kind = kind.map(|kind| kind.value.as_str()).unwrap_or_default();
    let aws = together(section, [&id, &secret], session.as_ref());
    let entra = together(section, [&tenant, &client, &client_secret], None);
    let others = [aws.as_ref().map(|[id, _]| id), entra.as_ref().map(|[tenant, ..]| tenant), file.as_ref()];
    if let (false, Some(other)) = (keys.is_empty(), others.into_iter().flatten().next()) {
        let text = "stands beside an API key: give one of them";
        section.reader.problem(other.offset, &other.path, text);
    }
    if let Some([id, secret]) = aws {
        return Wanted::Ready(vec![Credential::source(Source::Aws(AwsSource::Keys(AwsCredentials {
            access_key_id: id.value,
            secret_access_key: secret.value,
            session_token: session.map(|token| token.value),
        })))]);
    }
    if let Some([tenant, client, secret]) = entra {
        let authority = section.reader.variable("AZURE_AUTHORITY_HOST");
        return Wanted::Ready(vec![Credential::source(Source::Entra(EntraApp {
            tenant_id: tenant.value,
            client_id: client.value,
            client_secret: secret.value,
            authority: authority.unwrap_or_else(|| ENTRA_AUTHORITY.to_owned()),
        }))]);
    }
    match (kind, file) {
        (_, Some(file)) => Wanted::GoogleFile(file.value.into()),
        ("vertex", None) if keys.is_empty() => Wanted::Google,
        ("bedrock", None) if keys.is_empty() => Wanted::Aws,
        _ => Wanted::Ready(keys.into_iter().map(|key| Credential::api_key(key.value)).collect()),
    }
}

/// Settings that make sense together alone. `with` stands beside them.
fn together<const N: usize>(
    section: &Section<'_>,
    parts: [&Option<Text>; N],
    with: Option<&Text>,
) -> Option<[Text; N]> {
    let there: Vec<&Text> = parts.into_iter().flatten().collect();
    if let Ok(all) = <[&Text; N]>::try_from(there.clone()) {
        return Some(all.map(Clone::clone));
    }
    if let Some(lonely) = there.into_iter().next().or(with) {
        let text = match N {
            2 => "stands alone: `access_key_id` and `secret_access_key` belong together",
            _ => "stands alone: `tenant_id`, `client_id` and `client_secret` belong together",
        };
        section.reader.problem(lonely.offset, &lonely.path, text);
    }
    None
}

/// Most keys of one provider.
const KEYS_MAX: usize = 100;

/// `api_key`, or `api_keys`.
fn api_keys(section: &Section<'_>) -> Vec<Text> {
    let one = section.get("api_key").and_then(|value| value.secret());
    let mut keys = one.clone().into_iter().collect::<Vec<_>>();
    if let Some(many) = section.get("api_keys") {
        let listed: Vec<Text> = many.items().unwrap_or_default().iter().filter_map(Value::secret).collect();
        if one.is_some() {
            many.fail("give either `api_key` or `api_keys`");
        } else if listed.is_empty() {
            many.fail("names no key");
        } else if listed.len() > KEYS_MAX {
            many.fail(format!("names more than {KEYS_MAX} keys"));
        }
        for (at, key) in listed.iter().enumerate() {
            if listed[..at].iter().any(|other| other.value == key.value) {
                section.reader.problem(key.offset, &key.path, "this key is there twice");
            }
        }
        keys.extend(listed);
    }
    for key in &keys {
        visible(section, key);
    }
    keys
}

fn visible(section: &Section<'_>, text: &Text) -> bool {
    let fine = !text.value.is_empty() && text.value.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if !fine {
        section.reader.problem(text.offset, &text.path, "must be visible ASCII characters, and not empty");
    }
    fine
}

/// Settings that only some kinds have, in the order of [`KIND_SETTINGS`].
fn kind_settings(section: &Section<'_>, kind: Option<&Text>) -> [Option<Text>; KIND_SETTINGS.len()] {
    let mut found = [const { None }; KIND_SETTINGS.len()];
    for (place, (only, key, secret)) in found.iter_mut().zip(KIND_SETTINGS) {
        let Some(value) = section.get(key) else { continue };
        let text = if *secret { value.secret() } else { value.text() };
        match (kind, text) {
            (Some(kind), _) if kind.value != *only => {
                value.fail(format!("is a setting of the kind {only}, not of `{}`", kind.shown));
            }
            (Some(_), Some(text)) => {
                // A file may have any name.
                *place = Some(text).filter(|text| *key == "credentials_file" || visible(section, text));
            }
            _ => {}
        }
    }
    found
}
