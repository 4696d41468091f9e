//! Many at once: idle and dribbling connections beside honest requests, parallel calls that must not mix.

use std::os::unix::fs::PermissionsExt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    process::Launch,
    upstream::{Script, Upstream},
};
use tokio::{net::TcpStream, task::JoinSet};

use crate::rig::{KEY, Rig, chat, config_for};

/// Raises our own limit of open files as far as the system lets us, and says how many are allowed.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused where the hard limit may not be used: the soft one then stands.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(1 << 20)
}

#[tokio::test]
async fn idle_connections_do_not_keep_honest_ones_out() {
    // The gateway inherits the raised limit.
    let files = raise_open_files();
    let count = usize::try_from(files.saturating_sub(200).min(10_000)).unwrap();
    assert!(count >= 500, "an open-files limit of {files} is too low for this test");
    let rig = Rig::start().await;
    let mut idle = Vec::with_capacity(count);
    for n in 0..count {
        let stream = match TcpStream::connect(rig.gateway.data).await {
            Ok(stream) => stream,
            Err(error) => panic!("connection {n}: {error}"),
        };
        if n % 3 == 0 {
            // Some say a little and no more.
            let _ = stream.try_write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n");
        }
        idle.push(stream);
    }
    for stream in [false, true] {
        let (head, _) = rig.ask(chat("m", stream)).await;
        assert_eq!(head.status, 200);
    }
    drop(idle);
    assert_eq!(rig.ask(chat("m", false)).await.0.status, 200);
}

/// A gateway with room for a hundred connections or fewer. It raises its soft limit itself, so the hard one is low.
async fn with_few_files() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("few-files");
    let binary = env!("CARGO_BIN_EXE_sluicegate");
    std::fs::write(&script, format!("#!/bin/sh\nulimit -n 256\nexec '{binary}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let upstream = Upstream::start().await;
    let gateway = Launch::new(&script).config(&config_for(&upstream)).serve().await;
    Rig { gateway, upstream }
}

/// Whoever keeps a connection that it does not use makes room for whoever has a request.
#[tokio::test]
async fn idle_connections_give_way_where_there_is_no_room() {
    let rig = with_few_files().await;
    let mut kept = Vec::new();
    for n in 0..130 {
        let mut client = rig.client().await;
        let (head, _) = client.exchange(get("/health/live", "")).await;
        assert_eq!(head.status, 200, "{n}");
        kept.push(client);
    }
}

#[tokio::test]
async fn a_gateway_with_few_files_stays_up() {
    let rig = with_few_files().await;
    let mut crowd = Vec::new();
    for _ in 0..600 {
        crowd.push(TcpStream::connect(rig.gateway.data).await.unwrap());
    }
    drop(crowd);
    assert_eq!(rig.ask(chat("m", false)).await.0.status, 200);
}

#[tokio::test]
async fn parallel_calls_get_their_own_answers() {
    let rig = Rig::start().await;
    rig.upstream.respond(|request| {
        let body = request.json();
        let text = body["messages"][0]["content"].as_str().unwrap().to_owned();
        let bytes = if body["stream"] == true {
            answers::recut_stream(&answers::events(&[&text, "|", &text], false), 100)
        } else {
            answers::whole(&text)
        };
        Script::new().pieces(200, bytes)
    });
    let mut running = JoinSet::new();
    for caller in 0..60 {
        let addr = rig.gateway.data;
        running.spawn(async move {
            let mut client = Client::connect(addr).await;
            for round in 0..10 {
                let mine = format!("caller-{caller}-round-{round}");
                let body = chat("m", (caller + round) % 2 == 0).replace("prompt-canary", &mine);
                let (head, answer) = client.exchange(post(KEY, "", body)).await;
                assert_eq!(head.status, 200, "{mine}");
                assert!(answer.text().contains(&mine), "{mine}: {:?}", answer.text());
                assert_eq!(
                    answer.text().matches("caller-").count(),
                    answer.text().matches(&mine).count(),
                    "{mine}"
                );
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    assert_eq!(rig.upstream.requests_so_far(), 600);
}
