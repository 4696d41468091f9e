//! One's own account: password, one-time codes, sessions. What lets somebody in is only changed by whoever shows the
//! password, and ends all other sessions.

use std::sync::Arc;

use http::header::SET_COOKIE;
use serde_json::{Value, json};
use sluice_console::Page;
use sluice_store::{
    Store as _, StoreError,
    users::{Factor, User, UserChange, email_key},
};

use super::{Entered, Reply, Sent, Show, link::audit_entry, pending, show_page};
use crate::{
    access::{
        hex, password, random_bits,
        session::{SignedIn, in_store},
        totp,
    },
    admin,
    refusal::Refusal,
    worker::Shared,
};

/// A change of one's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Password,
    /// Shows a secret for one-time codes; nothing changes yet.
    TotpBegin,
    TotpConfirm,
    TotpRemove,
    /// Ends all other sessions.
    Sessions,
}

impl Change {
    pub(super) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "password" => Self::Password,
            "totp" => Self::TotpBegin,
            "totp/confirm" => Self::TotpConfirm,
            "totp/remove" => Self::TotpRemove,
            "sessions/end" => Self::Sessions,
            _ => return None,
        })
    }
}

pub(super) async fn run(sent: &Sent<'_>, change: Change) -> Reply {
    let Some(signed_in) = sent.signed_in().await? else {
        return sent.ended(Page::Account.pattern()).await;
    };
    if !signed_in.is_csrf(sent.field("csrf_token")) {
        return Err(admin::forged());
    }
    match change {
        Change::Password => new_password(sent, &signed_in).await,
        Change::TotpBegin => totp_begin(sent, &signed_in.user, 200, None).await,
        Change::TotpConfirm => totp_confirm(sent, &signed_in).await,
        Change::TotpRemove => {
            if let Err(wrong) = password_shown(sent, &signed_in.user).await {
                return wrong;
            }
            let after = User { totp: None, recovery: Vec::new(), ..signed_in.user.clone() };
            done(sent, &signed_in, after, "remove_totp").await
        }
        Change::Sessions => done(sent, &signed_in, signed_in.user.clone(), "end_sessions").await,
    }
}

/// The account's page, with something to say.
async fn page(sent: &Sent<'_>, status: u16, told: Value) -> Reply {
    let show = Show { page: Page::Account, id: "", told: Some(("account", status, told)), viewer: None };
    show_page(sent, show).await
}

async fn wrong(sent: &Sent<'_>, status: u16, error: &str) -> Reply {
    page(sent, status, json!({ "error": error })).await
}

/// Whether the form shows the password of the account; `Err` holds the answer where not. Failures count as those of a
/// sign-in do: a browser that was left open is no place to try them all.
async fn password_shown(sent: &Sent<'_>, user: &User) -> Result<(), Reply> {
    let Some(stored) = user.password.clone() else { return Ok(()) };
    let (shared, email, address) = (sent.shared(), email_key(&user.email), sent.channel.address);
    if shared.access.attempts().begin(&email, address, sent.context.unix_ms).is_err() {
        return Err(wrong(sent, 429, "wait").await);
    }
    let shown = sent.field("current_password").to_owned();
    match shared.access.hashing.verify(&shared.books.runtime, shown, Some(stored)).await {
        Ok(true) => {
            shared.access.attempts().succeeded(&email, address);
            Ok(())
        }
        Ok(false) => Err(wrong(sent, 401, "current_password").await),
        Err(_) => Err(wrong(sent, 503, "busy").await),
    }
}

async fn new_password(sent: &Sent<'_>, signed_in: &SignedIn) -> Reply {
    let new = sent.field("new_password").to_owned();
    if password::problem(&new).is_some() {
        return wrong(sent, 400, "new_password").await;
    }
    if let Err(wrong) = password_shown(sent, &signed_in.user).await {
        return wrong;
    }
    let shared = sent.shared();
    let Ok(hash) = shared.access.hashing.hash(&shared.books.runtime, new).await else {
        return wrong(sent, 503, "busy").await;
    };
    let after = User { password: Some(hash), invite: None, ..signed_in.user.clone() };
    done(sent, signed_in, after, "password").await
}

/// Shows a secret. It comes back sealed with the first code, and is stored only then.
async fn totp_begin(sent: &Sent<'_>, user: &User, status: u16, again: Option<(&[u8], &str)>) -> Reply {
    let (secret, error) = match again {
        Some((secret, error)) => (secret.to_vec(), Some(error)),
        None => {
            let bits = random_bits().map_err(|error| {
                tracing::error!(error, "the operating system gives no random bits");
                Refusal::internal()
            })?;
            (bits[..totp::SECRET_BYTES].to_vec(), None)
        }
    };
    let sealed = pending::seal(sent.shared(), &secret, &pending::of_totp(&user.id))?;
    let told = json!({
        "error": error,
        "totp": {
            "secret": totp::base32(&secret),
            "address": totp::address(&secret, &user.email),
            "pending": hex(&sealed),
        },
    });
    page(sent, status, told).await
}

async fn totp_confirm(sent: &Sent<'_>, signed_in: &SignedIn) -> Reply {
    let user = &signed_in.user;
    let sealed = pending::unhex(sent.field("pending")).unwrap_or_default();
    let Some(secret) = pending::open(sent.shared(), &sealed, &pending::of_totp(&user.id)) else {
        return wrong(sent, 400, "late").await;
    };
    if totp::step_of(sent.field("code"), &secret, sent.context.unix_ms).is_none() {
        return totp_begin(sent, user, 400, Some((&secret, "code"))).await;
    }
    if let Err(wrong) = password_shown(sent, user).await {
        return wrong;
    }
    let mut codes = Vec::with_capacity(totp::RECOVERY_CODES);
    for _ in 0..totp::RECOVERY_CODES {
        codes.push(totp::recovery_code(&random_bits().map_err(|_| Refusal::internal())?));
    }
    let recovery = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    let after = User { totp: Some(sealed), recovery, ..user.clone() };
    let Some(entered) = changed(sent, signed_in, after, "set_totp").await? else {
        return wrong(sent, 409, "changed").await;
    };
    let told = json!({ "recovery_codes": codes });
    let viewer = Some(entered.signed_in);
    let show = Show { page: Page::Account, id: "", told: Some(("account", 200, told)), viewer };
    let mut shown = show_page(sent, show).await?;
    shown.headers_mut().append(SET_COOKIE, entered.cookie);
    Ok(shown)
}

/// The change is made, and this browser alone is still signed in.
async fn done(sent: &Sent<'_>, signed_in: &SignedIn, after: User, action: &'static str) -> Reply {
    match changed(sent, signed_in, after, action).await? {
        Some(entered) => Ok(entered.response),
        None => wrong(sent, 409, "changed").await,
    }
}

/// Writes the account with a new epoch, and begins a new session in it: the way back to the account's page. `None`:
/// the account has changed meanwhile.
async fn changed(
    sent: &Sent<'_>,
    signed_in: &SignedIn,
    after: User,
    action: &'static str,
) -> Result<Option<Entered>, Refusal> {
    let before = signed_in.user.clone();
    let after = User { epoch: before.epoch.saturating_add(1), ..after };
    let audit = audit_entry(&after, action, &json!({ "has_totp": after.totp.is_some() }));
    let change = UserChange::Update { before: Box::new(before), after: Box::new(after.clone()) };
    let unix_ms = sent.context.unix_ms;
    let write =
        async move |shared: Arc<Shared>| match shared.books.store.change_user(&change, &audit, unix_ms).await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Stale { .. } | StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        };
    if !in_store(sent.shared(), write).await? {
        return Ok(None);
    }
    let to = format!("/account?done={action}");
    sent.enter(&after, (Factor::None, action), &to).await
}
