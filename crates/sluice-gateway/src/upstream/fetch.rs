//! One request to a provider up to the head of its answer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use sluice_chat::{Failure, FailureKind};
use sluice_providers::sandbox::{self, Step};

use crate::{
    bounds,
    translate::Outbound,
    upstream::{
        Body, Connections, accept,
        authority::Shown,
        body::{H1Body, ScriptBody},
        connect::{connect, plain},
        h1::{AnswerHead, Framing, HeadError, MediaType, parse_head},
        h2::{H2Body, Place},
        io::Connection,
        push_header,
        slices::SliceBody,
    },
};

/// Sends `out` and waits for the head of the answer. Only the connect clock is kept here; the caller keeps the others.
pub(super) async fn fetch(
    connections: &Connections,
    out: &Outbound,
    connect_within: Duration,
) -> Result<(AnswerHead, Body), Failure> {
    if out.upstream.provider().is_sandbox() {
        return Box::pin(play(out)).await;
    }
    if out.upstream.options.http2 {
        return Box::pin(fetch_h2(connections, out, connect_within)).await;
    }
    let shown = match &out.upstream.authority {
        Some(authority) => Box::pin(authority.shown(&connections.tls, out)).await?,
        None => Shown::new(),
    };
    let place = &out.upstream.place;
    let mut connection = match connections.pool.take(place) {
        Some(connection) => connection,
        None => fresh(connections, out, connect_within).await?,
    };
    write_head(&mut connection.head, out, &shown);
    let answer = match exchange(&mut connection, &out.body).await {
        // The upstream closed an idle connection as we took it. Nothing was answered, so nothing is lost by
        // saying it again on a fresh one, once.
        Err(Broken { before_first_byte: true, .. }) if connection.reused => {
            connection = fresh(connections, out, connect_within).await?;
            write_head(&mut connection.head, out, &shown);
            exchange(&mut connection, &out.body).await
        }
        answer => answer,
    };
    let head = answer.map_err(|broken| broken.failure)?;
    let body = H1Body::new(connection, &head, &connections.pool, place);
    Ok((head, Body::H1(body)))
}

/// A new connection. Boxed, as everything here that is rare and large: a future is as large as its largest part, and
/// is moved when a request begins.
async fn fresh(connections: &Connections, out: &Outbound, within: Duration) -> Result<Connection, Failure> {
    let connecting = connect(out.upstream.provider().endpoint(), &connections.tls, false, within);
    let mut connection = Box::pin(connecting).await?;
    connection.counted = Some(connections.counts.opened());
    Ok(connection)
}

/// An exchange that broke before its head was there.
pub(super) struct Broken {
    before_first_byte: bool,
    pub(super) failure: Failure,
}

impl Broken {
    fn reset(before_first_byte: bool, error: &io::Error) -> Self {
        let text = format!("the provider closed the connection without an answer: {}", plain(error));
        Self { before_first_byte, failure: Failure::ours(FailureKind::Reset, "upstream_bad_response", text) }
    }
}

/// How far the sending of a request has come.
struct Sending {
    bytes: usize,
    /// `None` while it goes on.
    ended: Option<io::Result<()>>,
}

/// Sends the head that was written into the connection, and the body, and waits for the head of the answer.
pub(super) async fn exchange(
    connection: &mut Connection,
    body: &[bytes::Bytes],
) -> Result<AnswerHead, Broken> {
    let mut sending = Sending { bytes: 0, ended: None };
    let mut interim = 0;
    loop {
        match parse_head(&connection.buf) {
            Ok(Some((head, body_at))) => {
                let _ = connection.buf.split_to(body_at);
                if head.status >= 200 {
                    // After half a request the connection is of no use.
                    let whole = matches!(sending.ended, Some(Ok(())));
                    return Ok(AnswerHead { keep_alive: head.keep_alive && whole, ..head });
                }
                interim += 1;
                if head.status == 101 || interim > bounds::UPSTREAM_INTERIM_COUNT {
                    return Err(bad_head("the provider answered with an upgrade or endless interim answers"));
                }
            }
            Ok(None) => {
                let read = std::future::poll_fn(|cx| poll_exchange(connection, body, &mut sending, cx)).await;
                let read =
                    read.and_then(|n| if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(n) });
                if let Err(error) = read {
                    let first = interim == 0 && connection.buf.is_empty();
                    // What went wrong first says more.
                    let error = sending.ended.as_ref().and_then(|sent| sent.as_ref().err()).unwrap_or(&error);
                    return Err(Broken::reset(first, error));
                }
            }
            Err(error @ (HeadError::Malformed | HeadError::TooLarge | HeadError::AmbiguousFraming)) => {
                return Err(bad_head(&error.to_string()));
            }
        }
    }
}

/// Sends on, and reads what comes: an upstream may answer a request that it has not read to its end, and stop reading
/// it. A write that fails does not hide an answer that is already there.
fn poll_exchange(
    connection: &mut Connection,
    body: &[bytes::Bytes],
    sending: &mut Sending,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if sending.ended.is_none()
        && let Poll::Ready(ended) = connection.poll_send(body, &mut sending.bytes, cx)
    {
        sending.ended = Some(ended);
    }
    connection.poll_fill(cx)
}

fn bad_head(text: &str) -> Broken {
    let failure = Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text);
    Broken { before_first_byte: false, failure }
}

/// Writes the head of the request; all of it that never changes was put together when the provider was made.
fn write_head(head: &mut Vec<u8>, out: &Outbound, shown: &Shown) {
    head.clear();
    out.upstream.begin_head(head, out);
    for (name, value) in shown {
        push_header(head, name, value.as_bytes());
    }
    for (name, value) in &out.forwarded {
        push_header(head, name.as_str(), value.as_bytes());
    }
    head.extend_from_slice(b"content-length: ");
    let length: usize = out.body.iter().map(|slice| slice.len()).sum();
    head.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
}

async fn fetch_h2(
    connections: &Connections,
    out: &Outbound,
    connect_within: Duration,
) -> Result<(AnswerHead, Body), Failure> {
    let shown = match &out.upstream.authority {
        Some(authority) => authority.shown(&connections.tls, out).await?,
        None => Shown::new(),
    };
    let endpoint = out.upstream.provider().endpoint();
    let scheme = if endpoint.tls { "https" } else { "http" };
    let uri = format!("{scheme}://{}{}", endpoint.authority, out.upstream.target(out));
    let mut request = http::Request::post(uri).header(http::header::ACCEPT, accept(out));
    for (name, value) in out.upstream.own_headers(&out.dialect_headers) {
        request = request.header(name, value);
    }
    for (name, value) in out.upstream.headers.iter().chain(&out.forwarded) {
        request = request.header(name, value);
    }
    for (name, value) in &shown {
        request = request.header(*name, value);
    }
    let bad = |e: String| Failure::ours(FailureKind::BadResponse, "upstream_bad_response", e);
    let request = request.body(SliceBody::new(out.body.iter().cloned())).map_err(|e| bad(e.to_string()))?;
    let name = &out.upstream.place;
    let place =
        Place { name, endpoint, tls: &connections.tls, connect: connect_within, counts: &connections.counts };
    let (response, stream) = connections.h2.send(&place, request).await?;
    let (parts, incoming) = response.into_parts();
    let head = head_of_h2(&parts);
    Ok((head, Body::H2(Box::new(H2Body::new(incoming, stream)))))
}

fn head_of_h2(parts: &http::response::Parts) -> AnswerHead {
    let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|v| v.parse::<u64>().ok());
    let seconds = number("retry-after").and_then(|s| s.checked_mul(1000));
    AnswerHead {
        status: parts.status.as_u16(),
        framing: Framing::UntilClose,
        keep_alive: true,
        media_type: text("content-type").map(|t| MediaType::of(t.as_bytes())).unwrap_or_default(),
        encoded: text("content-encoding")
            .is_some_and(|v| !v.is_empty() && !v.eq_ignore_ascii_case("identity")),
        retry_after_ms: number("retry-after-ms").or(seconds),
    }
}

/// Plays the sandbox's script up to its head.
async fn play(out: &Outbound) -> Result<(AnswerHead, Body), Failure> {
    let request: Vec<u8> = out.body.concat();
    let mut script =
        sandbox::play(&request, out.target().model.name(), out.sandbox_fault.as_deref(), out.attempt);
    loop {
        match script.next() {
            Some(Step::WaitMs(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Some(Step::Head { status, content_type, retry_after_s }) => {
                let head = AnswerHead {
                    status,
                    framing: Framing::UntilClose,
                    keep_alive: true,
                    media_type: MediaType::of(content_type.as_bytes()),
                    encoded: false,
                    retry_after_ms: retry_after_s.map(|s| s.saturating_mul(1000)),
                };
                return Ok((head, Body::Script(Box::new(ScriptBody::new(script)))));
            }
            Some(Step::Silent) => std::future::poll_fn(|_| Poll::<()>::Pending).await,
            Some(Step::Bytes(_) | Step::End | Step::Reset) | None => {
                let text = "the provider closed the connection without an answer: connection reset";
                return Err(Failure::ours(FailureKind::Reset, "upstream_bad_response", text));
            }
        }
    }
}

/// Reads a whole body, at most `limit_bytes` of it.
pub(super) async fn collect(body: &mut Body, limit_bytes: usize) -> Result<bytes::Bytes, Failure> {
    let mut first: Option<bytes::Bytes> = None;
    let mut joined = bytes::BytesMut::new();
    while let Some(data) = std::future::poll_fn(|cx| Pin::new(&mut *body).get_mut().poll_data(cx)).await {
        let data = data?;
        if first.as_ref().map_or(0, bytes::Bytes::len) + joined.len() + data.len() > limit_bytes {
            let text = format!("the provider's answer is larger than {limit_bytes} bytes");
            return Err(Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text));
        }
        match &first {
            None => first = Some(data),
            Some(start) => {
                if joined.is_empty() {
                    joined.extend_from_slice(start);
                }
                joined.extend_from_slice(&data);
            }
        }
    }
    Ok(if joined.is_empty() { first.unwrap_or_default() } else { joined.freeze() })
}
