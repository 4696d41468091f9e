//! The header itself.

use http::{HeaderMap, HeaderName};
use sluice_chat::ApiError;

use crate::{bounds, refusal::Refusal};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The one `Idempotency-Key` of a request, if it has one.
///
/// # Errors
/// Several, or one that is empty, too long or not visible ASCII: which request it means must not be a guess.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let usable = (1..=bounds::IDEMPOTENCY_KEY_BYTES).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic)
        && all.next().is_none();
    if usable { Ok(Some(bytes)) } else { Err(invalid()) }
}

fn invalid() -> Refusal {
    let text = format!(
        "Invalid 'Idempotency-Key': send one header with 1 to {} visible ASCII characters.",
        bounds::IDEMPOTENCY_KEY_BYTES
    );
    Refusal::bad_request(ApiError::invalid("invalid_value", text).with_param("Idempotency-Key"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_header_of_visible_ascii() {
        let check = |values: &[&[u8]], expect: Result<Option<&[u8]>, ()>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            assert_eq!(read(&headers).map_err(|_| ()), expect, "{values:?}");
        };
        check(&[], Ok(None));
        check(&[b"a"], Ok(Some(b"a")));
        check(&[b"\"quoted~!\""], Ok(Some(b"\"quoted~!\"")));
        check(&[&[b'x'; 255]], Ok(Some(&[b'x'; 255])));
        check(&[&[b'x'; 256]], Err(()));
        check(&[b""], Err(()));
        check(&[b"a b"], Err(()));
        check(&["ä".as_bytes()], Err(()));
        check(&[b"a", b"a"], Err(()));
    }
}
