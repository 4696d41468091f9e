//! Changes: none is lost, none is half done, each has its entry.

use serde_json::{Value, json};

use super::{Admin, SERVER, each};
use crate::rig::launch;

#[tokio::test]
async fn changes_at_the_same_time_are_all_there() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let (id, _) = admin.new_key("k", json!({})).await;
    let user = admin.new_user("o@example.com", json!({})).await;
    let path = format!("/admin/v1/keys/{id}");
    let patches = [
        json!({ "limits": { "rpm": 1 } }),
        json!({ "limits": { "tpm": 2 } }),
        json!({ "limits": { "parallel": 3 } }),
        json!({ "limits": { "max_output_tokens": 4 } }),
        json!({ "name": "l" }),
        json!({ "owner_user_id": user }),
    ];
    let [a, b, c, d, e, f] = patches.map(|patch| admin.patch(&path, patch));
    tokio::join!(a, b, c, d, e, f);
    let shown = admin.get(&path).await;
    assert_eq!(shown["limits"], json!({ "rpm": 1, "tpm": 2, "parallel": 3, "max_output_tokens": 4 }));
    assert_eq!((&shown["name"], &shown["owner_user_id"]), (&json!("l"), &json!(user)));
    // Of several that want one name one gets it.
    let make = || admin.send("POST", "/admin/v1/projects", br#"{"name":"one"}"#);
    let answers = tokio::join!(make(), make(), make());
    let mut statuses = [answers.0.0.status, answers.1.0.status, answers.2.0.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

#[tokio::test]
async fn the_audit_log_tells_who_changed_what() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let (id, _) = admin.new_key("k", json!({})).await;
    let path = format!("/admin/v1/keys/{id}");
    admin.patch(&path, json!({ "limits": { "rpm": 5 } })).await;
    // What changes nothing, or is refused, has no entry.
    admin.patch(&path, json!({ "limits": { "rpm": 5 } })).await;
    admin
        .refused(
            ("PATCH", &path),
            json!({ "limits": { "rpm": 0 } }),
            (400, "integer_below_min_value", Some("limits.rpm")),
        )
        .await;
    admin.call("POST", &format!("{path}/rotate"), json!({}), 200).await;
    admin.delete(&path).await;
    admin.delete(&path).await;
    admin.create("/admin/v1/projects", json!({ "name": "p" })).await;
    admin.delete("/admin/v1/projects/p").await;
    let log = admin.get("/admin/v1/audit").await;
    assert_eq!(each(&log, "action"), ["delete", "create", "revoke", "rotate", "update", "create"]);
    assert_eq!(each(&log, "object"), ["project", "project", "key", "key", "key", "key"]);
    let update = &log["data"][4];
    assert_eq!((&update["actor"], &update["object_id"]), (&json!("admin_token"), &json!(id)));
    assert_eq!(
        (&update["before"]["limits"]["rpm"], &update["after"]["limits"]["rpm"]),
        (&Value::Null, &json!(5))
    );
    assert_eq!((&log["data"][5]["before"], &log["data"][0]["after"]), (&Value::Null, &Value::Null));
    for (filter, count) in [
        ("object=key", 4),
        ("object=project&object_id=p", 2),
        (format!("object_id={id}&actor=admin_token").as_str(), 4),
        ("actor=usr_none", 0),
    ] {
        let found = admin.get(&format!("/admin/v1/audit?{filter}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{filter}");
    }
    let page = admin.get("/admin/v1/audit?limit=4").await;
    let next = page["next_cursor"].as_str().unwrap();
    let rest = admin.get(&format!("/admin/v1/audit?limit=4&cursor={next}")).await;
    assert_eq!(
        (each(&rest, "action"), &rest["next_cursor"]),
        (vec!["update".to_owned(), "create".to_owned()], &Value::Null)
    );
}

#[tokio::test]
async fn what_is_made_here_survives_a_new_file() {
    let launch = launch().config(SERVER);
    let gateway = launch.serve().await;
    let admin = Admin::of(&gateway);
    let (_, secret) = admin.new_key("mine", json!({})).await;
    admin
        .create(
            "/admin/v1/models",
            json!({ "name": "m", "targets": [{ "provider": "sandbox", "model": "echo" }] }),
        )
        .await;
    let more = format!("{SERVER}[[projects]]\nname = \"filed\"\n")
        .replace("{dir}", &gateway.dir().display().to_string());
    std::fs::write(launch.config_path(), more).unwrap();
    gateway.reload();
    gateway.lines.find("the new file", |line| line.contains("is in force").then_some(())).await;
    assert_eq!(each(&admin.get("/admin/v1/projects").await, "name"), ["filed"]);
    assert_eq!(admin.ask(&secret, "m").await.0, 200);
    // And of what the file no longer names: a key may stay where it was, and nobody else may come.
    let (id, _) = admin.new_key("inside", json!({ "project": "filed" })).await;
    let less = SERVER.replace("{dir}", &gateway.dir().display().to_string());
    std::fs::write(launch.config_path(), less).unwrap();
    gateway.reload();
    let gone = async { while !each(&admin.get("/admin/v1/projects").await, "name").is_empty() {} };
    sluice_testkit::patience::within("the project to go", gone).await;
    let path = format!("/admin/v1/keys/{id}");
    assert_eq!(admin.patch(&path, json!({ "name": "alone" })).await["project"], "filed");
    let body = json!({ "name": "another", "project": "filed" });
    admin.refused(("POST", "/admin/v1/keys"), body, (400, "invalid_value", Some("project"))).await;
}
