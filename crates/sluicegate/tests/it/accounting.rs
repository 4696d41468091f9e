//! Money, limits and what is left of both when the process dies.

pub(crate) mod books;
mod budgets;
mod callers;
pub(crate) mod cluster;
mod copies;
mod cut_off;
mod database_away;
mod disk_full;
mod durability;
mod kill;
mod limits;
mod nodes;
mod races;

use sluice_testkit::client::{Body, Client, Head, post};

/// A model that costs one dollar a token, both ways, answered by the sandbox.
pub(super) const DEAR: &str = "[[models]]\nname = \"dear\"\ntargets = [{ provider = \"sandbox\", model = \"echo\" }]\n\
     price = { input = 1_000_000.0, output = 1_000_000.0 }\n";

/// A key; `extra` are further lines of it.
pub(super) fn key(name: &str, secret: &str, extra: &str) -> String {
    format!("[[keys]]\nname = \"{name}\"\nsecret = \"{secret}\"\nmodels = [\"*\"]\n{extra}\n")
}

/// The directory for data, and a log of requests.
pub(super) const SERVER: &str = "[server]\ndata_dir = \"{dir}/data\"\naccess_log = \"json\"\n";

/// A request of `text` to `model`, with at most `most` output tokens.
pub(super) fn ask(secret: &str, model: &str, text: &str, most: u64) -> Vec<u8> {
    let body = serde_json::json!({
        "model": model, "max_completion_tokens": most, "messages": [{ "role": "user", "content": text }],
    });
    post(secret, "", body.to_string())
}

/// Asks until the database was quick enough: on a busy machine it may not answer within the time that a request waits
/// for it.
pub(super) async fn call(client: &mut Client, request: impl AsRef<[u8]>) -> (Head, Body) {
    loop {
        let (head, body) = client.exchange(request.as_ref()).await;
        if head.status != 503 {
            return (head, body);
        }
        assert_eq!(body.json()["error"]["code"], "accounting_unavailable");
        assert!(head.header("retry-after").is_some(), "{}", head.raw);
    }
}
