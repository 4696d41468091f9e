//! The one-time link, passwords, sessions, and where they are good.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, printed_link, with_owner};
use crate::{
    admin::{Admin, SERVER},
    rig::launch,
};

#[tokio::test]
async fn the_link_makes_the_first_owner_once() {
    let launch = launch().config(SERVER);
    let mut gateway = launch.serve().await;
    let link = printed_link(&gateway).await;
    let mut browser = Browser::new(&gateway);
    // Looking changes nothing, however often.
    for _ in 0..3 {
        let (head, page) = browser.get(&link).await;
        assert_eq!((head.status, head.header("cache-control")), (200, Some("no-store")));
        assert!(page.text().contains("name=\"email\"") && page.text().contains("method=\"post\""));
        assert!(head.header("set-cookie").is_none());
    }
    for (fields, status) in [
        ([("email", "nobody"), ("password", PASSWORD)], 400),
        ([("email", "owner@example.com"), ("password", "short")], 400),
    ] {
        assert_eq!(browser.form(&link, &fields).await.0.status, status, "{fields:?}");
    }
    let good = [("email", "owner@example.com"), ("password", PASSWORD)];
    assert_eq!(browser.form("/sign-in/link/0000", &good).await.0.status, 404);
    let (head, _) = browser.form(&link, &good).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/")), "{}", head.raw);
    let cookie = head.header("set-cookie").unwrap();
    for part in ["sluicegate_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("__Host-"), "{cookie}");
    let (_, session) = browser.get("/admin/v1/session").await;
    let session = session.json();
    assert_eq!((&session["role"], &session["projects"]), (&json!("owner"), &json!(["*"])), "{session}");
    assert_eq!(session["user"]["email"], "owner@example.com");
    // It is of no use any more.
    let mut second = Browser::new(&gateway);
    assert_eq!(second.get(&link).await.0.status, 404);
    assert_eq!(second.form(&link, &good).await.0.status, 404);
    assert_eq!(second.cookie, None);
    let audit = Admin::of(&gateway).get("/admin/v1/audit").await;
    assert_eq!(audit["data"][1]["action"], "create");
    assert_eq!(audit["data"][0]["action"], "sign_in");
    assert_eq!(audit["data"][0]["actor"], session["user"]["id"]);
    // The next start prints none, and the session is still good.
    gateway.kill().await;
    let gateway = launch.serve().await;
    assert!(!gateway.lines.so_far().iter().any(|line| line.contains("/sign-in/link/")));
    assert!(Browser { admin: gateway.admin, ..browser }.is_in().await);
}

#[tokio::test]
async fn pages_and_calls_need_a_session() {
    let (gateway, owner, _) = with_owner().await;
    let nobody = Browser::new(&gateway);
    let (head, _) = nobody.get("/keys?project=a%20b").await;
    assert_eq!(
        (head.status, head.header("location")),
        (303, Some("/sign-in?next=%2Fkeys%3Fproject%3Da%2520b"))
    );
    assert_eq!(nobody.get("/admin/v1/keys").await.0.status, 401);
    assert_eq!(owner.get("/keys").await.0.status, 200);
    assert_eq!(owner.get("/admin/v1/keys").await.0.status, 200);
    assert_eq!(nobody.get("/sign-in").await.0.status, 200);
    // A wrong token is not forgiven for a good session.
    let both = Browser { extra: "authorization: Bearer wrong\r\n".to_owned(), ..owner.clone() };
    assert_eq!(both.get("/admin/v1/keys").await.0.status, 401);
}

#[tokio::test]
async fn passwords_let_in_and_sign_out_ends() {
    let (gateway, owner, _) = with_owner().await;
    let mut browser = Browser::new(&gateway);
    assert_eq!(browser.sign_in("owner@example.com", "not that password").await, 401);
    assert_eq!(browser.sign_in("nobody@example.com", PASSWORD).await, 401);
    assert_eq!(browser.cookie, None);
    let fields = [("email", " OWNER@example.com "), ("password", PASSWORD), ("next", "/keys?a=b")];
    let (head, _) = browser.form("/sign-in", &fields).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/keys?a=b")));
    browser.learn_csrf().await;
    assert_ne!(browser.csrf, owner.csrf);
    let list = browser.get("/admin/v1/sessions").await.1.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "{list}");
    // Without the token nobody is signed out.
    let without = Browser { csrf: "wrong".to_owned(), ..browser.clone() };
    assert_eq!(without.clone().form("/sign-out", &[]).await.0.status, 403);
    assert!(browser.is_in().await);
    let replayed = browser.clone();
    let (head, _) = browser.form("/sign-out", &[]).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/sign-in")));
    assert!(head.header("set-cookie").unwrap().contains("Max-Age=0"), "{}", head.raw);
    assert_eq!(browser.cookie, None);
    assert!(!replayed.is_in().await, "what was signed out does not come back");
    assert!(owner.is_in().await);
    // One's own sessions end one by one.
    let mut other = Browser::new(&gateway);
    assert_eq!(other.sign_in("owner@example.com", PASSWORD).await, 303);
    let list = owner.get("/admin/v1/sessions").await.1.json();
    let theirs = list["data"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
    let path = format!("/admin/v1/sessions/{}", theirs["id"].as_str().unwrap());
    assert_eq!(owner.api("DELETE", &path, Value::Null).await.0.status, 204);
    assert!(owner.is_in().await && !other.is_in().await);
    assert_eq!(owner.api("DELETE", &path, Value::Null).await.0.status, 404);
}

#[tokio::test]
async fn next_leads_nowhere_else() {
    let (gateway, ..) = with_owner().await;
    for next in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = Browser::new(&gateway);
        let fields = [("email", "owner@example.com"), ("password", PASSWORD), ("next", next)];
        let (head, _) = browser.form("/sign-in", &fields).await;
        assert_eq!((head.status, head.header("location")), (303, Some("/")), "{next}");
    }
}

#[tokio::test]
async fn sessions_are_for_tls_or_this_machine() {
    let (gateway, owner, _) = with_owner().await;
    let good = [("email", "owner@example.com"), ("password", PASSWORD)];
    // A name of somebody else's that leads here.
    let mut elsewhere =
        Browser { host: Some(format!("evil.example:{}", gateway.admin.port())), ..owner.clone() };
    assert!(!elsewhere.is_in().await);
    assert_eq!(elsewhere.get("/").await.0.status, 303);
    assert!(!elsewhere.get("/sign-in").await.1.text().contains("name=\"password\""));
    assert_eq!(elsewhere.form("/sign-in", &good).await.0.status, 403);
    // A proxy on this machine that speaks TLS for us.
    let mut proxied = Browser {
        host: Some("gateway.example".to_owned()),
        origin: Some("https://gateway.example".to_owned()),
        extra: "x-forwarded-proto: https\r\nx-forwarded-for: 198.51.100.7\r\n".to_owned(),
        ..Browser::new(&gateway)
    };
    let (head, _) = proxied.form("/sign-in", &good).await;
    assert_eq!(head.status, 303);
    let cookie = head.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sluicegate_session=") && cookie.contains("; Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert!(proxied.is_in().await);
    // The one cookie is not taken for the other.
    let named = |cookie: &str| Browser { cookie: Some(cookie.to_owned()), ..proxied.clone() };
    let value = proxied.cookie.as_deref().unwrap().split_once('=').unwrap().1;
    assert!(!named(&format!("sluicegate_session={value}")).is_in().await);
    let plain = Browser { cookie: proxied.cookie.clone(), ..Browser::new(&gateway) };
    assert!(!plain.is_in().await);
}
