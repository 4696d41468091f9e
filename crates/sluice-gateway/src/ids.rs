//! Request and trace ids.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use sluice_ledger::RequestId;
use smallvec::SmallVec;

use crate::bounds;

/// The header with the caller's id of a request, taken over or made by us.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Ids of one request. They stand here in place: nothing is allocated for them until they are sent.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    id: RequestId,
    request: [u8; REQUEST_ID_BYTES],
    trace: SmallVec<[u8; TRACE_ID_INLINE_BYTES]>,
}

/// `req_` and 32 hexadecimal digits.
const REQUEST_ID_BYTES: usize = 36;
/// Our own trace ids have 32 hexadecimal digits, and so have most others'.
const TRACE_ID_INLINE_BYTES: usize = 36;

impl Ids {
    /// Our id.
    pub(crate) fn request(&self) -> RequestId {
        self.id
    }

    /// Our id as text.
    pub(crate) fn request_text(&self) -> &str {
        std::str::from_utf8(&self.request).unwrap_or_default()
    }

    /// The trace id as text.
    pub(crate) fn trace_text(&self) -> &str {
        std::str::from_utf8(&self.trace).unwrap_or_default()
    }
}

/// Makes ids: time-ordered, otherwise random, nothing to count or to guess.
#[derive(Debug)]
pub(crate) struct IdMaker(RefCell<SmallRng>);

impl IdMaker {
    /// Seeds from the operating system.
    #[expect(clippy::disallowed_methods, reason = "the one seed of a worker")]
    pub(crate) fn from_os() -> std::io::Result<Self> {
        let mut seed = <SmallRng as SeedableRng>::Seed::default();
        getrandom::fill(seed.as_mut()).map_err(|e| std::io::Error::other(e.to_string()))?;
        Ok(Self(RefCell::new(from_seed(seed))))
    }

    /// Random bits for what nobody gains by guessing.
    pub(crate) fn bits(&self) -> u64 {
        self.0.borrow_mut().next_u64()
    }

    /// 32 hexadecimal digits.
    pub(crate) fn random_hex(&self) -> String {
        let mut random = [0u8; 16];
        self.0.borrow_mut().fill_bytes(&mut random);
        String::from_utf8_lossy(&hex_trace(&random)).into_owned()
    }

    /// Ids for a request that came at `unix_ms` with these headers. A trace id that is too long or not visible
    /// ASCII is replaced by ours.
    pub(crate) fn make(&self, headers: &HeaderMap, unix_ms: u64) -> Ids {
        let mut random = [0u8; 26];
        self.0.borrow_mut().fill_bytes(&mut random);
        let mut for_uuid = [0u8; 10];
        for_uuid.copy_from_slice(&random[..10]);
        let uuid = uuid::Builder::from_unix_timestamp_millis(unix_ms, &for_uuid).into_uuid();
        let mut text = [0u8; REQUEST_ID_BYTES];
        text[..4].copy_from_slice(b"req_");
        uuid.simple().encode_lower(&mut text[4..]);
        let trace = headers.get(X_TRACE_ID).filter(|v| usable(v)).map(|v| SmallVec::from_slice(v.as_bytes()));
        let id = RequestId(uuid.into_bytes());
        // Time comes first, as in our own ids: what is found by them lies side by side then.
        random[10..16].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        Ids { id, request: text, trace: trace.unwrap_or_else(|| hex_trace(&random[10..])) }
    }
}

fn from_seed(seed: <SmallRng as SeedableRng>::Seed) -> SmallRng {
    SmallRng::from_seed(seed)
}

fn usable(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    !bytes.is_empty() && bytes.len() <= bounds::TRACE_ID_BYTES && bytes.iter().all(u8::is_ascii_graphic)
}

fn hex_trace(random: &[u8]) -> SmallVec<[u8; TRACE_ID_INLINE_BYTES]> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(random) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    SmallVec::from_slice(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_over_or_replaced() {
        let maker = IdMaker(RefCell::new(SmallRng::seed_from_u64(1)));
        let check = |given: Option<&[u8]>, kept: bool| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(X_TRACE_ID, HeaderValue::from_bytes(given).unwrap());
            }
            let ids = maker.make(&headers, 1_700_000_000_000);
            assert_eq!(Some(&ids.trace[..]) == given, kept, "{given:?}");
            if !kept {
                assert!(ids.trace_text().starts_with("018bcfe56800") && ids.trace_text().len() == 32);
            }
            assert!(ids.request_text().starts_with("req_018bcfe56800"), "{ids:?}");
            assert_eq!(ids.request_text().len(), 36);
            assert_eq!(ids.request().text(), ids.request_text());
        };
        check(Some(b"abc-1"), true);
        check(Some(&[b'x'; 128]), true);
        check(Some(&[b'x'; 129]), false);
        check(Some(b""), false);
        check(Some(b"a b"), false);
        check(Some("ä".as_bytes()), false);
        check(None, false);
    }
}
