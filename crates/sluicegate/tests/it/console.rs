//! The console, from outside: who gets a page, and what comes with it.

use serde_json::json;
use sluice_testkit::client::{Client, Head, get};

use crate::{
    admin::{Admin, SERVER},
    rig::launch,
};

/// What keeps pages to themselves, on everything that a browser may show.
const GUARDS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

fn assert_guarded(name: &str, head: &Head) {
    for (header, value) in GUARDS {
        assert_eq!(head.header(header), Some(value), "{name}: {header}");
    }
    let policy = head.header("content-security-policy").unwrap_or_default();
    for word in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"]
    {
        assert!(policy.contains(word), "{name}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{name}: {policy}");
}

#[tokio::test]
async fn without_a_session_there_is_the_way_to_sign_in_and_nothing_else() {
    let gateway = launch().config(SERVER).serve().await;
    for (path, expect) in [
        ("/", Some("/sign-in")),
        ("/keys", Some("/sign-in?next=%2Fkeys")),
        ("/requests?model=a%20b", Some("/sign-in?next=%2Frequests%3Fmodel%3Da%2520b")),
        ("/models/a/b", Some("/sign-in?next=%2Fmodels%2Fa%2Fb")),
        ("/sign-in", None),
        ("/docs", None),
    ] {
        let (head, body) = Client::connect(gateway.admin).await.exchange(get(path, "")).await;
        assert_eq!(head.status, if expect.is_some() { 303 } else { 200 }, "{path}");
        assert_eq!(head.header("location"), expect, "{path}");
        assert_eq!(body.text().is_empty(), expect.is_some(), "{path}");
        assert_eq!(head.header("cache-control"), Some("no-store"), "{path}");
        assert_guarded(path, &head);
    }
    let (head, _) = Client::connect(gateway.data).await.exchange(get("/", "")).await;
    assert_eq!(head.status, 404, "the data plane has no console");
}

#[tokio::test]
async fn what_is_not_there_is_a_page_to_whoever_looks() {
    let gateway = launch().config(SERVER).serve().await;
    for (path, headers, html) in [
        ("/nothing", "accept: text/html,application/xhtml+xml;q=0.9\r\n", true),
        ("/nothing", "accept: */*\r\n", false),
        ("/nothing", "", false),
        ("/admin/v1/nothing", "accept: text/html\r\n", false),
        ("/models/%", "accept: text/html\r\n", true),
    ] {
        let (head, body) = Client::connect(gateway.admin).await.exchange(get(path, headers)).await;
        assert_eq!(head.status, 404, "{path}");
        let is_html = head.header("content-type") == Some("text/html; charset=utf-8");
        assert_eq!(is_html, html, "{path} {headers}");
        assert_eq!(body.text().contains("<h1>There is nothing here</h1>"), html, "{path}");
        if html {
            assert_guarded(path, &head);
        }
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_come_compressed() {
    let gateway = launch().config(SERVER).serve().await;
    let ask = |path: String, headers: &'static str| async move {
        Client::connect(gateway.admin).await.exchange(get(&path, headers)).await
    };
    let (_, page) = ask("/sign-in".to_owned(), "").await;
    let (_, after) = page.text().split_once("href=\"/assets/").unwrap();
    let hash = after.split('/').next().unwrap();
    for (name, content_type) in
        [("core.js", "text/javascript; charset=utf-8"), ("console.css", "text/css; charset=utf-8")]
    {
        let path = format!("/assets/{hash}/{name}");
        let (head, body) = ask(path.clone(), "").await;
        assert_eq!((head.status, head.header("content-type")), (200, Some(content_type)));
        assert_eq!(head.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!((head.header("content-encoding"), head.header("vary")), (None, Some("accept-encoding")));
        assert!(!body.text().is_empty());
        assert_guarded(name, &head);
        let (head, _) = ask(path, "accept-encoding: br, gzip\r\n").await;
        assert_eq!(head.header("content-encoding"), Some("gzip"));
    }
    for path in ["/assets/0000000000000000/core.js".to_owned(), format!("/assets/{hash}/../core.js")] {
        assert_eq!(ask(path.clone(), "").await.0.status, 404, "{path}");
    }
}

#[tokio::test]
async fn language_and_theme_are_chosen_and_remembered() {
    let gateway = launch().config(SERVER).serve().await;
    let page = |headers: &'static str| async move {
        let (_, body) = Client::connect(gateway.admin).await.exchange(get("/sign-in", headers)).await;
        let (_, rest) = body.text().split_once("<html ").unwrap();
        rest.split('>').next().unwrap().to_owned()
    };
    let check = |headers, expect: &'static str| async move {
        assert_eq!(page(headers).await, expect, "{headers}");
    };
    check("", "lang=\"en\" data-theme=\"system\"").await;
    check("accept-language: zh-CN,zh;q=0.9\r\n", "lang=\"zh-CN\" data-theme=\"system\"").await;
    check(
        "accept-language: zh\r\ncookie: sluicegate_language=en; sluicegate_theme=dark\r\n",
        "lang=\"en\" data-theme=\"dark\"",
    )
    .await;
    check("cookie: sluicegate_language=\"><script>\r\n", "lang=\"en\" data-theme=\"system\"").await;

    // Whoever asks for no language of ours gets that of the settings.
    let body = json!({ "console.default_language": "zh" });
    Admin::of(&gateway).patch("/admin/v1/settings", body).await;
    check("accept-language: de\r\n", "lang=\"zh-CN\" data-theme=\"system\"").await;
    check("accept-language: en\r\n", "lang=\"en\" data-theme=\"system\"").await;

    let choose = |fields: &'static str| async move {
        let request = format!(
            "POST /preferences HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{fields}",
            fields.len()
        );
        let (head, _) = Client::connect(gateway.admin).await.exchange(request).await;
        let text = |name| head.header(name).unwrap_or_default().to_owned();
        (head.status, text("location"), text("set-cookie"))
    };
    let cookie = |pair: &str| format!("{pair}; Path=/; Max-Age=31536000; SameSite=Lax");
    for (fields, location, set) in [
        ("language=zh-CN&back=%2Fkeys%3Fa%3D1", "/keys?a=1", cookie("sluicegate_language=zh-CN")),
        ("theme=dark&back=//elsewhere.example", "/", cookie("sluicegate_theme=dark")),
        ("language=xx%0d%0aset-cookie:a&back=/", "/", String::new()),
    ] {
        assert_eq!(choose(fields).await, (303, location.to_owned(), set), "{fields}");
    }
}
