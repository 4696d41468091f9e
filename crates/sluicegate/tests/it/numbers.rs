//! Numbers of the console lead to the requests behind them: each to as many as it says.

use std::collections::BTreeSet;

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, post},
    patience::within,
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::{
    access::Browser,
    admin::{Admin, each},
    rig::{KEY, NARROW_KEY, base_config, chat, launch, model, provider},
};

/// A link to a list of requests, and the number that leads there.
fn links(page: &str) -> Vec<(String, usize)> {
    let link = |rest: &str| {
        let (path, rest) = rest.split_once('"')?;
        let shown = rest.strip_prefix('>')?.split("</a>").next()?;
        let number = shown.strip_prefix("<data value=\"")?.split('"').next()?;
        let path = path.replace("&#38;", "&").replace("&amp;", "&");
        Some((format!("/requests{path}"), number.parse().ok()?))
    };
    page.split("href=\"/requests").skip(1).filter_map(link).collect()
}

/// The requests that a page of the list has.
fn listed(page: &str) -> BTreeSet<&str> {
    page.split("href=\"/requests/req_").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Asks for what ends in every way: answered, refused, failed at one provider or two, and broken after the head.
async fn requests(gateway: &Gateway, upstream: &Upstream) -> usize {
    let broken = Script::new()
        .write(answers::STREAM_HEAD)
        .write(answers::chunk(answers::text_event("delivered").as_bytes()))
        .fin();
    let down = answers::json_answer(500, &answers::error_json("so it is", "server_error", "internal"));
    let down = Script::new().write(down);
    let mut made = 0;
    for (key, name, stream, script, status) in [
        (KEY, "m", false, None, 200),
        (KEY, "m", true, None, 200),
        (KEY, "m", true, Some(&broken), 200),
        (NARROW_KEY, "other", true, Some(&broken), 200),
        (KEY, "dead", false, None, 502),
        (KEY, "both", false, Some(&down), 502),
        (KEY, "nothing", false, None, 404),
        (NARROW_KEY, "m", false, None, 403),
    ] {
        if let Some(script) = script {
            upstream.script(script.clone());
        }
        let ask = post(key, "", chat(name, stream));
        let (head, body) = Client::connect(gateway.data).await.exchange(ask).await;
        assert_eq!(head.status, status, "{name}: {}", body.text());
        made += 1;
    }
    made
}

#[tokio::test]
async fn lead_to_as_many_requests_as_they_say() {
    let upstream = Upstream::start().await;
    let once = "retry = { max_attempts = 2 }";
    let config = base_config()
        + "[[projects]]\nname = \"default\"\n"
        + &provider("up", &upstream.base_url())
        + &provider("down", "http://127.0.0.1:9/v1")
        + &model("m", &[("up", "m")], "retry = { max_attempts = 1 }")
        + &model("other", &[("up", "other")], "retry = { max_attempts = 1 }")
        + &model("dead", &[("down", "x")], "retry = { max_attempts = 1 }")
        + &model("both", &[("down", "x"), ("up", "y")], once);
    let gateway = launch().config(&config).serve().await;
    let (owner, admin) = (Browser::owner(&gateway).await, Admin::of(&gateway));
    let made = requests(&gateway, &upstream).await;
    let look = async {
        loop {
            let rows = admin.get("/admin/v1/requests").await;
            let rows = rows["data"].as_array().unwrap().clone();
            if rows.len() == made && rows.iter().all(|row| row["status"].is_number()) {
                break rows;
            }
        }
    };
    let rows = within("the rows of all requests", look).await;
    let failed = |row: &&serde_json::Value| !row["error_code"].is_null();
    assert_eq!(rows.iter().filter(failed).count(), made - 2, "{rows:?}");
    let key = each(&admin.get("/admin/v1/keys").await, "id").remove(0);
    let by = ["model", "key", "project", "provider"].map(|by| format!("/?by={by}"));
    let others = [
        format!("/?by=model&key={key}"),
        "/?range=30d&by=provider&model=both".to_owned(),
        format!("/keys/{key}"),
        "/projects/default".to_owned(),
        "/models/m".to_owned(),
        "/models/both".to_owned(),
    ];
    for page in by.into_iter().chain(others) {
        let (head, html) = owner.get(&page).await;
        assert_eq!(head.status, 200, "{page}");
        let links = links(html.text());
        assert!(links.len() >= 2, "{page} has no numbers: {}", html.text());
        for (path, number) in links {
            let list = owner.get(&path).await.1;
            assert_eq!(listed(list.text()).len(), number, "{page} leads to {path}");
        }
    }
    let usage = admin.get("/admin/v1/usage").await;
    assert_eq!(
        (&usage["data"][0]["requests"], &usage["data"][0]["errors"]),
        (&json!(made), &json!(made - 2))
    );
}
