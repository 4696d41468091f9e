//! Credentials of providers that were made through the admin API: sealed for the one place that they may go to.

use sluice_providers::{Credential, Provider};
use sluice_store::seal::{Binding, MasterKey, SealError};

/// A nonce takes this much of the random bits that are given.
const NONCE_BYTES: usize = 24;

/// Seals a credential for the place of `provider`.
///
/// # Errors
/// When it is too long for any header anyway.
pub(crate) fn seal(
    key: &MasterKey,
    provider: &Provider,
    secret: &str,
    random: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&random[..NONCE_BYTES]);
    key.seal(secret.as_bytes(), &binding(provider, &host(provider)), nonce)
}

/// Opens a credential for the place of `provider`, and for no other.
///
/// # Errors
/// It was sealed with another key, or for another place.
pub(crate) fn open(key: &MasterKey, provider: &Provider, sealed: &[u8]) -> Result<Credential, SealError> {
    let secret = key.open(sealed, &binding(provider, &host(provider)))?;
    let text = std::str::from_utf8(&secret).map_err(|_| SealError::UnknownForm)?;
    Ok(Credential::api_key(text.to_owned()))
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

    #[test]
    fn a_credential_opens_for_its_own_place() {
        let key = MasterKey::from_hex(&"0f".repeat(32)).unwrap();
        let at = |name: &str, kind: &str, url: &str| {
            Provider::new(name, kind, Some(url), Credential::none()).unwrap()
        };
        let provider = at("p", "openai", "https://h.example/v1");
        let sealed = seal(&key, &provider, "secret", [1; 32]).unwrap();
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
}
