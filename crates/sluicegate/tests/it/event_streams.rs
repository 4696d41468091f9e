//! The pace of streams: what has arrived is with the caller before the upstream sends more, and nothing is sent
//! before there is content.

use std::io::ErrorKind::UnexpectedEof;

use sluice_testkit::{answers, client::post, gate::Gate, patience, upstream::Script};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::rig::{KEY, Rig, chat, chat_with_usage};

#[tokio::test]
async fn each_event_is_with_the_caller_before_the_next_is_sent() {
    let rig = Rig::start().await;
    let gates: Vec<Gate> = (0..20).map(|_| Gate::new()).collect();
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for (n, gate) in gates.iter().enumerate() {
        let event = answers::text_event(&format!("word-{n};"));
        script = script.write(answers::chunk(event.as_bytes())).wait(gate);
    }
    let end = [answers::finish_event(), answers::DONE.to_owned()].concat();
    script = script.write(answers::chunk(end.as_bytes())).write(answers::LAST_CHUNK);
    rig.upstream.script(script);
    let (mut client, head) = rig.open_stream().await;
    assert_eq!(head.status, 200);
    for (n, gate) in gates.iter().enumerate() {
        let seen = client.read_until(&format!("word-{n};")).await;
        assert!(seen.ends_with(b"\n\n"), "the whole event is there, not only its text");
        gate.open();
    }
    assert!(client.read_body(&head).await.text().ends_with(answers::DONE));
}

#[tokio::test]
async fn an_event_that_is_not_whole_yet_is_held_back_and_nothing_else_is() {
    let rig = Rig::start().await;
    let (first, second) = (answers::text_event("first"), answers::text_event("second"));
    let (front, back) = second.split_at(second.len() / 2);
    let gate = Gate::new();
    let end = [back, &answers::finish_event(), answers::DONE].concat();
    rig.upstream.script(
        Script::new()
            .write(answers::STREAM_HEAD)
            .write(answers::chunk([&first, front].concat().as_bytes()))
            .wait(&gate)
            .write(answers::chunk(end.as_bytes()))
            .write(answers::LAST_CHUNK),
    );
    let (mut client, head) = rig.open_stream().await;
    assert_eq!(client.read_until("first").await, first.as_bytes());
    gate.open();
    let rest = client.read_body(&head).await;
    assert!(rest.text().starts_with(&second), "{:?}", rest.text());
}

#[tokio::test]
async fn what_arrived_together_goes_out_together() {
    let rig = Rig::start().await;
    let events = answers::events(&["a", "b", "c", "d", "e", "f", "g", "h"], true);
    // One write of the upstream, small enough for one read of the gateway.
    rig.upstream.script(Script::new().write(answers::chunked_stream(&events)));
    let (_, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!(body.text(), events.concat());
    assert!(body.chunks.len() <= 4, "{} chunks for {} events of one write", body.chunks.len(), events.len());
}

#[tokio::test]
async fn no_head_before_the_first_content() {
    let rig = Rig::start().await;
    let broken = answers::error_json("slow down", "rate_limit_error", "rate_limit_exceeded");
    rig.upstream.respond(move |_| {
        let events = [answers::events(&[], false)[0].clone(), answers::event(&broken)];
        Script::new().write(answers::chunked_stream(&events))
    });
    let (head, body) = rig.ask(chat("m", true)).await;
    assert_eq!(head.status, 429, "{:?}", body.text());
    assert_eq!(body.json()["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn a_large_event_in_small_pieces_arrives_whole() {
    let rig = Rig::start().await;
    let large = answers::text_event(&"x".repeat(1 << 20));
    let events = [large, answers::finish_event(), answers::DONE.to_owned()];
    rig.upstream.script(Script::new().write(answers::recut_stream(&events, 1)));
    let (head, body) = rig.ask(chat("m", true)).await;
    assert_eq!((head.status, body.text() == events.concat()), (200, true), "chunks of one byte");
    let line = answers::text_event(&"y".repeat(7 << 20));
    let events = [line, answers::finish_event(), answers::DONE.to_owned()];
    rig.upstream.script(Script::new().write(answers::chunked_stream(&events)));
    let (head, body) = rig.ask(chat("m", true)).await;
    assert_eq!((head.status, body.text() == events.concat()), (200, true), "7 MiB in one line");
}

#[tokio::test]
async fn characters_may_be_cut_anywhere() {
    let rig = Rig::start().await;
    let smile = answers::text_event("caf\u{e9} \u{1F600}\u{1F469}\u{200D}\u{1F469}");
    let events = [smile, answers::finish_event(), answers::DONE.to_owned()];
    let whole = events.concat();
    let cut = whole.find('\u{1F600}').unwrap() + 2;
    for gate_at in [cut, cut + 1, cut - 4] {
        let gate = Gate::new();
        let (front, back) = whole.as_bytes().split_at(gate_at);
        rig.upstream.script(
            Script::new()
                .write(answers::STREAM_HEAD)
                .write(answers::chunk(front))
                .note(&gate)
                .write(answers::chunk(back))
                .write(answers::LAST_CHUNK),
        );
        let (_, body) = rig.ask(chat("m", true)).await;
        gate.passed("the first half to be written").await;
        assert_eq!(body.text(), whole);
    }
}

#[tokio::test]
async fn a_caller_who_does_not_know_chunks_gets_events_as_they_come() {
    let rig = Rig::start().await;
    let events = answers::events(&["a", "b", "c"], true);
    let gates: Vec<Gate> = events.iter().map(|_| Gate::new()).collect();
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for (event, gate) in events.iter().zip(&gates) {
        script = script.wait(gate).write(answers::chunk(event.as_bytes()));
    }
    rig.upstream.script(script.write(answers::LAST_CHUNK));
    let mut stream = TcpStream::connect(rig.gateway.data).await.unwrap();
    let request = String::from_utf8(post(KEY, "", chat_with_usage("m"))).unwrap();
    stream.write_all(request.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    // The role alone is no content, and no answer yet.
    gates[0].open();
    for (event, gate) in events.iter().zip(&gates).skip(1) {
        gate.open();
        while !seen.ends_with(event.as_bytes()) {
            let read = patience::within("an event", stream.read_buf(&mut seen)).await.unwrap();
            assert!(read > 0, "ended before {event:?}");
        }
    }
    let seen = String::from_utf8(seen).unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, events.concat(), "after {head}");
    assert_eq!(patience::within("the end", stream.read_u8()).await.unwrap_err().kind(), UnexpectedEof);
}
