//! What the first caller with a key gets, kept for those who ask again.
//!
//! Written by the worker of the first caller, read by any. Whoever reads keeps a place of its own and nothing else: it
//! slows nobody down, and costs no memory beyond the one copy.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use sluice_ledger::RequestId;

use crate::bounds;

/// Bytes of all recordings together.
#[derive(Debug)]
pub(super) struct Memory {
    used_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl Memory {
    pub(super) fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { used_bytes: AtomicUsize::new(0), limit_bytes })
    }

    fn add(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.used_bytes() > self.limit_bytes
    }
}

/// What a recorded answer began with; without what belongs to one request alone.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The answer is one piece of known length, not a stream.
    pub(super) whole: bool,
}

/// How a recorded answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Properly.
    Complete,
    /// With an error event and an abnormal close.
    Broken,
    /// The first caller left, or was cut off.
    Gone,
}

/// What comes next for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Bytes(Bytes),
    End(End),
    /// The reader was too slow: what it needs next is no longer there.
    Lost,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Recording {
    /// The request that it answers.
    pub(super) request: RequestId,
    memory: Arc<Memory>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    claimed: bool,
    head: Option<Arc<Head>>,
    pieces: VecDeque<Bytes>,
    /// Number of the first of `pieces`.
    first: u64,
    bytes: usize,
    /// All of it is there, from the beginning.
    whole: bool,
    end: Option<End>,
    waiting: Vec<(u64, Waker)>,
    readers: u64,
}

impl Recording {
    pub(super) fn new(request: RequestId, memory: &Arc<Memory>) -> Arc<Self> {
        let inner = Inner { whole: true, ..Inner::default() };
        memory.add(bounds::RECORDING_BASE_BYTES);
        Arc::new(Self { request, memory: Arc::clone(memory), inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key is this request's: whoever has the same body may wait for its answer.
    pub(super) fn claimed(&self) {
        let mut inner = self.lock();
        inner.claimed = true;
        inner.wake();
    }

    /// Whether the request that it answers has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    pub(super) fn begin(&self, head: Head) {
        let mut inner = self.lock();
        inner.head = Some(Arc::new(head));
        inner.wake();
    }

    /// Adds a piece. `false`: from now on only the last of it is kept, for those who read along.
    pub(super) fn push(&self, bytes: &Bytes, copy: bool) -> bool {
        if bytes.is_empty() {
            return true;
        }
        // A piece of a stream is a slice of a larger buffer, which would be kept with it.
        let piece = if copy { Bytes::copy_from_slice(bytes) } else { bytes.clone() };
        let size = piece.len() + bounds::RECORDED_PIECE_BYTES;
        let mut inner = self.lock();
        self.memory.add(size);
        inner.bytes += size;
        inner.pieces.push_back(piece);
        if inner.bytes > bounds::RECORDING_BYTES {
            inner.whole = false;
        }
        if !inner.whole {
            let keep = if self.memory.is_full() { 0 } else { bounds::RECORDING_WINDOW_BYTES };
            self.shrink(&mut inner, keep);
        }
        inner.wake();
        inner.whole
    }

    /// Gives up all but what the fastest readers need.
    pub(super) fn give_up(&self) {
        let mut inner = self.lock();
        inner.whole = false;
        self.shrink(&mut inner, 0);
        inner.wake();
    }

    /// Drops the oldest pieces until `keep` bytes are left; the newest always stays.
    fn shrink(&self, inner: &mut Inner, keep: usize) {
        while inner.bytes > keep && inner.pieces.len() > 1 {
            let Some(piece) = inner.pieces.pop_front() else { return };
            let size = piece.len() + bounds::RECORDED_PIECE_BYTES;
            inner.first += 1;
            inner.bytes -= size;
            self.memory.give_back(size);
        }
    }

    pub(super) fn end(&self, end: End) {
        let mut inner = self.lock();
        inner.end.get_or_insert(end);
        inner.wake();
    }

    /// Whether all of it can be read from the beginning.
    pub(super) fn is_whole(&self) -> bool {
        self.lock().whole
    }

    /// Whether the key is known to be this request's.
    pub(super) fn is_claimed(&self) -> bool {
        self.lock().claimed
    }

    /// A number for one who reads.
    pub(super) fn reader(&self) -> u64 {
        let mut inner = self.lock();
        inner.readers += 1;
        inner.readers
    }

    /// Ready once it is known whose the key is.
    pub(super) fn poll_claimed(&self, reader: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.claimed || inner.end.is_some() {
            return Poll::Ready(());
        }
        inner.wait(reader, cx);
        Poll::Pending
    }

    /// The head, or how it ended before there was one.
    pub(super) fn poll_head(&self, reader: u64, cx: &mut Context<'_>) -> Poll<Result<Arc<Head>, End>> {
        let mut inner = self.lock();
        match (&inner.head, inner.end) {
            (Some(head), _) => Poll::Ready(Ok(Arc::clone(head))),
            (None, Some(end)) => Poll::Ready(Err(end)),
            (None, None) => {
                inner.wait(reader, cx);
                Poll::Pending
            }
        }
    }

    /// The piece of number `at`, counted from 0.
    pub(super) fn poll_piece(&self, reader: u64, at: u64, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.lock();
        let Some(index) = at.checked_sub(inner.first) else { return Poll::Ready(Next::Lost) };
        let piece = usize::try_from(index).ok().and_then(|index| inner.pieces.get(index));
        match (piece, inner.end) {
            (Some(piece), _) => Poll::Ready(Next::Bytes(piece.clone())),
            (None, Some(end)) => Poll::Ready(Next::End(end)),
            (None, None) => {
                inner.wait(reader, cx);
                Poll::Pending
            }
        }
    }

    /// Whether whoever has read `at` pieces has read it to its proper end.
    pub(super) fn is_over(&self, at: u64) -> bool {
        let inner = self.lock();
        inner.end == Some(End::Complete) && at >= inner.first + inner.pieces.len() as u64
    }

    /// Nobody of this number waits any more.
    pub(super) fn leave(&self, reader: u64) {
        self.lock().waiting.retain(|(waiting, _)| *waiting != reader);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let bytes = self.inner.get_mut().map_or_else(|e| e.into_inner().bytes, |inner| inner.bytes);
        self.memory.give_back(bytes + bounds::RECORDING_BASE_BYTES);
    }
}

impl Inner {
    fn wait(&mut self, reader: u64, cx: &Context<'_>) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == reader) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => self.waiting.push((reader, cx.waker().clone())),
        }
    }

    fn wake(&mut self) {
        for (_, waker) in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn recording(memory: &Arc<Memory>) -> Arc<Recording> {
        Recording::new(RequestId([0; 16]), memory)
    }

    fn next(recording: &Recording, at: u64) -> Option<Next> {
        match recording.poll_piece(1, at, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[test]
    fn is_read_from_any_place() {
        let memory = Memory::new(1_000);
        let recording = recording(&memory);
        assert_eq!(next(&recording, 0), None);
        recording.push(&Bytes::from_static(b"ab"), true);
        recording.push(&Bytes::new(), true);
        recording.push(&Bytes::from_static(b"cd"), false);
        let bytes = |text: &'static [u8]| Some(Next::Bytes(Bytes::from_static(text)));
        assert_eq!(
            [next(&recording, 0), next(&recording, 1), next(&recording, 2)],
            [bytes(b"ab"), bytes(b"cd"), None]
        );
        recording.end(End::Complete);
        recording.end(End::Gone);
        assert_eq!(next(&recording, 2), Some(Next::End(End::Complete)));
        assert!(recording.is_over(2) && !recording.is_over(1));
        let bytes = bounds::RECORDING_BASE_BYTES + 4 + 2 * bounds::RECORDED_PIECE_BYTES;
        assert_eq!(memory.used_bytes.load(Ordering::Relaxed), bytes);
        drop(recording);
        assert_eq!(memory.used_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_too_large_is_only_read_along() {
        let memory = Memory::new(usize::MAX);
        let recording = recording(&memory);
        let piece = Bytes::from(vec![b'x'; 64 * KIB]);
        let mut pushed = 0;
        while recording.push(&piece, false) {
            pushed += 1;
        }
        assert_eq!(pushed, bounds::RECORDING_BYTES / (piece.len() + bounds::RECORDED_PIECE_BYTES));
        assert!(!recording.is_whole());
        let kept = memory.used_bytes.load(Ordering::Relaxed);
        assert!(
            kept <= bounds::RECORDING_WINDOW_BYTES && kept + piece.len() > bounds::RECORDING_WINDOW_BYTES / 2
        );
        assert_eq!(next(&recording, 0), Some(Next::Lost), "a slow reader");
        assert_eq!(next(&recording, pushed as u64), Some(Next::Bytes(piece)), "one that is at the end");
        assert_eq!(next(&recording, pushed as u64 + 1), None);
        drop(recording);
        assert_eq!(memory.used_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn where_memory_is_full_only_the_newest_is_there() {
        let memory = Memory::new(10);
        let recording = recording(&memory);
        recording.push(&Bytes::from_static(b"ab"), true);
        assert!(memory.is_full());
        recording.give_up();
        assert!(!recording.push(&Bytes::from_static(b"cd"), true));
        assert_eq!(next(&recording, 0), Some(Next::Lost));
        assert_eq!(next(&recording, 1), Some(Next::Bytes(Bytes::from_static(b"cd"))));
    }
}
