//! Sessions: what a browser shows on every request, and what it stands for. The store has but the hash of it, and is
//! asked each time: whoever is no longer what they were is not so from their next request on.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};
use sluice_store::{
    Store, StoreError,
    query::AuditEntry,
    users::{Factor, Role, SessionRow, SignIn, User},
};

use super::{channel::Channel, hex, new_token, sha256};
use crate::{
    admin::principal::{Person, Principal, Scope, Session},
    refusal::Refusal,
    worker::Shared,
};

/// Without a request a session is over, and after so long in any case.
const IDLE_MS: u64 = 30 * 60_000;
const LONGEST_MS: u64 = 12 * 3_600_000;
/// How exactly it is noted when a session was last seen.
const TOUCH_MS: u64 = 60_000;
/// The header with the token that our own pages show.
pub(crate) const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// Longest label, in characters.
const LABEL_CHARS: usize = 200;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) session: SessionRow,
    /// What changes asked for by our own pages show.
    pub(crate) csrf: String,
}

impl SignedIn {
    pub(crate) fn principal(&self) -> Principal {
        let Self { user, session, csrf } = self;
        let expires_ms = expires_ms(session);
        principal(user, Session { hash: session.hash, csrf: csrf.clone(), expires_ms })
    }

    /// Whether a form or a header shows the token of this session, as it is or as a page told it.
    pub(crate) fn is_csrf(&self, shown: &str) -> bool {
        let told = unmasked(shown);
        sha256("compared", told.as_deref().unwrap_or(shown)) == sha256("compared", &self.csrf)
    }

    /// The token in the letters of one page: a mask, and the token under it. No two pages have the same, so that nothing
    /// of the token can be told from how well a page compresses. `page` is different for each, and no secret.
    pub(crate) fn csrf_shown(&self, page: &str) -> String {
        let mask = sha256("csrf mask", &format!("{page} {}", self.csrf));
        let Some(token) = bytes_of(&self.csrf) else { return self.csrf.clone() };
        hex(&mask) + &hex(&crossed(mask, token))
    }
}

/// Whom a user is to the admin API.
fn principal(user: &User, session: Session) -> Principal {
    let projects = match &user.projects {
        None => Scope::All,
        Some(projects) => Scope::Only(projects.clone()),
    };
    // An owner is one everywhere.
    let projects = if user.role == Role::Owner { Scope::All } else { projects };
    let person = Person { id: user.id.clone(), email: user.email.clone() };
    Principal {
        actor: user.id.clone(),
        user: Some(person),
        role: user.role,
        projects,
        session: Some(session),
    }
}

/// When a session is over without another request, in Unix milliseconds.
pub(crate) fn expires_ms(session: &SessionRow) -> u64 {
    session.seen_ms.saturating_add(IDLE_MS).min(session.created_ms.saturating_add(LONGEST_MS))
}

/// The name of the session's cookie. With the prefix browsers take it from our own host over TLS only.
fn cookie_name(channel: &Channel) -> &'static str {
    if channel.is_secure() { "__Host-sluicegate_session" } else { "sluicegate_session" }
}

/// The value of a cookie; `None` where it is not there, or there twice: which one counts must not be a guess.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = values.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Has the browser keep what is only for us. `max_age_s`: 0 takes it away; `None` keeps it until the browser closes.
pub(crate) fn set_cookie(
    channel: &Channel,
    (name, value): (&str, &str),
    same_site: &str,
    max_age_s: Option<u64>,
) -> HeaderValue {
    let secure = if channel.is_secure() { "; Secure" } else { "" };
    let age = max_age_s.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
    // Names and values are letters and digits.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The cookie of a new session.
pub(crate) fn cookie_of(channel: &Channel, token: &str) -> HeaderValue {
    set_cookie(channel, (cookie_name(channel), token), "Strict", None)
}

/// Takes the cookie away.
pub(crate) fn no_cookie(channel: &Channel) -> HeaderValue {
    set_cookie(channel, (cookie_name(channel), ""), "Strict", Some(0))
}

fn csrf_of(token: &str) -> String {
    hex(&sha256("csrf", token))
}

/// The token that a page told, if it is one.
fn unmasked(shown: &str) -> Option<String> {
    let (mask, under) = shown.split_at_checked(64)?;
    Some(hex(&crossed(bytes_of(mask)?, bytes_of(under)?)))
}

fn crossed(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

/// 256 bits of as many digits.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
    }
    Some(bytes)
}

fn hash_of(token: &str) -> [u8; 32] {
    sha256("session", token)
}

/// Who is signed in with what the browser shows; `None`: nobody.
///
/// # Errors
/// The database cannot say.
pub(crate) async fn of(
    shared: &Arc<Shared>,
    channel: &Channel,
    headers: &HeaderMap,
    unix_ms: u64,
) -> Result<Option<SignedIn>, Refusal> {
    if !channel.may_sign_in() {
        return Ok(None);
    }
    let Some(token) = cookie(headers, cookie_name(channel)).filter(|token| token.len() == 64) else {
        return Ok(None);
    };
    let hash = hash_of(token);
    let found = in_store(shared, move |shared| async move {
        let store = &shared.books.store;
        let Some((mut session, user)) = store.session(&hash).await? else { return Ok(None) };
        if expires_ms(&session) <= unix_ms {
            store.end_session(&hash).await?;
            return Ok(None);
        }
        if session.seen_ms.saturating_add(TOUCH_MS) <= unix_ms {
            store.touch_session(&hash, unix_ms).await?;
            session.seen_ms = unix_ms;
        }
        Ok(Some((session, user)))
    });
    Ok(found.await?.map(|(session, user)| SignedIn { user, session, csrf: csrf_of(token) }))
}

/// Whether a browser shows a session at all, good or not.
pub(crate) fn is_shown(channel: &Channel, headers: &HeaderMap) -> bool {
    cookie(headers, cookie_name(channel)).is_some()
}

/// Whether a principal is still who it was: its session is there, neither ended nor over. The admin token always is.
/// Where the database cannot say, nobody is.
pub(crate) async fn holds(shared: &Arc<Shared>, principal: &Principal, unix_ms: u64) -> bool {
    let Some(session) = &principal.session else { return true };
    let hash = session.hash;
    let found = in_store(shared, move |shared| async move { shared.books.store.session(&hash).await });
    matches!(found.await, Ok(Some((session, _))) if expires_ms(&session) > unix_ms)
}

/// Begins a session for somebody who has shown who they are: what the browser has to show from now on, and what it
/// stands for. `None`: what was shown is not good any more.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    user: &User,
    (factor, how): (Factor, &'static str),
    headers: &HeaderMap,
    unix_ms: u64,
) -> Result<Option<(String, SignedIn)>, Refusal> {
    let token = new_token().map_err(|error| {
        tracing::error!(error, "the operating system gives no random bits");
        Refusal::internal()
    })?;
    let session = SessionRow {
        hash: hash_of(&token),
        user: user.id.clone(),
        epoch: user.epoch,
        created_ms: unix_ms,
        seen_ms: unix_ms,
        label: label(headers),
    };
    let audit = AuditEntry {
        actor: user.id.clone(),
        action: "sign_in".to_owned(),
        object: "user".to_owned(),
        object_id: user.id.clone(),
        before: None,
        after: Some(serde_json::json!({ "by": how }).to_string()),
    };
    let signed_in = SignedIn { user: user.clone(), session: session.clone(), csrf: csrf_of(&token) };
    let sign_in = SignIn { session, factor, retire_before_ms: unix_ms.saturating_sub(LONGEST_MS) };
    let begun =
        in_store(
            shared,
            move |shared| async move { shared.books.store.sign_in(&sign_in, &audit, unix_ms).await },
        );
    Ok(begun.await?.then_some((token, signed_in)))
}

/// What the browser calls itself, short and printable.
fn label(headers: &HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    agent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(LABEL_CHARS).collect()
}

/// Runs work with the store where the store lives, to its end whoever leaves.
pub(crate) async fn in_store<T, F>(
    shared: &Arc<Shared>,
    work: impl FnOnce(Arc<Shared>) -> F,
) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    match shared.books.runtime.spawn(work(Arc::clone(shared))).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(crate::admin::store_refusal(&error)),
        Err(error) => {
            tracing::error!(%error, "work with the database did not come to its end");
            Err(Refusal::internal())
        }
    }
}

/// Fields of a form, by name; of a name that stands twice none.
pub(crate) fn fields(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        let twice = pairs.iter().filter(|(other, _)| other == name).count() > 1;
        if !twice {
            fields.insert(name.as_str(), value.as_str());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read() {
        let check = |lines: &[&'static str], expect: Option<&str>| {
            let headers: HeaderMap =
                lines.iter().map(|line| (COOKIE, HeaderValue::from_static(line))).collect();
            assert_eq!(cookie(&headers, "a"), expect, "{lines:?}");
        };
        check(&["a=1"], Some("1"));
        check(&["b=2; a=1=1 ; c"], Some("1=1"));
        check(&["a=1", "a=2"], None);
        check(&["a=1; a=1"], None);
        check(&["aa=1; xa=2; A=3"], None);
        check(&[], None);
    }

    #[test]
    fn sessions_end_by_silence_and_by_age() {
        let check = |created_ms: u64, seen_ms: u64, expect: u64| {
            let session = SessionRow {
                hash: [0; 32],
                user: String::new(),
                epoch: 0,
                created_ms,
                seen_ms,
                label: String::new(),
            };
            assert_eq!(expires_ms(&session), expect);
        };
        check(0, 0, IDLE_MS);
        check(0, 1_000, IDLE_MS + 1_000);
        check(0, LONGEST_MS - 1, LONGEST_MS);
    }

    #[test]
    fn labels_are_short_and_printable() {
        let mut headers = HeaderMap::new();
        assert_eq!(label(&headers), "");
        let agent = HeaderValue::from_bytes(&[b"Fire\tfox \xff".as_slice(), &[b'x'; 300]].concat()).unwrap();
        headers.insert(http::header::USER_AGENT, agent);
        assert!(label(&headers).starts_with("Firefox \u{fffd}xxx"));
        assert_eq!(label(&headers).chars().count(), LABEL_CHARS);
    }
}
