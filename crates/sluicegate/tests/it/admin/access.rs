//! Who may call, and what is a call at all.

use serde_json::{Value, json};
use sluice_testkit::client::{Client, get};

use super::{Admin, SERVER};
use crate::rig::{assert_error, launch};

const ERROR: &str = "invalid_request_error";

#[tokio::test]
async fn the_token_comes_before_everything_else() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let ask = |path: &'static str, headers: String| async move {
        Client::connect(gateway.admin).await.exchange(get(path, &headers)).await
    };
    for headers in [
        String::new(),
        "authorization: Bearer wrong\r\n".to_owned(),
        "authorization: Bearer sk-file-canary-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".to_owned(),
        format!("authorization: Basic {}\r\n", admin.token),
        format!("authorization: Bearer {}x\r\n", admin.token),
        format!("authorization: Bearer {0}\r\nauthorization: Bearer {0}\r\n", admin.token),
    ] {
        assert_error(&headers, &ask("/admin/v1/keys", headers.clone()).await, 401, ERROR, "invalid_api_key");
    }
    // A body that was never sent is not waited for.
    let post = "POST /admin/v1/keys HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 9999999999\r\n\r\n";
    let answer = Client::connect(gateway.admin).await.exchange(post).await;
    assert_error("no token", &answer, 401, ERROR, "invalid_api_key");
    // The data plane knows nothing of it.
    let headers = format!("authorization: Bearer {}\r\n", admin.token);
    let answer = Client::connect(gateway.data).await.exchange(get("/admin/v1/keys", &headers)).await;
    assert_error("the data plane", &answer, 404, ERROR, "unknown_url");
    let answer = ask("/admin/v1/keys", headers).await;
    assert_eq!(answer.0.status, 200);
    assert_eq!(answer.0.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn paths_methods_and_bodies_that_are_not_taken() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    for path in ["/admin/v1", "/admin/v1/nothing", "/admin/v1/status/x", "/admin/v1/keys/", "/admin/v2/keys"]
    {
        admin.refused(("GET", path), Value::Null, (404, "unknown_url", None)).await;
    }
    let (head, _) = admin.send("PUT", "/admin/v1/keys", b"{}").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, HEAD, POST")));
    let (head, _) = admin.send("DELETE", "/admin/v1/usage", b"").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, HEAD")));
    for (body, code, param) in [
        (&b""[..], "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_type", None),
        (b"\"name\"", "invalid_type", None),
        (br#"{"name":"a","name":"b"}"#, "duplicate_parameter", Some("name")),
        (br#"{"name":"a","limits":{"rpm":1,"rpm":2}}"#, "duplicate_parameter", Some("limits.rpm")),
    ] {
        let (head, answer) = admin.send("POST", "/admin/v1/keys", body).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (head.status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(param)),
            "{error}"
        );
    }
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let answer = admin.send("POST", "/admin/v1/keys", large.as_bytes()).await;
    assert_error("a large body", &answer, 413, ERROR, "request_too_large");
    let text = format!(
        "POST /admin/v1/keys HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\n\
         content-type: text/plain\r\ncontent-length: 2\r\n\r\n{{}}",
        admin.token
    );
    let answer = Client::connect(gateway.admin).await.exchange(text).await;
    assert_error("not JSON", &answer, 415, ERROR, "unsupported_media_type");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    for name in ["c", "a", "d", "b", "e"] {
        admin.create("/admin/v1/projects", json!({ "name": name })).await;
    }
    let mut names = Vec::new();
    let mut path = "/admin/v1/projects?limit=2".to_owned();
    loop {
        let page = admin.get(&path).await;
        names.push(super::each(&page, "name").concat());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/admin/v1/projects?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["ab", "cd", "e"]);
    let user = admin.new_user("a@example.com", json!({})).await;
    for (name, project, owner) in [("Team A", "a", Some(&user)), ("team b", "b", None), ("x", "a", None)] {
        let key = json!({ "name": name, "project": project, "owner_user_id": owner });
        admin.create("/admin/v1/keys", key).await;
    }
    for (query, expect) in [
        ("project=a", "Team A,x"),
        ("q=TEAM", "Team A,team b"),
        ("q=team&project=b", "team b"),
        (&*format!("q=sk-&owner={user}"), "Team A"),
        ("owner=user_2", ""),
    ] {
        let found = admin.get(&format!("/admin/v1/keys?{query}")).await;
        assert_eq!(super::each(&found, "name").join(","), expect, "{query}");
    }
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("cursor=abc", "cursor"),
        ("order=name", "order"),
        ("limit=1&limit=2", "limit"),
    ] {
        for list in ["keys", "projects", "providers", "models", "requests", "audit", "nodes"] {
            let path = format!("/admin/v1/{list}?{query}");
            let (head, answer) = admin.send("GET", &path, b"").await;
            let error = &answer.json()["error"];
            assert_eq!((head.status, &error["param"]), (400, &json!(param)), "{path}: {error}");
        }
    }
}
