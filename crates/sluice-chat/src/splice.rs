//! Edits on the raw bytes of a request: everything between them stays as the caller wrote it, and is not copied.

use bytes::Bytes;
use memchr::memchr;
use smallvec::SmallVec;

use crate::scan::{RequestScan, Span};

/// A body in pieces, in order.
pub type Slices = SmallVec<[Bytes; 8]>;

/// One change to the top-level object of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Other bytes in place of a span.
    Replace { span: Span, with: Bytes },
    /// The pair at this index of [`RequestScan::entries`] goes, with its comma.
    RemoveEntry { index: usize },
    /// One more pair at the end, written as `"key":value`, without a comma.
    Append { entry: Bytes },
}

impl Edit {
    /// Makes `"key": value` stand at the top level: replaces the value where the key is there (be it null, and the
    /// last one where it is repeated), else appends the pair. `key` needs no escapes; `value` is JSON.
    pub fn set(body: &[u8], scan: &RequestScan, key: &str, value: &[u8]) -> Self {
        let standing = scan.entries.iter().rev().find(|entry| is_key(entry.key.of(body), key));
        if let Some(entry) = standing {
            return Self::Replace { span: entry.value, with: Bytes::copy_from_slice(value) };
        }
        let mut pair = Vec::with_capacity(key.len() + value.len() + 3);
        pair.push(b'"');
        pair.extend_from_slice(key.as_bytes());
        pair.extend_from_slice(b"\":");
        pair.extend_from_slice(value);
        Self::Append { entry: Bytes::from(pair) }
    }
}

/// Whether a key as written, quotes and escapes included, is `key`.
fn is_key(written: &[u8], key: &str) -> bool {
    if memchr(b'\\', written).is_some() {
        return serde_json::from_slice::<String>(written).is_ok_and(|unescaped| unescaped == key);
    }
    written.get(1..written.len().saturating_sub(1)) == Some(key.as_bytes())
}

/// Applies `edits` to `body`, of which `scan` is the scan. The order of replacements and removals does not matter;
/// appended pairs stand in the order given. A replacement inside a removed pair, or one that overlaps an earlier
/// one, is left out; so is a removal of a pair that does not exist.
pub fn splice(body: &Bytes, scan: &RequestScan, edits: &[Edit]) -> Slices {
    let mut cuts = removals(scan, edits);
    let removed: SmallVec<[Span; 4]> = cuts.iter().map(|cut| cut.span).collect();
    for edit in edits {
        let Edit::Replace { span, with } = edit else { continue };
        if !removed.iter().any(|gone| gone.start < span.end && span.start < gone.end) {
            cuts.push(Cut { span: *span, with });
        }
    }
    cuts.sort_by_key(|cut| cut.span.start);
    let mut out = Pieces { body, slices: Slices::new(), at: 0 };
    for cut in &cuts {
        if cut.span.start as usize >= out.at {
            out.cut(cut.span);
            out.push(cut.with);
        }
    }
    let appended = edits.iter().filter_map(|edit| match edit {
        Edit::Append { entry } => Some(entry),
        _ => None,
    });
    let mut empty = scan.entries.len() == removed_count(scan, edits);
    for entry in appended {
        out.cut(Span { start: scan.end, end: scan.end });
        if !std::mem::replace(&mut empty, false) {
            out.push(&Bytes::from_static(b","));
        }
        out.push(entry);
    }
    out.finish()
}

/// Bytes that go, and what comes in their place.
struct Cut<'a> {
    span: Span,
    with: &'a Bytes,
}

static NOTHING: Bytes = Bytes::new();

fn is_removed(edits: &[Edit], index: usize) -> bool {
    edits.iter().any(|edit| matches!(edit, Edit::RemoveEntry { index: gone } if *gone == index))
}

fn removed_count(scan: &RequestScan, edits: &[Edit]) -> usize {
    (0..scan.entries.len()).filter(|index| is_removed(edits, *index)).count()
}

/// What goes with the removed pairs. A pair takes the comma behind it along, and what stands between them; the last
/// pairs take the comma before them.
fn removals<'a>(scan: &RequestScan, edits: &[Edit]) -> SmallVec<[Cut<'a>; 4]> {
    let mut cuts = SmallVec::new();
    if !edits.iter().any(|edit| matches!(edit, Edit::RemoveEntry { .. })) {
        return cuts;
    }
    let kept = (0..scan.entries.len()).rfind(|index| !is_removed(edits, *index));
    for (index, entry) in scan.entries.iter().enumerate() {
        let gone = is_removed(edits, index);
        if let Some(next) =
            scan.entries.get(index + 1).filter(|_| gone && kept.is_some_and(|kept| index < kept))
        {
            cuts.push(Cut { span: Span { start: entry.key.start, end: next.key.start }, with: &NOTHING });
        }
    }
    // Nothing behind the last pair that stays is left.
    let tail = match kept {
        Some(kept) => scan.entries.get(kept).map(|entry| entry.value.end),
        None => scan.entries.first().map(|entry| entry.key.start),
    };
    if let (Some(start), Some(last)) = (tail, scan.entries.last())
        && start < last.value.end
    {
        cuts.push(Cut { span: Span { start, end: last.value.end }, with: &NOTHING });
    }
    cuts
}

/// The body as it falls apart.
struct Pieces<'a> {
    body: &'a Bytes,
    slices: Slices,
    at: usize,
}

impl Pieces<'_> {
    /// Everything up to `span` stays; `span` itself goes.
    fn cut(&mut self, span: Span) {
        let end = (span.start as usize).clamp(self.at, self.body.len());
        self.push(&self.body.slice(self.at..end));
        self.at = (span.end as usize).clamp(end, self.body.len());
    }

    fn push(&mut self, piece: &Bytes) {
        if !piece.is_empty() {
            self.slices.push(piece.clone());
        }
    }

    fn finish(mut self) -> Slices {
        self.push(&self.body.slice(self.at..));
        self.slices
    }
}
