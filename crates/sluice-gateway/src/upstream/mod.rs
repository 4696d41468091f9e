//! The way to a provider: our own HTTP/1.1 connections and their pool, HTTP/2 through hyper, the sandbox's script,
//! and the clocks over all of them.

mod authority;
mod body;
mod call;
mod connect;
mod counts;
mod document;
mod fetch;
#[doc(hidden)]
pub mod h1;
mod h2;
mod io;
pub(crate) mod once;
mod pool;
mod slices;

use std::{
    borrow::Cow,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use http::{HeaderName, HeaderValue};
use sluice_chat::{ApiError, Failure, FailureKind};
use sluice_providers::{Provider, StreamType, dialect::DialectHeaders};
use sluice_store::{ProviderRecord, catalog::ProviderOptions};

use self::{authority::Authority, counts::Counts};
use crate::{metrics::Metrics, tokens::Tokens, translate::Outbound};

pub(crate) use body::Body;
pub(crate) use call::{Answer, StreamAnswer, call};
pub(crate) use connect::{Tls, begin, connect_plain, plain};

/// A provider as calls need it: place, credential and the unchanging part of every request head, in one object.
#[derive(Debug)]
pub(crate) struct Upstream {
    provider: Provider,
    options: ProviderOptions,
    /// `scheme://host:port`, under which connections are pooled.
    place: Arc<str>,
    identity: u64,
    /// `host`, authentication and the rest of the headers that never change, for HTTP/2.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Heads of HTTP/1.1 requests for [`CALL_PATH`], but for what changes: for a whole answer, and for a stream.
    heads: [Vec<u8>; 2],
    /// It answered once that it does not know `stream_options`: it is not asked for usage again.
    refuses_usage: AtomicBool,
    /// Where its credential comes from, if that is not one of `headers`.
    authority: Option<Authority>,
}

/// Headers that a provider's static `headers` may not set: they belong to the connection or to the credential's place.
const NOT_STATIC: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
];

/// Shorter credentials are not looked for in error texts: they would be found in ordinary words.
const MASKED_FROM_BYTES: usize = 8;

impl Upstream {
    /// Joins a provider, already made with its credential, with its settings.
    ///
    /// # Errors
    /// Names the header that can not be sent, or what makes the credential useless.
    pub(crate) fn new(provider: Provider, record: &ProviderRecord, tokens: &Tokens) -> Result<Self, String> {
        let authority = Authority::of(&provider, tokens)?;
        let options = record.options.clone();
        let mut headers = Vec::new();
        let agent = concat!("sluicegate/", env!("CARGO_PKG_VERSION"));
        let ours =
            [("content-type", "application/json"), ("user-agent", agent), ("accept-encoding", "identity")];
        let statics = options.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, _) in statics.clone() {
            if NOT_STATIC.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!("header `{name}` can not be set for a provider"));
            }
        }
        let auth = provider.auth_headers();
        let auth = auth.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in ours.into_iter().chain(auth).chain(statics) {
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(mut value)) = parsed else {
                return Err(format!(
                    "header `{name}` can not be sent: its name or value has characters that HTTP forbids"
                ));
            };
            value.set_sensitive(true);
            headers.retain(|(n, _)| *n != name);
            headers.push((name, value));
        }
        let stream = StreamType::EventStream.media_type();
        let heads = [ACCEPT_JSON, stream].map(|accept| call_head(&provider, &headers, accept));
        let endpoint = provider.endpoint();
        let scheme = if endpoint.tls { "https" } else { "http" };
        let place = format!("{scheme}://{}:{}", endpoint.host, endpoint.port).into();
        Ok(Self {
            place,
            identity: provider.identity(),
            options,
            headers,
            heads,
            refuses_usage: AtomicBool::new(false),
            authority,
            provider,
        })
    }

    /// Writes the beginning of an HTTP/1.1 request: made before for Chat Completions, put together for other dialects.
    fn begin_head(&self, head: &mut Vec<u8>, out: &Outbound) {
        let usual = out.path == CALL_PATH && out.dialect_headers.is_empty();
        if usual && self.provider.has_fixed_paths() {
            return head.extend_from_slice(&self.heads[usize::from(out.stream)]);
        }
        write_head(head, &self.provider, &self.headers, (&self.target(out), accept(out)));
        for (name, value) in self.own_headers(&out.dialect_headers) {
            push_header(head, name, value.as_bytes());
        }
    }

    /// Path and query of a request.
    fn target(&self, out: &Outbound) -> String {
        self.provider.path_for(&out.path, out.target().model.name())
    }

    /// Headers of a dialect, without those for which the operator set a value.
    fn own_headers<'a>(
        &'a self,
        headers: &'a DialectHeaders,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let is_set = |name: &str| self.headers.iter().any(|(set, _)| set == name);
        headers.iter().filter(move |(name, _)| !is_set(name)).map(|(name, value)| (*name, &**value))
    }

    /// What tells it from others of the same provider: its place and its credential. Not for showing.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.provider
    }

    /// A failure without our credential in it, should the provider have repeated it. A credential that was refused is
    /// got anew, where it can be.
    pub(crate) fn masked(&self, mut failure: Failure) -> Failure {
        let statics = self.provider.auth_headers();
        for (_, value) in statics.iter().chain(&self.options.headers) {
            mask(&mut failure.error, value.rsplit(' ').next().unwrap_or_default());
        }
        if let Some(authority) = &self.authority {
            for secret in authority.now().iter().flat_map(|grant| grant.secrets()) {
                mask(&mut failure.error, secret);
            }
            if failure.kind == FailureKind::AuthRefused {
                authority.refused();
            }
        }
        failure
    }

    /// Whether usage may be asked for in a stream.
    pub(crate) fn may_ask_usage(&self) -> bool {
        !self.refuses_usage.load(Ordering::Relaxed)
    }

    /// Whether a refusal is about the usage that was asked for in a stream, so that the same request is worth saying
    /// once more without. Where the provider names a field, that counts and not its words, which may be a caller's.
    pub(crate) fn refuses_to_tell_usage(&self, failure: &Failure) -> bool {
        let error = &failure.error;
        let about_options = match error.param.as_deref() {
            Some(param) => param.starts_with("stream_options"),
            None => error.message.contains("stream_options") || error.message.contains("include_usage"),
        };
        failure.kind == FailureKind::BadRequest && about_options
    }

    /// Remembers that usage is not to be asked for: the request without it was taken.
    pub(crate) fn ask_no_usage(&self) {
        self.refuses_usage.store(true, Ordering::Relaxed);
    }

    /// Whether a call goes on to its end when the caller leaves.
    pub(crate) fn drains(&self) -> bool {
        self.options.drain_on_disconnect
    }

    /// Whether media are fetched for it.
    pub(crate) fn inlines_media(&self) -> bool {
        self.options.inline_media
    }

    /// Names of callers' headers that this provider wants to see.
    pub(crate) fn forward_headers(&self) -> &[String] {
        &self.options.forward_headers
    }
}

fn mask(error: &mut ApiError, secret: &str) {
    if secret.len() < MASKED_FROM_BYTES {
        return;
    }
    if error.message.contains(secret) {
        error.message = error.message.replace(secret, "[credential]");
    }
    for text in [error.param.as_mut(), error.code.as_mut().map(Cow::to_mut), Some(error.kind.to_mut())] {
        if let Some(text) = text
            && text.contains(secret)
        {
            *text = text.replace(secret, "[credential]");
        }
    }
}

/// The path of Chat Completions below a provider's prefix.
const CALL_PATH: &str = "/chat/completions";

fn call_head(provider: &Provider, headers: &[(HeaderName, HeaderValue)], accept: &str) -> Vec<u8> {
    let mut head = Vec::new();
    write_head(&mut head, provider, headers, (&provider.path(CALL_PATH), accept));
    head
}

fn write_head(
    head: &mut Vec<u8>,
    provider: &Provider,
    headers: &[(HeaderName, HeaderValue)],
    (target, accept): (&str, &str),
) {
    head.extend_from_slice(format!("POST {target} HTTP/1.1\r\n").as_bytes());
    push_header(head, "host", provider.endpoint().authority.as_bytes());
    for (name, value) in headers {
        push_header(head, name.as_str(), value.as_bytes());
    }
    push_header(head, "accept", accept.as_bytes());
}

const ACCEPT_JSON: &str = "application/json";

/// What is asked for.
fn accept(out: &Outbound) -> &'static str {
    if out.stream { out.dialect.stream_type().media_type() } else { ACCEPT_JSON }
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What one worker keeps open towards providers.
#[derive(Debug)]
pub(crate) struct Connections {
    pool: Rc<pool::Pool>,
    h2: Rc<h2::H2Connections>,
    tls: Tls,
    counts: Counts,
}

impl Connections {
    pub(crate) fn new(tls: Tls, metrics: &Metrics) -> Self {
        Self { pool: Rc::default(), h2: Rc::default(), tls, counts: Counts::new(metrics) }
    }

    /// For connections that are used once.
    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
        self.h2.sweep();
        self.counts.idle(self.pool.len());
    }
}
