//! A data directory that two processes want, and a copy of one that is in use.

use std::{fs, path::Path};

use sluice_testkit::client::Client;

use super::{
    DEAR, SERVER, ask, call,
    callers::{Callers, Told, assert_complete},
    cluster::{Cluster, end},
    key,
};
use crate::rig::launch;

const SECRET: &str = "sk-copied-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const CALLERS: usize = 4;

/// Copies files as an operator does who does not stop the process: one after the other, some while they grow. What
/// vanishes meanwhile is not copied.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            let _ = fs::copy(&path, &target);
        }
    }
}

#[tokio::test]
async fn a_copy_stops_the_original() {
    let budget = "budget = { usd = 90000000.0, period = \"total\" }";
    let cluster = Cluster::start(&format!("{DEAR}{}", key("k", SECRET, budget)));
    let original = cluster.node();
    let mut gateway = original.serve().await;
    let told = Told::default();
    let callers = Callers::start((gateway.data, SECRET), &told, CALLERS, (&"word ".repeat(20), 5));
    told.more(10 * CALLERS).await;

    let copied = cluster.node();
    copy(&gateway.dir().join("data"), &copied.dir().join("data"));
    let copied = copied.serve().await;
    told.more_refused(CALLERS).await;
    callers.stop().await;
    let line = gateway.lines.find("the older of the two", |line| {
        (line.contains("takes no more requests") && line.contains("node")).then(|| line.to_owned())
    });
    let line = line.await;
    assert!(line.contains("copy"), "it says what is wrong: {line}");
    let (head, _) = call(&mut Client::connect(copied.data).await, ask(SECRET, "dear", "x", 5)).await;
    assert_eq!(head.status, 200, "the copy works");
    gateway.kill().await;

    // It does not come back as the same node, and as another it brings what it had not told yet.
    let mut refused = original.clone();
    for listen in ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"] {
        refused = refused.arg(listen);
    }
    let output = refused.run("serve").await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("node.id"), "it says what to do: {said}");
    fs::remove_file(gateway.dir().join("data/node.id")).unwrap();
    let back = original.serve().await;
    let (head, _) = call(&mut Client::connect(back.data).await, ask(SECRET, "dear", "x", 5)).await;
    assert_eq!(head.status, 200, "the original has an id of its own now");
    let books = cluster.books().await;
    let purse = books.purse_of_key("k").await;
    end(vec![copied, back]).await;
    assert_complete(&books, &told, &purse).await;
}

#[tokio::test]
async fn two_processes_want_one_directory() {
    let first = launch().config(&format!("{SERVER}{}", key("k", SECRET, "")));
    let gateway = first.serve().await;
    // Not even what the second has in its file is taken over.
    let other = gateway.dir().join("other.toml");
    let data = gateway.dir().join("data");
    fs::write(&other, format!("[server]\ndata_dir = \"{}\"\n", data.display())).unwrap();
    let mut second = first.clone();
    let other = other.display().to_string();
    for arg in ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"] {
        second = second.arg(arg);
    }
    for launch in [second.clone(), second.env("SLUICEGATE_CONFIG", &other)] {
        let output = launch.run("serve").await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let lines: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains("in use by another process"), "{said}");
    }
    let (head, _) = Client::connect(gateway.data).await.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await;
    assert_eq!(head.status, 200, "the first goes on");
}
