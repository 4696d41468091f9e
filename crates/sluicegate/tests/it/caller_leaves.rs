//! A caller who goes away: the upstream's connection is closed, which the upstream sees.

use sluice_testkit::{
    answers,
    client::post,
    gate::Gate,
    upstream::{PeerClose, Script},
};

use crate::rig::{KEY, Rig, chat};

#[tokio::test]
async fn before_the_upstream_answers() {
    let rig = Rig::start().await;
    for stream in [false, true] {
        rig.upstream.script(Script::new().stall());
        let mut client = rig.client().await;
        client.send(post(KEY, "", chat("m", stream))).await;
        let request = rig.upstream.next_request().await;
        assert!(!rig.upstream.is_closed(request.connection));
        drop(client);
        assert_ne!(rig.upstream.closed(request.connection).await, PeerClose::OurOwn);
    }
}

#[tokio::test]
async fn between_two_events() {
    let rig = Rig::start().await;
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    rig.upstream.script(Script::new().write(answers::STREAM_HEAD).write(event).stall());
    let (mut client, head) = rig.open_stream().await;
    client.read_until("delivered").await;
    let request = rig.upstream.next_request().await;
    drop(client);
    rig.upstream.closed(request.connection).await;
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!(line["stream"], true, "{line}");
}

#[tokio::test]
async fn while_the_upstream_writes_as_fast_as_it_can() {
    let rig = Rig::start().await;
    let event = answers::chunk(answers::text_event(&"x".repeat(10_000)).as_bytes());
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for _ in 0..20_000 {
        script = script.write(event.clone());
    }
    rig.upstream.script(script);
    let (mut client, _) = rig.open_stream().await;
    client.next_chunk().await.unwrap();
    drop(client);
    rig.upstream.closed(0).await;
    assert!(rig.upstream.written_bytes(0) < 20_000 * 10_000, "the rest was not fetched for nobody");
}

#[tokio::test]
async fn in_the_middle_of_a_request() {
    let rig = Rig::start().await;
    let whole = post(KEY, "", chat("m", false));
    for cut in [1, 20, whole.len() - 60, whole.len() - 1] {
        let mut client = rig.client().await;
        client.send(&whole[..cut]).await;
        drop(client);
    }
    let (head, _) = rig.ask(chat("m", false)).await;
    assert_eq!(head.status, 200);
    assert_eq!(rig.upstream.requests_so_far(), 1, "half a request goes nowhere");
}

#[tokio::test]
async fn others_are_not_disturbed() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    let event = answers::chunk(answers::text_event("delivered").as_bytes());
    let front = || Script::new().write(answers::STREAM_HEAD).write(event.clone());
    let end = [answers::finish_event(), answers::DONE.to_owned()].concat();
    let stays = front().wait(&gate).write(answers::chunk(end.as_bytes())).write(answers::LAST_CHUNK);
    rig.upstream.script(stays);
    let (mut stayer, head) = rig.open_stream().await;
    stayer.read_until("delivered").await;
    for _ in 0..5 {
        rig.upstream.script(front().stall());
        let (mut leaver, _) = rig.open_stream().await;
        leaver.read_until("delivered").await;
        drop(leaver);
    }
    for connection in 1..6 {
        rig.upstream.closed(connection).await;
    }
    gate.open();
    assert!(stayer.read_body(&head).await.text().ends_with(answers::DONE));
}
