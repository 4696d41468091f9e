//! Last stage: the answer as HTTP, its headers built from scratch.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body::{Frame, SizeHint};
use smallvec::SmallVec;

use crate::{
    accounting::Standings,
    admin,
    exchange::Exchange,
    idempotency::{Held, RecordedStream, RepeatBody},
    ids::Ids,
    refusal::Refusal,
    relay::{BrokenOff, Relay},
    server::Serving,
    snapshot::Target,
    translate::Outbound,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const X_PROVIDER: HeaderName = HeaderName::from_static("x-sluicegate-provider");
const X_MODEL: HeaderName = HeaderName::from_static("x-sluicegate-model");
const X_ATTEMPTS: HeaderName = HeaderName::from_static("x-sluicegate-attempts");
const X_DROPPED: HeaderName = HeaderName::from_static("x-sluicegate-dropped");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// Asks proxies in front of us not to hold back a stream.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the names of the following begin with.
pub(crate) const LIMIT_HEADERS: &str = "x-ratelimit-";

static LIMIT_REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static LIMIT_TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    content: Content,
    /// The connection is at work until the body is gone.
    serving: Option<Serving>,
}

#[derive(Debug)]
enum Content {
    Whole(Option<Bytes>),
    Stream(Rc<RefCell<Relay>>),
    /// A stream that others may ask for again.
    Recorded(Box<RecordedStream>),
    /// What another caller gets or got.
    Repeat(Rc<RefCell<RepeatBody>>),
    /// Events as they happen.
    Events(admin::Events),
}

impl ReplyBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(Some(bytes.into()).filter(|b| !b.is_empty())), serving: None }
    }

    pub(crate) fn stream(relay: Rc<RefCell<Relay>>) -> Self {
        Self { content: Content::Stream(relay), serving: None }
    }

    pub(crate) fn repeat(repeat: Rc<RefCell<RepeatBody>>) -> Self {
        Self { content: Content::Repeat(repeat), serving: None }
    }

    /// All of it, where it is one piece.
    pub(crate) fn as_whole(&self) -> Option<Bytes> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// Has a stream recorded as it goes out.
    pub(crate) fn recorded(self, held: Held) -> Self {
        let content = match self.content {
            Content::Stream(relay) => Content::Recorded(Box::new(RecordedStream::new(relay, held))),
            content => content,
        };
        Self { content, ..self }
    }

    /// Ties the body to its connection.
    pub(crate) fn on(mut self, serving: Serving) -> Self {
        self.serving = Some(serving);
        self
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        match &mut this.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Content::Stream(relay) => {
                relay.borrow_mut().poll_next(cx).map(|next| next.map(|bytes| bytes.map(Frame::data)))
            }
            Content::Recorded(stream) => stream.poll_next(cx).map(|next| next.map(|r| r.map(Frame::data))),
            Content::Events(events) => events.poll_recv(cx).map(|event| event.map(|e| Ok(Frame::data(e)))),
            Content::Repeat(repeat) => {
                repeat.borrow_mut().poll_next(cx).map(|next| next.map(|r| r.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Stream(relay) => relay.borrow().is_over(),
            Content::Recorded(stream) => stream.is_over(),
            Content::Repeat(repeat) => repeat.borrow().is_over(),
            Content::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Content::Stream(_) | Content::Recorded(_) | Content::Repeat(_) | Content::Events(_) => {
                SizeHint::default()
            }
        }
    }
}

/// What a completion says about itself in headers.
pub(crate) struct About<'a> {
    target: &'a Target,
    attempts: u32,
    dropped: &'a [String],
    standings: Standings,
    /// Empty ones, with room.
    headers: HeaderMap,
}

impl<'a> About<'a> {
    /// Of an answer to `out`, the last of `attempts` calls.
    pub(crate) fn of(out: &'a Outbound, attempts: u32, exchange: &Exchange) -> Self {
        Self {
            target: out.target(),
            attempts,
            dropped: &out.dropped,
            standings: exchange.standings(),
            headers: exchange.worker().room_for_headers(),
        }
    }
}

/// A response with our headers on everything.
fn response<B>(status: u16, ids: &Ids, content_type: HeaderValue, body: B) -> Response<B> {
    response_in(HeaderMap::new(), (status, content_type), ids, body)
}

/// As [`response`], with the room of `headers`, which are empty.
fn response_in<B>(
    headers: HeaderMap,
    (status, content_type): (u16, HeaderValue),
    ids: &Ids,
    body: B,
) -> Response<B> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, content_type);
    for (name, value) in ids.headers() {
        headers.insert(name, value);
    }
    response
}

/// As an earlier answer of this status; its headers are still to be added.
pub(crate) fn again(status: u16, ids: &Ids, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = response(status, ids, JSON, body);
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

/// A JSON answer.
pub(crate) fn json(ids: &Ids, body: impl Into<Bytes>) -> Response<ReplyBody> {
    response(200, ids, JSON, ReplyBody::whole(body))
}

/// An answer of the admin API; nobody in between may keep it. `None` has no body.
pub(crate) fn admin(ids: &Ids, status: u16, body: Option<Vec<u8>>) -> Response<ReplyBody> {
    let empty = body.is_none();
    let mut response = response(status, ids, JSON, ReplyBody::whole(body.unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if empty {
        headers.remove(CONTENT_TYPE);
    }
    response
}

/// An answer that is no part of the API.
pub(crate) fn other(
    ids: &Ids,
    status: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<ReplyBody> {
    response(status, ids, HeaderValue::from_static(content_type), ReplyBody::whole(body))
}

/// The metrics, called what they are where the scraper knows that; as Prometheus' older format they can be read too.
pub(crate) fn metrics(ids: &Ids, accept: &HeaderMap, body: String) -> Response<ReplyBody> {
    let ranges = accept.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut names = ranges.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    let content_type =
        match names.any(|name| name.trim().eq_ignore_ascii_case("application/openmetrics-text")) {
            true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            false => "text/plain; version=0.0.4; charset=utf-8",
        };
    response(200, ids, HeaderValue::from_static(content_type), ReplyBody::whole(body))
}

/// Events of the admin API, until one side has enough of it.
pub(crate) fn events(ids: &Ids, events: admin::Events) -> Response<ReplyBody> {
    let body = ReplyBody { content: Content::Events(events), serving: None };
    let mut response = stream_head(ids, None).map(|()| body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A whole completion.
pub(crate) fn completion(ids: &Ids, mut about: About<'_>, body: Bytes) -> Response<ReplyBody> {
    let headers = std::mem::take(&mut about.headers);
    let mut response = response_in(headers, (200, JSON), ids, ReplyBody::whole(body));
    describe(response.headers_mut(), &about);
    response
}

/// The head of a streamed completion. What is not known of it yet, where nothing of it has come, is not said.
pub(crate) fn stream_head(ids: &Ids, mut about: Option<About<'_>>) -> Response<()> {
    let headers = about.as_mut().map(|about| std::mem::take(&mut about.headers)).unwrap_or_default();
    let mut response = response_in(headers, (200, EVENT_STREAM), ids, ());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if let Some(about) = about {
        describe(headers, &about);
    }
    response
}

fn describe(headers: &mut HeaderMap, about: &About<'_>) {
    headers.insert(X_PROVIDER, about.target.provider_header.clone());
    headers.insert(X_MODEL, about.target.model_header.clone());
    headers.insert(X_ATTEMPTS, number(about.attempts));
    if !about.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&about.dropped.join(", "))
    {
        headers.insert(X_DROPPED, value);
    }
    describe_limits(headers, &about.standings);
}

/// Where a limited caller stands, in OpenAI's headers.
fn describe_limits(headers: &mut HeaderMap, standings: &Standings) {
    let mut values = Values::default();
    let mut names = SmallVec::<[&HeaderName; 6]>::new();
    for (standing, named) in [(&standings.requests, &LIMIT_REQUESTS), (&standings.tokens, &LIMIT_TOKENS)] {
        let Some(standing) = standing else { continue };
        values.add(|text| push_number(text, standing.limit));
        values.add(|text| push_number(text, standing.remaining));
        values.add(|text| push_duration(text, standing.reset_ns));
        names.extend(named);
    }
    if names.is_empty() {
        return;
    }
    for (name, value) in names.into_iter().zip(values.finish()) {
        headers.insert(name, value);
    }
}

/// Values of headers that are made together, in one allocation.
#[derive(Default)]
struct Values {
    text: Text,
    ends: SmallVec<[usize; 6]>,
}

type Text = SmallVec<[u8; 96]>;

impl Values {
    fn add(&mut self, write: impl FnOnce(&mut Text)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    fn finish(self) -> impl Iterator<Item = HeaderValue> {
        let (all, mut from) = (Bytes::from_owner(self.text), 0);
        self.ends.into_iter().map(move |end| {
            let value = all.slice(std::mem::replace(&mut from, end)..end);
            HeaderValue::from_maybe_shared(value).unwrap_or(HeaderValue::from_static("invalid"))
        })
    }
}

fn push_number(text: &mut Text, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A duration as OpenAI writes it: `20ms`, `1s`, `6m0s`, `1h0m0s`; rounded up.
fn push_duration(text: &mut Text, ns: u64) {
    let mut part = |number, unit: &[u8]| {
        push_number(text, number);
        text.extend_from_slice(unit);
    };
    let millis = ns.div_ceil(1_000_000);
    if millis < 1000 {
        return part(millis, b"ms");
    }
    let seconds = millis.div_ceil(1000);
    if seconds >= 3600 {
        part(seconds / 3600, b"h");
    }
    if seconds >= 60 {
        part(seconds / 60 % 60, b"m");
    }
    part(seconds % 60, b"s");
}

/// A number of attempts; the usual ones cost nothing.
fn number(attempts: u32) -> HeaderValue {
    match attempts {
        1 => HeaderValue::from_static("1"),
        2 => HeaderValue::from_static("2"),
        3 => HeaderValue::from_static("3"),
        4 => HeaderValue::from_static("4"),
        more => HeaderValue::from(more),
    }
}

/// An error. `attempts`: how many calls were made for it.
pub(crate) fn refuse(ids: &Ids, refusal: &Refusal, attempts: u32) -> Response<ReplyBody> {
    let mut response = response(refusal.status, ids, JSON, ReplyBody::whole(refusal.body()));
    let headers = response.headers_mut();
    if attempts > 0 {
        headers.insert(X_ATTEMPTS, number(attempts));
    }
    if let Some(ms) = refusal.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(ms));
    }
    if refusal.no_retry {
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    describe_limits(headers, &refusal.standings);
    if let Some(allow) = refusal.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_openai_does() {
        let check = |ns, expect: &str| {
            let mut values = Values::default();
            values.add(|text| push_number(text, 7));
            values.add(|text| push_duration(text, ns));
            let values: Vec<_> = values.finish().collect();
            assert_eq!(values, ["7", expect]);
        };
        check(0, "0ms");
        check(1, "1ms");
        check(20_000_000, "20ms");
        check(999_000_001, "1s");
        check(1_000_000_001, "2s");
        check(360_000_000_000, "6m0s");
        check(3_600_000_000_000, "1h0m0s");
    }
}
