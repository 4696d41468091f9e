//! First stage: who is calling.

use std::sync::Arc;

use http::{HeaderMap, header::AUTHORIZATION};
use sluice_ledger::{Key, KeyHash};

use crate::{
    accounting::Guard,
    pipeline::Context,
    refusal::Refusal,
    snapshot::{KnownKey, Snapshot},
};

/// A caller whose key was verified, or who may act as the key. There is no other way to one.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    known: Arc<KnownKey>,
}

impl Caller {
    pub(crate) fn key(&self) -> &Arc<Key> {
        &self.known.key
    }

    /// What the key is held to.
    pub(crate) fn guard(&self) -> &Guard {
        &self.known.guard
    }
}

/// Verifies the bearer key, where nobody acts as one without it. `stale`: keys that were made lately may not be known
/// yet.
pub(crate) fn authenticate(
    context: &Context<'_>,
    headers: &HeaderMap,
    stale: impl FnOnce() -> bool,
) -> Result<Caller, Refusal> {
    if let Some(caller) = &context.acting {
        return Ok(caller.clone());
    }
    by_key(headers, context.snapshot, context.unix_ms, stale)
}

/// Verifies the bearer key. `unix_ms` decides on expiry.
pub(crate) fn by_key(
    headers: &HeaderMap,
    snapshot: &Snapshot,
    unix_ms: u64,
    stale: impl FnOnce() -> bool,
) -> Result<Caller, Refusal> {
    let now = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX);
    let secret = bearer(headers).ok_or_else(Refusal::invalid_api_key)?;
    let hash = KeyHash::of(secret);
    match snapshot.key(&hash) {
        Some(known) if known.key.accepts(&hash, now) => Ok(Caller { known: Arc::clone(known) }),
        Some(_) => Err(Refusal::invalid_api_key()),
        None if stale() => Err(Refusal::accounting_unavailable()),
        None => Err(Refusal::invalid_api_key()),
    }
}

/// The caller that a key is, by its id, for somebody `who` may act as it; `None`: there is no such key that can be used.
pub(crate) fn acting(
    snapshot: &Snapshot,
    id: &str,
    unix_ms: u64,
    who: impl FnOnce(&Key) -> Result<(), Refusal>,
) -> Result<Option<Caller>, Refusal> {
    let now = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX);
    let Some(known) = snapshot.key_of(id) else { return Ok(None) };
    who(&known.key)?;
    Ok(known.key.accepts(&known.key.hash, now).then(|| Caller { known: Arc::clone(known) }))
}

/// The one bearer token of a request. Two `Authorization` headers are none: which one counts must not be a guess.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let value = all.next()?.to_str().ok()?;
    if all.next().is_some() {
        return None;
    }
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn bearer_tokens() {
        let check = |values: &[&str], expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(bearer(&headers), expect, "{values:?}");
        };
        check(&["Bearer sk-a"], Some("sk-a"));
        check(&["bearer   sk-a "], Some("sk-a"));
        check(&["Basic sk-a"], None);
        check(&["Bearer"], None);
        check(&["Bearer "], None);
        check(&["sk-a"], None);
        check(&["Bearer sk-a", "Bearer sk-b"], None);
        check(&[], None);
    }
}
