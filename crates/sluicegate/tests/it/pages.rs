//! The example requests of the documentation pages that the API follows, with host, key and model replaced by
//! settings: their models are aliases of the sandbox. Each body in `pages/` is a page's own.

use serde_json::Value;
use sluice_testkit::client::{Client, post};

use crate::rig::{KEY, base_config, launch, model};

#[tokio::test]
async fn examples_are_answered() {
    let config = base_config()
        + &["gpt-4", "gpt-4o-mini", "string"].map(|name| model(name, &[("sandbox", "echo")], "")).concat();
    let gateway = launch().config(&config).serve().await;
    let pages = [
        ("new-api", include_str!("pages/new-api.json")),
        ("image-part", include_str!("pages/image-part.json")),
        ("x-trace-id", include_str!("pages/x-trace-id.json")),
        ("playground", include_str!("pages/playground.json")),
    ];
    for (name, body) in pages {
        let asked: Value = serde_json::from_str(body).unwrap();
        for stream in [false, true] {
            let mut asked = asked.clone();
            if stream {
                asked["stream"] = Value::Bool(true);
            }
            let mut client = Client::connect(gateway.data).await;
            let body = if stream { asked.to_string() } else { body.to_owned() };
            let (head, answer) = client.exchange(post(KEY, "X-Trace-ID: page-1\r\n", body)).await;
            assert_eq!(head.status, 200, "{name}: {}", answer.text());
            assert_eq!(head.header("x-trace-id"), Some("page-1"));
            if stream {
                assert_eq!(answer.events().last().unwrap(), "[DONE]", "{name}");
            } else {
                let answer = answer.json();
                assert_eq!(answer["object"], "chat.completion", "{name}");
                assert_eq!(answer["choices"][0]["message"]["role"], "assistant", "{name}");
                assert!(answer["usage"]["total_tokens"].is_u64(), "{name}");
            }
        }
    }
}
