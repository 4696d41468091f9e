//! SIGTERM drains, SIGHUP reads the file again, health tells the truth.

use sluice_testkit::{
    answers,
    client::{Client, Ending, get, post},
    gate::Gate,
    upstream::Script,
};

use crate::{
    crowds::raise_open_files,
    rig::{KEY, Rig, chat, config_for, model},
};

#[tokio::test]
async fn health() {
    let rig = Rig::start().await;
    for path in ["/health/live", "/health/ready"] {
        let (head, _) = rig.exchange(get(path, "")).await;
        assert_eq!(head.status, 200, "{path} needs no key");
        assert!(head.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_running_stream_is_drained_at_sigterm() {
    let mut rig = Rig::start().await;
    let gate = Gate::new();
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    let end = [answers::text_event(" later"), answers::finish_event(), answers::DONE.to_owned()].concat();
    rig.upstream.script(
        Script::new()
            .write(answers::STREAM_HEAD)
            .write(event)
            .wait(&gate)
            .write(answers::chunk(end.as_bytes()))
            .write(answers::LAST_CHUNK),
    );
    let (mut client, head) = rig.open_stream().await;
    client.read_until("delivered").await;
    let mut idle = rig.client().await;
    idle.exchange(post(KEY, "", chat("m", false))).await;

    rig.gateway.terminate();
    let (rest, _) = idle.drain().await;
    assert!(rest.is_empty(), "an idle connection is closed, in good order");
    assert!(rig.gateway.is_running(), "the stream keeps it up");
    gate.open();
    let body = client.read_body(&head).await;
    assert!(body.text().contains(" later") && body.text().ends_with(answers::DONE));
    assert_eq!(body.ending, Ending::Complete);
    drop(client);
    assert!(rig.gateway.ended().await.success());
    let refused = tokio::net::TcpStream::connect(rig.gateway.data).await;
    assert!(refused.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_thousand_running_streams_are_drained_at_sigterm() {
    const STREAMS: usize = 1_000;
    // Each has an end here on both sides of the gateway.
    assert!(raise_open_files() >= 3 * STREAMS as u64, "too few open files for this test");
    let mut rig = Rig::start().await;
    let gate = Gate::new();
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    let end = [answers::text_event(" later"), answers::finish_event(), answers::DONE.to_owned()].concat();
    let script = Script::new()
        .write(answers::STREAM_HEAD)
        .write(event)
        .wait(&gate)
        .write(answers::chunk(end.as_bytes()))
        .write(answers::LAST_CHUNK);
    rig.upstream.respond(move |_| script.clone());
    let mut streams = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        let (mut client, head) = rig.open_stream().await;
        client.read_until("delivered").await;
        streams.push((client, head));
    }
    rig.gateway.terminate();
    let addr = rig.gateway.data;
    let gone = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    sluice_testkit::patience::within("the listener to close", gone).await;
    gate.open();
    for (mut client, head) in streams {
        let body = client.read_body(&head).await;
        assert!(body.text().contains(" later") && body.text().ends_with(answers::DONE), "{:?}", body.text());
        assert_eq!(body.ending, Ending::Complete);
    }
    assert!(rig.gateway.ended().await.success());
}

#[tokio::test]
async fn a_running_call_is_drained_at_sigterm() {
    let mut rig = Rig::start().await;
    let gate = Gate::new();
    rig.upstream.script(Script::new().wait(&gate).write(answers::whole("drained")));
    let mut client = rig.client().await;
    client.send(post(KEY, "", chat("m", false))).await;
    rig.upstream.next_request().await;
    rig.gateway.terminate();
    // The listener goes first: from then on the gateway is draining.
    let addr = rig.gateway.data;
    let gone = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    sluice_testkit::patience::within("the listener to close", gone).await;
    gate.open();
    let (head, body) = client.response().await;
    assert_eq!(head.status, 200);
    assert!(body.text().contains("drained"));
    assert_eq!(client.drain().await, (vec![], Ending::Eof), "no further request is taken");
    assert!(rig.gateway.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut rig = Rig::start().await;
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    rig.upstream.script(Script::new().write(answers::STREAM_HEAD).write(event).stall());
    let (mut client, _) = rig.open_stream().await;
    client.read_until("delivered").await;
    let mut idle = rig.client().await;
    idle.exchange(post(KEY, "", chat("m", false))).await;
    rig.gateway.terminate();
    idle.drain().await;
    // One stop may come twice at once, which does not count: whoever insists goes on asking.
    while tokio::time::timeout(std::time::Duration::from_millis(100), rig.gateway.ended()).await.is_err() {
        rig.gateway.terminate();
    }
    let (rest, _) = client.drain().await;
    let text = String::from_utf8_lossy(&rest).into_owned();
    assert!(!text.contains("[DONE]") && !text.ends_with("0\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn nothing_running_means_a_quick_end() {
    let mut rig = Rig::start().await;
    rig.gateway.terminate();
    assert!(rig.gateway.ended().await.success());
}

#[tokio::test]
async fn a_good_file_is_taken_over_at_sighup() {
    let rig = Rig::start().await;
    let mut kept = rig.client().await;
    assert_eq!(kept.exchange(post(KEY, "", chat("m", false))).await.0.status, 200);
    assert_eq!(rig.ask(chat("newcomer", false)).await.0.status, 404);
    let config = config_for(&rig.upstream) + &model("newcomer", &[("up", "new-m")], "");
    let config = config.replace("{dir}", &rig.gateway.dir().display().to_string());
    std::fs::write(rig.gateway.dir().join("sluicegate.toml"), config).unwrap();
    rig.gateway.reload();
    let taken_over =
        async { while kept.exchange(post(KEY, "", chat("newcomer", false))).await.0.status != 200 {} };
    sluice_testkit::patience::within("the new model", taken_over).await;
    assert_eq!(kept.exchange(post(KEY, "", chat("m", false))).await.0.status, 200, "old connections stay");
}

#[tokio::test]
async fn a_model_that_left_the_file_is_gone_after_sighup() {
    let rig = Rig::start().await;
    let config = config_for(&rig.upstream).replace(&model("alias", &[("up", "up-m")], ""), "");
    let config = config.replace("{dir}", &rig.gateway.dir().display().to_string());
    std::fs::write(rig.gateway.dir().join("sluicegate.toml"), config).unwrap();
    rig.gateway.reload();
    let mut client = rig.client().await;
    let gone = async { while client.exchange(post(KEY, "", chat("alias", false))).await.0.status != 404 {} };
    sluice_testkit::patience::within("the model to go", gone).await;
    assert_eq!(rig.ask(chat("m", false)).await.0.status, 200);
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_why() {
    let mut rig = Rig::start().await;
    let config = config_for(&rig.upstream).replace("{dir}", &rig.gateway.dir().display().to_string());
    let bad = config.replace("name = \"alias\"", "name = \"renamed\"\nfrobnicate = true");
    std::fs::write(rig.gateway.dir().join("sluicegate.toml"), bad).unwrap();
    rig.gateway.reload();
    rig.gateway.lines.find("the reason", |line| line.contains("frobnicate").then_some(())).await;
    assert_eq!(rig.ask(chat("alias", false)).await.0.status, 200);
    assert_eq!(rig.ask(chat("renamed", false)).await.0.status, 404);
    assert!(rig.gateway.is_running());
}

#[tokio::test]
async fn a_running_stream_survives_sighup() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    let end = [answers::finish_event(), answers::DONE.to_owned()].concat();
    rig.upstream.script(
        Script::new()
            .write(answers::STREAM_HEAD)
            .write(event)
            .wait(&gate)
            .write(answers::chunk(end.as_bytes()))
            .write(answers::LAST_CHUNK),
    );
    let (mut client, head) = rig.open_stream().await;
    client.read_until("delivered").await;
    let config = config_for(&rig.upstream) + &model("marker", &[("up", "m")], "");
    let config = config.replace("{dir}", &rig.gateway.dir().display().to_string());
    std::fs::write(rig.gateway.dir().join("sluicegate.toml"), config).unwrap();
    rig.gateway.reload();
    let mut other = Client::connect(rig.gateway.data).await;
    let done = async { while other.exchange(post(KEY, "", chat("marker", false))).await.0.status != 200 {} };
    sluice_testkit::patience::within("the new file", done).await;
    gate.open();
    assert!(client.read_body(&head).await.text().ends_with(answers::DONE));
}
