//! The admin API: `/admin/v1/*` of the admin listener. The table of its routes, who may use them, and the way of a
//! call: the token, then the body, then the handler, which runs where the database is.

mod audit;
mod body;
mod call;
mod change;
mod fields;
mod keys;
mod models;
mod names;
mod nodes;
pub(crate) mod principal;
mod projects;
mod providers;
mod query;
mod refuse;
mod requests;
mod roles;
mod session;
mod settings;
mod spent;
mod status;
mod usage;
mod users;
mod vendors;

pub(crate) use self::requests::tail::Events;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Method, header::AUTHORIZATION, request::Parts};
use serde_json::Value;
use sluice_store::ObjectKind;

use self::{
    call::{Call, Random, Reply},
    principal::Principal,
    query::Query,
    refuse::Checked,
};
use crate::{
    access::{
        channel::Channel,
        session::{self as sessions, SignedIn, X_CSRF_TOKEN},
    },
    authenticate::{Caller, acting as acting_as, bearer},
    models::unescape,
    pipeline::Context,
    refusal::Refusal,
    server::ConnectionState,
    worker::{Shared, Worker},
};

/// The header with the id of the key as which a session calls the API.
const X_KEY_ID: HeaderName = HeaderName::from_static("x-sluicegate-key-id");
/// Largest body of a call, in bytes.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;

/// A path of the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    what: What,
    /// The path with its variable part named, for the log.
    pub(crate) pattern: &'static str,
    /// The methods that it takes.
    pub(crate) allow: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Keys,
    Key,
    KeyRotate,
    Projects,
    Project,
    Providers,
    Provider,
    ProviderTest,
    ProviderModels,
    Vendors,
    Models,
    Model,
    Usage,
    Requests,
    RequestsTail,
    Request,
    Audit,
    Nodes,
    NodeWriteOff,
    Users,
    User,
    UserInvite,
    Session,
    Sessions,
    SessionEnd,
    Settings,
    Status,
}

impl What {
    /// Whether nothing of the catalog is changed there.
    fn is_of_people(self) -> bool {
        matches!(self, Self::Users | Self::User | Self::UserInvite | Self::SessionEnd)
    }
}

const LIST: &str = "GET, HEAD";
const LIST_AND_CREATE: &str = "GET, HEAD, POST";
const OBJECT: &str = "GET, HEAD, PATCH, DELETE";

/// `{id}` is one segment; `{name}` is the rest of the path, for names that may have slashes in them.
const PLACES: &[Place] = &[
    Place { what: What::Keys, pattern: "/admin/v1/keys", allow: LIST_AND_CREATE },
    Place { what: What::Key, pattern: "/admin/v1/keys/{id}", allow: OBJECT },
    Place { what: What::KeyRotate, pattern: "/admin/v1/keys/{id}/rotate", allow: "POST" },
    Place { what: What::Projects, pattern: "/admin/v1/projects", allow: LIST_AND_CREATE },
    Place { what: What::Project, pattern: "/admin/v1/projects/{name}", allow: OBJECT },
    Place { what: What::Providers, pattern: "/admin/v1/providers", allow: LIST_AND_CREATE },
    Place { what: What::Provider, pattern: "/admin/v1/providers/{id}", allow: OBJECT },
    Place { what: What::ProviderTest, pattern: "/admin/v1/providers/{id}/test", allow: "POST" },
    Place { what: What::ProviderModels, pattern: "/admin/v1/providers/{id}/models", allow: LIST },
    Place { what: What::Vendors, pattern: "/admin/v1/vendors", allow: LIST },
    Place { what: What::Models, pattern: "/admin/v1/models", allow: LIST_AND_CREATE },
    Place { what: What::Model, pattern: "/admin/v1/models/{name}", allow: OBJECT },
    Place { what: What::Usage, pattern: "/admin/v1/usage", allow: LIST },
    Place { what: What::Requests, pattern: "/admin/v1/requests", allow: LIST },
    // Before the place that would take it for an id.
    Place { what: What::RequestsTail, pattern: "/admin/v1/requests/tail", allow: "GET" },
    Place { what: What::Request, pattern: "/admin/v1/requests/{id}", allow: LIST },
    Place { what: What::Audit, pattern: "/admin/v1/audit", allow: LIST },
    Place { what: What::Nodes, pattern: "/admin/v1/nodes", allow: LIST },
    Place { what: What::NodeWriteOff, pattern: "/admin/v1/nodes/{id}/write-off", allow: "POST" },
    Place { what: What::Users, pattern: "/admin/v1/users", allow: LIST_AND_CREATE },
    Place { what: What::User, pattern: "/admin/v1/users/{id}", allow: OBJECT },
    Place { what: What::UserInvite, pattern: "/admin/v1/users/{id}/invite", allow: "POST" },
    Place { what: What::Session, pattern: "/admin/v1/session", allow: LIST },
    Place { what: What::Sessions, pattern: "/admin/v1/sessions", allow: LIST },
    Place { what: What::SessionEnd, pattern: "/admin/v1/sessions/{id}", allow: "DELETE" },
    Place { what: What::Status, pattern: "/admin/v1/status", allow: LIST },
    Place { what: What::Settings, pattern: "/admin/v1/settings", allow: "GET, HEAD, PATCH" },
];

/// What was asked, taken from its request: nothing in it is tied to the worker.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) principal: Arc<Principal>,
    pub(crate) place: Place,
    pub(crate) method: Method,
    /// The variable part of the path.
    pub(crate) id: String,
    pub(crate) query: Option<String>,
    pub(crate) body: Bytes,
    /// When it came, in milliseconds since the Unix epoch.
    pub(crate) unix_ms: u64,
}

/// Status and JSON of an answer; `None` has no body.
pub(crate) type Answer = (u16, Option<Vec<u8>>);

impl Place {
    /// The place of a path, and the variable part of it as it stands there.
    pub(crate) fn find(path: &str) -> Option<(Self, &str)> {
        PLACES.iter().find_map(|place| place.id(path).map(|id| (*place, id)))
    }

    fn id<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, after)) = self.pattern.split_once('{') else {
            return (path == self.pattern).then_some("");
        };
        let (kind, after) = after.split_once('}')?;
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && (kind == "name" || !id.contains('/'))).then_some(id)
    }

    /// Whether the answer is a stream: see [`tail`].
    pub(crate) fn is_stream(&self) -> bool {
        self.what == What::RequestsTail
    }

    /// Whether the answer has what a session's changes have to show.
    pub(crate) fn is_session(&self) -> bool {
        self.what == What::Session
    }

    /// Whether the method may be used here.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        self.allow.split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// What the database says, as a refusal.
pub(crate) use self::{
    refuse::{forged, store as store_refusal},
    users::is_email,
};

/// Lets nobody in who does not show the admin token, or a session. Who shows a token is not asked for a session.
pub(crate) async fn authenticate(
    worker: &Worker,
    connection: &ConnectionState,
    head: &Parts,
    unix_ms: u64,
) -> Checked<Principal> {
    let (shared, headers) = (&worker.shared, &head.headers);
    if headers.contains_key(AUTHORIZATION) {
        let known = bearer(headers).is_some_and(|token| shared.is_admin_token(token));
        return if known { Ok(Principal::admin_token()) } else { Err(refuse::unauthorized()) };
    }
    let channel = Channel::of(connection, head);
    let signed_in =
        sessions::of(shared, &channel, headers, unix_ms).await?.ok_or_else(refuse::unauthorized)?;
    permit_origin(&channel, &signed_in, head)?;
    Ok(signed_in.principal())
}

/// The key as which somebody calls the API that this listener has too: one that they see, and may spend from.
pub(crate) async fn acting(worker: &Worker, context: &Context<'_>, head: &Parts) -> Checked<Caller> {
    let principal = authenticate(worker, context.connection, head, context.unix_ms).await?;
    let mut ids = head.headers.get_all(X_KEY_ID).iter();
    let (Some(Ok(id)), None) = (ids.next().map(|id| id.to_str()), ids.next()) else {
        let text = "Name the key to act as, by its id, in the header 'x-sluicegate-key-id'.";
        return Err(refuse::bad("missing_required_parameter", Some("x-sluicegate-key-id"), text));
    };
    let not_found = || refuse::not_found(ObjectKind::Key, id);
    let found = acting_as(context.snapshot, id, context.unix_ms, |key| principal.may_act_as(key, not_found));
    found?.ok_or_else(not_found)
}

/// A browser shows a session whoever asks it to. What changes something must come from a page of ours, which knows the
/// session's token; the answers are for our own pages too.
fn permit_origin(channel: &Channel, signed_in: &SignedIn, head: &Parts) -> Checked<()> {
    let headers = &head.headers;
    let fine = match is_read(&head.method) {
        true => channel.may_read(headers),
        false => {
            let mut shown = headers.get_all(X_CSRF_TOKEN).iter().filter_map(|value| value.to_str().ok());
            channel.is_own(headers) && shown.next().is_some_and(|token| signed_in.is_csrf(token))
        }
    };
    if fine { Ok(()) } else { Err(forged()) }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

impl What {
    /// Whether one can ask what a change would do.
    fn has_preview(self, method: &Method) -> bool {
        let objects = [Self::Keys, Self::Key, Self::Projects, Self::Project, Self::Providers, Self::Provider];
        let changes = method == Method::POST || method == Method::PATCH;
        changes && (objects.contains(&self) || [Self::Models, Self::Model].contains(&self))
    }
}

/// Answers a call for a stream of events.
pub(crate) async fn tail(worker: &Worker, asked: Asked) -> Checked<Events> {
    roles::permit(&asked.principal, asked.place.what, &asked.method)?;
    requests::tail::run(worker, &asked).await
}

/// Answers a call whose caller is known.
pub(crate) async fn answer(worker: &Worker, asked: Asked) -> Checked<Answer> {
    answer_as(worker, asked, |reply| (reply.status, reply.body.map(|body| body.to_string().into_bytes())))
        .await
}

/// The same for who is in this process: what the answer says.
pub(crate) async fn told(worker: &Worker, asked: Asked) -> Checked<Value> {
    answer_as(worker, asked, |reply| reply.body.unwrap_or_default()).await
}

/// What was begun goes on to its end, whoever leaves. What is made of the answer is made where it was found, not on the
/// worker.
async fn answer_as<T: Send + 'static>(worker: &Worker, asked: Asked, make: fn(Reply) -> T) -> Checked<T> {
    roles::permit(&asked.principal, asked.place.what, &asked.method)?;
    if asked.place.what == What::ProviderTest {
        return Box::pin(providers::test::run(worker, &asked)).await.map(Reply::ok).map(make);
    }
    if asked.place.what == What::ProviderModels {
        return Box::pin(providers::models::run(worker, &asked)).await.map(Reply::ok).map(make);
    }
    let shared = Arc::clone(&worker.shared);
    let runtime = shared.books.runtime.clone();
    match runtime.spawn(async move { handled(shared, asked, random_bits).await.map(make) }).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "a call of the admin API did not come to its end");
            Err(Refusal::internal())
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one source of the secrets and ids that the admin API makes"
)]
fn random_bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| error.to_string())?;
    Ok(bits)
}

async fn handled(shared: Arc<Shared>, asked: Asked, random: Random) -> Checked<Reply> {
    let Asked { principal, place, method, id, query, body, unix_ms } = asked;
    let id = unescape(&id).ok_or_else(|| Refusal::unknown_url(method.as_str(), place.pattern))?;
    let query = Arc::new(Query::new(query.as_deref()));
    let preview = match place.what.has_preview(&method) {
        true => query.flag("dry_run")?.then(Arc::default),
        false => None,
    };
    let call = Call { shared: Arc::clone(&shared), principal, unix_ms, query, body, random, preview };
    let of_catalog = !is_read(&method) && !place.what.is_of_people();
    // Who changes things is alone: what a handler has read is still so when it writes.
    let _alone = if of_catalog { Some(shared.changing.lock().await) } else { None };
    let mut reply = route(place.what, &method, &call, id).await?;
    if let Some(preview) = &call.preview {
        reply = preview.reply(&reply);
    }
    Ok(reply)
}

/// The one table from what was asked to who answers.
async fn route(what: What, method: &Method, call: &Call, id: String) -> Checked<Reply> {
    match (what, method.as_str()) {
        (What::Keys, "POST") => keys::create::run(call).await,
        (What::Keys, _) => keys::list::run(call).await,
        (What::Key, "PATCH") => keys::patch::run(call, &id).await,
        (What::Key, "DELETE") => keys::revoke::run(call, &id).await,
        (What::Key, _) => keys::get::run(call, &id).await,
        (What::KeyRotate, _) => keys::rotate::run(call, &id).await,
        (What::Projects, "POST") => projects::create::run(call).await,
        (What::Projects, _) => projects::list::run(call).await,
        (What::Project, "PATCH") => projects::patch::run(call, &id).await,
        (What::Project, "DELETE") => projects::delete::run(call, &id).await,
        (What::Project, _) => projects::get::run(call, &id).await,
        (What::Providers, "POST") => providers::create::run(call).await,
        (What::Providers, _) => providers::list::run(call).await,
        (What::Provider, "PATCH") => providers::patch::run(call, &id).await,
        (What::Provider, "DELETE") => providers::delete::run(call, &id).await,
        (What::Provider, _) => providers::get::run(call, &id).await,
        // Providers are called from the worker.
        (What::ProviderTest | What::ProviderModels, _) => Err(Refusal::internal()),
        (What::Vendors, _) => vendors::run(call).await,
        (What::Models, "POST") => models::create::run(call).await,
        (What::Models, _) => models::list::run(call).await,
        (What::Model, "PATCH") => models::patch::run(call, &id).await,
        (What::Model, "DELETE") => models::delete::run(call, &id).await,
        (What::Model, _) => models::get::run(call, &id).await,
        (What::Usage, _) => usage::run(call).await,
        (What::Requests, _) => requests::list::run(call).await,
        // It is a stream.
        (What::RequestsTail, _) => Err(Refusal::internal()),
        (What::Request, _) => requests::get::run(call, &id).await,
        (What::Audit, _) => audit::run(call).await,
        (What::Nodes, _) => nodes::list::run(call).await,
        (What::NodeWriteOff, _) => nodes::write_off::run(call, &id).await,
        (What::Users, "POST") => users::create::run(call).await,
        (What::Users, _) => users::list::run(call).await,
        (What::User, "PATCH") => users::patch::run(call, &id).await,
        (What::User, "DELETE") => users::delete::run(call, &id).await,
        (What::User, _) => users::get::run(call, &id).await,
        (What::UserInvite, _) => users::invite::run(call, &id).await,
        (What::Session, _) => session::get::run(call).await,
        (What::Sessions, _) => session::list::run(call).await,
        (What::SessionEnd, _) => session::end::run(call, &id).await,
        (What::Status, _) => status::run(call).await,
        (What::Settings, "PATCH") => settings::patch::run(call).await,
        (What::Settings, _) => settings::get::run(call).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_exactly() {
        let check = |path: &str, expect: Option<(What, &str)>| {
            let found = Place::find(path).map(|(place, id)| (place.what, id));
            assert_eq!(found, expect, "{path}");
        };
        check("/admin/v1/keys", Some((What::Keys, "")));
        check("/admin/v1/keys/", None);
        check("/admin/v1/keys/key_1", Some((What::Key, "key_1")));
        check("/admin/v1/keys/key_1/rotate", Some((What::KeyRotate, "key_1")));
        check("/admin/v1/keys/key_1/other", None);
        check("/admin/v1/models/a/b", Some((What::Model, "a/b")));
        check("/admin/v1/models/a%2Fb", Some((What::Model, "a%2Fb")));
        check("/admin/v1/providers/a/b", None);
        check("/admin/v1/providers/a/test", Some((What::ProviderTest, "a")));
        check("/admin/v1/projects/a/b", Some((What::Project, "a/b")));
        check("/admin/v1/nodes/n/write-off", Some((What::NodeWriteOff, "n")));
        check("/admin/v1/nodes/n", None);
        check("/admin/v1/users/u", Some((What::User, "u")));
        check("/admin/v1/users/u/invite", Some((What::UserInvite, "u")));
        check("/admin/v1/session", Some((What::Session, "")));
        check("/admin/v1/sessions/s", Some((What::SessionEnd, "s")));
        check("/admin/v1/settings", Some((What::Settings, "")));
        check("/admin/v1/settings/x", None);
        check("/admin/v1", None);
        check("/admin/v2/keys", None);
        check("//admin/v1/keys", None);
    }

    #[test]
    fn methods_are_those_of_the_table() {
        let check = |path: &str, methods: &[&str]| {
            let place = Place::find(path).unwrap().0;
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let takes = place.takes(&Method::from_bytes(method.as_bytes()).unwrap());
                assert_eq!(takes, methods.contains(&method), "{method} {path}");
            }
        };
        check("/admin/v1/keys", &["GET", "HEAD", "POST"]);
        check("/admin/v1/keys/k", &["GET", "HEAD", "PATCH", "DELETE"]);
        check("/admin/v1/keys/k/rotate", &["POST"]);
        check("/admin/v1/usage", &["GET", "HEAD"]);
        check("/admin/v1/requests/tail", &["GET"]);
        check("/admin/v1/nodes/n/write-off", &["POST"]);
    }
}
