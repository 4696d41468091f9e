//! Sign-in and one's own account: plain forms, which work without script. Each is answered by a page that says what is
//! wrong, or by a way on with a new session.

mod account;
mod link;
mod oidc;
mod password;
mod pending;

use std::{collections::BTreeMap, sync::Arc};

use http::{
    HeaderValue, Response,
    header::{RETRY_AFTER, SET_COOKIE},
    request::Parts,
};
use serde_json::{Value, json};
use sluice_console::Page;
use sluice_store::users::{Factor, User};

use super::{Show, form, headers::guard, local_path, see_other, show};
use crate::{
    access::{
        channel::Channel,
        session::{self, SignedIn},
    },
    admin,
    pipeline::Context,
    refusal::Refusal,
    reply::ReplyBody,
    server::RequestBody,
    worker::{Shared, Worker},
};

type Reply = Result<Response<ReplyBody>, Refusal>;

/// Where forms without script are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    Password,
    Code,
    Link(&'a str),
    SignOut,
    Account(account::Change),
    /// To the provider of OpenID Connect, and back.
    Oidc,
    OidcCallback,
}

impl<'a> Form<'a> {
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/sign-in" => Self::Password,
            "/sign-in/code" => Self::Code,
            "/sign-out" => Self::SignOut,
            "/sign-in/oidc" => Self::Oidc,
            "/sign-in/oidc/callback" => Self::OidcCallback,
            _ => match path.strip_prefix("/sign-in/link/") {
                Some(token) => Self::Link(token).of_one_segment(token)?,
                None => Self::Account(account::Change::find(path.strip_prefix("/account/")?)?),
            },
        })
    }

    fn of_one_segment(self, token: &str) -> Option<Self> {
        (!token.is_empty() && !token.contains('/')).then_some(self)
    }

    /// For the log: never the link.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "/sign-in",
            Self::Code => "/sign-in/code",
            Self::Link(_) => "/sign-in/link/{id}",
            Self::SignOut => "/sign-out",
            Self::Account(_) => "/account/{change}",
            Self::Oidc => "/sign-in/oidc",
            Self::OidcCallback => "/sign-in/oidc/callback",
        }
    }

    /// The methods that it takes. Nobody's state changes by a GET: the way to another provider is a link, as browsers
    /// would not let a form lead there, and the way back is what it is.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Oidc | Self::OidcCallback => "GET",
            _ => "POST",
        }
    }
}

/// What a form was sent with.
struct Sent<'a> {
    worker: &'a Worker,
    context: &'a Context<'a>,
    head: &'a Parts,
    channel: Channel,
    fields: BTreeMap<&'a str, &'a str>,
}

impl Sent<'_> {
    fn shared(&self) -> &Arc<Shared> {
        &self.worker.shared
    }

    /// A field; one that is not there is empty.
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).copied().unwrap_or_default()
    }

    /// Where to go after all.
    fn next(&self) -> &str {
        local_path(self.field("next"))
    }

    fn signed_in(&self) -> impl Future<Output = Result<Option<SignedIn>, Refusal>> {
        session::of(self.shared(), &self.channel, &self.head.headers, self.context.unix_ms)
    }

    /// The page of the form, with what is to be said about it.
    async fn page(&self, (page, id): (Page, &str), status: u16, said: Value) -> Reply {
        let show = Show { page, id, told: Some(("sign_in", status, said)), viewer: None };
        show_page(self, show).await
    }

    /// The session of a form has ended: nothing is done, and signing in leads back to the page that has the form.
    async fn ended(&self, back: &str) -> Reply {
        let mut said = self.said("ended");
        said["next"] = back.into();
        self.page((Page::SignIn, ""), 401, said).await
    }

    /// The form to sign in by, once more.
    async fn again(&self, status: u16, error: &str) -> Reply {
        let said = self.said(error);
        self.page((Page::SignIn, ""), status, said).await
    }

    fn said(&self, error: &str) -> Value {
        let oidc = has_oidc(self.worker);
        json!({ "error": error, "email": self.field("email"), "next": self.next(), "oidc": oidc })
    }

    /// 429: too many were wrong.
    async fn wait(&self, page: (Page, &str), wait_ms: u64) -> Reply {
        let wait_s = wait_ms.div_ceil(1_000);
        let mut said = self.said("wait");
        said["wait_s"] = wait_s.into();
        let mut response = self.page(page, 429, said).await?;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
        Ok(response)
    }

    /// Counts an attempt; `Err` holds the answer where it comes too early.
    async fn attempt(&self, account: &str, page: (Page, &str)) -> Result<(), Reply> {
        let begun =
            self.shared().access.attempts().begin(account, self.channel.address, self.context.unix_ms);
        match begun {
            Ok(()) => Ok(()),
            Err(wait_ms) => Err(self.wait(page, wait_ms).await),
        }
    }

    /// Signed in from now on: the way on, with the session. `None`: what was shown is not good any more.
    async fn enter(
        &self,
        user: &User,
        by: (Factor, &'static str),
        to: &str,
    ) -> Result<Option<Entered>, Refusal> {
        let (headers, unix_ms) = (&self.head.headers, self.context.unix_ms);
        let begun = session::begin(self.shared(), user, by, headers, unix_ms).await?;
        Ok(begun.map(|(token, signed_in)| {
            let mut response = see_other(self.context.ids, to);
            let cookie = session::cookie_of(&self.channel, &token);
            response.headers_mut().append(SET_COOKIE, cookie.clone());
            Entered { response, cookie, signed_in }
        }))
    }
}

/// Somebody who is in.
struct Entered {
    /// The way on, with the session.
    response: Response<ReplyBody>,
    cookie: HeaderValue,
    signed_in: SignedIn,
}

async fn show_page(sent: &Sent<'_>, page: Show<'_>) -> Reply {
    Box::pin(show(sent.worker, sent.context, sent.head, page)).await
}

/// What the pages to sign in by say without a form: how to sign in, and whether that can be here.
pub(super) async fn told(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    (page, id): (Page, &str),
) -> Result<Option<(u16, Value)>, Refusal> {
    let channel = Channel::of(context.connection, head);
    let open = (200, json!({ "error": "open" }));
    Ok(match page {
        Page::SignIn | Page::SignInLink if !channel.may_sign_in() => Some(open),
        Page::SignIn => {
            let ended = is_over(worker, context, head, &channel).await?.then_some("ended");
            let said = json!({ "next": next_of(head), "oidc": has_oidc(worker), "error": ended.unwrap_or_default() });
            Some((200, said))
        }
        Page::SignInLink => Some(match link::Kind::of(&worker.shared, id, context.unix_ms).await? {
            None => (404, json!({ "error": "link" })),
            Some(link::Kind::First) => (200, json!({})),
            Some(link::Kind::Invite(user)) => (200, json!({ "invited": user.email })),
        }),
        _ => None,
    })
}

/// Whether a browser comes with a session that has ended: whoever is sent here on their way is told why.
async fn is_over(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    channel: &Channel,
) -> Result<bool, Refusal> {
    if !session::is_shown(channel, &head.headers) {
        return Ok(false);
    }
    let found = session::of(&worker.shared, channel, &head.headers, context.unix_ms).await?;
    Ok(found.is_none())
}

/// Whether people may sign in by an account elsewhere.
fn has_oidc(worker: &Worker) -> bool {
    worker.shared.config.load().oidc.is_some()
}

/// The page to which somebody was on the way.
fn next_of(head: &Parts) -> String {
    let pairs = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let next = pairs.into_iter().find(|(name, _)| name == "next");
    next.map(|(_, next)| local_path(&next).to_owned()).unwrap_or_default()
}

/// Answers a form.
pub(super) async fn answer(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    body: RequestBody,
    place: Form<'_>,
) -> Reply {
    let channel = Channel::of(context.connection, head);
    match place {
        Form::Oidc => return oidc::begin(worker, context, head).await,
        Form::OidcCallback => return oidc::callback(worker, context, head).await,
        _ => {}
    }
    let pairs = form(worker, head, body).await?;
    let sent = Sent { worker, context, head, channel, fields: session::fields(&pairs) };
    let page = match place {
        Form::Link(token) => (Page::SignInLink, token),
        _ => (Page::SignIn, ""),
    };
    if !sent.channel.may_sign_in() {
        return sent.page(page, 403, json!({ "error": "open" })).await;
    }
    if !sent.channel.is_own(&head.headers) {
        return sent.page(page, 403, json!({ "error": "forged" })).await;
    }
    match place {
        Form::Password => password::run(&sent).await,
        Form::Code => password::code(&sent).await,
        Form::Link(token) => link::run(&sent, token).await,
        Form::SignOut => sign_out(&sent).await,
        Form::Account(change) => account::run(&sent, change).await,
        // They are no forms.
        Form::Oidc | Form::OidcCallback => Err(Refusal::internal()),
    }
}

/// The session is over, here and in the store.
async fn sign_out(sent: &Sent<'_>) -> Reply {
    if let Some(signed_in) = sent.signed_in().await? {
        if !signed_in.is_csrf(sent.field("csrf_token")) {
            return Err(admin::forged());
        }
        let hash = signed_in.session.hash;
        let end = async move |shared: Arc<Shared>| {
            use sluice_store::Store as _;
            shared.books.store.end_session(&hash).await
        };
        session::in_store(sent.shared(), end).await?;
    }
    let mut response = see_other(sent.context.ids, "/sign-in");
    response.headers_mut().append(SET_COOKIE, session::no_cookie(&sent.channel));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found() {
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(Form::find(path).map(Form::name), expect, "{path}");
        };
        check("/sign-in", Some("/sign-in"));
        check("/sign-in/code", Some("/sign-in/code"));
        check("/sign-in/link/abc", Some("/sign-in/link/{id}"));
        check("/sign-in/link/", None);
        check("/sign-in/link/a/b", None);
        check("/sign-out", Some("/sign-out"));
        check("/account/password", Some("/account/{change}"));
        check("/account/nothing", None);
        check("/account", None);
        check("/", None);
    }
}
