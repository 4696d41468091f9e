//! `durability = "power"`: nobody is told of an end that is not on the disk.

use std::path::Path;

use sluice_ledger::{Record, frame};
use sluice_testkit::client::{Client, post};

use super::{DEAR, SERVER, books::Books, key, kill::kill_rounds};
use crate::rig::launch;

const SECRET: &str = "sk-power-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const POWER: &str = "[accounting]\ndurability = \"power\"\n";
const REQUESTS: usize = 20;
const KILLS: usize = 3;

/// Of every reservation behind the end of a request: whether that end was on the disk by then. Each frame says what
/// its writer knew to be there.
fn ends_on_disk(dir: &Path) -> Vec<bool> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir.join("data/journal")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut end = None;
        while let Some((header, record, used)) = frame::decode(rest).unwrap() {
            match record {
                Record::Settle(_) => end = Some(header.seq),
                Record::Reserve(_) => found.extend(end.take().map(|end| header.synced >= end)),
                _ => {}
            }
            rest = &rest[used..];
        }
    }
    found
}

/// Streams and whole answers in turn, one after the other over one worker.
async fn run(settings: &str) -> Vec<bool> {
    let server = SERVER.replace("[server]\n", "[server]\nworkers = 1\n");
    let budget = "budget = { usd = 100000.0, period = \"total\" }";
    let launch = launch().config(&format!("{server}{settings}{DEAR}{}", key("k", SECRET, budget)));
    let mut gateway = launch.serve().await;
    let mut client = Client::connect(gateway.data).await;
    let mut ids = Vec::new();
    for index in 0..REQUESTS {
        let stream = index % 2 == 0;
        let body = format!(
            r#"{{"model":"dear","stream":{stream},"max_completion_tokens":9,"messages":[{{"role":"user","content":"one two"}}]}}"#
        );
        let (head, body) = client.exchange(post(SECRET, "", body)).await;
        assert_eq!(head.status, 200, "{}", body.text());
        assert!(!stream || body.text().ends_with("data: [DONE]\n\n"), "{}", body.text());
        ids.push(head.header("x-request-id").unwrap().to_owned());
    }
    gateway.kill().await;
    let found = ends_on_disk(gateway.dir());
    drop(gateway);
    let gateway = launch.serve().await;
    let books = Books::of(gateway.dir()).await;
    for id in ids {
        let row = books.row(&id).await;
        assert_eq!(row.usage_source.as_deref(), Some("provider"), "{row:?}");
    }
    found
}

#[tokio::test]
async fn an_end_is_on_the_disk_before_it_is_told() {
    let found = run(POWER).await;
    assert_eq!(found, vec![true; REQUESTS - 1]);
}

#[tokio::test]
async fn an_end_is_only_written_where_that_is_enough() {
    let found = run("").await;
    assert_eq!(found.len(), REQUESTS - 1);
    assert!(found.contains(&false), "nobody waits for a disk");
}

#[tokio::test]
async fn killed_while_it_waits_for_the_disk() {
    kill_rounds(POWER, KILLS).await;
}
