//! Long silence before the first content: comments keep the connection open, and what happens behind them stays
//! hidden.

use serde_json::json;
use sluice_testkit::{answers, gate::Gate, upstream::Script};

use super::world::{Target, Told, World, request, telling};

const PAIR: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "y", 1, "")];
const PATIENT: &str = "hedge = { enabled = false }\ntimeouts = { first_token_ms = 16000 }";

/// Opens a stream whose head comes before its first content.
async fn silent(world: &World) -> (sluice_testkit::client::Client, sluice_testkit::client::Head) {
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
    let head = client.read_head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    assert_eq!(head.header("x-sluicegate-provider"), None, "nobody has answered yet");
    assert!(head.header("x-request-id").is_some() && head.header("x-trace-id").is_some());
    client.read_until(": keep-alive\n\n").await;
    (client, head)
}

#[tokio::test]
async fn a_fallback_answers_behind_the_comments() {
    let world = World::start(PAIR, PATIENT).await;
    world.always("a", &Script::new().stall());
    world.upstream("b").respond(telling("fine after all"));
    let (mut client, head) = silent(&world).await;
    let told = Told::of(&client.read_body(&head).await);
    assert_eq!((told.text.as_str(), told.done, told.error), ("fine after all", true, None));
    let row = world.row(&head).await;
    assert_eq!((&row["status"], &row["provider"]), (&json!(200), &json!("b")), "{row}");
}

#[tokio::test]
async fn only_the_final_failure_is_told() {
    let world = World::start(PAIR, PATIENT).await;
    world.always("a", &Script::new().stall());
    world.always("b", &Script::new().write(answers::json_answer(500, "{}")));
    let (mut client, head) = silent(&world).await;
    let body = client.read_body(&head).await;
    let told = Told::of(&body);
    assert_eq!((told.text.as_str(), told.done), ("", false));
    assert_eq!(told.error.unwrap()["type"], "upstream_error");
    assert_eq!(body.ending, sluice_testkit::client::Ending::Eof);
    let row = world.row(&head).await;
    assert_eq!(
        (&row["charged_nanousd"], &row["attempts"].as_array().unwrap().len()),
        (&json!(0), &3),
        "{row}"
    );
}

#[tokio::test]
async fn a_caller_who_leaves_behind_the_comments_cancels_the_call() {
    let world = World::start(PAIR, PATIENT).await;
    let gate = Gate::new();
    world.always("a", &Script::new().wait(&gate).stall());
    let (client, _) = silent(&world).await;
    let call = world.upstream("a").next_request().await;
    drop(client);
    world.upstream("a").closed(call.connection).await;
    assert_eq!(world.calls(["a", "b"]), [1, 0]);
}

#[tokio::test]
async fn there_are_comments_while_another_answer_says_the_same_again() {
    let world = World::start(PAIR, "hedge = { enabled = false }").await;
    let begun = |words: &[&str]| {
        let events: Vec<u8> =
            words.iter().flat_map(|word| answers::chunk(answers::text_event(word).as_bytes())).collect();
        Script::new().write(answers::STREAM_HEAD).write(events)
    };
    let gate = Gate::new();
    world.always("a", &begun(&["one ", "two "]).fin());
    let rest = answers::events(&["two ", "three"], false);
    let rest: Vec<u8> = rest.iter().flat_map(|event| answers::chunk(event.as_bytes())).collect();
    world.always("b", &begun(&["one "]).wait(&gate).write(rest).write(answers::LAST_CHUNK));
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
    let head = client.read_head().await;
    client.read_until(": keep-alive\n\n").await;
    gate.open();
    let told = Told::of(&client.read_body(&head).await);
    assert_eq!((told.text.as_str(), told.done, told.error), ("three", true, None));
}
