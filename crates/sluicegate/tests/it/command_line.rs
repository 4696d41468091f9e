//! Subcommands that end by themselves: their output and exit codes.

use serde_json::Value;

use crate::rig::{base_config, launch, model, provider};

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn run(config: &str, subcommand: &str) -> Ran {
    let output = launch().config(config).run(subcommand).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

#[tokio::test]
async fn check_accepts_good_settings_and_masks_secrets() {
    let config = base_config() + &provider("up", "http://127.0.0.1:1/v1") + &model("m", &[("up", "m")], "");
    let ran = run(&config, "check").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("http://127.0.0.1:1/v1"), "{}", ran.out);
    for secret in [crate::rig::KEY, crate::rig::UPSTREAM_KEY] {
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{}{}", ran.out, ran.err);
    }
}

#[tokio::test]
async fn check_names_every_error_at_once() {
    let config = "[server]\nlisten = \"nowhere\"\nfrobnicate = 1\n\
                  [[providers]]\nname = \"p\"\nkind = \"no-such-kind\"\n\
                  [[models]]\nname = \"m\"\ntargets = [{ provider = \"missing\", model = \"x\" }]\n\
                  [[keys]]\nname = \"k\"\nsecret = \"${SLUICEGATE_NO_SUCH_VARIABLE}\"\n";
    let ran = run(config, "check").await;
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    for wanted in ["nowhere", "frobnicate", "no-such-kind", "missing", "SLUICEGATE_NO_SUCH_VARIABLE"] {
        assert!(ran.err.contains(wanted), "{wanted} is not in: {}", ran.err);
    }
    let ran = run(config, "serve").await;
    assert_eq!(ran.code, Some(1), "serve refuses what check refuses: {}", ran.err);
}

#[tokio::test]
async fn settings_of_features_to_come_are_warned_about() {
    let config = base_config()
        + "[oidc]\nissuer = \"https://id.example.com\"\nclient_id = \"a\"\nclient_secret = \"b\"\n";
    let ran = run(&config, "check").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!((ran.out + &ran.err).contains("oidc"));
}

#[tokio::test]
async fn openapi_is_a_document_of_the_data_plane() {
    let output = launch().run("openapi").await;
    assert_eq!(output.status.code(), Some(0));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert!(document["paths"]["/v1/chat/completions"]["post"].is_object());
}

#[tokio::test]
async fn wrong_usage_is_exit_code_two() {
    let output = launch().run("frobnicate").await;
    assert_eq!(output.status.code(), Some(2));
    let output = launch().arg("--no-such-option").run("serve").await;
    assert_eq!(output.status.code(), Some(2));
}
