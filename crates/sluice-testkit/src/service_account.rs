//! A Google service account that exists nowhere else, and the token endpoint's side of it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rsa::KeyPair,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};

/// Its private key, in PEM.
pub const PRIVATE_KEY: &str = include_str!("service_account.pem");
/// Its name.
pub const EMAIL: &str = "gateway@test-project.iam.gserviceaccount.com";
/// The project of its file.
pub const PROJECT: &str = "test-project";

/// Its key file, with tokens at `token_uri`.
#[must_use]
pub fn file(token_uri: &str) -> String {
    json!({
        "type": "service_account", "project_id": PROJECT, "private_key_id": "key-1", "private_key": PRIVATE_KEY,
        "client_email": EMAIL, "token_uri": token_uri,
    })
    .to_string()
}

/// The claims of an assertion, once its signature was found right.
#[must_use]
pub fn claims(assertion: &str) -> Value {
    let der = PrivatePkcs8KeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).expect("a PEM");
    let pair = KeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    public
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decoded(signature))
        .expect("the signature of the service account");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let header: Value = serde_json::from_slice(&decoded(header)).expect("JSON");
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    serde_json::from_slice(&decoded(claims)).expect("JSON")
}
