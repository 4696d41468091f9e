//! Sign-in by an account elsewhere: OpenID Connect's code flow with PKCE. The provider says whose e-mail address it is;
//! who may come in, and as what, is said here alone: by the users that there are.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::jwt::{self, Expect, Subject, Untrusted};
use crate::{
    clock,
    config::Oidc,
    upstream::{
        Tls,
        once::{self, Ask},
    },
};

/// Time for one question to the provider, and largest answer.
const ASK: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER_BYTES: usize = 512 * 1024;
/// For how long the provider's own description is good, and how soon it may be asked for again.
const KEEP: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_secs(30);

/// What a provider says about itself.
#[derive(Clone, Debug, Deserialize)]
struct Document {
    issuer: String,
    #[serde(deserialize_with = "address")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "address")]
    token_endpoint: Url,
    #[serde(deserialize_with = "address")]
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(D::Error::custom)
}

#[derive(Debug)]
struct Known {
    document: Document,
    keys: Value,
    since: Instant,
}

/// What is remembered of the provider.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Option<(String, Arc<Known>)>>);

/// What belongs to one sign-in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
    /// Where the provider sends the browser back to.
    pub(crate) redirect_uri: &'a str,
}

/// Why nobody is signed in; for the log.
pub(crate) type Failed = String;

impl Remembered {
    fn get(&self, issuer: &str, within: Duration) -> Option<Arc<Known>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, known) = kept.as_ref()?;
        let fresh = clock::now().saturating_duration_since(known.since) < within;
        (of == issuer && fresh).then(|| Arc::clone(known))
    }

    /// What the provider says, asked for anew unless that was done within the time.
    async fn known(&self, tls: &Tls, oidc: &Oidc, within: Duration) -> Result<Arc<Known>, Failed> {
        let issuer = oidc.issuer.as_str();
        if let Some(known) = self.get(issuer, within) {
            return Ok(known);
        }
        let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let place = Url::parse(&place).map_err(|error| format!("{place}: {error}"))?;
        let document = get(tls, &place).await?;
        let document = Document::deserialize(document).map_err(|error| format!("{place}: {error}"))?;
        if document.issuer != issuer {
            return Err(format!("{place} is of the issuer {}, not of {issuer}", document.issuer));
        }
        for url in [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri] {
            if url.scheme() != "https" && !(url.scheme() == "http" && issuer.starts_with("http://")) {
                return Err(format!("{place} names {url}, which is not https"));
            }
        }
        let keys = get(tls, &document.jwks_uri).await?;
        let known = Arc::new(Known { document, keys, since: clock::now() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((issuer.to_owned(), Arc::clone(&known)));
        Ok(known)
    }

    /// Where the browser goes to sign in.
    pub(crate) async fn begin(&self, tls: &Tls, oidc: &Oidc, flow: &Flow<'_>) -> Result<Url, Failed> {
        let known = self.known(tls, oidc, KEEP).await?;
        let mut url = known.document.authorization_endpoint.clone();
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, flow.verifier.as_bytes()));
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &oidc.client_id),
            ("redirect_uri", flow.redirect_uri),
            ("scope", "openid email"),
            ("state", flow.state),
            ("nonce", flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url)
    }

    /// Whom the provider's code is about.
    pub(crate) async fn finish(
        &self,
        tls: &Tls,
        oidc: &Oidc,
        flow: &Flow<'_>,
        code: &str,
    ) -> Result<Subject, Failed> {
        let known = self.known(tls, oidc, KEEP).await?;
        let token = exchanged(tls, oidc, &known.document, (flow, code)).await?;
        let expect = Expect {
            issuer: &oidc.issuer,
            client_id: &oidc.client_id,
            nonce: flow.nonce,
            unix_s: clock::unix_ms() / 1_000,
        };
        let subject = match jwt::verify(&token, &known.keys, &expect) {
            // Providers change their keys.
            Err(Untrusted::UnknownKey) => {
                let known = self.known(tls, oidc, AGAIN).await?;
                jwt::verify(&token, &known.keys, &expect)
            }
            subject => subject,
        };
        subject.map_err(|why| format!("the ID token is not taken: {why}"))
    }
}

/// The ID token for a code.
async fn exchanged(
    tls: &Tls,
    oidc: &Oidc,
    document: &Document,
    (flow, code): (&Flow<'_>, &str),
) -> Result<String, Failed> {
    let methods = &document.token_endpoint_auth_methods_supported;
    let has = |method: &str| methods.iter().any(|known| known == method);
    let in_form = has("client_secret_post") && !has("client_secret_basic");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", flow.redirect_uri),
        ("code_verifier", flow.verifier),
    ]);
    if in_form {
        form.extend_pairs([("client_id", &oidc.client_id), ("client_secret", &oidc.client_secret)]);
    }
    // RFC 6749, 2.3.1: both are written as in a form first.
    let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", part(&oidc.client_id), part(&oidc.client_secret)));
    let basic = format!("Basic {basic}");
    let mut headers =
        vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
    if !in_form {
        headers.push(("authorization", &basic));
    }
    let body = form.finish();
    let ask = Ask {
        method: &Method::POST,
        url: &document.token_endpoint,
        headers: &headers,
        body: &body,
        limit_bytes: ANSWER_BYTES,
    };
    let answer = asked(tls, &ask).await?;
    let token = answer["id_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| format!("{} answers without an ID token", document.token_endpoint))
}

async fn get(tls: &Tls, url: &Url) -> Result<Value, Failed> {
    let headers = [("accept", "application/json")];
    asked(tls, &Ask { method: &Method::GET, url, headers: &headers, body: "", limit_bytes: ANSWER_BYTES })
        .await
}

async fn asked(tls: &Tls, ask: &Ask<'_>) -> Result<Value, Failed> {
    let url = ask.url;
    let said = tokio::time::timeout(ASK, Box::pin(once::ask(tls, ask, CONNECT))).await;
    let said = said.map_err(|_| format!("{url} does not answer in time"))?;
    let said = said.map_err(|failure| format!("{url}: {}", failure.error.message))?;
    if said.status != 200 {
        return Err(format!("{url} answers {}", said.status));
    }
    serde_json::from_slice(&said.body).map_err(|error| format!("{url}: {error}"))
}
