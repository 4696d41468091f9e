//! Last stage: the answer as HTTP, its headers built from scratch.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body::{Frame, SizeHint};

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

mod lines;

pub(crate) use lines::Lines;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CONTENT_TYPE_LINE: &str = "content-type";

/// What the names of headers about limits begin with.
pub(crate) const LIMIT_HEADERS: &str = "x-ratelimit-";

const LIMIT_REQUESTS: [&str; 3] =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const LIMIT_TOKENS: [&str; 3] =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    content: Content,
    /// Goes before it in the head, beside what the response has of headers.
    lines: Lines,
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
    fn new(content: Content) -> Self {
        Self { content, lines: Lines::default(), serving: None }
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new(Content::Whole(Some(bytes.into()).filter(|b| !b.is_empty())))
    }

    pub(crate) fn stream(relay: Rc<RefCell<Relay>>) -> Self {
        Self::new(Content::Stream(relay))
    }

    pub(crate) fn repeat(repeat: Rc<RefCell<RepeatBody>>) -> Self {
        Self::new(Content::Repeat(repeat))
    }

    /// Headers that belong to the answer, which are none of this body's any more.
    pub(crate) fn take_lines(&mut self) -> Lines {
        std::mem::take(&mut self.lines)
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
}

impl<'a> About<'a> {
    /// Of an answer to `out`, the last of `attempts` calls.
    pub(crate) fn of(out: &'a Outbound, attempts: u32, exchange: &Exchange) -> Self {
        Self { target: out.target(), attempts, dropped: &out.dropped, standings: exchange.standings() }
    }
}

/// A response with our headers on everything.
fn response(status: u16, ids: &Ids, content_type: HeaderValue, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = lined(status, Lines::of(ids), body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A response whose headers are `lines`.
fn lined(status: u16, lines: Lines, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody { lines, ..body });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// All of an answer's headers in its map, for who needs it so.
pub(crate) fn spread(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let lines = response.body_mut().take_lines();
    response.headers_mut().extend(lines.headers());
    response
}

/// As an earlier answer of this status; its headers are still to be added.
pub(crate) fn again(status: u16, ids: &Ids, body: ReplyBody) -> Response<ReplyBody> {
    lined(status, Lines::of(ids), body)
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
    lined(200, stream_lines(ids, "no-store"), ReplyBody::new(Content::Events(events)))
}

/// A whole completion.
pub(crate) fn completion(ids: &Ids, about: &About<'_>, body: Bytes) -> Response<ReplyBody> {
    let mut lines = Lines::of(ids);
    lines.put_text(CONTENT_TYPE_LINE, "application/json");
    describe(&mut lines, about);
    lined(200, lines, ReplyBody::whole(body))
}

/// What a streamed completion says of itself. What is not known of it yet, where nothing of it has come, is not said.
pub(crate) fn stream_head(ids: &Ids, about: Option<&About<'_>>) -> Lines {
    let mut lines = stream_lines(ids, "no-cache");
    if let Some(about) = about {
        describe(&mut lines, about);
    }
    lines
}

/// A streamed completion.
pub(crate) fn streamed(head: Lines, body: ReplyBody) -> Response<ReplyBody> {
    lined(200, head, body)
}

fn stream_lines(ids: &Ids, cache_control: &'static str) -> Lines {
    let mut lines = Lines::of(ids);
    lines.put_text(CONTENT_TYPE_LINE, "text/event-stream; charset=utf-8");
    lines.put_text("cache-control", cache_control);
    // Asks proxies in front of us not to hold back a stream.
    lines.put_text("x-accel-buffering", "no");
    lines
}

fn describe(lines: &mut Lines, about: &About<'_>) {
    lines.put("x-sluicegate-provider", &about.target.provider_header);
    lines.put("x-sluicegate-model", &about.target.model_header);
    lines.put_number(ATTEMPTS_LINE, about.attempts);
    if !about.dropped.is_empty()
        && let Ok(value) = HeaderValue::from_str(&about.dropped.join(", "))
    {
        lines.put("x-sluicegate-dropped", &value);
    }
    describe_limits(lines, &about.standings);
}

const ATTEMPTS_LINE: &str = "x-sluicegate-attempts";

/// Where a limited caller stands, in OpenAI's headers.
fn describe_limits(lines: &mut Lines, standings: &Standings) {
    for (standing, names) in [(&standings.requests, LIMIT_REQUESTS), (&standings.tokens, LIMIT_TOKENS)] {
        let Some(standing) = standing else { continue };
        let [limit, remaining, reset] = names;
        lines.put_number(limit, standing.limit);
        lines.put_number(remaining, standing.remaining);
        lines.put_duration(reset, standing.reset_ns);
    }
}

/// An error. `attempts`: how many calls were made for it.
pub(crate) fn refuse(ids: &Ids, refusal: &Refusal, attempts: u32) -> Response<ReplyBody> {
    let mut lines = Lines::of(ids);
    lines.put_text(CONTENT_TYPE_LINE, "application/json");
    if attempts > 0 {
        lines.put_number(ATTEMPTS_LINE, attempts);
    }
    if let Some(ms) = refusal.retry_after_ms {
        lines.put_number("retry-after", ms.div_ceil(1000));
        lines.put_number("retry-after-ms", ms);
    }
    if refusal.no_retry {
        lines.put_text("x-should-retry", "false");
    }
    describe_limits(&mut lines, &refusal.standings);
    if let Some(allow) = refusal.allow {
        lines.put_text("allow", allow);
    }
    lined(refusal.status, lines, ReplyBody::whole(refusal.body()))
}
