//! A caller who reads slowly holds back the upstream, not memory.

use sluice_testkit::{
    answers,
    client::{Client, Ending, post},
    gate::Gate,
    upstream::Script,
};

use crate::rig::{KEY, Rig, chat, chat_with_usage};

/// Far more than all sockets between upstream and caller hold.
const EVENTS: usize = 12_000;

fn long_stream(end: &Gate) -> (Script, String) {
    let event = answers::text_event(&"x".repeat(10_000));
    let chunk = answers::chunk(event.as_bytes());
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for _ in 0..EVENTS {
        script = script.write(bytes::Bytes::from(chunk.clone()));
    }
    let last = [answers::finish_event(), answers::usage_event(), answers::DONE.to_owned()].concat();
    let script = script.note(end).write(answers::chunk(last.as_bytes())).write(answers::LAST_CHUNK);
    (script, event)
}

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[tokio::test]
async fn backpressure_reaches_the_upstream() {
    let rig = Rig::start().await;
    let all = Gate::new();
    let (script, event) = long_stream(&all);
    rig.upstream.script(script);
    let mut slow = Client::connect_narrow(rig.gateway.data).await;
    slow.send(post(KEY, "", chat_with_usage("m"))).await;
    let head = slow.read_head().await;
    let before = resident_kib(rig.gateway.id().unwrap());
    // Honest calls are the clock here: each goes all the way while the slow one stands still.
    let mut honest = rig.client().await;
    for _ in 0..300 {
        let (head, _) = honest.exchange(post(KEY, "", chat("m", false))).await;
        assert_eq!(head.status, 200);
    }
    let held = rig.upstream.written_bytes(0);
    assert!(!all.is_open() && held < 64 << 20, "the upstream was let on: {held} bytes");
    let grown = resident_kib(rig.gateway.id().unwrap()).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for one slow reader");

    let body = slow.read_body(&head).await;
    assert_eq!(body.ending, Ending::Complete);
    assert_eq!(body.text().matches(&event).count(), EVENTS, "and nothing is lost");
    assert!(body.text().ends_with(answers::DONE));
}

#[tokio::test]
async fn a_caller_who_reads_byte_by_byte_gets_all() {
    let rig = Rig::start().await;
    let events = answers::events(&["a", "b", "c"], true);
    rig.upstream.script(Script::new().write(answers::chunked_stream(&events)));
    let stream = tokio::net::TcpStream::connect(rig.gateway.data).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    tokio::io::AsyncWriteExt::write_all(&mut writer, &post(KEY, "", chat_with_usage("m"))).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n0\r\n\r\n") {
        let byte =
            sluice_testkit::patience::within("a byte", tokio::io::AsyncReadExt::read_u8(&mut reader)).await;
        seen.push(byte.unwrap());
    }
    let text = String::from_utf8(seen).unwrap();
    for event in &events {
        assert!(text.contains(event.as_str()), "{event:?}");
    }
}
