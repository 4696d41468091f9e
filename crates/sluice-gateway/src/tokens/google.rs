//! Google's access tokens: RFC 7523 for service accounts, a refresh token for people, the machine's metadata server.

use http::Method;
use ring::{rand::SystemRandom, rsa::KeyPair, signature};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::json;
use sluice_providers::credential::GoogleSource;

use super::{Granted, oauth, parsed, refused_by_source, said, token_of};
use crate::{bounds, clock, upstream::Tls, upstream::once::Ask};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Longest life of an assertion that Google takes.
const ASSERTION_S: u64 = 3_600;

/// Signs assertions with a service account's key.
pub(super) struct Signer(KeyPair);

impl Signer {
    pub(super) fn new(pem: &str) -> Result<Self, String> {
        let none = || "the private key of the service account is no RSA key in PKCS #8".to_owned();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| none())?;
        KeyPair::from_pkcs8(der.secret_pkcs8_der()).map(Self).map_err(|_| none())
    }

    /// A JWT signed with RS256.
    fn jwt(&self, key_id: Option<&str>, claims: &serde_json::Value) -> Option<String> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = key_id {
            header["kid"] = id.into();
        }
        let part = |value: &serde_json::Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = SystemRandom::new();
        self.0.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", base64url(&signature)))
    }
}

pub(super) async fn token(source: &GoogleSource, signer: Option<&Signer>, tls: &Tls) -> Granted {
    match source {
        GoogleSource::ServiceAccount { client_email, private_key_id, token_uri, .. } => {
            let now = clock::unix_ms() / 1000;
            let claims = json!({
                "iss": client_email, "scope": SCOPE, "aud": token_uri, "iat": now, "exp": now + ASSERTION_S,
            });
            let assertion = signer.and_then(|signer| signer.jwt(private_key_id.as_deref(), &claims));
            let assertion = assertion.ok_or_else(|| refused_by_source("its key does not sign"))?;
            oauth(tls, token_uri, &[("grant_type", JWT_BEARER), ("assertion", &assertion)]).await
        }
        GoogleSource::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret),
                ("refresh_token", refresh_token),
            ];
            oauth(tls, token_uri, &form).await
        }
        GoogleSource::Metadata { host } => {
            let path = "computeMetadata/v1/instance/service-accounts/default/token";
            let url = parsed(&format!("http://{host}/{path}"))?;
            let ask = Ask {
                method: &Method::GET,
                url: &url,
                headers: &[("metadata-flavor", "Google")],
                body: "",
                limit_bytes: bounds::TOKEN_BYTES,
            };
            token_of(&said(tls, &ask).await?.body)
        }
    }
}

/// Base64 of RFC 4648, 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
