//! ID tokens: whether one is from whom it says, for us, for this sign-in, and still good. RFC 7519 and OpenID Connect
//! Core 3.1.3.7, with the algorithms that providers sign with and no others.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// How far clocks may be apart, in seconds.
const DRIFT_S: u64 = 60;
/// Longest token, in bytes.
const LONGEST_BYTES: usize = 64 * 1024;

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("it is no signed token")]
    Form,
    #[error("it is signed in a way that is not taken")]
    Algorithm,
    #[error("it is signed with a key that the issuer does not have")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its claim `{0}` is missing or wrong")]
    Claim(&'static str),
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) unix_s: u64,
}

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) subject: String,
    /// `None`: the issuer does not vouch for one.
    pub(crate) email: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: we know none.
    crit: Option<Value>,
}

/// A public key of the issuer, as far as it is needed.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
}

/// The claims of a token that is all right. `keys` is the issuer's JSON Web Key Set.
///
/// # Errors
/// [`Untrusted::UnknownKey`] where newer keys may help; else it never will be.
pub(crate) fn verify(token: &str, keys: &Value, expect: &Expect<'_>) -> Result<Subject, Untrusted> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Untrusted::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(Untrusted::Form)?;
    if token.len() > LONGEST_BYTES || claims.contains('.') {
        return Err(Untrusted::Form);
    }
    let header: Header = part(header)?;
    if header.crit.is_some() {
        return Err(Untrusted::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Untrusted::Form)?;
    is_signed(&header, keys, signed.as_bytes(), &signature)?;
    subject(part(claims)?, expect)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Untrusted> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Untrusted::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| Untrusted::Form)
}

/// The kind of key belongs to the algorithm: a token cannot choose to have its signature looked at in another way.
fn is_signed(header: &Header, keys: &Value, signed: &[u8], signature: &[u8]) -> Result<(), Untrusted> {
    let kty = match header.alg.as_str() {
        "RS256" => "RSA",
        "ES256" => "EC",
        "EdDSA" => "OKP",
        _ => return Err(Untrusted::Algorithm),
    };
    let keys = keys["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = keys.iter().filter_map(|key| Jwk::deserialize(key).ok());
    let fits = |key: &Jwk| {
        key.kty == kty
            && key.usage.as_deref().is_none_or(|usage| usage == "sig")
            && key.alg.as_deref().is_none_or(|alg| alg == header.alg)
            && (header.kid.is_none() || key.kid == header.kid)
    };
    let mut known = false;
    for key in keys.filter(fits) {
        known = true;
        if key.verifies(signed, signature) {
            return Ok(());
        }
    }
    Err(if known { Untrusted::Signature } else { Untrusted::UnknownKey })
}

impl Jwk {
    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let curve = self.crv.as_deref().unwrap_or_default();
        let verified = || match (self.kty.as_str(), curve) {
            ("RSA", _) => {
                let key = RsaPublicKeyComponents { n: bytes(&self.n)?, e: bytes(&self.e)? };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).ok()
            }
            ("EC", "P-256") => {
                let point = [vec![4], bytes(&self.x)?, bytes(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).ok()
            }
            ("OKP", "Ed25519") => {
                UnparsedPublicKey::new(&ED25519, bytes(&self.x)?).verify(signed, signature).ok()
            }
            _ => None,
        };
        verified().is_some()
    }
}

fn subject(claims: Claims, expect: &Expect<'_>) -> Result<Subject, Untrusted> {
    let check = |fine: bool, name: &'static str| if fine { Ok(()) } else { Err(Untrusted::Claim(name)) };
    let (audiences, is_for_us) = match &claims.aud {
        Value::String(one) => (1, one == expect.client_id),
        Value::Array(all) => (all.len(), all.iter().any(|one| one == expect.client_id)),
        _ => (0, false),
    };
    let now = expect.unix_s as f64;
    let drift = DRIFT_S as f64;
    check(claims.iss == expect.issuer, "iss")?;
    check(is_for_us, "aud")?;
    // Where it is for others too, it must have been asked for by us.
    check(claims.azp.as_deref().map_or(audiences == 1, |azp| azp == expect.client_id), "azp")?;
    check(now < claims.exp + drift, "exp")?;
    check(claims.iat <= now + drift, "iat")?;
    check(claims.nbf.is_none_or(|nbf| nbf <= now + drift), "nbf")?;
    check(claims.nonce.as_deref() == Some(expect.nonce), "nonce")?;
    check(!claims.sub.is_empty() && claims.sub.len() <= 255, "sub")?;
    // Some write the truth as a text.
    let verified = matches!(&claims.email_verified, Some(Value::Bool(true)))
        || claims.email_verified.as_ref().is_some_and(|value| value == "true");
    Ok(Subject { subject: claims.sub, email: claims.email.filter(|_| verified) })
}

#[cfg(test)]
mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    use serde_json::json;

    use super::*;

    fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// An issuer with one key.
    struct Issuer(EcdsaKeyPair);

    impl Issuer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
            Self(key.unwrap())
        }

        fn keys(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y }] })
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let signed = format!(
                "{}.{}",
                encode(header.to_string().as_bytes()),
                encode(claims.to_string().as_bytes())
            );
            let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", encode(signature.as_ref()))
        }
    }

    const NOW_S: u64 = 1_795_219_200;
    const EXPECT: Expect<'_> =
        Expect { issuer: "https://id.example", client_id: "us", nonce: "n", unix_s: NOW_S };

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "sub": "s", "aud": "us", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n",
            "email": "a@example.com", "email_verified": true,
        })
    }

    fn header() -> Value {
        json!({ "alg": "ES256", "kid": "k1" })
    }

    #[test]
    fn claims_must_be_right() {
        let issuer = Issuer::new();
        let check = |change: Value, expect: Result<Option<&str>, &'static str>| {
            let mut claims = claims();
            for (name, value) in change.as_object().unwrap() {
                claims[name] = value.clone();
            }
            let found = verify(&issuer.sign(&header(), &claims), &issuer.keys(), &EXPECT);
            let expect = expect.map_err(Untrusted::Claim);
            assert_eq!(
                found.as_ref().map(|subject| subject.email.as_deref()).map_err(|e| *e),
                expect,
                "{change}"
            );
        };
        check(json!({}), Ok(Some("a@example.com")));
        check(json!({ "iss": "https://id.example/" }), Err("iss"));
        check(json!({ "aud": "them" }), Err("aud"));
        check(json!({ "aud": ["us"] }), Ok(Some("a@example.com")));
        check(json!({ "aud": ["us", "them"] }), Err("azp"));
        check(json!({ "aud": ["us", "them"], "azp": "us" }), Ok(Some("a@example.com")));
        check(json!({ "azp": "them" }), Err("azp"));
        check(json!({ "exp": NOW_S - 61 }), Err("exp"));
        check(json!({ "exp": NOW_S - 59 }), Ok(Some("a@example.com")));
        check(json!({ "iat": NOW_S + 61 }), Err("iat"));
        check(json!({ "nbf": NOW_S + 61 }), Err("nbf"));
        check(json!({ "nonce": "m" }), Err("nonce"));
        check(json!({ "nonce": null }), Err("nonce"));
        check(json!({ "sub": "" }), Err("sub"));
        // An address that the issuer does not vouch for is none.
        check(json!({ "email_verified": false }), Ok(None));
        check(json!({ "email_verified": null }), Ok(None));
        check(json!({ "email_verified": "false" }), Ok(None));
        check(json!({ "email_verified": "true" }), Ok(Some("a@example.com")));
    }

    #[test]
    fn signatures_must_be_right() {
        let (issuer, other) = (Issuer::new(), Issuer::new());
        let check = |token: &str, keys: &Value, expect: Untrusted| {
            assert_eq!(verify(token, keys, &EXPECT), Err(expect), "{token}");
        };
        let good = issuer.sign(&header(), &claims());
        assert!(verify(&good, &issuer.keys(), &EXPECT).is_ok());
        check(&good, &other.keys(), Untrusted::Signature);
        check(&good, &json!({ "keys": [] }), Untrusted::UnknownKey);
        check(
            &issuer.sign(&json!({ "alg": "ES256", "kid": "k2" }), &claims()),
            &issuer.keys(),
            Untrusted::UnknownKey,
        );
        for alg in ["none", "HS256", "NONE", "RS512", ""] {
            check(
                &issuer.sign(&json!({ "alg": alg, "kid": "k1" }), &claims()),
                &issuer.keys(),
                Untrusted::Algorithm,
            );
        }
        let crit = json!({ "alg": "ES256", "kid": "k1", "crit": ["x"] });
        check(&issuer.sign(&crit, &claims()), &issuer.keys(), Untrusted::Algorithm);
        // Another algorithm for the same key is another key.
        check(
            &issuer.sign(&json!({ "alg": "RS256", "kid": "k1" }), &claims()),
            &issuer.keys(),
            Untrusted::UnknownKey,
        );
        let mut keys = issuer.keys();
        keys["keys"][0]["use"] = json!("enc");
        check(&good, &keys, Untrusted::UnknownKey);
        let (signed, _) = good.rsplit_once('.').unwrap();
        check(&format!("{signed}."), &issuer.keys(), Untrusted::Signature);
        check(signed, &issuer.keys(), Untrusted::Form);
        check("", &issuer.keys(), Untrusted::Form);
        check(&format!("{good}.x"), &issuer.keys(), Untrusted::Form);
        let parts: Vec<&str> = good.split('.').collect();
        let mut forged = claims();
        forged["email"] = json!("owner@example.com");
        let forged = format!("{}.{}.{}", parts[0], encode(forged.to_string().as_bytes()), parts[2]);
        check(&forged, &issuer.keys(), Untrusted::Signature);
    }
}
