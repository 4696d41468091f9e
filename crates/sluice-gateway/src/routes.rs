//! The routes of the two listeners: exact paths, one table, and the answer to everything else.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{Method, Request, Response, header::HOST, request::Parts};

use crate::{
    admin,
    authenticate::{authenticate, bearer},
    bounds, clock, compression, console,
    exchange::Exchange,
    ids::Ids,
    metrics::Seen,
    models,
    pipeline::{self, Context},
    record::{Billing, Ending},
    refusal::Refusal,
    reply::{self, ReplyBody},
    request_body,
    server::{ConnectionState, RequestBody, Service},
    worker::Worker,
};

/// Which listener a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Data,
    /// `open_metrics`: it listens on loopback, where `/metrics` needs no token.
    Admin {
        open_metrics: bool,
    },
}

/// A route that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    ChatCompletions,
    Models,
    Model(&'a str),
    Live,
    Ready,
    Metrics,
    Admin(admin::Place, &'a str),
    Console(console::Place<'a>),
}

impl<'a> Route<'a> {
    /// Exact matches only: no normalising of paths that something else could normalise differently.
    fn find(listener: Listener, path: &'a str) -> Option<Self> {
        Some(match (listener, path) {
            (_, "/v1/chat/completions") => Self::ChatCompletions,
            (_, "/v1/models") => Self::Models,
            (_, "/health/live") => Self::Live,
            (_, "/health/ready") => Self::Ready,
            (Listener::Admin { .. }, "/metrics") => Self::Metrics,
            (_, path) if path.starts_with("/v1/models/") => {
                Self::Model(path.strip_prefix("/v1/models/").filter(|id| !id.is_empty())?)
            }
            (Listener::Data, _) => return None,
            (Listener::Admin { .. }, path) => match admin::Place::find(path) {
                Some((place, id)) => Self::Admin(place, id),
                None => Self::Console(console::Place::find(path)?),
            },
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Models => "/v1/models",
            Self::Model(_) => "/v1/models/{id}",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
            Self::Admin(place, _) => place.pattern,
            Self::Console(place) => place.name(),
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::ChatCompletions => "POST",
            Self::Admin(place, _) => place.allow,
            Self::Console(place) => place.allow(),
            _ => "GET, HEAD",
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::ChatCompletions => method == Method::POST,
            Self::Admin(place, _) => place.takes(method),
            Self::Console(place) => place.takes(method),
            _ => method == Method::GET || method == Method::HEAD,
        }
    }
}

/// Answers the requests of one listener.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    pub(crate) worker: Rc<Worker>,
    pub(crate) listener: Listener,
}

impl Service for Routes {
    fn answer(
        self,
        connection: Rc<ConnectionState>,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<ReplyBody>> {
        // Taken apart here: the future would keep room for the whole as well.
        let (head, body) = request.into_parts();
        self.answer_parts(connection, head, body)
    }
}

impl Routes {
    async fn answer_parts(
        self,
        connection: Rc<ConnectionState>,
        head: Parts,
        body: RequestBody,
    ) -> Response<ReplyBody> {
        let serving = connection.serve();
        let unix_ms = clock::unix_ms();
        let ids = self.worker.ids.make(&head.headers, unix_ms);
        let snapshot = self.worker.snapshot();
        let context =
            Context { ids: &ids, snapshot: &snapshot, connection: &connection, unix_ms, acting: None };
        let response = match unpanicked(pin!(self.dispatch(&context, &head, body))).await {
            Some(response) => response,
            None => {
                self.worker.shared.metrics.panics.inc();
                tracing::error!(request_id = ids.request_text(), "a request ended in a panic");
                reply::refuse(&ids, &Refusal::internal(), 0)
            }
        };
        self.worker.spare(head.headers);
        response.map(|body| body.on(serving))
    }
}

/// Runs a request; `None` when it panicked. The panic itself was reported by the panic hook.
async fn unpanicked<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl Routes {
    async fn dispatch(&self, context: &Context<'_>, head: &Parts, body: RequestBody) -> Response<ReplyBody> {
        let ids = context.ids;
        let mut exchange = Exchange::begin(&self.worker, ids.clone(), head.method.clone(), context.unix_ms);
        if self.listener == Listener::Data {
            self.worker.shared.metrics.requests.inc();
        }
        let path = head.uri.path();
        let Some(route) = Route::find(self.listener, path).filter(|_| head.method != Method::CONNECT) else {
            let refusal = Refusal::unknown_url(head.method.as_str(), path);
            return self.refused(context, exchange, head, refusal).await;
        };
        exchange.note(|record| record.route = route.name());
        if !has_one_host(head) {
            return pipeline::refused(ids, exchange, &Refusal::malformed_head(), 0);
        }
        if too_large(head) {
            return pipeline::refused(ids, exchange, &Refusal::headers_too_large(), 0);
        }
        if !route.takes(&head.method) {
            let refusal = Refusal::method_not_allowed(head.method.as_str(), route.allow());
            return pipeline::refused(ids, exchange, &refusal, 0);
        }
        let acting;
        let context = match (self.listener, route) {
            (Listener::Admin { .. }, Route::ChatCompletions | Route::Models | Route::Model(_)) => {
                match Box::pin(admin::acting(&self.worker, context, head)).await {
                    Ok(caller) => acting = Context { acting: Some(caller), ..*context },
                    Err(refusal) => return pipeline::refused(ids, exchange, &refusal, 0),
                }
                &acting
            }
            _ => context,
        };
        let answer = match route {
            Route::ChatCompletions => {
                exchange.trace(&head.headers);
                return pipeline::chat_completions(context, exchange, head, body).await;
            }
            Route::Models => self.models(context, head, None),
            Route::Model(id) => self.models(context, head, Some(id)),
            Route::Live => Ok(reply::json(ids, &br#"{"status":"live"}"#[..])),
            Route::Ready => Ok(self.ready(ids)),
            Route::Metrics => self.metrics(ids, head),
            Route::Admin(place, id) => {
                let answer = Box::pin(self.admin(context, head, body, (place, id))).await;
                self.packed(head, answer, compression::is_open(&place)).await
            }
            Route::Console(place) => {
                let answer = Box::pin(console::answer(&self.worker, context, head, body, place)).await;
                self.packed(head, answer, compression::is_open_page(place)).await
            }
        };
        match answer {
            Ok(response) => ended(exchange, response),
            Err(refusal) if matches!(route, Route::Console(_)) => {
                self.refused(context, exchange, head, refusal).await
            }
            Err(refusal) => pipeline::refused(ids, exchange, &refusal, 0),
        }
    }

    /// An answer, compressed where it is open to that.
    async fn packed(
        &self,
        head: &Parts,
        answer: Result<Response<ReplyBody>, Refusal>,
        is_open: bool,
    ) -> Result<Response<ReplyBody>, Refusal> {
        match answer {
            Ok(response) if is_open => {
                Ok(compression::packed(&self.worker.shared.books.runtime, head, response).await)
            }
            answer => answer,
        }
    }

    /// A refusal: as a page to whoever looks at the console, otherwise as JSON.
    async fn refused(
        &self,
        context: &Context<'_>,
        exchange: Exchange,
        head: &Parts,
        refusal: Refusal,
    ) -> Response<ReplyBody> {
        let page = match self.listener {
            Listener::Data => None,
            Listener::Admin { .. } => Box::pin(console::refused(&self.worker, context, head, &refusal)).await,
        };
        match page {
            Some(response) => ended(exchange, response),
            None => pipeline::refused(context.ids, exchange, &refusal, 0),
        }
    }

    fn models(
        &self,
        context: &Context<'_>,
        head: &Parts,
        id: Option<&str>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let stale = || self.worker.shared.books.may_be_stale(clock::now());
        let caller = authenticate(context, &head.headers, stale)?;
        let body = match id {
            None => models::list(&caller, context.snapshot),
            Some(id) => models::one(&caller, context.snapshot, id)?,
        };
        Ok(reply::json(context.ids, body))
    }

    fn ready(&self, ids: &Ids) -> Response<ReplyBody> {
        let shared = &self.worker.shared;
        let status: &'static [u8] = match (shared.is_ready(), shared.books.is_open()) {
            (true, _) => br#"{"status":"ready"}"#,
            (false, true) => br#"{"status":"leaving"}"#,
            (false, false) => br#"{"status":"closed"}"#,
        };
        let mut response = reply::json(ids, status);
        if !shared.is_ready() {
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn metrics(&self, ids: &Ids, head: &Parts) -> Result<Response<ReplyBody>, Refusal> {
        let open = self.listener == Listener::Admin { open_metrics: true };
        if !open && !bearer(&head.headers).is_some_and(|token| self.worker.shared.is_admin_token(token)) {
            return Err(Refusal::invalid_api_key());
        }
        let shared = &self.worker.shared;
        let text = shared.metrics.text(&Seen::of(shared, clock::now()));
        Ok(reply::metrics(ids, &head.headers, text))
    }

    /// A call of the admin API: the token, then the body, then the rest.
    async fn admin(
        &self,
        context: &Context<'_>,
        head: &Parts,
        body: RequestBody,
        (place, id): (admin::Place, &str),
    ) -> Result<Response<ReplyBody>, Refusal> {
        let connection = context.connection;
        let principal = admin::authenticate(&self.worker, connection, head, context.unix_ms).await?;
        let method = head.method.clone();
        let body = match method == Method::POST || method == Method::PATCH {
            true => request_body::read_within(head, body, admin::BODY_BYTES, &self.worker).await?,
            false => Bytes::new(),
        };
        let query = head.uri.query().map(str::to_owned);
        let unix_ms = context.unix_ms;
        let principal = Arc::new(principal);
        let asked = admin::Asked { principal, place, method, id: id.to_owned(), query, body, unix_ms };
        if place.is_stream() {
            return Ok(reply::events(context.ids, admin::tail(&self.worker, asked).await?));
        }
        let (status, body) = admin::answer(&self.worker, asked).await?;
        Ok(reply::admin(context.ids, status, body))
    }
}

/// An answer for which nothing was held, so that nothing can fail.
fn ended(mut exchange: Exchange, response: Response<ReplyBody>) -> Response<ReplyBody> {
    exchange.note(|record| record.status = response.status().as_u16());
    let _ = exchange.end(Ending::Complete, Billing::Free);
    response
}

/// HTTP/1.1 demands a `Host`, and a target that names its host must name the same one.
fn has_one_host(head: &Parts) -> bool {
    if head.version != http::Version::HTTP_11 {
        return true;
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    head.uri
        .authority()
        .is_none_or(|authority| authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
}

fn too_large(head: &Parts) -> bool {
    let bytes: usize = head.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
    head.headers.len() > bounds::HEADER_COUNT || bytes > bounds::HEADER_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_exactly() {
        let check = |path, data: Option<Route<'_>>, admin: Option<Route<'_>>| {
            assert_eq!(Route::find(Listener::Data, path), data, "{path}");
            assert_eq!(Route::find(Listener::Admin { open_metrics: true }, path), admin, "{path}");
        };
        let both = |route: Route<'static>| (Some(route), Some(route));
        let (data, admin) = both(Route::ChatCompletions);
        check("/v1/chat/completions", data, admin);
        check("/v1/chat/completions/", None, None);
        check("//v1/chat/completions", None, None);
        check("/v1/chat%2Fcompletions", None, None);
        check("/V1/models", None, None);
        check("/v1/models", Some(Route::Models), Some(Route::Models));
        check("/v1/models/", None, None);
        let (data, admin) = both(Route::Model("sandbox/echo"));
        check("/v1/models/sandbox/echo", data, admin);
        check("/health/live", Some(Route::Live), Some(Route::Live));
        check("/metrics", None, Some(Route::Metrics));
        let (place, id) = admin::Place::find("/admin/v1/keys/k").unwrap();
        check("/admin/v1/keys/k", None, Some(Route::Admin(place, id)));
        check("/admin/v1/nothing", None, None);
        check("/", None, Some(Route::Console(console::Place::find("/").unwrap())));
    }

    /// A request's future is moved into a box of its own for every request: what is rare in it has to be boxed again.
    #[test]
    fn the_future_of_a_request_is_small() {
        fn any<T>() -> T {
            panic!("never called")
        }
        fn size_of<F: Future>(_: impl FnOnce() -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size_of(|| <Routes as Service>::answer(any(), any(), any()));
        assert!(size <= 5 * 1024, "{size}");
    }
}
