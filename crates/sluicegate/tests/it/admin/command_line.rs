//! `key`, `usage` and `journal` beside a running gateway.

use serde_json::{Value, json};
use sluice_testkit::process::Launch;

use super::{Admin, SERVER};
use crate::rig::launch;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs a command in the directory of `launch`, with its configuration.
async fn run(launch: &Launch, command: &str, args: &[&str]) -> Ran {
    let launch = args.iter().fold(launch.clone(), |launch, arg| launch.arg(arg));
    let output = launch.run(command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// As [`run`], of a command that must succeed.
async fn out(launch: &Launch, command: &str, args: &[&str]) -> String {
    let ran = run(launch, command, args).await;
    assert_eq!(ran.code, Some(0), "{command} {args:?}: {}", ran.err);
    ran.out
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let launch = launch().config(SERVER);
    let gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let url = format!("http://{}", gateway.admin);
    let url = ["--admin-url", url.as_str()];
    let made =
        out(&launch, "key", &["create", "--name", "team a", "--models", "sandbox/*", url[0], url[1]]).await;
    let secret = made.trim_end();
    assert!(secret.starts_with("sk-") && secret.len() == 50, "{made}");
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 200);
    let json = [
        "create",
        "--name",
        "team b",
        "--rpm",
        "5",
        "--budget-usd",
        "0.25",
        "--budget-period",
        "week",
        "--expires",
        "2099-01-01T00:00:00Z",
        "--json",
        url[0],
        url[1],
    ];
    let made: Value = serde_json::from_str(&out(&launch, "key", &json).await).unwrap();
    assert_eq!((&made["budget"]["limit_nanousd"], &made["limits"]["rpm"]), (&json!(250_000_000), &json!(5)));
    let list = out(&launch, "key", &["list", url[0], url[1]]).await;
    let row = list.lines().find(|line| line.contains("team b")).unwrap_or_else(|| panic!("{list}"));
    for part in [made["id"].as_str().unwrap(), "0 of 0.25 USD a week", "2099-01-01T00:00:00Z", "active"] {
        assert!(row.contains(part), "{part}: {row}");
    }
    let list: Value =
        serde_json::from_str(&out(&launch, "key", &["list", "--json", url[0], url[1]]).await).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    out(&launch, "key", &["revoke", "team a", url[0], url[1]]).await;
    assert_eq!(admin.ask(secret, "sandbox/echo").await.0, 401);
    out(&launch, "key", &["revoke", made["id"].as_str().unwrap(), url[0], url[1]]).await;
    let list = out(&launch, "key", &["list", url[0], url[1]]).await;
    assert_eq!(list.lines().filter(|line| line.ends_with("revoked")).count(), 2, "{list}");

    let refused = run(&launch, "key", &["create", "--name", "team b", url[0], url[1]]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    assert!(refused.err.contains("already a key named 'team b'"), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "one clear line: {}", refused.err);
    let refused = run(&launch, "key", &["revoke", "nobody", url[0], url[1]]).await;
    assert!(refused.code == Some(1) && refused.err.contains("no key `nobody`"), "{}", refused.err);
    assert_eq!(run(&launch, "key", &["create"]).await.code, Some(2));
}

#[tokio::test]
async fn usage_is_shown_in_dollars() {
    let launch = launch().config(SERVER);
    let gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let url = format!("http://{}", gateway.admin);
    let (id, secret) = admin.new_key("spender", json!({})).await;
    let price = json!({ "input_nanousd_per_mtok": 0, "output_nanousd_per_mtok": 1_000_000_000_000_u64 });
    let model =
        json!({ "name": "dear", "targets": [{ "provider": "sandbox", "model": "echo" }], "price": price });
    admin.create("/admin/v1/models", model).await;
    let (_, request) = admin.ask(&secret, "dear").await;
    let path = format!("/admin/v1/requests/{request}");
    let charged = sluice_testkit::patience::within("the row", async {
        loop {
            let (head, body) = admin.send("GET", &path, b"").await;
            if head.status == 200 {
                return body.json()["charged_nanousd"].as_u64().unwrap();
            }
        }
    })
    .await;
    let dollars = sluice_ledger::NanoUsd(charged).dollars();
    let shown = out(&launch, "usage", &["--group-by", "key,model", "--admin-url", &url]).await;
    let row = shown.lines().find(|line| line.contains("dear")).unwrap_or_else(|| panic!("{shown}"));
    assert!(row.starts_with(&format!("spender ({id})")) && row.ends_with(&dollars), "{dollars}: {shown}");
    let json = out(&launch, "usage", &["--json", "--admin-url", &url]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data"][0]["cost_nanousd"], charged);
    let refused =
        run(&launch, "usage", &["--from", "2026-02-02", "--to", "2026-02-01", "--admin-url", &url]).await;
    assert!(refused.code == Some(1) && refused.err.contains("'to'"), "{}", refused.err);
}

#[tokio::test]
async fn without_a_gateway_or_its_token_it_is_said_what_to_do() {
    let launch = launch().config(SERVER);
    let ran = run(&launch, "key", &["list", "--admin-url", "http://127.0.0.1:1"]).await;
    assert!(ran.code == Some(1) && ran.err.contains("there is no admin token"), "{}", ran.err);
    assert!(!launch.dir().join("data").exists(), "asking makes nothing");
    let gateway = launch.serve().await;
    let ran = run(&launch, "key", &["list", "--admin-url", "http://127.0.0.1:1"]).await;
    assert!(ran.code == Some(1) && ran.err.contains("sluicegate serve"), "{}", ran.err);
    let url = format!("http://{}", gateway.admin);
    let wrong = launch.clone().env("SLUICEGATE_ADMIN_TOKEN", "token-canary");
    let ran = run(&wrong, "key", &["list", "--admin-url", &url]).await;
    assert!(ran.code == Some(1) && ran.err.contains("SLUICEGATE_ADMIN_TOKEN"), "{}", ran.err);
    assert!(!ran.err.contains("token-canary"), "{}", ran.err);
    let data = format!("http://{}", gateway.data);
    let ran = run(&launch, "key", &["list", "--admin-url", &data]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    // The token alone is enough, without any configuration.
    let token = Admin::of(&gateway).token;
    let bare = crate::rig::launch().env("SLUICEGATE_ADMIN_TOKEN", &token);
    out(&bare, "key", &["list", "--admin-url", &url]).await;
}

#[tokio::test]
async fn the_journal_is_looked_into_beside_a_gateway() {
    let launch = launch().config(SERVER);
    let ran = run(&launch, "journal", &["inspect"]).await;
    assert!(ran.code == Some(1) && ran.err.contains("no journal"), "{}", ran.err);
    let mut gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let (_, secret) = admin.new_key("k", json!({})).await;
    assert_eq!(admin.ask(&secret, "sandbox/echo").await.0, 200);
    assert!(out(&launch, "journal", &["inspect"]).await.contains("worker"));
    let refused = run(&launch, "journal", &["inspect", "--accept-loss"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("in use by another process"), "{}", refused.err);
    gateway.kill().await;
    assert!(out(&launch, "journal", &["verify"]).await.starts_with("sound: "));
}
