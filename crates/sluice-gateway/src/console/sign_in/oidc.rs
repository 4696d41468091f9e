//! Sign-in by an account elsewhere: the way there, and the way back. What belongs to it is in a cookie that only the
//! browser which began it has.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response, header::SET_COOKIE, request::Parts};
use serde_json::json;
use sluice_console::Page;
use sluice_store::{
    Store as _,
    users::{Factor, User},
};
use url::form_urlencoded;

use super::{Reply, Show, local_path, next_of, pending, see_other, show};
use crate::{
    access::{
        channel::Channel,
        jwt::Subject,
        new_token,
        oidc::Flow,
        session::{self, cookie, in_store, set_cookie},
    },
    config::Oidc,
    pipeline::Context,
    refusal::Refusal,
    reply::{self, ReplyBody},
    worker::{Shared, Worker},
};

/// How long somebody may take elsewhere.
const FLOW_S: u64 = 600;
const REFRESH: HeaderName = HeaderName::from_static("refresh");

fn name_of(channel: &Channel) -> &'static str {
    if channel.is_secure() { "__Host-sluicegate_oidc" } else { "sluicegate_oidc" }
}

fn redirect_uri(channel: &Channel) -> String {
    format!("{}/sign-in/oidc/callback", channel.origin())
}

/// The settings, where somebody may sign in by them here.
fn settings(worker: &Worker, channel: &Channel) -> Result<Oidc, Option<&'static str>> {
    if !channel.may_sign_in() {
        return Err(Some("open"));
    }
    worker.shared.config.load().oidc.clone().ok_or(None)
}

/// `GET /sign-in/oidc`: to the provider. Nothing changes here but this browser's cookie.
pub(super) async fn begin(worker: &Worker, context: &Context<'_>, head: &Parts) -> Reply {
    let channel = Channel::of(context.connection, head);
    let oidc = match settings(worker, &channel) {
        Ok(oidc) => oidc,
        Err(error) => return again(worker, context, head, (404, error.unwrap_or("oidc"))).await,
    };
    let made = [new_token(), new_token(), new_token()];
    let [Ok(state), Ok(nonce), Ok(verifier)] = made else { return Err(Refusal::internal()) };
    let uri = redirect_uri(&channel);
    let flow = Flow { state: &state, nonce: &nonce, verifier: &verifier, redirect_uri: &uri };
    let tls = worker.connections.tls();
    let to = match worker.shared.access.oidc.begin(tls, &oidc, &flow).await {
        Ok(to) => to,
        Err(why) => {
            tracing::warn!(why, "nobody can sign in by the provider of `[oidc]`");
            return again(worker, context, head, (502, "oidc")).await;
        }
    };
    let until = context.unix_ms.saturating_add(FLOW_S * 1_000);
    let text = format!("{until} {state} {nonce} {verifier} {}", next_of(head));
    let sealed = pending::seal_flow(&worker.shared, &text)?;
    let mut response = see_other(context.ids, to.as_str());
    // Lax: the way back begins elsewhere.
    let value = set_cookie(&channel, (name_of(&channel), &sealed), "Lax", Some(FLOW_S));
    response.headers_mut().append(SET_COOKIE, value);
    Ok(response)
}

/// `GET /sign-in/oidc/callback`: back from the provider.
pub(super) async fn callback(worker: &Worker, context: &Context<'_>, head: &Parts) -> Reply {
    let channel = Channel::of(context.connection, head);
    let mut response = match entered(worker, context, head, &channel).await? {
        Ok(response) => response,
        Err(error) => again(worker, context, head, (401, error)).await?,
    };
    // It is good for one way back.
    let gone = set_cookie(&channel, (name_of(&channel), ""), "Lax", Some(0));
    response.headers_mut().append(SET_COOKIE, gone);
    Ok(response)
}

async fn entered(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    channel: &Channel,
) -> Result<Result<Response<ReplyBody>, &'static str>, Refusal> {
    let Ok(oidc) = settings(worker, channel) else { return Ok(Err("oidc")) };
    let shared = &worker.shared;
    let sealed = cookie(&head.headers, name_of(channel)).unwrap_or_default();
    let Some(text) = pending::open_flow(shared, sealed) else { return Ok(Err("late")) };
    let mut parts = text.splitn(5, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (until, state, nonce, verifier, next) = (part(), part(), part(), part(), part());
    if until.parse().is_ok_and(|until: u64| until <= context.unix_ms) {
        return Ok(Err("late"));
    }
    let pairs = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let pairs: Vec<(String, String)> = pairs.map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let fields = session::fields(&pairs);
    let (Some(shown), Some(code)) = (fields.get("state"), fields.get("code")) else { return Ok(Err("oidc")) };
    if crate::access::hex(shown.as_bytes()) != crate::access::hex(state.as_bytes()) {
        return Ok(Err("late"));
    }
    let uri = redirect_uri(channel);
    let flow = Flow { state, nonce, verifier, redirect_uri: &uri };
    let subject = match shared.access.oidc.finish(worker.connections.tls(), &oidc, &flow, code).await {
        Ok(subject) => subject,
        Err(why) => {
            tracing::warn!(why, "somebody could not sign in by the provider of `[oidc]`");
            return Ok(Err("oidc"));
        }
    };
    let Subject { subject, email: Some(email) } = subject else { return Ok(Err("oidc_unknown")) };
    let Some(user) = user_of(shared, email).await? else { return Ok(Err("oidc_unknown")) };
    let by = (Factor::Oidc(oidc.issuer, subject), "oidc");
    let begun = session::begin(shared, &user, by, &head.headers, context.unix_ms).await?;
    let Some((token, _)) = begun else { return Ok(Err("oidc_unknown")) };
    let mut response = way_on(context, local_path(next));
    response.headers_mut().append(SET_COOKIE, session::cookie_of(channel, &token));
    Ok(Ok(response))
}

async fn user_of(shared: &Arc<Shared>, email: String) -> Result<Option<User>, Refusal> {
    let found =
        in_store(shared, async move |shared: Arc<Shared>| shared.books.store.user_by_email(&email).await);
    Ok(found.await?.filter(|user| !user.disabled))
}

/// A page between: a browser shows the new session only where a page of ours asks it to.
fn way_on(context: &Context<'_>, to: &str) -> Response<ReplyBody> {
    let mut response = reply::other(context.ids, 200, "text/plain; charset=utf-8", "Signed in.\n");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={to}")) {
        headers.insert(REFRESH, value);
    }
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    super::guard(headers);
    response
}

/// The form to sign in by, with what went wrong.
async fn again(worker: &Worker, context: &Context<'_>, head: &Parts, (status, error): (u16, &str)) -> Reply {
    let oidc = worker.shared.config.load().oidc.is_some();
    let told = json!({ "error": error, "oidc": oidc });
    let page = Show { page: Page::SignIn, id: "", told: Some(("sign_in", status, told)), viewer: None };
    Box::pin(show(worker, context, head, page)).await
}
