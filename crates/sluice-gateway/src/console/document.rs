//! `/docs/openapi.json`: the document of the API with the addresses of this gateway in it.

use std::sync::LazyLock;

use http::Response;
use serde_json::{Value, json};

use super::headers::guard;
use crate::{
    ids::Ids,
    openapi,
    reply::{self, ReplyBody},
};

pub(super) const PATH: &str = "/docs/openapi.json";

/// It is the same as long as the program runs, but for the addresses.
static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

/// The document, with `api_base` as the address of the data plane. The admin listener's is a path alone: it is where the
/// document came from.
pub(super) fn of(api_base: &str) -> Value {
    let mut document = DOCUMENT.clone();
    let data = api_base.strip_suffix("/v1").unwrap_or(api_base);
    document["servers"] = json!([{ "url": data, "description": "The data plane" }]);
    for path in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        if let Some(server) = path.pointer_mut("/servers/0/url") {
            *server = json!("/");
        }
    }
    document
}

pub(super) fn reply(ids: &Ids, api_base: &str) -> Response<ReplyBody> {
    let mut response = reply::json(ids, of(api_base).to_string());
    guard(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_this_gateway() {
        let document = of("https://gateway.example:8443/v1");
        let server = |pointer: &str| document.pointer(pointer).and_then(|list| list[0]["url"].as_str());
        assert_eq!(server("/servers"), Some("https://gateway.example:8443"));
        assert_eq!(server("/paths/~1v1~1chat~1completions/servers"), None);
        assert_eq!(server("/paths/~1admin~1v1~1keys/servers"), Some("/"));
        assert_eq!(server("/paths/~1metrics/servers"), Some("/"));
    }
}
