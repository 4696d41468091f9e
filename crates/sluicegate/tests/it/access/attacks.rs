//! What is tried on a console by those who should not be in it.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, printed_link, with_owner};
use crate::{admin::SERVER, rig::launch};

#[tokio::test]
async fn a_session_that_somebody_else_chose_is_not_taken_over() {
    let (gateway, ..) = with_owner().await;
    let chosen = format!("sluicegate_session={}", "ab".repeat(32));
    let mut victim = Browser { cookie: Some(chosen.clone()), ..Browser::new(&gateway) };
    assert_eq!(victim.sign_in("owner@example.com", PASSWORD).await, 303);
    assert_ne!(victim.cookie.as_ref(), Some(&chosen));
    assert!(!Browser { cookie: Some(chosen.clone()), ..Browser::new(&gateway) }.is_in().await);
    // Two cookies of one name: nobody guesses which one counts.
    let both = format!("{chosen}; {}", victim.cookie.as_ref().unwrap());
    assert!(!Browser { cookie: Some(both), ..Browser::new(&gateway) }.is_in().await);
    let before = victim.cookie.clone();
    assert_eq!(victim.sign_in("owner@example.com", PASSWORD).await, 303);
    assert_ne!(victim.cookie, before, "every sign-in has its own");
}

#[tokio::test]
async fn a_demotion_acts_on_the_next_call() {
    let (gateway, owner, _) = with_owner().await;
    let (user, id) = Browser::user(&gateway, &owner, "admin", json!(["*"])).await;
    let stolen = user.clone();
    assert_eq!(user.api("POST", "/admin/v1/projects", json!({ "name": "p" })).await.0.status, 201);
    let patch = json!({ "role": "viewer", "projects": ["p"] });
    assert_eq!(owner.api("PATCH", &format!("/admin/v1/users/{id}"), patch).await.0.status, 200);
    for browser in [&user, &stolen] {
        assert_eq!(browser.api("POST", "/admin/v1/projects", json!({ "name": "q" })).await.0.status, 401);
        assert!(!browser.is_in().await);
    }
}

/// Every change there is: what another site has a browser send is refused, whatever it is.
#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let (gateway, owner, admin) = with_owner().await;
    let before = admin.get("/admin/v1/audit").await;
    let changes = [
        ("POST", "/admin/v1/keys"),
        ("PATCH", "/admin/v1/keys/k"),
        ("DELETE", "/admin/v1/keys/k"),
        ("POST", "/admin/v1/keys/k/rotate"),
        ("POST", "/admin/v1/projects"),
        ("PATCH", "/admin/v1/projects/p"),
        ("DELETE", "/admin/v1/projects/p"),
        ("POST", "/admin/v1/providers"),
        ("PATCH", "/admin/v1/providers/p"),
        ("DELETE", "/admin/v1/providers/p"),
        ("POST", "/admin/v1/providers/p/test"),
        ("POST", "/admin/v1/models"),
        ("PATCH", "/admin/v1/models/m"),
        ("DELETE", "/admin/v1/models/m"),
        ("POST", "/admin/v1/nodes/n/write-off"),
        ("POST", "/admin/v1/users"),
        ("PATCH", "/admin/v1/users/u"),
        ("DELETE", "/admin/v1/users/u"),
        ("POST", "/admin/v1/users/u/invite"),
        ("DELETE", "/admin/v1/sessions/s"),
    ];
    let port = gateway.admin.port();
    let with = |origin: &str, site: &str| {
        let extra = if site.is_empty() { String::new() } else { format!("sec-fetch-site: {site}\r\n") };
        Browser { origin: Some(origin.to_owned()), extra, ..owner.clone() }
    };
    let forgers = [
        with("https://evil.example", "cross-site"),
        with("null", "cross-site"),
        with("", "cross-site"),
        with("", ""),
        with("null", ""),
        with(&format!("http://127.0.0.1:{}", port.wrapping_add(1)), "same-site"),
        with(&format!("https://127.0.0.1:{port}"), ""),
        // From our own page, but without what only that knows.
        Browser { csrf: "0".repeat(64), ..owner.clone() },
        Browser { csrf: String::new(), ..owner.clone() },
    ];
    for (method, path) in changes {
        for forger in &forgers {
            let (head, answer) = forger.api(method, path, json!({})).await;
            assert_eq!(head.status, 403, "{method} {path} {forger:?}: {}", answer.text());
            assert_eq!(answer.json()["error"]["code"], "csrf_failed", "{method} {path}");
        }
    }
    let forms = [
        "/sign-in",
        "/sign-in/code",
        "/sign-out",
        "/account/password",
        "/account/totp",
        "/account/sessions/end",
    ];
    for path in forms {
        for mut forger in forgers.clone().into_iter().take(7) {
            let (head, _) = forger.form(path, &[]).await;
            assert_eq!(head.status, 403, "{path} {forger:?}");
        }
    }
    assert!(owner.is_in().await);
    assert_eq!(admin.get("/admin/v1/audit").await, before);
    // Nor does another site read what a session sees.
    let reader = Browser { extra: "sec-fetch-site: cross-site\r\n".to_owned(), ..owner };
    assert_eq!(reader.get("/admin/v1/keys").await.0.status, 403);
}

#[tokio::test]
async fn guessing_has_to_wait_and_locks_nobody_out() {
    let (gateway, owner, _) = with_owner().await;
    let behind = |address: &str| Browser {
        host: Some("gateway.example".to_owned()),
        origin: Some("https://gateway.example".to_owned()),
        extra: format!("x-forwarded-proto: https\r\nx-forwarded-for: {address}\r\n"),
        ..Browser::new(&gateway)
    };
    let mut guesser = behind("198.51.100.1");
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(guesser.sign_in("owner@example.com", "wrong wrong wrong").await);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    // Not even with the right one.
    let (head, page) =
        guesser.form("/sign-in", &[("email", "owner@example.com"), ("password", PASSWORD)]).await;
    assert_eq!(head.status, 429, "{}", page.text());
    let wait: u64 = head.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(guesser.sign_in("nobody@example.com", PASSWORD).await, 429, "the address waits as a whole");
    let mut own = behind("203.0.113.9");
    assert_eq!(own.sign_in("owner@example.com", PASSWORD).await, 303);
    assert!(owner.is_in().await);
}

#[tokio::test]
async fn the_link_is_no_use_from_elsewhere() {
    let gateway = launch().config(SERVER).serve().await;
    let link = printed_link(&gateway).await;
    let good = [("email", "evil@example.com"), ("password", PASSWORD)];
    let rebound = Browser { host: Some("evil.example".to_owned()), ..Browser::new(&gateway) };
    let crossed = Browser { origin: Some("https://evil.example".to_owned()), ..Browser::new(&gateway) };
    for mut browser in [rebound, crossed] {
        assert_eq!(browser.form(&link, &good).await.0.status, 403, "{browser:?}");
        assert_eq!(browser.cookie, None);
    }
    let mut own = Browser::new(&gateway);
    assert_eq!(
        own.form(&link, &[("email", "owner@example.com"), ("password", PASSWORD)]).await.0.status,
        303
    );
    assert_eq!(own.get("/admin/v1/users").await.1.json()["data"].as_array().map(Vec::len), Some(1));
    let nothing: [Value; 0] = [];
    assert_eq!(own.get("/admin/v1/requests").await.1.json()["data"], json!(nothing));
}
