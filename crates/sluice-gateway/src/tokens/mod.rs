//! Tokens and keys that run out: got where they come from, kept for the whole process, got anew ahead of time.
//!
//! One [`TokenCell`] per source, however many snapshots and workers there are. Whoever needs a token while there is
//! none asks for it, and the others wait for that one answer; while the old one still holds, nobody waits.

mod aws;
mod entra;
mod google;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};

use arc_swap::ArcSwapOption;
use http::Method;
use sluice_chat::{Failure, FailureKind};
use sluice_providers::{
    Credential, Source,
    credential::{AwsSource, GoogleSource},
    sigv4::AwsCredentials,
};
use url::Url;

use crate::{
    bounds, clock, tasks,
    upstream::{
        Tls,
        once::{Ask, Said, ask},
    },
};

/// The sources of tokens of this process.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    cells: Mutex<HashMap<Arc<Source>, Weak<TokenCell>>>,
}

impl Tokens {
    /// The one cell of a source.
    ///
    /// # Errors
    /// What makes the source useless, without anything secret.
    pub(crate) fn cell(&self, source: &Arc<Source>) -> Result<Arc<TokenCell>, String> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(source).and_then(Weak::upgrade) {
            return Ok(cell);
        }
        let cell = Arc::new(TokenCell::new(source)?);
        cells.retain(|_, cell| cell.strong_count() > 0);
        cells.insert(Arc::clone(source), Arc::downgrade(&cell));
        Ok(cell)
    }
}

/// Says what makes a credential useless, if anything does: a private key that is none.
///
/// # Errors
/// That, without anything of the key.
pub fn check(credential: &Credential) -> Result<(), String> {
    credential.token_source().map_or(Ok(()), |source| TokenCell::new(source).map(drop))
}

/// What authenticates a request.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// Shown as `authorization: Bearer …`.
    Token(Token),
    /// Signs the request.
    Aws(AwsCredentials),
}

/// An access token. It never prints itself.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Grant {
    /// What of it must never be shown.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::Token(token) => [Some(token.0.as_str()), None, None],
            Self::Aws(keys) => [
                Some(keys.secret_access_key.as_str()),
                Some(keys.access_key_id.as_str()),
                keys.session_token.as_deref(),
            ],
        };
        all.into_iter().flatten()
    }
}

/// A grant with its times, in Unix milliseconds.
#[derive(Clone, Debug)]
struct Held {
    grant: Arc<Grant>,
    got_ms: u64,
    refresh_ms: u64,
    expires_ms: u64,
}

impl Held {
    fn new(grant: Grant, lives_ms: u64, now_ms: u64) -> Self {
        let ahead = bounds::TOKEN_AHEAD_MS.min(lives_ms / 4);
        let expires_ms = now_ms.saturating_add(lives_ms);
        let refresh_ms = expires_ms.saturating_sub(ahead);
        Self { grant: Arc::new(grant), got_ms: now_ms, refresh_ms, expires_ms }
    }
}

/// What a source gives, kept.
pub(crate) struct TokenCell {
    source: Arc<Source>,
    signer: Option<google::Signer>,
    held: ArcSwapOption<Held>,
    /// Held by whoever asks; in it how the last asking failed, and when.
    asking: Arc<tokio::sync::Mutex<Option<(Instant, Failure)>>>,
}

impl std::fmt::Debug for TokenCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenCell(..)")
    }
}

impl TokenCell {
    fn new(source: &Arc<Source>) -> Result<Self, String> {
        let signer = match &**source {
            Source::Google(GoogleSource::ServiceAccount { private_key, .. }) => {
                Some(google::Signer::new(private_key)?)
            }
            _ => None,
        };
        let held = match &**source {
            Source::Aws(AwsSource::Keys(keys)) => {
                Some(Arc::new(Held::new(Grant::Aws(keys.clone()), u64::MAX, 0)))
            }
            _ => None,
        };
        let (source, held) = (Arc::clone(source), ArcSwapOption::from(held));
        Ok(Self { source, signer, held, asking: Arc::default() })
    }

    /// What is there now, as far as it still holds.
    pub(crate) fn now(&self) -> Option<Arc<Grant>> {
        self.holding(clock::unix_ms()).map(|held| Arc::clone(&held.grant))
    }

    fn holding(&self, now_ms: u64) -> Option<Arc<Held>> {
        let left = |held: &Arc<Held>| now_ms.saturating_add(bounds::TOKEN_SPARE_MS) < held.expires_ms;
        self.held.load_full().filter(left)
    }

    /// What authenticates a request that is sent now.
    ///
    /// # Errors
    /// The source was not reached, or refused; also for a moment after it was so for another request.
    pub(crate) async fn grant(self: &Arc<Self>, tls: &Tls) -> Result<Arc<Grant>, Failure> {
        let now_ms = clock::unix_ms();
        if let Some(held) = self.holding(now_ms) {
            if now_ms >= held.refresh_ms {
                self.refresh(tls);
            }
            return Ok(Arc::clone(&held.grant));
        }
        let came = clock::now();
        let mut failed = self.asking.lock().await;
        if let Some(grant) = self.now() {
            return Ok(grant);
        }
        if let Some((at, failure)) = &*failed
            && (*at >= came || came.saturating_duration_since(*at) < bounds::TOKEN_AGAIN)
        {
            return Err(failure.clone());
        }
        match self.ask(tls).await {
            Ok(held) => {
                *failed = None;
                Ok(Arc::clone(&held.grant))
            }
            Err(failure) => {
                *failed = Some((clock::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Gets the next one on this worker while the old one still holds, unless somebody already does.
    fn refresh(self: &Arc<Self>, tls: &Tls) {
        let Ok(mut failed) = Arc::clone(&self.asking).try_lock_owned() else { return };
        let now = clock::now();
        if failed
            .as_ref()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) < bounds::TOKEN_REFRESH_AGAIN)
        {
            return;
        }
        let (cell, tls) = (Arc::clone(self), tls.clone());
        tasks::spawn_local(async move {
            let asked = cell.ask(&tls).await;
            *failed = asked.err().map(|failure| (clock::now(), failure));
        });
    }

    /// The provider refused what `grant` authenticates: it is asked for anew, unless it is so fresh that a new one
    /// would be refused too.
    pub(crate) fn refused(&self, grant: &Arc<Grant>) {
        let held = self.held.load();
        let Some(now) = held.as_ref().filter(|held| Arc::ptr_eq(&held.grant, grant)) else { return };
        let age_ms = clock::unix_ms().saturating_sub(now.got_ms);
        if !matches!(&*self.source, Source::Aws(AwsSource::Keys(_))) && age_ms >= bounds::TOKEN_FRESH_MS {
            self.held.compare_and_swap(&*held, None);
        }
    }

    async fn ask(&self, tls: &Tls) -> Result<Arc<Held>, Failure> {
        let asked = async {
            match &*self.source {
                Source::Google(source) => google::token(source, self.signer.as_ref(), tls).await,
                Source::Aws(source) => aws::grant(source, tls).await,
                Source::Entra(app) => entra::token(app, tls).await,
            }
        };
        let asked = match tokio::time::timeout(bounds::TOKEN, Box::pin(asked)).await {
            Ok(asked) => asked,
            Err(_) => Err(unreachable_source("no answer in time")),
        };
        let asked = match asked {
            Ok((_, lives_ms)) if lives_ms <= bounds::TOKEN_SPARE_MS => {
                Err(refused_by_source("what it gave has run out already"))
            }
            Ok((grant, lives_ms)) => {
                let held = Arc::new(Held::new(grant, lives_ms, clock::unix_ms()));
                self.held.store(Some(Arc::clone(&held)));
                Ok(held)
            }
            Err(failure) => Err(failure),
        };
        asked.inspect_err(|failure| {
            tracing::warn!(reason = failure.error.message, "no credential for a provider");
        })
    }
}

/// A grant, and for how many milliseconds it holds.
type Granted = Result<(Grant, u64), Failure>;

fn unreachable_source(text: &str) -> Failure {
    let text = format!("the source of the provider's credential: {text}");
    Failure::ours(FailureKind::Unreachable, "upstream_unreachable", text)
}

fn refused_by_source(text: &str) -> Failure {
    let text = format!("the source of the provider's credential: {text}");
    Failure::ours(FailureKind::AuthRefused, "upstream_auth", text)
}

/// Asks a source. Whatever is not a success is a failure here, in words that have nothing secret.
async fn said(tls: &Tls, what: &Ask<'_>) -> Result<Said, Failure> {
    let said = ask(tls, what, bounds::TOKEN_CONNECT).await.map_err(|failure| match failure.kind {
        FailureKind::Tls => failure,
        _ => unreachable_source(&failure.error.message),
    })?;
    match said.status {
        200..=299 => Ok(said),
        status @ (408 | 429 | 500..) => Err(unreachable_source(&format!("it answered with {status}"))),
        status => Err(refused_by_source(&format!("it answered with {status}{}", oauth_error(&said.body)))),
    }
}

/// The `error` of an OAuth answer (RFC 6749, 5.2), where it is a word.
fn oauth_error(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let word = value["error"].as_str().unwrap_or_default();
    let fine = !word.is_empty()
        && word.len() <= WORD_BYTES
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fine { format!(" ({word})") } else { String::new() }
}

const WORD_BYTES: usize = 60;

/// An OAuth token endpoint, asked with a form.
async fn oauth(tls: &Tls, url: &str, form: &[(&str, &str)]) -> Granted {
    let url = parsed(url)?;
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
    let ask = Ask {
        method: &Method::POST,
        url: &url,
        headers: &headers,
        body: &body,
        limit_bytes: bounds::TOKEN_BYTES,
    };
    token_of(&said(tls, &ask).await?.body)
}

/// Reads `access_token` and `expires_in`.
fn token_of(body: &[u8]) -> Granted {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let token = value["access_token"].as_str().unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        return Err(refused_by_source("its answer has no token"));
    }
    // Some write the number as text.
    let seconds = value["expires_in"]
        .as_u64()
        .or_else(|| value["expires_in"].as_str().and_then(|text| text.parse().ok()))
        .unwrap_or(bounds::TOKEN_LIFE_S);
    Ok((Grant::Token(Token(token.to_owned())), seconds.saturating_mul(1000)))
}

fn parsed(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|_| unreachable_source("its address is none"))
}

#[cfg(test)]
mod tests;
