//! `/admin/v1/users`: who may sign in, as what.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, with_owner};
use crate::admin::each;

#[tokio::test]
async fn users_are_made_changed_and_removed() {
    let (_gateway, _, admin) = with_owner().await;
    let body =
        json!({ "email": "Ann@example.com", "role": "viewer", "projects": ["a"], "password": PASSWORD });
    let made = admin.create("/admin/v1/users", body.clone()).await;
    assert_eq!((&made["role"], &made["projects"]), (&json!("viewer"), &json!(["a"])));
    assert_eq!((&made["has_password"], &made["invite_path"]), (&json!(true), &Value::Null), "{made}");
    let path = format!("/admin/v1/users/{}", made["id"].as_str().unwrap());
    let taken = json!({ "email": "ANN@example.com", "role": "owner" });
    admin.refused(("POST", "/admin/v1/users"), taken, (409, "email_taken", Some("email"))).await;
    assert_eq!(each(&admin.get("/admin/v1/users").await, "email"), ["Ann@example.com", "owner@example.com"]);
    let after =
        admin.patch(&path, json!({ "role": "admin", "projects": ["*"], "email": "bob@example.com" })).await;
    assert_eq!((&after["role"], &after["projects"]), (&json!("admin"), &json!(["*"])));
    assert_eq!(admin.get(&path).await, after);
    for (body, param) in [
        (json!({ "role": "king" }), "role"),
        (json!({ "password": "short" }), "password"),
        (json!({ "totp": "x" }), "totp"),
        (json!({ "email": "nowhere" }), "email"),
    ] {
        admin.refused(("PATCH", &path), body, (400, "invalid_value", Some(param))).await;
    }
    admin.delete(&path).await;
    admin.refused(("GET", &path), Value::Null, (404, "user_not_found", None)).await;
    let audit = admin.get("/admin/v1/audit").await;
    assert_eq!(each(&audit, "action")[..3], ["delete", "update", "create"]);
    admin.never_said(PASSWORD);
    admin.never_said("argon2id");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let (_gateway, owner, admin) = with_owner().await;
    let session = owner.get("/admin/v1/session").await.1.json();
    let path = format!("/admin/v1/users/{}", session["user"]["id"].as_str().unwrap());
    admin.refused(("DELETE", &path), Value::Null, (409, "in_use", None)).await;
    for body in [json!({ "disabled": true }), json!({ "role": "viewer", "projects": ["*"] })] {
        admin.refused(("PATCH", &path), body, (409, "in_use", None)).await;
    }
    assert!(owner.is_in().await);
}

#[tokio::test]
async fn an_invitation_sets_a_password_once() {
    let (gateway, owner, admin) = with_owner().await;
    let made = admin.create("/admin/v1/users", json!({ "email": "ann@example.com", "role": "member" })).await;
    let first = made["invite_path"].as_str().unwrap().to_owned();
    let path = format!("/admin/v1/users/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await["invite_path"], Value::Null, "it is shown once");
    let again = admin.call("POST", &format!("{path}/invite"), Value::Null, 200).await;
    let link = again["invite_path"].as_str().unwrap();
    assert_ne!(first, link);
    let mut ann = Browser::new(&gateway);
    let password = [("password", PASSWORD), ("email", "owner@example.com")];
    assert_eq!(ann.form(&first, &password).await.0.status, 404, "an earlier link is not good any more");
    let (head, page) = ann.get(link).await;
    assert!(head.status == 200 && page.text().contains("ann@example.com"), "{}", page.text());
    assert_eq!(ann.form(link, &[("password", "short")]).await.0.status, 400);
    assert_eq!(ann.form(link, &password).await.0.status, 303);
    let session = ann.get("/admin/v1/session").await.1.json();
    assert_eq!((&session["role"], &session["user"]["email"]), (&json!("member"), &json!("ann@example.com")));
    assert_eq!(Browser::new(&gateway).form(link, &password).await.0.status, 404);
    assert_eq!(Browser::new(&gateway).sign_in("ann@example.com", PASSWORD).await, 303);
    admin.patch(&path, json!({ "disabled": true })).await;
    assert!(!ann.is_in().await && owner.is_in().await);
    assert_eq!(Browser::new(&gateway).sign_in("ann@example.com", PASSWORD).await, 401);
    admin.refused(("POST", &format!("{path}/invite")), Value::Null, (409, "user_disabled", None)).await;
}

#[tokio::test]
async fn owners_are_made_and_changed_by_owners_alone() {
    let (gateway, owner, _) = with_owner().await;
    let (boss, boss_id) = Browser::user(&gateway, &owner, "owner", json!(["*"])).await;
    let (admin, admin_id) = Browser::user(&gateway, &owner, "admin", json!(["*"])).await;
    let path = |id: &str| format!("/admin/v1/users/{id}");
    let check = async |who: &Browser, (method, path): (&str, &str), body: Value, status: u16| {
        let (head, answer) = who.api(method, path, body).await;
        assert_eq!(head.status, status, "{method} {path}: {}", answer.text());
        if status == 403 {
            assert_eq!(answer.json()["error"]["code"], "role_not_allowed");
        }
    };
    let new =
        |role: &str| json!({ "email": format!("new-{role}@example.com"), "role": role, "projects": ["*"] });
    check(&admin, ("POST", "/admin/v1/users"), new("owner"), 403).await;
    check(&admin, ("POST", "/admin/v1/users"), new("admin"), 201).await;
    check(&admin, ("PATCH", &path(&boss_id)), json!({ "password": PASSWORD }), 403).await;
    check(&admin, ("DELETE", &path(&boss_id)), Value::Null, 403).await;
    check(&admin, ("POST", &format!("{}/invite", path(&boss_id))), Value::Null, 403).await;
    check(&admin, ("PATCH", &path(&admin_id)), json!({ "role": "owner" }), 403).await;
    check(&boss, ("PATCH", &path(&admin_id)), json!({ "role": "owner" }), 200).await;
    // Somebody who is more, or less, than when they signed in signs in again.
    assert!(!admin.is_in().await && boss.is_in().await);
    check(&owner, ("PATCH", &path(&boss_id)), json!({ "role": "viewer" }), 200).await;
    assert!(!boss.is_in().await);
}
