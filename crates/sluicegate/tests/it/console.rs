//! The console, from outside: who gets a page, and what comes with it.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::json;
use sluice_testkit::client::{Client, Head, get};

use crate::{
    access::with_owner,
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

/// What a body says once it is unpacked.
fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn pages_and_answers_come_compressed_where_nothing_is_to_be_told_from_that() {
    let (_gateway, owner, admin) = with_owner().await;
    for n in 0..20 {
        admin.new_key(&format!("key number {n}"), json!({})).await;
    }
    let asking = |extra: &str| crate::access::Browser { extra: extra.to_owned(), ..owner.clone() };
    let (packed, plain, refusing) =
        (asking("accept-encoding: br, gzip\r\n"), asking(""), asking("accept-encoding: gzip;q=0\r\n"));
    for (path, is_packed) in [
        ("/", true),
        ("/keys", true),
        ("/docs", true),
        ("/docs/openapi.json", true),
        ("/admin/v1/keys", true),
        ("/admin/v1/usage", false),
        // What has secrets, and what is not there.
        ("/account", false),
        ("/admin/v1/session", false),
        ("/admin/v1/keys/none", false),
    ] {
        let (head, body) = packed.get(path).await;
        let encoding = head.header("content-encoding");
        assert_eq!(encoding, is_packed.then_some("gzip"), "{path}");
        assert_eq!(head.content_length(), Some(body.bytes.len()), "{path}");
        for other in [&plain, &refusing] {
            let (told, whole) = other.get(path).await;
            assert_eq!((told.status, told.header("content-encoding")), (head.status, None), "{path}");
            if is_packed {
                assert_eq!(told.header("vary"), Some("accept-encoding"), "{path}");
                assert_eq!(head.header("vary"), Some("accept-encoding"), "{path}");
                // But for the token of the page, and what time it is.
                assert_eq!(unpacked(&body.bytes).len(), whole.bytes.len(), "{path}");
                assert!(body.bytes.len() < whole.bytes.len() / 2, "{path}: {} bytes", body.bytes.len());
            }
        }
        assert!(path != "/docs" || body.bytes.len() < 60_000, "{path}: {} bytes", body.bytes.len());
    }
    let (head, made) = packed.api("POST", "/admin/v1/keys", json!({ "name": "x".repeat(200) })).await;
    assert_eq!((head.status, head.header("content-encoding")), (201, None), "{}", made.text());
}

#[tokio::test]
async fn no_two_pages_tell_the_token_of_changes_in_the_same_letters() {
    let (_gateway, owner, _) = with_owner().await;
    let mut tokens = std::collections::BTreeSet::from([owner.csrf.clone()]);
    for path in ["/keys", "/keys", "/"] {
        let page = owner.get(path).await.1;
        let (_, rest) = page.text().split_once("<meta name=\"csrf-token\" content=\"").unwrap();
        let token = rest.split('"').next().unwrap().to_owned();
        assert!(!page.text().contains(&owner.csrf), "{path}");
        let browser = crate::access::Browser { csrf: token.clone(), ..owner.clone() };
        let (head, answer) = browser.api("POST", "/admin/v1/projects", json!({ "name": token[..9] })).await;
        assert_eq!(head.status, 201, "{}", answer.text());
        assert!(tokens.insert(token), "{path}");
    }
    let last = tokens.into_iter().find(|token| token.len() > owner.csrf.len()).unwrap();
    for wrong in
        ["0".repeat(128), "0".repeat(64), last[..64].to_owned(), last[64..].to_owned(), "é".repeat(32)]
    {
        let browser = crate::access::Browser { csrf: wrong.clone(), ..owner.clone() };
        assert_eq!(
            browser.api("POST", "/admin/v1/projects", json!({ "name": "p" })).await.0.status,
            403,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn every_setting_is_told_in_both_languages() {
    let (_gateway, owner, _) = with_owner().await;
    let settings = owner.get("/admin/v1/settings").await.1.json();
    let is_told =
        |setting: &serde_json::Value| setting["description"].as_str().is_some_and(|text| !text.is_empty());
    let told = settings["data"].as_array().unwrap().iter().filter(|setting| is_told(setting)).count();
    assert!(told > 20, "{settings}");
    for (language, code) in [("en", "en"), ("zh-CN", "zh-CN")] {
        let cookie = owner.cookie.as_ref().map(|cookie| format!("{cookie}; sluicegate_language={language}"));
        let page = crate::access::Browser { cookie, ..owner.clone() }.get("/settings").await.1;
        assert!(page.text().contains(&format!("<html lang=\"{code}\"")), "{}", page.text());
        let foreign: Vec<&str> = page.text().split("<p class=\"note plain\" lang=\"en\">").skip(1).collect();
        assert!(
            foreign.is_empty(),
            "not in {language}: {:?}",
            foreign.iter().map(|rest| rest.split("</p>").next())
        );
        let written = page.text().split("<p class=\"note plain\">").skip(1);
        assert!(written.filter(|rest| !rest.starts_with("</p>")).count() >= told, "{}", page.text());
    }
}
