//! How long each page takes, whole: from the connection to the last byte, as its owner asks for it.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sluice_testkit::process::Gateway;

use super::fill;
use crate::{
    access::{Browser, PASSWORD},
    admin::each,
    rig::launch,
};

/// Each page is asked for so often.
const TIMES: usize = 20;
const REQUESTS: u64 = 10_000_000;
const HOUR_MS: u64 = 3_600_000;

/// Where the database is, and what keeps it there.
fn data_dir() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("SLUICEGATE_FIGURES_DIR") {
        Some(dir) => (dir.into(), None),
        None => {
            let dir = tempfile::tempdir().unwrap();
            (dir.path().to_owned(), Some(dir))
        }
    }
}

fn unix_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A gateway with all those requests, its owner, and how long that took.
async fn filled(dir: &std::path::Path) -> (Gateway, Browser, String) {
    let mut told = String::new();
    let launch = launch().config(&fill::config(dir));
    if !dir.join("filled").exists() {
        let mut gateway = launch.serve().await;
        let owner = Browser::owner(&gateway).await;
        fill::catalog(&owner).await;
        let keys = fill::keys(&owner).await;
        gateway.terminate();
        gateway.ended().await;
        let count = std::env::var("SLUICEGATE_FIGURES_REQUESTS").ok().and_then(|text| text.parse().ok());
        let started = Instant::now();
        fill::requests(&dir.join("sluicegate.db"), &keys, count.unwrap_or(REQUESTS), unix_ms()).await;
        told = format!("filled in {:?}, ", started.elapsed());
        std::fs::write(dir.join("filled"), "").unwrap();
    }
    let started = Instant::now();
    let gateway = launch.serve().await;
    told += &format!("started in {:?}", started.elapsed());
    let mut owner = Browser::new(&gateway);
    assert_eq!(owner.sign_in("owner@example.com", PASSWORD).await, 303);
    owner.learn_csrf().await;
    (gateway, owner, told)
}

/// What one page took, as a row of a table.
async fn took(owner: &Browser, name: &str, path: &str) -> String {
    let mut took = Vec::with_capacity(TIMES);
    let mut bytes = 0;
    for _ in 0..TIMES {
        let started = Instant::now();
        let (head, body) = owner.get(path).await;
        took.push(started.elapsed());
        assert_eq!(head.status, 200, "{path}: {}", body.text());
        bytes = body.bytes.len();
    }
    let first = took[0];
    took.sort_unstable();
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    let [median, worst, first] = [took[TIMES / 2], took[TIMES - 1], first].map(ms);
    format!("| {name} | {median:.1} | {worst:.1} | {first:.1} | {} |", bytes / 1_000)
}

fn moment(unix_ms: u64) -> String {
    sluice_console::format::rfc3339(unix_ms)
}

/// Each page by its name, and its address.
async fn pages(owner: &Browser) -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = Vec::new();
    for range in ["24h", "7d", "30d", "90d"] {
        for by in ["model", "key", "project", "provider"] {
            pages.push((format!("overview, {range} by {by}"), format!("/?range={range}&by={by}")));
        }
    }
    let (key, now) = (fill::keys(owner).await[7].clone(), unix_ms());
    let hours = (moment(now - 96 * HOUR_MS), moment(now));
    let middle = moment(now - 30 * 24 * HOUR_MS);
    let newest = owner.get("/admin/v1/requests?limit=1").await.1.json();
    let (id, trace) = (each(&newest, "request_id").remove(0), each(&newest, "trace_id").remove(0));
    let mut add = |name: &str, path: String| pages.push((name.to_owned(), path));
    add("overview, 96 hours by key", format!("/?from={}&to={}&by=key", hours.0, hours.1));
    add("overview, 30 days of a key by model", format!("/?range=30d&key={key}"));
    add("overview, 30 days of a model by provider", "/?range=30d&model=model-3&by=provider".to_owned());
    add("overview, 90 days of a project by key", "/?range=90d&project=project-1&by=key".to_owned());
    for (name, query) in [
        ("newest", String::new()),
        ("of a key", format!("key={key}")),
        ("of a project", "project=project-1".to_owned()),
        ("of a model", "model=model-3".to_owned()),
        ("of a provider", "provider=provider-2".to_owned()),
        ("errors", "status=error".to_owned()),
        ("5xx", "status=5xx".to_owned()),
        ("429", "status=429".to_owned()),
        ("503, of which there are none", "status=503".to_owned()),
        (
            "errors of a provider in an hour",
            format!("status=error&provider=provider-2&from={}&to={}", moment(now - 721 * HOUR_MS), middle),
        ),
        ("errors of a model", "status=error&model=model-3".to_owned()),
        ("of a key and a model never together", format!("key={key}&model=model-x")),
        ("before the middle", format!("to={middle}")),
        ("of a model before the middle", format!("model=model-3&to={middle}")),
        ("slow ones that are not there", "min_total_ms=60000".to_owned()),
        ("dear ones of a project that are not there", "min_cost=1000&project=project-1".to_owned()),
        ("by trace", format!("trace_id={trace}")),
        ("by the beginning of an id", format!("q={}", &id[..12])),
        ("by the beginning of a trace", format!("q={}", &trace[..8])),
    ] {
        add(&format!("requests, {name}"), format!("/requests?{query}"));
    }
    let deep = deep_cursor(owner).await;
    add("requests, 100 pages deep", format!("/requests?cursor={deep}"));
    add("one request", format!("/requests/{id}"));
    for (name, path) in [
        ("keys", "/keys".to_owned()),
        ("one key", format!("/keys/{key}")),
        ("projects", "/projects".to_owned()),
        ("one project", "/projects/project-1".to_owned()),
        ("models", "/models".to_owned()),
        ("one model", "/models/model-3".to_owned()),
        ("providers", "/providers".to_owned()),
        ("one provider", "/providers/provider-2".to_owned()),
        ("users", "/users".to_owned()),
        ("audit", "/audit".to_owned()),
        ("settings", "/settings".to_owned()),
        ("status", "/status".to_owned()),
        ("playground", "/playground".to_owned()),
        ("account", "/account".to_owned()),
        ("API reference", "/docs".to_owned()),
        ("usage of 30 days by model (JSON)", "/admin/v1/usage?group_by=model".to_owned()),
        ("usage of 30 days by key and day (JSON)", "/admin/v1/usage?group_by=key&bucket=day".to_owned()),
    ] {
        add(name, path);
    }
    pages
}

/// Where the hundredth page of all requests begins.
async fn deep_cursor(owner: &Browser) -> String {
    let mut cursor = String::new();
    for _ in 0..10 {
        let path = match cursor.as_str() {
            "" => "/admin/v1/requests?limit=500".to_owned(),
            cursor => format!("/admin/v1/requests?limit=500&cursor={cursor}"),
        };
        cursor = owner.get(&path).await.1.json()["next_cursor"].as_str().unwrap().to_owned();
    }
    cursor
}

#[tokio::test]
#[ignore = "prints figures; wants a quiet machine, --release and 6 GB"]
async fn pages_with_ten_million_requests() {
    let (dir, _kept) = data_dir();
    let (_gateway, owner, told) = filled(&dir).await;
    println!("{told}\n");
    println!("| page | median ms | worst ms | first ms | kB |\n|---|---|---|---|---|");
    for (name, path) in pages(&owner).await {
        println!("{}", took(&owner, &name, &path).await);
    }
}
