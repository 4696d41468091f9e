//! A second target beside one whose first content takes too long.

use serde_json::json;
use sluice_testkit::{answers, gate::Gate, upstream::Script};

use super::world::{Target, World, request, telling};

const PAIR: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "y", 1, "")];
const SOON: &str = "hedge = { min_delay_ms = 100 }";

#[tokio::test]
async fn the_first_content_wins_and_the_other_is_cancelled() {
    for (name, script) in [
        ("silent", Script::new().stall()),
        ("a head and nothing more", Script::new().write(answers::STREAM_HEAD).stall()),
    ] {
        let world = World::start(PAIR, SOON).await;
        world.always("a", &script);
        world.upstream("b").respond(telling("fine"));
        let (head, body) = world.ask(&request(true)).await;
        assert_eq!(head.status, 200, "{name}: {}", body.text());
        assert_eq!(head.header("x-sluicegate-provider"), Some("b"), "{name}");
        assert_eq!(world.calls(["a", "b"]), [1, 1], "{name}");
        let call = world.upstream("a").next_request().await;
        world.upstream("a").closed(call.connection).await;
        let row = world.row(&head).await;
        assert_eq!((&row["hedged"], &row["provider"]), (&json!(true), &json!("b")), "{name}: {row}");
        let attempts = &row["attempts"];
        assert_eq!(
            (&attempts[0]["outcome"], &attempts[1]["outcome"]),
            (&json!("cancelled"), &json!("ok")),
            "{row}"
        );
    }
}

#[tokio::test]
async fn the_slow_one_may_still_win() {
    let world = World::start(PAIR, SOON).await;
    let gate = Gate::new();
    let answer = answers::chunked_stream(&answers::events(&["slow"], false));
    world.always("a", &Script::new().wait(&gate).write(answer));
    world.always("b", &Script::new().stall());
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
    let hedge = world.upstream("b").next_request().await;
    gate.open();
    let head = client.read_head().await;
    assert_eq!(head.header("x-sluicegate-provider"), Some("a"));
    assert!(client.read_body(&head).await.text().contains("slow"));
    world.upstream("b").closed(hedge.connection).await;
}

#[tokio::test]
async fn when_one_fails_the_other_is_waited_for() {
    let world = World::start(PAIR, SOON).await;
    let (gate, asked) = (Gate::new(), Gate::new());
    let broken = Script::new().wait(&gate).write(answers::json_answer(500, "{}"));
    world.always("a", &broken);
    world.always(
        "b",
        &Script::new()
            .note(&asked)
            .wait(&gate)
            .write(answers::chunked_stream(&answers::events(&["fine"], false))),
    );
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
    world.upstream("b").next_request().await;
    gate.open();
    let head = client.read_head().await;
    assert_eq!((head.status, head.header("x-sluicegate-provider")), (200, Some("b")));
    assert_eq!(world.calls(["a", "b"]), [1, 1]);
}

#[tokio::test]
async fn there_are_no_hedges_where_they_are_not_wanted() {
    let terms = "hedge = { enabled = false }\ntimeouts = { first_token_ms = 400 }";
    let world = World::start(PAIR, terms).await;
    world.always("a", &Script::new().stall());
    world.upstream("b").respond(telling("fine"));
    let (head, _) = world.ask(&request(true)).await;
    let row = world.row(&head).await;
    assert_eq!(
        (&row["hedged"], &row["attempts"][0]["reason"]),
        (&json!(false), &json!("upstream_timeout")),
        "{row}"
    );
    // Nor for whole answers.
    let world = World::start(PAIR, SOON).await;
    let gate = Gate::new();
    world.always("a", &Script::new().wait(&gate).write(answers::whole("slow")));
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(false).to_string())).await;
    world.upstream("a").next_request().await;
    gate.open();
    assert_eq!(client.read_head().await.header("x-sluicegate-provider"), Some("a"));
    assert_eq!(world.calls(["a", "b"]), [1, 0]);
}
