//! Reading a caller's body: its type, its size, its pace, and the memory that all of them take together.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};

use crate::{
    bounds, clock,
    refusal::Refusal,
    server::{BodyBroke, RequestBody},
    snapshot::Snapshot,
    worker::Worker,
};

/// Bytes of request bodies in memory, over all workers.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    used_bytes: AtomicUsize,
    /// Of these, bytes of bodies that are kept for the repair of their streams: they have a memory of their own, and
    /// no request is refused for them.
    excused_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl BodyMemory {
    pub(crate) fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { used_bytes: AtomicUsize::new(0), excused_bytes: AtomicUsize::new(0), limit_bytes })
    }

    /// What is taken, for whoever watches.
    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Takes room for `bytes`, or nothing.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<BodyShare> {
        let before = self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        let share = BodyShare { memory: Arc::clone(self), bytes };
        let held = before.saturating_sub(self.excused_bytes.load(Ordering::Relaxed));
        (held.saturating_add(bytes) <= self.limit_bytes).then_some(share)
    }

    /// Takes room in `kept` for a body of `body_bytes` that is in this memory, and `more_bytes` beside it; or nothing.
    pub(crate) fn keep(
        self: &Arc<Self>,
        kept: &Arc<Self>,
        body_bytes: usize,
        more_bytes: usize,
    ) -> Option<KeptBody> {
        let share = kept.take(body_bytes.saturating_add(more_bytes))?;
        let excused_bytes = if body_bytes > UNCOUNTED_BYTES { body_bytes } else { 0 };
        self.excused_bytes.fetch_add(excused_bytes, Ordering::Relaxed);
        Some(KeptBody { memory: Arc::clone(self), excused_bytes, _share: share })
    }
}

/// The room that one body takes, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    memory: Arc<BodyMemory>,
    bytes: usize,
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.memory.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The room of a body that is kept for as long as its stream may have to be repaired.
#[derive(Debug)]
pub(crate) struct KeptBody {
    memory: Arc<BodyMemory>,
    excused_bytes: usize,
    _share: BodyShare,
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        self.memory.excused_bytes.fetch_sub(self.excused_bytes, Ordering::Relaxed);
    }
}

/// A body together with its share of the memory: the share lives as long as the last slice of the bytes.
#[derive(Debug)]
struct Shared {
    bytes: Bytes,
    _share: BodyShare,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bodies up to this size are not counted: the bound on connections bounds them.
const UNCOUNTED_BYTES: usize = 64 * 1024;

/// What browsers call the fields of a form.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Reads the body of a request that must be JSON.
pub(crate) async fn read(
    head: &Parts,
    body: RequestBody,
    snapshot: &Snapshot,
    worker: &Rc<Worker>,
) -> Result<Bytes, Refusal> {
    read_within(head, body, snapshot.max_body_bytes, worker).await
}

/// As [`read`], of at most `limit` bytes.
pub(crate) async fn read_within(
    head: &Parts,
    body: RequestBody,
    limit: usize,
    worker: &Worker,
) -> Result<Bytes, Refusal> {
    check_type(&head.headers)?;
    collect(body, limit, worker).await
}

/// Reads the fields of a form, as browsers send them without script: of at most `limit` bytes.
pub(crate) async fn read_form(
    head: &Parts,
    body: RequestBody,
    limit: usize,
    worker: &Worker,
) -> Result<Bytes, Refusal> {
    match media_type(&head.headers) {
        Some(found) if found.eq_ignore_ascii_case(FORM) => collect(body, limit, worker).await,
        _ => Err(Refusal::unsupported_media_type("The request body must be the fields of a form.")),
    }
}

async fn collect(mut body: RequestBody, limit: usize, worker: &Worker) -> Result<Bytes, Refusal> {
    let announced = usize::try_from(body.announced()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Refusal::request_too_large(limit));
    }
    let memory = &worker.shared.body_memory;
    let mut share = None;
    if announced > UNCOUNTED_BYTES {
        share = Some(memory.take(announced).ok_or_else(Refusal::overloaded)?);
    }
    if let Some(whole) = body.take_whole() {
        return Ok(counted(whole, share));
    }
    let mut pace = Pace::new(clock::now());
    let mut joined = BytesMut::with_capacity(announced);
    while pace.more(&mut body, &mut joined).await? {
        let length = joined.len();
        if length > limit {
            return Err(Refusal::request_too_large(limit));
        }
        if length > UNCOUNTED_BYTES && share.as_ref().is_none_or(|s| s.bytes < length) {
            let room = length.next_power_of_two();
            drop(share.take());
            share = Some(memory.take(room).ok_or_else(Refusal::overloaded)?);
        }
    }
    Ok(counted(joined.freeze(), share))
}

fn counted(bytes: Bytes, share: Option<BodyShare>) -> Bytes {
    match share {
        None => bytes,
        Some(share) => Bytes::from_owner(Shared { bytes, _share: share }),
    }
}

/// The type of a body without its parameters.
fn media_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(CONTENT_TYPE)?;
    Some(value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii())
}

fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get(CONTENT_ENCODING).is_some_and(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::unsupported_media_type("Compressed request bodies are not supported."));
    }
    // Without a type the body is taken for what it has to be.
    let Some(media_type) = media_type(headers) else { return Ok(()) };
    if media_type.eq_ignore_ascii_case(b"application/json") {
        Ok(())
    } else {
        Err(Refusal::unsupported_media_type(
            "The request body must be JSON, with 'Content-Type: application/json'.",
        ))
    }
}

/// Holds a sender to a minimum pace: so many bytes a second on average, after a time of grace.
#[derive(Debug)]
struct Pace {
    started: Instant,
    received: u64,
}

impl Pace {
    fn new(started: Instant) -> Self {
        Self { started, received: 0 }
    }

    /// When the average falls below the minimum if nothing more comes.
    fn too_slow_at(&self) -> Instant {
        let earned =
            Duration::from_millis(self.received.saturating_mul(1000) / bounds::BODY_MIN_BYTES_PER_SEC);
        self.started + bounds::BODY_GRACE + earned
    }

    /// Appends what comes next to `into`; false at the end.
    async fn more(&mut self, body: &mut RequestBody, into: &mut BytesMut) -> Result<bool, Refusal> {
        let before = into.len();
        let more = std::future::poll_fn(|cx| body.poll_more(cx, into));
        match tokio::time::timeout_at(self.too_slow_at().into(), more).await {
            Err(_) => Err(Refusal::request_timeout()),
            Ok(Err(BodyBroke)) => Err(Refusal::incomplete_body()),
            Ok(Ok(more)) => {
                self.received += (into.len() - before) as u64;
                Ok(more)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_plain_json_is_taken() {
        let check = |content_type: Option<&str>, encoding: Option<&str>, ok: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_ENCODING, encoding)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            assert_eq!(check_type(&headers).is_ok(), ok, "{content_type:?} {encoding:?}");
        };
        check(Some("application/json"), None, true);
        check(Some("Application/JSON; charset=utf-8"), Some("identity"), true);
        check(None, None, true);
        check(Some("text/plain"), None, false);
        check(Some("application/jsonp"), None, false);
        check(Some("application/json"), Some("gzip"), false);
    }

    #[test]
    fn a_body_may_be_slow_only_so_long() {
        let start = clock::now();
        let check = |received, seconds| {
            let pace = Pace { started: start, received };
            assert_eq!(pace.too_slow_at(), start + Duration::from_secs(seconds));
        };
        check(0, 5);
        check(1024, 6);
        check(1024 * 60, 65);
    }

    #[test]
    fn bodies_that_are_kept_take_no_room_from_others() {
        let (memory, kept) = (BodyMemory::new(200_000), BodyMemory::new(250_000));
        let (first, second) = (memory.take(100_000).unwrap(), memory.take(100_000).unwrap());
        assert!(memory.take(1).is_none());
        let one = memory.keep(&kept, 100_000, 50_000).unwrap();
        assert!(memory.keep(&kept, 100_000, 50_000).is_none(), "the memory of what is kept is full");
        let third = memory.take(100_000).unwrap();
        assert!(memory.take(1).is_none());
        // Small ones were never counted.
        let small = memory.keep(&kept, 10, 50_000).unwrap();
        assert!(memory.take(1).is_none());
        drop((one, first, third, small));
        assert!(memory.take(100_001).is_none());
        drop(memory.take(100_000).unwrap());
        drop(second);
        drop(memory.take(200_000).unwrap());
        drop(kept.take(250_000).unwrap());
    }

    #[test]
    fn memory_is_given_back_with_the_last_slice() {
        let memory = BodyMemory::new(100);
        let bytes = counted(Bytes::from_static(b"0123456789"), memory.take(60));
        assert!(memory.take(60).is_none());
        let slice = bytes.slice(2..4);
        drop(bytes);
        assert!(memory.take(60).is_none());
        drop(slice);
        assert!(memory.take(60).is_some());
    }
}
