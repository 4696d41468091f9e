//! Money, limits and what is left of both when the process dies.

mod books;
mod budgets;
mod kill;
mod limits;
mod races;

use sluice_testkit::client::post;

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
