//! Sign-in by an account elsewhere, with a small provider.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use sluice_testkit::client::Head;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::Browser;
use crate::{
    admin::{Admin, SERVER},
    rig::launch,
};

/// The fields of a form, by name.
type Form = Vec<(String, String)>;

/// A provider that says what it is told to.
struct Provider {
    address: SocketAddr,
    key: EcdsaKeyPair,
    /// Further claims of the next token.
    claims: Mutex<Value>,
    /// What was asked of the token endpoint: its `authorization` and its form.
    asked: Mutex<Vec<(String, Form)>>,
    nonce: Mutex<String>,
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let provider = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            key,
            claims: Mutex::new(json!({})),
            asked: Mutex::default(),
            nonce: Mutex::default(),
        });
        let serving = Arc::clone(&provider);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.answer(stream).await;
            }
        });
        provider
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        let text = loop {
            let Ok(n @ 1..) = stream.read(&mut buffer).await else { return };
            request.extend_from_slice(&buffer[..n]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                break text;
            }
        };
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let issuer = self.issuer();
        let answer = match head.split(' ').nth(1).unwrap() {
            "/.well-known/openid-configuration" => json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            }),
            "/keys" => {
                let point = self.key.public_key().as_ref();
                let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
                json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": part(1..33), "y": part(33..65) }] })
            }
            _ => {
                let shown =
                    head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
                let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                lock(&self.asked).push((shown.to_owned(), form));
                json!({ "access_token": "a", "token_type": "Bearer", "id_token": self.token() })
            }
        };
        let body = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }

    fn token(&self) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer(), "aud": "gateway", "sub": "subject-1", "exp": now + 60, "iat": now,
            "nonce": *lock(&self.nonce), "email": "OWNER@example.com", "email_verified": true,
        });
        for (name, value) in lock(&self.claims).as_object().unwrap() {
            claims[name] = value.clone();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": "k" })), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cookie of this name that an answer sets.
fn set(head: &Head, name: &str) -> Option<String> {
    let all = head.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case("set-cookie"));
    let found = all.map(|(_, value)| value.split(';').next().unwrap().to_owned());
    found.filter(|cookie| !cookie.ends_with('=')).find(|cookie| cookie.starts_with(&format!("{name}=")))
}

/// The way there: what the provider is asked, and the browser that asks it.
async fn begun(provider: &Provider, browser: &Browser) -> (Vec<(String, String)>, Browser) {
    let (head, page) = browser.get("/sign-in/oidc?next=%2Fkeys").await;
    assert_eq!(head.status, 303, "{}", page.text());
    let to = Url::parse(head.header("location").unwrap()).unwrap();
    assert!(to.as_str().starts_with(&format!("{}/authorize?tenant=1&", provider.issuer())), "{to}");
    let query: Vec<(String, String)> = to.query_pairs().into_owned().collect();
    *lock(&provider.nonce) = of(&query, "nonce").to_owned();
    let line = head.headers.iter().find(|(_, value)| value.starts_with("sluicegate_oidc=")).unwrap();
    assert!(line.1.contains("HttpOnly") && line.1.contains("SameSite=Lax"), "{}", line.1);
    (query, Browser { cookie: set(&head, "sluicegate_oidc"), ..browser.clone() })
}

fn of<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn an_account_elsewhere_lets_in_who_has_one_here() {
    let provider = Provider::start().await;
    let oidc = format!(
        "[oidc]\nissuer = \"{}\"\nclient_id = \"gateway\"\nclient_secret = \"s&cret\"\n",
        provider.issuer()
    );
    let gateway = launch().config(&format!("{SERVER}{oidc}")).serve().await;
    let owner = Browser::owner(&gateway).await;
    let nobody = Browser::new(&gateway);
    assert!(nobody.get("/sign-in").await.1.text().contains("/sign-in/oidc"));
    let (query, browser) = begun(&provider, &nobody).await;
    let callback = format!("http://{}/sign-in/oidc/callback", gateway.admin);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "gateway"),
        ("redirect_uri", callback.as_str()),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(of(&query, name), value);
    }
    let state = of(&query, "state");
    // Elsewhere, where this sign-in was not begun, its end is nobody's.
    let back = format!("/sign-in/oidc/callback?code=c&state={state}");
    assert_eq!(nobody.get(&back).await.0.status, 401);
    assert_eq!(browser.get("/sign-in/oidc/callback?code=c&state=0").await.0.status, 401);
    assert_eq!(
        browser.get(&format!("/sign-in/oidc/callback?error=access_denied&state={state}")).await.0.status,
        401
    );
    assert!(lock(&provider.asked).is_empty(), "nothing was asked of the provider for them");
    let (head, page) = browser.get(&back).await;
    assert_eq!((head.status, head.header("refresh")), (200, Some("0; url=/keys")), "{}", page.text());
    let signed_in = Browser { cookie: set(&head, "sluicegate_session"), ..nobody.clone() };
    assert!(signed_in.is_in().await);
    let session = signed_in.get("/admin/v1/session").await.1.json();
    assert_eq!(session["user"]["email"], "owner@example.com");
    let (shown, form) = lock(&provider.asked).remove(0);
    assert_eq!(shown, "Basic Z2F0ZXdheTpzJTI2Y3JldA==");
    assert_eq!((of(&form, "code"), of(&form, "redirect_uri")), ("c", callback.as_str()));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, of(&form, "code_verifier").as_bytes()));
    assert_eq!(of(&query, "code_challenge"), challenge);
    assert!(owner.is_in().await);
    // What must not let anybody in.
    for claims in [
        json!({ "email_verified": false }),
        json!({ "email": "somebody@example.com" }),
        json!({ "sub": "subject-2" }),
        json!({ "nonce": "another" }),
        json!({ "aud": "another" }),
        json!({ "iss": "https://another.example" }),
        json!({ "exp": 1 }),
    ] {
        *lock(&provider.claims) = claims.clone();
        let (query, browser) = begun(&provider, &nobody).await;
        let back = format!("/sign-in/oidc/callback?code=c&state={}", of(&query, "state"));
        let (head, _) = browser.get(&back).await;
        assert_eq!((head.status, set(&head, "sluicegate_session")), (401, None), "{claims}");
    }
    // Nobody was made on the way, and nothing secret was said.
    let admin = Admin::of(&gateway);
    assert_eq!(crate::admin::each(&admin.get("/admin/v1/users").await, "email"), ["owner@example.com"]);
    assert!(!gateway.lines.so_far().iter().any(|line| line.contains("s&cret") || line.contains(state)));
}
