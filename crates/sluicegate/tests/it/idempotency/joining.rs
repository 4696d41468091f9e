//! A request that comes again while the first one runs.

use sluice_testkit::{
    answers,
    client::{Client, Ending},
    gate::Gate,
    patience::within,
    upstream::{PeerClose, Script},
};

use super::{ask, assert_again, keyed};
use crate::rig::{KEY, Rig, assert_error, assert_error_object, chat};

fn event(text: &str) -> Vec<u8> {
    answers::chunk(answers::text_event(text).as_bytes())
}

/// A stream that says `half`, and the rest once the gate is open.
fn in_two_halves(gate: &Gate, rest: &[u8]) -> Script {
    Script::new().write(answers::STREAM_HEAD).write(event("half")).wait(gate).write(rest.to_vec())
}

fn second_half() -> Vec<u8> {
    let last = [answers::text_event("rest"), answers::finish_event(), answers::DONE.to_owned()].concat();
    [answers::chunk(last.as_bytes()), answers::LAST_CHUNK.as_bytes().to_vec()].concat()
}

/// Opens the stream `name` and reads its first half; whoever comes second joins the first.
async fn open(rig: &Rig, name: &str) -> (Client, sluice_testkit::client::Head, Vec<u8>) {
    loop {
        let mut client = rig.client().await;
        client.send(keyed(KEY, name, chat("m", true))).await;
        let head = client.read_head().await;
        if head.status == 200 {
            let begun = client.read_until("half").await;
            return (client, head, begun);
        }
        assert_eq!(head.status, 503, "{}", head.raw);
    }
}

#[tokio::test]
async fn a_stream_is_joined_from_its_beginning() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.upstream.script(in_two_halves(&gate, &second_half()));
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(open(&rig, "k").await);
    }
    gate.open();
    let mut answers = Vec::new();
    for (mut client, head, begun) in all {
        let mut body = client.read_body(&head).await;
        body.bytes.splice(0..0, begun);
        answers.push((head, body));
    }
    let first = answers.remove(0);
    assert!(first.1.text().contains("half") && first.1.text().ends_with(answers::DONE), "{}", first.1.text());
    for again in &answers {
        assert_again(&first, again);
    }
    assert_again(&first, &ask(&rig, "k", chat("m", true)).await);
    assert_eq!(rig.upstream.requests_so_far(), 1);
}

#[tokio::test]
async fn a_whole_answer_is_waited_for() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.upstream.script(Script::new().wait(&gate).write(answers::whole("late")));
    let mut first = rig.client().await;
    first.send(keyed(KEY, "k", chat("m", false))).await;
    rig.upstream.next_request().await;
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut client = rig.client().await;
        client.send(keyed(KEY, "k", chat("m", false))).await;
        others.push(client);
    }
    // Another body hears at once that the key is taken.
    let refused = ask(&rig, "k", chat("m", true)).await;
    assert_error("another body", &refused, 409, "invalid_request_error", "idempotency_key_reused");
    gate.open();
    let first = first.response().await;
    assert_eq!(first.0.status, 200);
    for mut other in others {
        assert_again(&first, &other.response().await);
    }
    assert_eq!(rig.upstream.requests_so_far(), 1);
}

#[tokio::test]
async fn who_joins_a_stream_that_breaks_hears_of_it() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.upstream.script(in_two_halves(&gate, b"not a chunk\r\n"));
    let (mut first, head, _) = open(&rig, "k").await;
    let (mut second, its_head, _) = open(&rig, "k").await;
    gate.open();
    for (client, head) in [(&mut first, &head), (&mut second, &its_head)] {
        let body = client.read_body(head).await;
        assert_eq!(body.ending, Ending::Eof);
        assert!(!body.text().contains("[DONE]"));
        let error = serde_json::from_str(&body.events().pop().expect("an event")).unwrap();
        assert_error_object("the break", &error, "upstream_error", "upstream_bad_event");
    }
}

#[tokio::test]
async fn when_the_first_caller_leaves_the_key_is_free() {
    let rig = Rig::start().await;
    rig.upstream.script(in_two_halves(&Gate::new(), b""));
    let (first, ..) = open(&rig, "k").await;
    let (mut second, head, _) = open(&rig, "k").await;
    drop(first);
    // It has a part of an answer that nobody goes on with.
    let body = second.read_body(&head).await;
    assert_eq!(body.ending, Ending::Eof);
    let error = serde_json::from_str(&body.events().pop().expect("an event")).unwrap();
    assert_error_object("the rest", &error, "invalid_request_error", "idempotency_replay_unavailable");
    assert_ne!(rig.upstream.closed(0).await, PeerClose::OurOwn);
    let again = ask(&rig, "k", chat("m", false)).await;
    assert_eq!((again.0.status, again.0.header("x-sluicegate-replay-of")), (200, None), "{}", again.1.text());
}

#[tokio::test]
async fn who_has_nothing_yet_takes_over_from_a_caller_who_leaves() {
    let rig = Rig::start().await;
    for stream in [false, true] {
        let name = format!("k{stream}");
        rig.upstream.script(Script::new().stall());
        let mut first = rig.client().await;
        first.send(keyed(KEY, &name, chat("m", stream))).await;
        let request = rig.upstream.next_request().await;
        let mut others = Vec::new();
        for _ in 0..3 {
            let mut client = rig.client().await;
            client.send(keyed(KEY, &name, chat("m", stream))).await;
            others.push(client);
        }
        drop(first);
        rig.upstream.closed(request.connection).await;
        let mut answers = Vec::new();
        for mut other in others {
            answers.push(other.response().await);
        }
        let made = answers.iter().filter(|(head, _)| head.header("x-sluicegate-replay-of").is_none());
        assert_eq!(made.count(), 1, "one of them made the call");
        assert!(answers.iter().all(|(head, body)| head.status == 200 && body.bytes == answers[0].1.bytes));
        rig.upstream.next_request().await;
    }
}

/// The first caller reads all of far more than is kept, while another one who joined it stands still.
#[tokio::test]
async fn a_slow_reader_slows_nobody_and_is_cut() {
    const EVENTS: usize = 4_000;
    let rig = Rig::start().await;
    let gate = Gate::new();
    let mut script = in_two_halves(&gate, b"");
    let chunk = bytes::Bytes::from(event(&"x".repeat(10_000)));
    for _ in 0..EVENTS {
        script = script.write(chunk.clone());
    }
    rig.upstream.script(script.write(second_half()));
    let (mut first, head, _) = open(&rig, "k").await;
    let mut slow = Client::connect_narrow(rig.gateway.data).await;
    slow.send(keyed(KEY, "k", chat("m", true))).await;
    let its_head = slow.read_head().await;
    assert!(its_head.header("x-sluicegate-replay-of").is_some());
    slow.read_until("half").await;
    gate.open();
    let body = within("all of it", first.read_body(&head)).await;
    assert_eq!(body.ending, Ending::Complete);
    assert!(body.bytes.len() > EVENTS * 10_000 && body.text().ends_with(answers::DONE));
    let cut = slow.read_body(&its_head).await;
    assert_ne!(cut.ending, Ending::Complete);
    assert!(cut.bytes.len() < body.bytes.len() && !cut.text().contains("[DONE]"), "{}", cut.bytes.len());
    // It is too large to be kept, and it was charged.
    let refused = ask(&rig, "k", chat("m", true)).await;
    assert_error("the answer", &refused, 409, "invalid_request_error", "idempotency_replay_unavailable");
    let text = refused.1.json()["error"]["message"].to_string();
    assert!(text.contains(head.header("x-request-id").unwrap()), "{text}");
    assert_eq!(rig.upstream.requests_so_far(), 1);
}

#[tokio::test]
async fn a_crowd_with_one_key_makes_one_call() {
    let rig = Rig::start().await;
    let mut crowd = tokio::task::JoinSet::new();
    for n in 0..100 {
        // Some on connections of their own, at any worker, and some that leave at once.
        let mut client = rig.client().await;
        crowd.spawn(async move {
            let request = keyed(KEY, "k", chat("m", false));
            if n % 10 == 9 {
                client.send(request).await;
                return None;
            }
            Some(super::call(&mut client, request).await)
        });
    }
    let mut answers = crowd.join_all().await;
    answers.retain(Option::is_some);
    assert_eq!(answers.len(), 90);
    let bodies: Vec<_> =
        answers.into_iter().flatten().map(|(head, body)| (head.status, body.bytes)).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0] && body.0 == 200));
    // Who leaves may have been the first; then another one made the call.
    let made = rig.upstream.requests_so_far();
    assert!((1..=11).contains(&made), "{made}");
}
