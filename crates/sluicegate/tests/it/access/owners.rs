//! Whose a key is: somebody who is there, and whom the one who says so may know of.

use serde_json::{Value, json};

use super::{Browser, with_owner};

#[tokio::test]
async fn owners_of_keys_are_users_one_may_know_of() {
    let (gateway, owner, admin) = with_owner().await;
    for project in ["own", "other"] {
        admin.create("/admin/v1/projects", json!({ "name": project })).await;
    }
    let near = admin.new_user("near@example.com", json!({ "projects": ["own", "other"] })).await;
    let far = admin.new_user("far@example.com", json!({ "projects": ["other"] })).await;
    let (local, myself) = Browser::user(&gateway, &owner, "admin", json!(["own"])).await;
    let mut made = 0;
    let mut create = async |browser: &Browser, project: &str, id: &str| {
        made += 1;
        let body = json!({ "name": format!("k{made}"), "project": project, "owner_user_id": id });
        let (head, answer) = browser.api("POST", "/admin/v1/keys", body).await;
        (head.status, answer.json())
    };
    for (browser, project, id, status) in [
        (&owner, "own", &*near, 201),
        (&owner, "own", &far, 201),
        (&owner, "own", "nobody", 400),
        (&local, "own", &near, 201),
        (&local, "own", &myself, 201),
        (&local, "own", &far, 400),
        (&local, "own", "nobody", 400),
        (&local, "own", "a\u{0}b", 400),
    ] {
        let (found, answer) = create(browser, project, id).await;
        assert_eq!(found, status, "{id}: {answer}");
        if status == 400 {
            assert_eq!(answer["error"]["param"], "owner_user_id", "{answer}");
        }
    }
    // Somebody elsewhere and nobody at all are the same to who may not see them.
    let told = async |id: &str| {
        let body = json!({ "name": "told", "project": "own", "owner_user_id": id });
        local.api("POST", "/admin/v1/keys?dry_run=true", body).await.1.text().to_owned()
    };
    assert_eq!(told(&far).await, told("usr_000000000000000000000000").await);
    let key =
        admin.create("/admin/v1/keys", json!({ "name": "k", "project": "own", "owner_user_id": far })).await;
    let path = format!("/admin/v1/keys/{}", key["id"].as_str().unwrap());
    for (patch, status) in [
        (json!({ "name": "renamed" }), 200),
        (json!({ "owner_user_id": far }), 200),
        (json!({ "owner_user_id": "nobody" }), 400),
        (json!({ "owner_user_id": near }), 200),
        (json!({ "owner_user_id": far }), 400),
        (json!({ "owner_user_id": Value::Null }), 200),
    ] {
        let (head, answer) = local.api("PATCH", &path, patch.clone()).await;
        assert_eq!(head.status, status, "{patch}: {}", answer.text());
    }
    // A key goes on though its owner has gone.
    admin.patch(&path, json!({ "owner_user_id": far })).await;
    admin.delete(&format!("/admin/v1/users/{far}")).await;
    admin.patch(&path, json!({ "name": "again" })).await;
}
