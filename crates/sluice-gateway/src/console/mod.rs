//! The console on the admin listener: pages of `sluice-console`, its assets, and the choice of language and theme.
//!
//! A page is made here in three steps: who visits (`visit`), what the admin API says to the page's wants as that
//! principal (`wants`), and the pure function that makes HTML of it. Nothing here decides who may see what.

mod document;
mod headers;
mod preferences;
mod sign_in;
mod visit;
mod wants;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, LOCATION, VARY},
    request::Parts,
};
use serde_json::Value;
use sluice_console::{
    Answers, Page, Rendered,
    assets::{self, Asset},
};
use url::form_urlencoded;

use self::{headers::guard, visit::Visitor};
use crate::{
    access::{
        channel::Channel,
        session::{self, SignedIn},
    },
    compression::accepts_gzip,
    models::unescape,
    pipeline::Context,
    refusal::Refusal,
    reply::{self, ReplyBody},
    request_body,
    server::RequestBody,
    worker::Worker,
};

/// Largest body of a form without script, in bytes.
const FORM_BYTES: usize = 64 * 1024;

/// A path of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// A page, and the variable part of its path as it stands there.
    Page(Page, &'a str),
    Asset(&'static Asset),
    /// Where the switches of language and theme lead.
    Preferences,
    /// Where forms of the sign-in are sent to; pages may have the same path.
    Form(sign_in::Form<'a>),
    /// The OpenAPI document that the reference is made of.
    Document,
}

impl<'a> Place<'a> {
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        if path == "/preferences" {
            return Some(Self::Preferences);
        }
        if path == document::PATH {
            return Some(Self::Document);
        }
        match path.strip_prefix("/assets/") {
            Some(below) => assets::find(below).map(Self::Asset),
            None => match Page::find(path) {
                Some((page, id)) => Some(Self::Page(page, id)),
                None => sign_in::Form::find(path).map(Self::Form),
            },
        }
    }

    /// For the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Page(page, _) => page.pattern(),
            Self::Asset(_) => "/assets/{name}",
            Self::Preferences => "/preferences",
            Self::Form(form) => form.name(),
            Self::Document => document::PATH,
        }
    }

    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Page(Page::SignIn | Page::SignInLink, _) => "GET, HEAD, POST",
            Self::Page(..) | Self::Asset(_) | Self::Document => "GET, HEAD",
            Self::Form(form) => form.allow(),
            Self::Preferences => "POST",
        }
    }

    pub(crate) fn takes(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// What is told to the browser for a path of the console.
pub(crate) async fn answer(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    body: RequestBody,
    place: Place<'_>,
) -> Result<Response<ReplyBody>, Refusal> {
    match place {
        Place::Asset(asset) => Ok(asset_reply(context, head, asset)),
        Place::Preferences => {
            let pairs = form(worker, head, body).await?;
            Ok(preferences::reply(context.ids, &pairs))
        }
        Place::Document => Ok(document::reply(context.ids, &visit::api_base(worker, &head.headers))),
        Place::Form(form) => Box::pin(sign_in::answer(worker, context, head, body, form)).await,
        Place::Page(..) if head.method == Method::POST => {
            let path = head.uri.path();
            let form = sign_in::Form::find(path).ok_or_else(|| Refusal::unknown_url("POST", path))?;
            Box::pin(sign_in::answer(worker, context, head, body, form)).await
        }
        Place::Page(page, id) => page_reply(worker, context, head, (page, id)).await,
    }
}

async fn page_reply(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    (page, id): (Page, &str),
) -> Result<Response<ReplyBody>, Refusal> {
    let path = head.uri.path();
    let id = unescape(id).ok_or_else(|| Refusal::unknown_url(head.method.as_str(), path))?;
    let told = sign_in::told(worker, context, head, (page, &id)).await?;
    let told = told.map(|(status, told)| ("sign_in", status, told));
    show(worker, context, head, Show { page, id: &id, told, viewer: None }).await
}

/// A page that is to be shown.
struct Show<'a> {
    page: Page,
    /// The variable part of its path, unescaped.
    id: &'a str,
    /// What it is told beside the admin API's answers, under which name; and its status.
    told: Option<(&'static str, u16, Value)>,
    /// Who sees it, where that is not who asks.
    viewer: Option<SignedIn>,
}

async fn show(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    Show { page, id, told, viewer }: Show<'_>,
) -> Result<Response<ReplyBody>, Refusal> {
    let channel = Channel::of(context.connection, head);
    let viewer = match viewer {
        Some(viewer) => Some(viewer),
        None => session::of(&worker.shared, &channel, &head.headers, context.unix_ms).await?,
    };
    let visitor = Visitor::of(worker, (context.ids, head), viewer.as_ref());
    let visit = visitor.visit(page, id, context.unix_ms);
    let mut answers = match &visitor.principal {
        Some(principal) => {
            wants::answers(worker, principal, sluice_console::wants(&visit), context.unix_ms).await
        }
        None if page.is_public() => Answers::new(),
        None => return Ok(to_sign_in(context, head)),
    };
    let mut status = None;
    if let Some((name, of_told, told)) = told {
        status = Some(of_told);
        answers.put(name, Ok(told));
    }
    if page == Page::Reference {
        answers.put("document", Ok(document::of(visit.api_base)));
    }
    let rendered = sluice_console::render(&visit, &answers);
    let status = status.filter(|_| rendered.status == 200).unwrap_or(rendered.status);
    Ok(html(context, Rendered { status, ..rendered }))
}

fn html(context: &Context<'_>, rendered: Rendered) -> Response<ReplyBody> {
    let mut response = reply::other(context.ids, rendered.status, "text/html; charset=utf-8", rendered.html);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guard(response.headers_mut());
    response
}

/// A refusal as a page, for somebody who looks: there is no such page, or nobody can be asked who they are. Programs
/// get it as JSON: `None`.
pub(crate) async fn refused(
    worker: &Worker,
    context: &Context<'_>,
    head: &Parts,
    refusal: &Refusal,
) -> Option<Response<ReplyBody>> {
    let looks = head.method == Method::GET && accepts_html(&head.headers);
    if !looks || head.uri.path().starts_with("/admin/") {
        return None;
    }
    let channel = Channel::of(context.connection, head);
    let viewer = session::of(&worker.shared, &channel, &head.headers, context.unix_ms).await.ok().flatten();
    let visitor = Visitor::of(worker, (context.ids, head), viewer.as_ref());
    let visit = visitor.visit(Page::Overview, "", context.unix_ms);
    Some(html(context, sluice_console::refused(&visit, &wants::problem(refusal))))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let words = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    words.flat_map(|value| value.split([',', ';'])).any(|word| word.trim().eq_ignore_ascii_case("text/html"))
}

/// 303: the page is only for those who are signed in.
fn to_sign_in(context: &Context<'_>, head: &Parts) -> Response<ReplyBody> {
    let here = head.uri.path_and_query().map_or("/", |here| here.as_str());
    let next: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
    let location = if here == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={next}") };
    see_other(context.ids, &location)
}

/// 303 to a path of this listener.
pub(crate) fn see_other(ids: &crate::ids::Ids, location: &str) -> Response<ReplyBody> {
    let mut response = reply::other(ids, 303, "text/plain; charset=utf-8", Bytes::new());
    let headers = response.headers_mut();
    let location = HeaderValue::from_str(location);
    headers.insert(LOCATION, location.unwrap_or_else(|_| HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guard(headers);
    response
}

/// A path of this listener to go to, out of what a form or an address says: anything that a browser could take for
/// another host, or for no path at all, is the overview.
pub(crate) fn local_path(text: &str) -> &str {
    let local = text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if local { text } else { "/" }
}

/// The fields of a form that was sent without script.
pub(crate) async fn form(
    worker: &Worker,
    head: &Parts,
    body: RequestBody,
) -> Result<Vec<(String, String)>, Refusal> {
    let bytes = request_body::read_form(head, body, FORM_BYTES, worker).await?;
    let pairs = form_urlencoded::parse(&bytes);
    Ok(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

fn asset_reply(context: &Context<'_>, head: &Parts, asset: &'static Asset) -> Response<ReplyBody> {
    let packed = accepts_gzip(&head.headers);
    let bytes = if packed { asset.gzip } else { asset.plain };
    let mut response = reply::other(context.ids, 200, asset.content_type, Bytes::from_static(bytes));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    guard(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_console_are_found() {
        let check = |path: &str, expect: Option<(&str, &str)>| {
            let found = Place::find(path).map(|place| (place.name(), place.allow()));
            assert_eq!(found, expect, "{path}");
        };
        check("/", Some(("/", "GET, HEAD")));
        check("/keys/key_1", Some(("/keys/{id}", "GET, HEAD")));
        check("/preferences", Some(("/preferences", "POST")));
        check("/docs", Some(("/docs", "GET, HEAD")));
        check("/docs/openapi.json", Some(("/docs/openapi.json", "GET, HEAD")));
        check(&assets::url("core.js"), Some(("/assets/{name}", "GET, HEAD")));
        check("/assets/0/core.js", None);
        check("/assets/", None);
        check("/nothing", None);
    }

    #[test]
    fn only_paths_of_this_listener_are_gone_to() {
        let check = |text: &str, expect: &str| assert_eq!(local_path(text), expect, "{text}");
        check("/keys?model=a%20b", "/keys?model=a%20b");
        check("/", "/");
        check("", "/");
        check("//elsewhere.example", "/");
        check("/\\elsewhere.example", "/");
        check("/\t/elsewhere.example", "/");
        check("https://elsewhere.example", "/");
        check("javascript:alert(1)", "/");
        check("/a\r\nset-cookie: x=y", "/");
    }
}
