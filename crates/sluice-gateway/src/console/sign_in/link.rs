//! Links to sign in by: the one that `serve` prints while there is nobody, which makes the first owner, and invitations.
//! Looking at one changes nothing; sending its form uses it up.

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_console::Page;
use sluice_store::{
    Store as _, StoreError,
    query::AuditEntry,
    users::{Role, User, UserChange},
};

use super::{Reply, Sent, password::signed};
use crate::{
    access::{hex, link::invite_hash, password, random_bits, session::in_store},
    admin,
    refusal::Refusal,
    worker::Shared,
};

/// What a link is for.
#[derive(Debug)]
pub(super) enum Kind {
    First,
    Invite(Box<User>),
}

impl Kind {
    /// `None`: it was used, is too old, or was never one.
    pub(super) async fn of(shared: &Arc<Shared>, token: &str, unix_ms: u64) -> Result<Option<Self>, Refusal> {
        if shared.access.link().as_ref().is_some_and(|link| link.is(token)) {
            // Somebody may have come in by another way meanwhile.
            let any =
                in_store(shared, async |shared: Arc<Shared>| shared.books.store.has_users().await).await?;
            return Ok((!any).then_some(Self::First));
        }
        let hash = invite_hash(token);
        let found =
            in_store(shared, async move |shared| shared.books.store.user_by_invite(&hash).await).await?;
        let good = |user: &User| !user.disabled && user.invite.is_some_and(|(_, until)| unix_ms < until);
        Ok(found.filter(good).map(|user| Self::Invite(Box::new(user))))
    }
}

pub(super) async fn run(sent: &Sent<'_>, token: &str) -> Reply {
    let page = (Page::SignInLink, token);
    let gone = json!({ "error": "link" });
    let Some(kind) = Kind::of(sent.shared(), token, sent.context.unix_ms).await? else {
        return sent.page(page, 404, gone).await;
    };
    let mut said = sent.said("");
    if let Kind::Invite(user) = &kind {
        said["invited"] = user.email.as_str().into();
    }
    let mut wrong = async |error: &str| {
        said["error"] = error.into();
        sent.page(page, 400, said.clone()).await
    };
    if matches!(kind, Kind::First) && !admin::is_email(sent.field("email").trim()) {
        return wrong("email").await;
    }
    if password::problem(sent.field("password")).is_some() {
        return wrong("password").await;
    }
    let runtime = &sent.shared().books.runtime;
    let hash = sent.shared().access.hashing.hash(runtime, sent.field("password").to_owned()).await;
    let Ok(hash) = hash else { return wrong("busy").await };
    let (change, user) = match kind {
        Kind::First => first(sent, hash)?,
        Kind::Invite(before) => accepted(*before, hash),
    };
    let done = changed(sent, change, &user).await?;
    if !done {
        return sent.page(page, 404, gone).await;
    }
    *sent.shared().access.link() = None;
    signed(sent, &user, "link").await
}

/// The first owner.
fn first(sent: &Sent<'_>, hash: String) -> Result<(UserChange, User), Refusal> {
    let bits = random_bits().map_err(|error| {
        tracing::error!(error, "the operating system gives no random bits");
        Refusal::internal()
    })?;
    let user = User {
        id: format!("user_{}", hex(&bits[..12])),
        email: sent.field("email").trim().to_owned(),
        role: Role::Owner,
        projects: None,
        password: Some(hash),
        invite: None,
        totp: None,
        recovery: Vec::new(),
        oidc: None,
        epoch: 0,
        disabled: false,
        created_ms: sent.context.unix_ms,
        seen_ms: None,
    };
    Ok((UserChange::InsertFirst(Box::new(user.clone())), user))
}

/// An invited user, with the password; whoever was signed in before is so no longer.
fn accepted(before: User, hash: String) -> (UserChange, User) {
    let epoch = before.epoch.saturating_add(1);
    let after = User { password: Some(hash), invite: None, epoch, ..before.clone() };
    (UserChange::Update { before: Box::new(before), after: Box::new(after.clone()) }, after)
}

/// Whether the change was made: somebody else may have used the link at the same time.
async fn changed(sent: &Sent<'_>, change: UserChange, user: &User) -> Result<bool, Refusal> {
    let action = if matches!(change, UserChange::InsertFirst(_)) { "create" } else { "accept_invite" };
    let audit = audit_entry(user, action, &json!({ "email": user.email, "role": user.role.as_str() }));
    let unix_ms = sent.context.unix_ms;
    let change =
        async move |shared: Arc<Shared>| match shared.books.store.change_user(&change, &audit, unix_ms).await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Stale { .. } | StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        };
    in_store(sent.shared(), change).await
}

/// What somebody does with their own account.
pub(super) fn audit_entry(user: &User, action: &str, after: &Value) -> AuditEntry {
    AuditEntry {
        actor: user.id.clone(),
        action: action.to_owned(),
        object: "user".to_owned(),
        object_id: user.id.clone(),
        before: None,
        after: Some(after.to_string()),
    }
}
