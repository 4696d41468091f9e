//! Usage, rows of requests, and nodes.

use serde_json::{Value, json};
use sluice_testkit::process::Gateway;

use super::{Admin, SERVER, each};
use crate::rig::launch;

/// A gateway with a key, and the ids of three requests of it. On a busy machine the database may be too slow for the
/// first; then it is another gateway's turn.
async fn three_requests() -> (Gateway, String, Vec<String>) {
    'busy: loop {
        let gateway = launch().config(SERVER).serve().await;
        let admin = Admin::of(&gateway);
        let price = json!({
            "input_nanousd_per_mtok": 1_000_000_000_u64, "output_nanousd_per_mtok": 2_000_000_000_u64,
        });
        let targets = json!([{ "provider": "sandbox", "model": "echo" }]);
        let dear = json!({ "name": "dear", "targets": targets, "price": price });
        admin.create("/admin/v1/models", dear).await;
        let budget = json!({
            "budget": { "limit_nanousd": 1_000_000_000, "period": "month" }, "limits": { "rpm": 3 },
        });
        let (id, secret) = admin.new_key("k", budget).await;
        let mut made = Vec::new();
        for (model, status) in [("dear", 200), ("sandbox/echo", 200), ("none", 404)] {
            let (found, request) = admin.ask(&secret, model).await;
            if found == 503 {
                continue 'busy;
            }
            assert_eq!(found, status, "{model}");
            made.push(request);
        }
        return (gateway, id, made);
    }
}

#[tokio::test]
async fn requests_and_what_they_add_up_to() {
    let (gateway, id, made) = three_requests().await;
    let admin = Admin::of(&gateway);
    let dear = admin.row(&made[0]).await;
    assert_eq!(
        (&dear["key_id"], &dear["model"], &dear["provider"]),
        (&json!(id), &json!("dear"), &json!("sandbox"))
    );
    assert_eq!(
        (&dear["status"], &dear["usage_source"], &dear["flags"]),
        (&json!(200), &json!("provider"), &json!([]))
    );
    let (prompt, completion) =
        (dear["prompt_tokens"].as_u64().unwrap(), dear["completion_tokens"].as_u64().unwrap());
    let charged = dear["charged_nanousd"].as_u64().unwrap();
    assert_eq!(charged, prompt * 1_000 + completion * 2_000);
    assert!(dear["reserved_nanousd"].as_u64().unwrap() >= charged);
    assert!(dear["total_ms"].is_number() && dear["created_at"].as_str().unwrap().ends_with('Z'), "{dear}");
    assert_eq!(dear["attempts"][0]["outcome"], "ok");
    let failed = admin.row(&made[2]).await;
    assert_eq!((&failed["status"], &failed["error_code"]), (&json!(404), &json!("model_not_found")));
    admin.row(&made[1]).await;

    let list = admin.get("/admin/v1/requests").await;
    // Ids begin with the time; within a millisecond their order decides.
    let mut newest = made.clone();
    newest.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(each(&list, "request_id"), newest);
    let first = admin.get("/admin/v1/requests?limit=2").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("/admin/v1/requests?limit=2&cursor={next}")).await;
    assert_eq!(
        (each(&second, "request_id"), &second["next_cursor"]),
        (vec![newest[2].clone()], &Value::Null)
    );
    let id_of = |text: &str, from: usize, to: usize| text[from..to].to_owned();
    let q = format!("q={}", id_of(&made[0], 0, 36));
    let trace = format!("q={}", id_of(dear["trace_id"].as_str().unwrap(), 0, 20));
    for (query, count) in [
        ("model=dear", 1),
        ("status=404", 1),
        ("status=4xx", 1),
        ("status=error", 1),
        ("status=5xx", 0),
        ("key=key_0", 0),
        ("project=default", 3),
        ("provider=sandbox", 2),
        ("from=2026-01-01", 3),
        ("to=2026-01-01", 0),
        ("min_cost_nanousd=1", 1),
        ("min_total_ms=86400000", 0),
        (&*q, 1),
        (&*trace, 1),
    ] {
        let found = admin.get(&format!("/admin/v1/requests?{query}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    let found =
        admin.get(&format!("/admin/v1/requests?trace_id={}", dear["trace_id"].as_str().unwrap())).await;
    assert_eq!(each(&found, "request_id"), [&*made[0]]);

    sums(&admin, &id, charged).await;
}

/// The same from the side of usage and of the key's budget.
async fn sums(admin: &Admin, id: &str, charged: u64) {
    let usage = admin.get("/admin/v1/usage?group_by=key,model&bucket=day").await;
    let of_dear = usage["data"].as_array().unwrap().iter().find(|row| row["model"] == "dear").unwrap();
    assert_eq!(
        (&of_dear["key"], &of_dear["requests"], &of_dear["cost_nanousd"]),
        (&json!(id), &json!(1), &json!(charged))
    );
    // Times are written some seconds later.
    let path = "/admin/v1/usage?group_by=model,provider&bucket=hour&latency=true&model=dear&from=2026-11-01";
    let path =
        path.replace("from=2026-11-01", &format!("from={}", &of_dear["bucket"].as_str().unwrap()[..10]));
    let look = async {
        loop {
            let row = admin.get(&path).await["data"][0].clone();
            if row["total_ms"].is_object() {
                break row;
            }
        }
    };
    let timed = sluice_testkit::patience::within("the times of answers", look).await;
    assert_eq!((&timed["total_ms"]["count"], &timed["first_token_ms"]), (&json!(1), &Value::Null));
    assert!(timed["total_ms"]["p99"].as_f64().unwrap() >= 0.0);
    let only = &admin.get(&path.replace("latency=true", "latency=only")).await["data"][0];
    assert_eq!((&only["total_ms"], &only["model"]), (&timed["total_ms"], &json!("dear")));
    assert!(only.get("requests").is_none() && only["bucket"] == timed["bucket"], "{only}");
    let all = admin.get("/admin/v1/usage").await;
    assert_eq!((&all["data"][0]["requests"], &all["data"][0]["errors"]), (&json!(3), &json!(1)));
    let spent = &admin.get(&format!("/admin/v1/keys/{id}")).await["budget"];
    assert_eq!((&spent["spent_nanousd"], &spent["limit_nanousd"]), (&json!(charged), &json!(1_000_000_000)));
}

#[tokio::test]
async fn questions_that_have_no_answer() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    for (query, param) in [
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("from=yesterday", "from"),
        ("group_by=user", "group_by"),
        ("bucket=minute", "bucket"),
        ("latency=true&group_by=key,model", "latency"),
        ("group=key", "group"),
    ] {
        let path = format!("/admin/v1/usage?{query}");
        admin
            .refused(
                ("GET", &path),
                Value::Null,
                (400, if param == "group" { "unknown_parameter" } else { "invalid_value" }, Some(param)),
            )
            .await;
    }
    for id in ["nothing", "req_00000000000000000000000000000000"] {
        admin
            .refused(
                ("GET", &format!("/admin/v1/requests/{id}")),
                Value::Null,
                (404, "request_not_found", None),
            )
            .await;
    }
}

#[tokio::test]
async fn a_node_that_lives_is_not_written_off() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let nodes = admin.get("/admin/v1/nodes").await;
    assert_eq!((nodes["data"].as_array().unwrap().len(), &nodes["data"][0]["alive"]), (1, &json!(true)));
    let id = nodes["data"][0]["id"].as_str().unwrap();
    admin
        .refused(("POST", &format!("/admin/v1/nodes/{id}/write-off")), Value::Null, (409, "in_use", None))
        .await;
    admin
        .refused(("POST", "/admin/v1/nodes/none/write-off"), Value::Null, (404, "node_not_found", None))
        .await;
}
