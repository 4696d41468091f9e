//! W3C Trace Context: whose trace a request belongs to, and what providers are told of it.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is passed on: so much everybody has to (W3C Trace Context, 3.3.1.5).
const STATE_BYTES: usize = 512;

/// Id of a span; never zero.
pub(crate) type SpanId = [u8; 8];

/// The trace of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(super) trace_id: [u8; 16],
    /// The caller's span.
    pub(super) parent: Option<SpanId>,
    pub(super) sampled: bool,
    pub(super) state: Option<HeaderValue>,
}

impl Context {
    /// The caller's trace; `None` where it names none that can be.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (all.next(), all.next()) else { return None };
        let (trace_id, parent, sampled) = parse(parent.as_bytes())?;
        Some(Self { trace_id, parent: Some(parent), sampled, state: state(headers) })
    }

    /// A trace that begins here.
    pub(super) fn fresh(sampled: bool, dice: &mut dyn FnMut() -> u64) -> Self {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&span_id(dice));
        trace_id[8..].copy_from_slice(&dice().to_be_bytes());
        Self { trace_id, parent: None, sampled, state: None }
    }

    /// What the provider is told: that `span` calls it.
    pub(super) fn traceparent(&self, span: SpanId) -> HeaderValue {
        let mut text = Vec::with_capacity(55);
        text.extend_from_slice(b"00-");
        push_hex(&mut text, &self.trace_id);
        text.push(b'-');
        push_hex(&mut text, &span);
        text.extend_from_slice(if self.sampled { b"-01" } else { b"-00" });
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// A new id.
pub(super) fn span_id(dice: &mut dyn FnMut() -> u64) -> SpanId {
    dice().max(1).to_be_bytes()
}

pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// Reads `version-trace-parent-flags`. Later versions may have more behind it.
fn parse(text: &[u8]) -> Option<([u8; 16], SpanId, bool)> {
    let (head, rest) = text.split_at_checked(55)?;
    let version = from_hex::<1>(&head[..2])?[0];
    let fits = match version {
        0 => rest.is_empty(),
        255 => false,
        _ => rest.is_empty() || rest[0] == b'-',
    };
    if !fits || [head[2], head[35], head[52]] != [b'-'; 3] {
        return None;
    }
    let trace_id = from_hex::<16>(&head[3..35])?;
    let parent = from_hex::<8>(&head[36..52])?;
    let flags = from_hex::<1>(&head[53..])?[0];
    (trace_id != [0; 16] && parent != [0; 8]).then_some((trace_id, parent, flags & 1 == 1))
}

/// Lower-case digits alone.
fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// All `tracestate` of a caller as one header.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let all: Vec<&[u8]> = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes).collect();
    let joined = all.join(&b","[..]);
    let fits =
        !joined.is_empty() && joined.len() <= STATE_BYTES && joined.iter().all(|b| (0x20..0x7f).contains(b));
    fits.then(|| HeaderValue::from_bytes(&joined).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn traces_of_callers() {
        let check = |given: &str, sampled: Option<bool>| {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_str(given).unwrap());
            let context = Context::of(&headers);
            assert_eq!(context.as_ref().map(|context| context.sampled), sampled, "{given}");
            if let Some(context) = context {
                let told = context.traceparent(context.parent.unwrap());
                assert_eq!(told.to_str().unwrap()[3..52], given[3..52]);
            }
        };
        check(GOOD, Some(true));
        check(&GOOD.replace("-01", "-00"), Some(false));
        check(&GOOD.replace("-01", "-03"), Some(true));
        check(&GOOD.replace("00-0af", "cc-0af"), Some(true));
        check(&format!("{}-more", GOOD.replace("00-0af", "01-0af")), Some(true));
        check(&format!("{}more", GOOD.replace("00-0af", "01-0af")), None);
        check(&format!("{GOOD}-more"), None);
        check(&GOOD.replace("00-0af", "ff-0af"), None);
        check(&GOOD.replace("0af7", "0AF7"), None);
        check(&GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)), None);
        check(&GOOD.replace("b7ad6b7169203331", &"0".repeat(16)), None);
        check(&GOOD[..54], None);
        check("", None);
        check(&GOOD.replace('-', "_"), None);
    }

    #[test]
    fn two_parents_are_none_and_states_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        headers.append(TRACESTATE, HeaderValue::from_static("a=1"));
        headers.append(TRACESTATE, HeaderValue::from_static("b=2"));
        assert_eq!(Context::of(&headers).unwrap().state.unwrap(), "a=1,b=2");
        headers.append(TRACESTATE, HeaderValue::from_str(&"x".repeat(STATE_BYTES)).unwrap());
        assert_eq!(Context::of(&headers).unwrap().state, None);
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        assert_eq!(Context::of(&headers), None);
    }

    #[test]
    fn a_trace_of_our_own_is_never_zero() {
        let context = Context::fresh(true, &mut || 0);
        assert_ne!(context.trace_id, [0; 16]);
        let told = context.traceparent(span_id(&mut || 0));
        assert_eq!(told, "00-00000000000000010000000000000000-0000000000000001-01");
    }
}
