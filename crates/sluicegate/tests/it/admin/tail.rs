//! Requests as they end, for whoever watches.

use serde_json::{Value, json};
use sluice_testkit::{
    client::{Client, get},
    patience::within,
};

use super::{Admin, SERVER};
use crate::{accounting::cluster::Cluster, rig::launch};

const PATH: &str = "/admin/v1/requests/tail";

/// A stream of events, read as they come.
struct Watcher {
    client: Client,
    read: String,
}

impl Watcher {
    async fn start(admin: &Admin, query: &str) -> Self {
        let headers = format!("authorization: Bearer {}\r\n", admin.token);
        let mut client = Client::connect(admin.address).await;
        client.send(get(&format!("{PATH}{query}"), &headers)).await;
        let head = client.read_head().await;
        assert_eq!(
            (head.status, head.header("content-type").unwrap()),
            (200, "text/event-stream; charset=utf-8")
        );
        let mut watcher = Self { client, read: String::new() };
        // From now on nothing is missed.
        watcher.until(": nothing yet").await;
        watcher
    }

    async fn until(&mut self, text: &str) {
        let read = async {
            while !self.read.contains(text) {
                let bytes = self.client.next_chunk().await.expect("the stream goes on");
                assert!(!bytes.is_empty(), "the stream goes on: {}", self.read);
                self.read.push_str(&String::from_utf8_lossy(&bytes));
            }
        };
        within(text, read).await;
    }

    fn rows(&self) -> Vec<Value> {
        let lines = self.read.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn requests_are_told_as_they_end() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let (key, secret) = admin.new_key("k", json!({})).await;
    let (other, theirs) = admin.new_key("other", json!({})).await;
    let mut all = Watcher::start(&admin, "").await;
    let mut of_key = Watcher::start(&admin, &format!("?key={key}")).await;
    let mut errors = Watcher::start(&admin, "?status=4xx").await;
    let (_, first) = admin.ask(&theirs, "sandbox/echo").await;
    let (_, second) = admin.ask(&secret, "none").await;
    let (_, third) = admin.ask(&secret, "sandbox/echo").await;
    for id in [&first, &second, &third] {
        all.until(&format!("id: {id}\n")).await;
    }
    of_key.until(&format!("id: {third}\n")).await;
    errors.until(&format!("id: {second}\n")).await;
    let keys = |watcher: &Watcher| -> Vec<Value> {
        watcher.rows().iter().map(|row| row["key_id"].clone()).collect()
    };
    assert!(keys(&all).contains(&json!(other)));
    assert!(keys(&of_key).iter().all(|found| *found == json!(key)) && !of_key.read.contains(&first));
    assert!(!errors.read.contains(&third) && !errors.read.contains(&first));
    // As the list has it.
    let told = all.rows().into_iter().find(|row| row["request_id"] == json!(third)).unwrap();
    assert_eq!(told, admin.row(&third).await);
}

#[tokio::test]
async fn who_watches_holds_up_no_end() {
    let mut gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let mut watcher = Watcher::start(&admin, "").await;
    gateway.terminate();
    let rest = async { while watcher.client.next_chunk().await.is_ok_and(|bytes| !bytes.is_empty()) {} };
    within("the end of the stream", rest).await;
    assert!(within("the end of the gateway", gateway.ended()).await.success());
}

#[tokio::test]
async fn what_cannot_be_watched() {
    let gateway = launch().config(SERVER).serve().await;
    let admin = Admin::of(&gateway);
    let wrong = |param| (400, "invalid_value", Some(param));
    admin.refused(("GET", &format!("{PATH}?status=x")), Value::Null, wrong("status")).await;
    let unknown = (400, "unknown_parameter", Some("from"));
    admin.refused(("GET", &format!("{PATH}?from=2026-01-01")), Value::Null, unknown).await;
    let mut watchers = Vec::new();
    for _ in 0..32 {
        watchers.push(Watcher::start(&admin, "").await);
    }
    admin.refused(("GET", PATH), Value::Null, (429, "too_many_watchers", None)).await;
}

#[tokio::test]
async fn requests_of_other_nodes_are_told_and_settings_hold_on_all() {
    let cluster = Cluster::start("");
    let nodes = cluster.serve(2).await;
    let (here, there) = (Admin::of(&nodes[0]), Admin::of(&nodes[1]));
    let (_, secret) = here.new_key("k", json!({})).await;
    // Until each node knows of the other, and the other knows the key.
    let ready = async {
        while here.get("/admin/v1/nodes").await["data"].as_array().unwrap().len() < 2
            || there.ask(&secret, "sandbox/echo").await.0 != 200
        {}
    };
    within("the nodes to know of one another", ready).await;
    let mut watcher = Watcher::start(&here, "").await;
    // What was there before the first look is no news: one of those that come behind it is.
    let told = async {
        while !watcher.read.contains("event: request") {
            let (_, id) = there.ask(&secret, "sandbox/echo").await;
            there.row(&id).await;
            let look = async { watcher.client.next_chunk().await };
            if let Ok(Ok(bytes)) = tokio::time::timeout(std::time::Duration::from_secs(2), look).await {
                watcher.read.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    };
    within("a request of the other node", told).await;
    here.patch("/admin/v1/settings", json!({ "sandbox.enabled": false })).await;
    let off = async { while there.ask(&secret, "sandbox/echo").await.0 != 404 {} };
    within("the setting to hold on the other node", off).await;
}
