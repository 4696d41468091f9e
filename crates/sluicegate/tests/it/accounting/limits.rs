//! Requests and tokens per minute, requests at a time, and the headers that tell of them.

use sluice_testkit::client::{Client, post};

use super::{SERVER, ask, key};
use crate::rig::{assert_error, launch};

const SECRET: &str = "sk-limits-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECOND: &str = "sk-second-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

async fn start(keys: &str) -> (sluice_testkit::process::Gateway, Client) {
    let gateway = launch().config(&format!("{SERVER}{keys}")).serve().await;
    let client = Client::connect(gateway.data).await;
    (gateway, client)
}

#[tokio::test]
async fn requests_per_minute() {
    let (_gateway, mut client) = start(&key("k", SECRET, "limits = { rpm = 2 }")).await;
    for remaining in ["1", "0"] {
        let (head, _) = client.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(head.header("x-ratelimit-remaining-requests"), Some(remaining));
        assert!(head.header("x-ratelimit-reset-requests").is_some());
        assert_eq!(head.header("x-ratelimit-limit-tokens"), None, "there is no such limit");
    }
    let answer = client.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await;
    assert_error("the third", &answer, 429, "rate_limit_error", "rate_limit_exceeded");
    let retry_after: u64 = answer.0.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&retry_after), "{retry_after}");
    assert!(answer.0.header("retry-after-ms").is_some());
    assert_eq!(answer.0.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(answer.0.header("x-should-retry"), None, "a retry helps");
}

#[tokio::test]
async fn tokens_per_minute() {
    let (_gateway, mut client) = start(&key("k", SECRET, "limits = { tpm = 100 }")).await;
    let answer = client.exchange(ask(SECRET, "sandbox/echo", "x", 101)).await;
    assert_error("larger than all", &answer, 429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(answer.0.header("x-should-retry"), Some("false"), "a retry does not help");
    let (head, _) = client.exchange(ask(SECRET, "sandbox/echo", "x", 90)).await;
    assert_eq!(head.status, 200);
    let remaining: u64 = head.header("x-ratelimit-remaining-tokens").unwrap().parse().unwrap();
    assert!(remaining <= 10, "{remaining}: what it may use is taken");
    let (head, _) = client.exchange(ask(SECRET, "sandbox/echo", "x", 60)).await;
    assert_eq!(head.status, 200, "what it did not use came back");
}

#[tokio::test]
async fn requests_at_a_time() {
    let (gateway, mut client) = start(&key("k", SECRET, "limits = { parallel = 1 }")).await;
    let body = r#"{"model":"sandbox/echo","stream":true,"messages":[{"role":"user","content":"x y z"}]}"#;
    let mut held = Client::connect(gateway.data).await;
    held.send(post(SECRET, "x-sandbox-fault: stall_after=1\r\n", body)).await;
    assert_eq!(held.read_head().await.status, 200);
    let answer = client.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await;
    assert_error("the second", &answer, 429, "rate_limit_error", "rate_limit_exceeded");
    drop(held);
    let freed = async {
        while client.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await.0.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    sluice_testkit::patience::within("the place of a caller who left", freed).await;
}

#[tokio::test]
async fn a_project_is_shared_and_a_model_has_its_own() {
    let keys = format!(
        "[[projects]]\nname = \"team\"\nlimits = {{ rpm = 3 }}\n{}{}",
        key("a", SECRET, "project = \"team\"\nmodel_limits = { \"sandbox/text\" = { rpm = 1 } }"),
        key("b", SECOND, "project = \"team\"")
    );
    let (_gateway, mut client) = start(&keys).await;
    let mut status = async |secret, model| client.exchange(ask(secret, model, "x", 5)).await.0.status;
    assert_eq!(status(SECRET, "sandbox/text").await, 200);
    assert_eq!(status(SECRET, "sandbox/text").await, 429, "the model's own limit");
    assert_eq!(status(SECRET, "sandbox/echo").await, 200, "which is for that model alone");
    assert_eq!(status(SECOND, "sandbox/echo").await, 200);
    assert_eq!(status(SECOND, "sandbox/echo").await, 429, "three of the project are gone");
}
