//! Sign-in by e-mail and password, and by a code where one is set up.

use serde_json::json;
use sluice_console::Page;
use sluice_store::{
    Store as _,
    users::{Factor, User, email_key},
};

use super::{Reply, Sent, pending};
use crate::access::{password::Unhashed, session::in_store, totp};

const PAGE: (Page, &str) = (Page::SignIn, "");

pub(super) async fn run(sent: &Sent<'_>) -> Reply {
    let email = email_key(sent.field("email"));
    if let Err(early) = sent.attempt(&email, PAGE).await {
        return early;
    }
    let wanted = email.clone();
    let found = in_store(sent.shared(), async move |shared| shared.books.store.user_by_email(&wanted).await);
    let found = found.await?.filter(|user| !user.disabled);
    // Whoever is nobody takes as long.
    let stored = found.as_ref().and_then(|user| user.password.clone());
    match verified(sent, stored).await {
        Ok(true) => {}
        Ok(false) => return sent.again(401, "wrong").await,
        Err(unhashed) => return not_looked_at(sent, unhashed).await,
    }
    let Some(user) = found else { return sent.again(401, "wrong").await };
    signed(sent, &user, "password").await
}

/// Whether the password of the form is the one of a stored hash.
async fn verified(sent: &Sent<'_>, stored: Option<String>) -> Result<bool, Unhashed> {
    let (shared, password) = (sent.shared(), sent.field("password").to_owned());
    shared.access.hashing.verify(&shared.books.runtime, password, stored).await
}

async fn not_looked_at(sent: &Sent<'_>, unhashed: Unhashed) -> Reply {
    match unhashed {
        Unhashed::Busy => sent.again(503, "busy").await,
        Unhashed::Failed => sent.again(500, "failed").await,
    }
}

/// Somebody has shown who they are, by a password or a link: they are in, or asked for their code.
pub(super) async fn signed(sent: &Sent<'_>, user: &User, by: &'static str) -> Reply {
    let (email, address) = (email_key(&user.email), sent.channel.address);
    if user.totp.is_some() {
        // Failures of the account stay: a code is right with less luck than a password.
        sent.shared().access.attempts().passed(address);
        return ask_for_code(sent, user, 200, "").await;
    }
    sent.shared().access.attempts().succeeded(&email, address);
    match sent.enter(user, (Factor::None, by), sent.next()).await? {
        Some(entered) => Ok(entered.response),
        None => sent.again(401, "wrong").await,
    }
}

async fn ask_for_code(sent: &Sent<'_>, user: &User, status: u16, error: &str) -> Reply {
    let pending = pending::step(sent.shared(), (&user.id, user.epoch), sent.context.unix_ms)?;
    let mut said = json!({ "step": "code", "pending": pending, "next": sent.next() });
    if !error.is_empty() {
        said["error"] = error.into();
    }
    sent.page(PAGE, status, said).await
}

/// The second step.
pub(super) async fn code(sent: &Sent<'_>) -> Reply {
    let unix_ms = sent.context.unix_ms;
    let Some((id, epoch)) = pending::of(sent.shared(), sent.field("pending"), unix_ms) else {
        return sent.again(401, "late").await;
    };
    let found = in_store(sent.shared(), async move |shared| shared.books.store.user(&id).await).await?;
    let found = found.filter(|user| !user.disabled && user.epoch == epoch);
    let Some(user) = found else { return sent.again(401, "late").await };
    let email = email_key(&user.email);
    if let Err(early) = sent.attempt(&email, PAGE).await {
        return early;
    }
    let Some(factor) = factor_of(sent, &user, sent.field("code")) else {
        return ask_for_code(sent, &user, 401, "code").await;
    };
    match sent.enter(&user, (factor, "code"), sent.next()).await? {
        Some(entered) => {
            sent.shared().access.attempts().succeeded(&email, sent.channel.address);
            Ok(entered.response)
        }
        None => ask_for_code(sent, &user, 401, "code").await,
    }
}

/// What a code is, if it is right: one of now, or one to recover by.
fn factor_of(sent: &Sent<'_>, user: &User, code: &str) -> Option<Factor> {
    let sealed = user.totp.as_deref()?;
    let Some(secret) = pending::open(sent.shared(), sealed, &pending::of_totp(&user.id)) else {
        tracing::error!(
            user = user.id,
            "the secret of a user's one-time codes does not open with this master key"
        );
        return None;
    };
    if let Some(step) = totp::step_of(code, &secret, sent.context.unix_ms) {
        return Some(Factor::Step(step));
    }
    let hash = totp::recovery_hash(code);
    user.recovery.contains(&hash).then_some(Factor::Recovery(hash))
}
