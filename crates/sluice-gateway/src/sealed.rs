//! Credentials of providers that were made through the admin API, and values of their headers: sealed for the one place
//! that they may go to.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sluice_providers::{
    Credential, Provider, Source,
    credential::{AwsSource, ENTRA_AUTHORITY, EntraApp, GoogleFile},
    sigv4::AwsCredentials,
};
use sluice_store::seal::{Binding, MasterKey, SealError};

/// A nonce takes this much of the random bits that are given.
const NONCE_BYTES: usize = 24;
/// Stands before a form; a plain key never begins with it.
const FORM: u8 = 1;
/// Stands before a sealed value of a header; an open one has no control characters.
const SEALED: char = '\u{1}';

/// What is kept of a provider's credential.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Keys of the vendor, equal to one another.
    ApiKeys(Vec<String>),
    Aws(AwsCredentials),
    /// The text of a Google credentials file.
    Google(String),
    /// Tenant, application and secret.
    Entra([String; 3]),
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept(..)")
    }
}

impl Kept {
    fn to_bytes(&self) -> Vec<u8> {
        let form = match self {
            Self::ApiKeys(keys) if keys.len() == 1 => return keys.concat().into_bytes(),
            Self::ApiKeys(keys) => json!({ "api_keys": keys }),
            Self::Aws(keys) => {
                json!({ "aws": [keys.access_key_id, keys.secret_access_key, keys.session_token] })
            }
            Self::Google(file) => json!({ "google": file }),
            Self::Entra(parts) => json!({ "entra": parts }),
        };
        formed(&form)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let [FORM, form @ ..] = bytes else {
            return Some(Self::ApiKeys(vec![std::str::from_utf8(bytes).ok()?.to_owned()]));
        };
        let form: Value = serde_json::from_slice(form).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (name, value) = form.as_object()?.iter().next()?;
        Some(match name.as_str() {
            "api_keys" => Self::ApiKeys(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
            "aws" => Self::Aws(AwsCredentials {
                access_key_id: text(&value[0])?,
                secret_access_key: text(&value[1])?,
                session_token: text(&value[2]),
            }),
            "google" => Self::Google(text(value)?),
            "entra" => Self::Entra([text(&value[0])?, text(&value[1])?, text(&value[2])?]),
            _ => return None,
        })
    }

    /// What calls are made with.
    ///
    /// # Errors
    /// What makes it useless, without anything of it.
    pub(crate) fn credentials(self) -> Result<Vec<Credential>, String> {
        let source = match self {
            Self::ApiKeys(keys) => return Ok(keys.into_iter().map(Credential::api_key).collect()),
            Self::Aws(keys) => Source::Aws(AwsSource::Keys(keys)),
            Self::Google(file) => Source::Google(GoogleFile::parse(&file)?.source),
            Self::Entra([tenant_id, client_id, client_secret]) => {
                let authority = ENTRA_AUTHORITY.to_owned();
                Source::Entra(EntraApp { tenant_id, client_id, client_secret, authority })
            }
        };
        Ok(vec![Credential::source(source)])
    }
}

fn formed(form: &Value) -> Vec<u8> {
    let mut bytes = vec![FORM];
    bytes.extend_from_slice(form.to_string().as_bytes());
    bytes
}

/// Seals a credential for the place of `provider`.
///
/// # Errors
/// When it is too long for any header anyway.
pub(crate) fn seal(
    key: &MasterKey,
    provider: &Provider,
    kept: &Kept,
    random: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    key.seal(&kept.to_bytes(), &binding(provider, &host(provider)), nonce(random))
}

fn nonce(random: [u8; 32]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&random[..NONCE_BYTES]);
    nonce
}

/// Opens the credentials for the place of `provider`, and for no other.
///
/// # Errors
/// It was sealed with another key, or for another place.
pub(crate) fn open(
    key: &MasterKey,
    provider: &Provider,
    sealed: &[u8],
) -> Result<Vec<Credential>, SealError> {
    let secret = key.open(sealed, &binding(provider, &host(provider)))?;
    let kept = Kept::of_bytes(&secret).ok_or(SealError::UnknownForm)?;
    kept.credentials().map_err(|_| SealError::UnknownForm)
}

/// Seals the value of a header for the place of `provider`: as text, which is stored where the value would be.
///
/// # Errors
/// When it is too long for any header anyway.
pub(crate) fn seal_header(
    key: &MasterKey,
    provider: &Provider,
    (name, value): (&str, &str),
    random: [u8; 32],
) -> Result<String, SealError> {
    // The name is inside, so that no value opens as that of another header.
    let bytes = formed(&json!({ "header": [name, value] }));
    let sealed = key.seal(&bytes, &binding(provider, &host(provider)), nonce(random))?;
    Ok(format!("{SEALED}{}", STANDARD.encode(sealed)))
}

/// Whether a header's value, as it is stored, is sealed. Those of the configuration file and of earlier releases are
/// not.
pub(crate) fn is_sealed_header(stored: &str) -> bool {
    stored.starts_with(SEALED)
}

/// The value of a header from what is stored, which may be open.
///
/// # Errors
/// It was sealed with another key, for another place, or for another header.
pub(crate) fn open_header(
    key: &MasterKey,
    provider: &Provider,
    (name, stored): (&str, &str),
) -> Result<String, SealError> {
    let Some(sealed) = stored.strip_prefix(SEALED) else { return Ok(stored.to_owned()) };
    let sealed = STANDARD.decode(sealed).map_err(|_| SealError::UnknownForm)?;
    let opened = key.open(&sealed, &binding(provider, &host(provider)))?;
    let [FORM, form @ ..] = &opened[..] else { return Err(SealError::UnknownForm) };
    let form: Value = serde_json::from_slice(form).map_err(|_| SealError::UnknownForm)?;
    match (form["header"][0].as_str(), form["header"][1].as_str()) {
        (Some(of), Some(value)) if of == name => Ok(value.to_owned()),
        (Some(_), Some(_)) => Err(SealError::Moved),
        _ => Err(SealError::UnknownForm),
    }
}

fn host(provider: &Provider) -> String {
    let endpoint = provider.endpoint();
    format!("{}:{}", endpoint.host, endpoint.port)
}

fn binding<'a>(provider: &'a Provider, host: &'a str) -> Binding<'a> {
    Binding { provider: provider.name(), kind: &provider.row().kind, host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::from_hex(&"0f".repeat(32)).unwrap()
    }

    fn at(name: &str, kind: &str, url: &str) -> Provider {
        Provider::new(name, kind, Some(url), Credential::none()).unwrap()
    }

    #[test]
    fn a_credential_opens_for_its_own_place() {
        let key = key();
        let provider = at("p", "openai", "https://h.example/v1");
        let kept = Kept::ApiKeys(vec!["secret".into()]);
        let sealed = seal(&key, &provider, &kept, [1; 32]).unwrap();
        let check = |name: &str, kind: &str, url: &str, opens: bool| {
            assert_eq!(open(&key, &at(name, kind, url), &sealed).is_ok(), opens, "{name} {kind} {url}");
        };
        check("p", "openai", "https://h.example/v1", true);
        check("p", "openai", "https://h.example/v2", true);
        check("q", "openai", "https://h.example/v1", false);
        check("p", "openai-compatible", "https://h.example/v1", false);
        check("p", "openai", "https://h.example:444/v1", false);
        check("p", "openai", "https://i.example/v1", false);
    }

    #[test]
    fn a_header_opens_under_its_name_at_its_place() {
        let provider = at("p", "openai", "https://h.example/v1");
        let sealed = seal_header(&key(), &provider, ("x-org", "secret"), [1; 32]).unwrap();
        assert!(is_sealed_header(&sealed) && !sealed.contains("secret"));
        let check = |name: &str, url: &str, stored: &str, expect: Result<&str, SealError>| {
            let opened = open_header(&key(), &at("p", "openai", url), (name, stored));
            assert_eq!(opened.as_deref(), expect.as_ref().copied(), "{name} {url} {stored}");
        };
        let (here, there) = ("https://h.example/v2", "https://i.example/v1");
        check("x-org", here, &sealed, Ok("secret"));
        check("x-org", there, &sealed, Err(SealError::Moved));
        check("x-other", here, &sealed, Err(SealError::Moved));
        check("x-org", here, "open", Ok("open"));
        check("x-org", here, "", Ok(""));
        check("x-org", here, "\u{1}%", Err(SealError::UnknownForm));
        // Credentials and headers are not taken for one another.
        let kept = Kept::ApiKeys(vec!["a".into(), "b".into()]);
        let credential = seal(&key(), &provider, &kept, [1; 32]).unwrap();
        let as_header = format!("{SEALED}{}", STANDARD.encode(credential));
        check("x-org", here, &as_header, Err(SealError::UnknownForm));
        let as_credential = STANDARD.decode(&sealed[1..]).unwrap();
        assert_eq!(open(&key(), &provider, &as_credential).err(), Some(SealError::UnknownForm));
    }

    #[test]
    fn what_was_sealed_comes_back() {
        let provider = at("p", "openai", "https://h.example/v1");
        let check = |kept: Kept| {
            assert!(Kept::of_bytes(&kept.to_bytes()).as_ref() == Some(&kept));
            let sealed = seal(&key(), &provider, &kept, [1; 32]).unwrap();
            let opened = open(&key(), &provider, &sealed).unwrap();
            assert!(opened == kept.credentials().unwrap());
        };
        check(Kept::ApiKeys(vec!["{\"aws\":1}".into()]));
        check(Kept::ApiKeys(vec!["a".into(), "b".into()]));
        let keys =
            AwsCredentials { access_key_id: "a".into(), secret_access_key: "b".into(), session_token: None };
        check(Kept::Aws(keys.clone()));
        check(Kept::Aws(AwsCredentials { session_token: Some("c".into()), ..keys }));
        check(Kept::Google(sluice_testkit::service_account::file("https://h/t")));
        check(Kept::Entra(["t".into(), "c".into(), "s".into()]));
    }

    #[test]
    fn keys_of_earlier_releases_open() {
        let provider = at("p", "openai", "https://h.example/v1");
        let sealed = key().seal(b"sk-plain", &binding(&provider, "h.example:443"), [1; NONCE_BYTES]).unwrap();
        let opened = open(&key(), &provider, &sealed).unwrap();
        assert!(opened == [Credential::api_key("sk-plain".into())]);
    }

    #[test]
    fn other_forms_are_not_guessed_at() {
        for bytes in [&b"\x01{\"x\":1}"[..], b"\x01{}", b"\x01", b"\xff", b"\x01{\"aws\":[\"a\"]}"] {
            assert!(Kept::of_bytes(bytes).is_none());
        }
    }
}
