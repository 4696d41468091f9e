//! A second target beside one whose first content takes too long.

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, get},
    gate::Gate,
    upstream::Script,
};

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

#[tokio::test]
async fn who_is_always_outrun_is_not_waited_for_any_more() {
    let world = World::start(PAIR, SOON).await;
    world.upstream("a").respond(telling("fine"));
    world.upstream("b").respond(telling("fine"));
    let target = |state: &str| {
        format!("sluicegate_targets{{provider=\"a\",upstream_model=\"x\",state=\"{state}\"}} 1")
    };
    let mut admin = Client::connect(world.gateway.admin).await;
    let mut is = async |state: &str| {
        let (_, body) = admin.exchange(get("/metrics", "")).await;
        body.text().contains(&target(state))
    };
    for _ in 0..20 {
        world.ask(&request(true)).await;
    }
    assert!(is("ready").await);
    world.always("a", &Script::new().stall());
    for _ in 0..5 {
        assert!(is("ready").await);
        let (head, _) = world.ask(&request(true)).await;
        assert_eq!(head.header("x-sluicegate-provider"), Some("b"));
    }
    assert_eq!(world.calls(["a"]), [25]);
    assert!(!is("ready").await);
}

const THREE: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "y", 1, ""), ("c", "z", 2, "")];

#[tokio::test]
async fn another_one_is_thought_of_when_the_first_hedge_fails() {
    let world = World::start(THREE, SOON).await;
    world.always("a", &Script::new().stall());
    world.always("b", &Script::new().write(answers::json_answer(500, "{}")));
    world.upstream("c").respond(telling("fine"));
    let (head, body) = world.ask(&request(true)).await;
    assert_eq!((head.status, head.header("x-sluicegate-provider")), (200, Some("c")), "{}", body.text());
    let row = world.row(&head).await;
    let outcomes = [0, 1, 2].map(|at| row["attempts"][at]["outcome"].clone());
    assert_eq!(outcomes, ["cancelled", "failed", "ok"], "{row}");
}

#[tokio::test]
async fn a_hedge_that_was_not_to_be_had_is_thought_of_again() {
    let world = World::start(PAIR, SOON).await;
    world.always("a", &Script::new().stall());
    world.upstream("b").respond(telling("fine"));
    // There are three a second.
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = world.client().await;
        client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
        clients.push(client);
    }
    for mut client in clients {
        let row = world.row(&client.response().await.0).await;
        assert_eq!((&row["hedged"], &row["provider"]), (&json!(true), &json!("b")), "{row}");
        assert_eq!(row["attempts"][0]["outcome"], "cancelled", "{row}");
    }
}

/// Once the gate is open it does not know what it was asked.
fn without_options(gate: &Gate) -> Script {
    let error = json!({ "error": { "message": "unknown field", "type": "invalid_request_error",
                                   "param": "stream_options", "code": null } });
    Script::new().wait(gate).write(answers::json_answer(400, &error.to_string()))
}

#[tokio::test]
async fn a_call_that_is_said_again_without_a_question_stays_in_the_race() {
    let world = World::start(PAIR, SOON).await;
    let gate = Gate::new();
    world.upstream("a").script(without_options(&gate));
    world.upstream("a").respond(telling("fine"));
    world.always("b", &Script::new().write(answers::STREAM_HEAD).stall());
    let mut client = world.client().await;
    client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
    let hedge = world.upstream("b").next_request().await;
    gate.open();
    let head = client.read_head().await;
    assert_eq!((head.status, head.header("x-sluicegate-provider")), (200, Some("a")));
    assert_eq!(head.header("x-sluicegate-attempts"), Some("2"), "saying it again is free");
    assert!(client.read_body(&head).await.text().contains("fine"));
    world.upstream("b").closed(hedge.connection).await;
}

#[tokio::test]
async fn two_who_are_refused_over_the_same_question_both_ask_again() {
    let world = World::start(&[("a", "x", 0, "")], "").await;
    let a = world.upstream("a");
    let gates = [Gate::new(), Gate::new()];
    for gate in &gates {
        a.script(without_options(gate));
    }
    a.respond(telling("fine"));
    let mut clients = Vec::new();
    for _ in &gates {
        let mut client = world.client().await;
        client.send(sluice_testkit::client::post(crate::rig::KEY, "", request(true).to_string())).await;
        assert!(a.next_request().await.json()["stream_options"].is_object());
        clients.push(client);
    }
    for (gate, client) in gates.iter().zip(&mut clients) {
        gate.open();
        let (head, body) = client.response().await;
        assert_eq!(head.status, 200, "{}", body.text());
        assert!(a.next_request().await.json()["stream_options"].is_null());
    }
}
