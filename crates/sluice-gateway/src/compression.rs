//! Pages and JSON of the admin listener, compressed for those who take it.
//!
//! What is compressed together can be told from its length (BREACH): whoever can have somebody's browser ask for a text
//! of their choice, beside a secret, learns the secret letter by letter. So nothing that has a secret is compressed:
//! answers to changes (new keys, invitations), the pages of accounts and of the sign-in, the session's own answer. The
//! token in every page is told in other letters each time ([`SignedIn::csrf_shown`]). Names and addresses of people do
//! stand in compressed pages; what keeps others from asking is that the session's cookie is `SameSite=Strict`.
//!
//! [`SignedIn::csrf_shown`]: crate::access::session::SignedIn::csrf_shown

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY},
    request::Parts,
};
use sluice_console::Page;
use tokio::runtime::Handle;

use crate::{admin, console, reply::ReplyBody};

/// Less is sent as it is.
const LEAST_BYTES: usize = 1_024;
/// More is not compressed on the worker, where requests would have to wait.
const ASIDE_BYTES: usize = 64 * 1_024;

/// Whether answers there may be compressed: they have no secret.
pub(crate) fn is_open(place: &admin::Place) -> bool {
    !place.is_session() && !place.is_stream()
}

/// The same of pages.
pub(crate) fn is_open_page(place: console::Place<'_>) -> bool {
    match place {
        console::Place::Page(page, _) => !matches!(page, Page::Account | Page::SignIn | Page::SignInLink),
        console::Place::Document => true,
        // Assets are compressed as they are built.
        console::Place::Asset(_) | console::Place::Preferences | console::Place::Form(_) => false,
    }
}

/// Compresses the answer to a request for something open, where that is worth it and wanted.
pub(crate) async fn packed(
    runtime: &Handle,
    head: &Parts,
    mut response: Response<ReplyBody>,
) -> Response<ReplyBody> {
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    let Some(body) = response.body().as_whole().filter(|_| is_read && response.status() == 200) else {
        return response;
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if body.len() < LEAST_BYTES || !accepts_gzip(&head.headers) {
        return response;
    }
    let packed = match body.len() {
        ..=ASIDE_BYTES => gzip(&body, Compression::fast()),
        // Nobody but the reader waits for it.
        _ => runtime.spawn_blocking(move || gzip(&body, Compression::default())).await.unwrap_or_default(),
    };
    let Some(packed) = packed else { return response };
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.map(|_| ReplyBody::whole(packed))
}

/// `None`: it could not be done, which memory never says.
fn gzip(body: &[u8], level: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), level);
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether whoever asks takes gzip, by name.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let words = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    words.flat_map(|value| value.split(',')).any(|word| {
        let mut parts = word.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        gzip && !parts
            .any(|part| matches!(part.to_ascii_lowercase().as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_for_those_who_take_it() {
        let check = |value: &'static str, expect| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&headers), expect, "{value}");
        };
        check("gzip, deflate, br", true);
        check("br;q=1, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("identity", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_has_secrets_is_not_compressed() {
        let check = |path: &str, expect: bool| {
            let found = match admin::Place::find(path) {
                Some((place, _)) => is_open(&place),
                None => is_open_page(console::Place::find(path).unwrap()),
            };
            assert_eq!(found, expect, "{path}");
        };
        check("/", true);
        check("/requests", true);
        check("/docs", true);
        check("/docs/openapi.json", true);
        check("/admin/v1/usage", true);
        check("/account", false);
        check("/sign-in", false);
        check("/sign-in/link/0", false);
        check("/admin/v1/session", false);
        check("/admin/v1/requests/tail", false);
        check("/preferences", false);
    }
}
