//! What a form says about who we are at a provider. It goes one way: into the seal.

use sluice_providers::{
    credential::{GoogleFile, GoogleSource},
    sigv4::AwsCredentials,
};
use sluice_store::ProviderOptions;
use url::Url;

use super::{API_KEY_BYTES, Item, short};
use crate::{
    admin::{
        fields::Fields,
        names::is_internal,
        refuse::{self, Checked},
    },
    sealed::Kept,
    tokens,
    upstream::once::endpoint_of,
};

/// Fields that are kept sealed. Whoever takes one of them away takes the whole credential away.
pub(super) const SECRETS: [&str; 7] = [
    "api_key",
    "api_keys",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "credentials",
    "client_secret",
];

/// Most keys of one provider.
const KEYS_MAX: usize = 100;
/// Longest file of Google's.
const FILE_BYTES: usize = 16 * 1024;

/// The credential that the form brings, if it brings one.
pub(super) fn read(fields: &Fields<'_>, kind: &str, options: &ProviderOptions) -> Checked<Option<Kept>> {
    let [one, many, id, secret, session, file, application] = SECRETS.map(|field| fields.get(field));
    let of_kind = |item: &Option<Item<'_>>, only: &str| match item {
        Some(item) if kind != only => Err(item.fail(&format!("is no field of the kind '{kind}'"))),
        _ => Ok(()),
    };
    for item in [&id, &secret, &session] {
        of_kind(item, "bedrock")?;
    }
    of_kind(&file, "vertex")?;
    of_kind(&application, "azure")?;
    let found = [
        one.map(|item| word(&item).map(|key| Kept::ApiKeys(vec![key]))).transpose()?,
        many.map(|item| keys(&item)).transpose()?,
        aws([id, secret, session])?,
        file.map(|item| google(&item, options.internal)).transpose()?,
        application.map(|item| entra(&item, options)).transpose()?,
    ];
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => {
            Err(refuse::value("api_key", "there is another credential beside it: send one"))
        }
        (first, _) => Ok(first),
    }
}

fn word(item: &Item<'_>) -> Checked<String> {
    let text = short(item, API_KEY_BYTES)?;
    let fine = !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if fine { Ok(text.to_owned()) } else { Err(item.fail("must be visible ASCII characters, and not empty")) }
}

fn keys(item: &Item<'_>) -> Checked<Kept> {
    let mut keys: Vec<String> = Vec::new();
    for item in item.items(KEYS_MAX)? {
        let key = word(&item)?;
        if keys.contains(&key) {
            return Err(item.fail("this key is there twice"));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(item.fail("must name a key")) } else { Ok(Kept::ApiKeys(keys)) }
}

fn aws([id, secret, session]: [Option<Item<'_>>; 3]) -> Checked<Option<Kept>> {
    match (id, secret, session) {
        (None, None, None) => Ok(None),
        (Some(id), Some(secret), session) => Ok(Some(Kept::Aws(AwsCredentials {
            access_key_id: word(&id)?,
            secret_access_key: word(&secret)?,
            session_token: session.map(|item| word(&item)).transpose()?,
        }))),
        (id, secret, session) => {
            let lonely = id.or(secret).or(session);
            let text = "'access_key_id' and 'secret_access_key' belong together";
            Err(lonely.map_or_else(|| refuse::value("access_key_id", text), |item| item.fail(text)))
        }
    }
}

/// The text of a Google credentials file.
fn google(item: &Item<'_>, internal: bool) -> Checked<Kept> {
    let text = short(item, FILE_BYTES)?;
    let file = GoogleFile::parse(text).map_err(|why| item.fail(&why))?;
    let (GoogleSource::ServiceAccount { token_uri, .. } | GoogleSource::AuthorizedUser { token_uri, .. }) =
        &file.source
    else {
        return Err(item.fail("must be a file of Google's"));
    };
    let place = Url::parse(token_uri).ok().and_then(|url| endpoint_of(&url));
    if !place.is_some_and(|place| internal || place.tls && !is_internal(&place.host)) {
        return Err(item.fail("its 'token_uri' is no https address on the internet"));
    }
    let kept = Kept::Google(text.to_owned());
    for credential in kept.clone().credentials().map_err(|why| item.fail(&why))? {
        tokens::check(&credential).map_err(|why| item.fail(&why))?;
    }
    Ok(kept)
}

fn entra(secret: &Item<'_>, options: &ProviderOptions) -> Checked<Kept> {
    let need = |value: &Option<String>, field: &str| {
        value.clone().ok_or_else(|| {
            let text = format!("Missing required parameter: '{field}': it belongs to 'client_secret'.");
            refuse::bad("missing_required_parameter", Some(field), &text)
        })
    };
    let (tenant, client) = (need(&options.tenant_id, "tenant_id")?, need(&options.client_id, "client_id")?);
    Ok(Kept::Entra([tenant, client, word(secret)?]))
}
