//! Every row of the table of failures: what is called again, what is called instead, and what the caller hears when
//! nothing is left.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_testkit::{answers, upstream::Script};

use super::world::{Target, World, request, telling};

fn status(status: u16, code: &str) -> Script {
    Script::new().write(answers::json_answer(status, &answers::error_json("so it is", "some_type", code)))
}

fn limited(headers: &str) -> Script {
    let headers = format!("content-type: application/json\r\n{headers}");
    let body = answers::error_json("slow down", "requests", "rate_limit_exceeded");
    Script::new().write(answers::answer(429, &headers, body.as_bytes()))
}

/// `a` fails as `script` says; who was called how often, and what the caller got.
async fn check(
    name: &str,
    (targets, extra): (&[Target<'_>], &str),
    script: &Script,
    (calls, answered, code): ([usize; 3], u16, &str),
) {
    for stream in [false, true] {
        let world = World::start(targets, extra).await;
        world.always("a", script);
        for other in ["b", "c"] {
            world.upstream(other).respond(telling("fine"));
        }
        let (head, body) = world.ask(&request(stream)).await;
        let case = format!("{name}, stream={stream}: {}", body.text());
        assert_eq!((head.status, world.calls(["a", "b", "c"])), (answered, calls), "{case}");
        let made: usize = calls.iter().sum();
        assert_eq!(head.header("x-sluicegate-attempts"), Some(&*made.to_string()), "{case}");
        if answered != 200 {
            assert_eq!(body.json()["error"]["code"], code, "{case}");
        }
        let logged = world.logged(&head).await;
        assert_eq!((&logged["status"], &logged["attempts"]), (&json!(answered), &json!(made)), "{case}");
    }
}

/// Two of one model and a third of another.
const EQUAL: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "x", 1, ""), ("c", "y", 1, "")];
/// Three of different models.
const OTHERS: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "y", 1, ""), ("c", "z", 2, "")];

#[tokio::test]
async fn a_rate_limit_goes_to_equals_first() {
    check("1 s", (EQUAL, ""), &limited("retry-after: 1\r\n"), ([1, 1, 0], 200, "")).await;
    check("without", (EQUAL, ""), &limited(""), ([1, 1, 0], 200, "")).await;
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for_where_no_equal_is() {
    let world = World::start(OTHERS, "").await;
    let a = world.upstream("a");
    a.script(limited("retry-after: 2\r\n"));
    a.respond(telling("fine"));
    let (head, body) = world.ask(&request(true)).await;
    assert_eq!(head.status, 200, "{}", body.text());
    assert_eq!(world.calls(["a", "b", "c"]), [2, 0, 0]);
    let (first, second) = (a.next_request().await, a.next_request().await);
    let waited = second.arrived.duration_since(first.arrived);
    assert!(waited >= Duration::from_secs(2), "never less than it said: {waited:?}");
    assert_eq!(head.header("x-sluicegate-provider"), Some("a"));
}

#[tokio::test]
async fn a_long_retry_after_is_not_waited_for() {
    check("60 s", (OTHERS, ""), &limited("retry-after: 60\r\n"), ([1, 1, 0], 200, "")).await;
    let terms = "retry = { retry_after_wait_ms = 500 }";
    check("1 s", (OTHERS, terms), &limited("retry-after: 1\r\n"), ([1, 1, 0], 200, "")).await;
}

#[tokio::test]
async fn all_rate_limited_tells_the_soonest() {
    let world = World::start(OTHERS, "").await;
    for (name, after) in [("a", "50"), ("b", "20"), ("c", "40")] {
        world.always(name, &limited(&format!("retry-after: {after}\r\n")));
    }
    for round in [[1, 1, 1], [1, 1, 1]] {
        let (head, body) = world.ask(&request(false)).await;
        assert_eq!((head.status, &body.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
        let after: u32 = head.header("retry-after").unwrap().parse().unwrap();
        assert!((15..=20).contains(&after), "{after}");
        assert_eq!(world.calls(["a", "b", "c"]), round, "cooled targets are not called again");
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_repeated_once_where_no_equal_is_left() {
    for code in [500, 502, 503, 529] {
        check(&code.to_string(), (EQUAL, ""), &status(code, "x"), ([1, 1, 0], 200, "")).await;
    }
    check("500", (OTHERS, ""), &status(500, "x"), ([2, 1, 0], 200, "")).await;
    check("RST", (OTHERS, ""), &Script::new().reset(), ([2, 1, 0], 200, "")).await;
    check("503", (OTHERS, ""), &status(503, "x"), ([2, 1, 0], 200, "")).await;
}

#[tokio::test]
async fn nothing_left_is_told_by_what_it_was() {
    for (code, answered, said) in [
        (500, 502, "upstream_bad_response"),
        (503, 503, "server_is_overloaded"),
        (529, 503, "server_is_overloaded"),
        (401, 502, "upstream_auth"),
        (404, 502, "upstream_model_not_found"),
        (402, 502, "upstream_balance"),
    ] {
        let world = World::start(&[("a", "x", 0, "")], "").await;
        world.always("a", &status(code, "x"));
        let (head, body) = world.ask(&request(true)).await;
        assert_eq!((head.status, &body.json()["error"]["code"]), (answered, &json!(said)), "{code}");
        let calls = if code >= 500 { 2 } else { 1 };
        assert_eq!(world.calls(["a"]), [calls], "{code}");
    }
}

#[tokio::test]
async fn a_target_without_a_first_token_is_not_tried_again() {
    let terms = "timeouts = { first_token_ms = 200 }\nhedge = { enabled = false }";
    for targets in [EQUAL, OTHERS] {
        for script in [Script::new().stall(), Script::new().write(answers::STREAM_HEAD).stall()] {
            let world = World::start(targets, terms).await;
            world.always("a", &script);
            world.upstream("b").respond(telling("fine"));
            let (head, _) = world.ask(&request(true)).await;
            assert_eq!((head.status, world.calls(["a", "b", "c"])), (200, [1, 1, 0]));
        }
    }
    let world = World::start(&[("a", "x", 0, "")], terms).await;
    world.always("a", &Script::new().stall());
    let (head, body) = world.ask(&request(true)).await;
    assert_eq!((head.status, &body.json()["error"]["code"]), (504, &json!("upstream_timeout")));
    assert_eq!(world.calls(["a"]), [1]);
}

#[tokio::test]
async fn a_context_that_is_too_short_goes_to_a_longer_one() {
    let too_long = status(400, "context_length_exceeded");
    let sized: &[Target<'_>] = &[
        ("a", "x", 0, ", context_length = 1000"),
        ("b", "y", 1, ", context_length = 1000"),
        ("c", "z", 2, ", context_length = 2000"),
    ];
    check("the longer one", (sized, ""), &too_long, ([1, 0, 1], 200, "")).await;
    check("not equals", (EQUAL, ""), &too_long, ([1, 0, 1], 200, "")).await;
    check("else others", (OTHERS, ""), &too_long, ([1, 1, 0], 200, "")).await;
    let world = World::start(&[("a", "x", 0, "")], "").await;
    world.always("a", &too_long);
    let (head, body) = world.ask(&request(true)).await;
    assert_eq!((head.status, &body.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
    assert_eq!(world.calls(["a"]), [1]);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_the_callers() {
    for (code, said) in [(400, "content_policy_violation"), (400, "bad_thing"), (422, "other_thing")] {
        check(said, (EQUAL, ""), &status(code, said), ([1, 0, 0], code, said)).await;
    }
}

#[tokio::test]
async fn our_own_troubles_with_a_target_set_it_aside() {
    for code in [401, 403, 404, 402] {
        let world = World::start(EQUAL, "").await;
        world.always("a", &status(code, "x"));
        for name in ["b", "c"] {
            world.upstream(name).respond(telling("fine"));
        }
        for others in [1, 2] {
            let (head, _) = world.ask(&request(false)).await;
            let [a, b, c] = world.calls(["a", "b", "c"]);
            assert_eq!((head.status, a, b + c), (200, 1, others), "{code}");
        }
    }
}

#[tokio::test]
async fn a_200_that_is_none_counts_as_what_it_says() {
    let stream = |event: &str| {
        Script::new().write(answers::chunked_stream(&[answers::event(event), answers::DONE.to_owned()]))
    };
    let html = Script::new().write(answers::answer(200, "content-type: text/html\r\n", b"<html>"));
    let world = |script: Script| async move {
        let world = World::start(EQUAL, "").await;
        world.always("a", &script);
        world.upstream("b").respond(telling("fine"));
        let (head, body) = world.ask(&request(true)).await;
        assert_eq!((head.status, world.calls(["a", "b", "c"])), (200, [1, 1, 0]), "{}", body.text());
    };
    world(html).await;
    world(stream(r#"{"error":{"message":"no","type":"server_error","code":null}}"#)).await;
    world(stream(r#"{"error":{"message":"no","type":"requests","code":"rate_limit_exceeded"}}"#)).await;
    world(stream("{nonsense")).await;
    world(Script::new().write(answers::chunked_stream(&[answers::DONE.to_owned()]))).await;
    world(Script::new().write(answers::answer(200, "content-type: text/event-stream\r\n", b""))).await;
}

#[tokio::test]
async fn there_are_never_more_attempts_than_allowed() {
    for (most, calls) in [(1, [1, 0, 0]), (2, [2, 0, 0]), (3, [2, 1, 0]), (4, [2, 2, 0]), (20, [2, 2, 2])] {
        let world = World::start(OTHERS, &format!("retry = {{ max_attempts = {most} }}")).await;
        for name in ["a", "b", "c"] {
            world.always(name, &status(500, "x"));
        }
        let (head, _) = world.ask(&request(true)).await;
        assert_eq!((head.status, world.calls(["a", "b", "c"])), (502, calls), "{most}");
    }
}

#[tokio::test]
async fn a_target_that_keeps_failing_is_left_alone_and_probed() {
    let world = World::start(OTHERS, "").await;
    world.always("a", &status(500, "x"));
    world.upstream("b").respond(telling("fine"));
    let mut client = world.client().await;
    let ask = sluice_testkit::client::post(crate::rig::KEY, "", request(false).to_string());
    for _ in 0..20 {
        assert_eq!(client.exchange(&ask).await.0.status, 200);
    }
    assert_eq!(world.calls(["a"]), [5], "after five failures in a row its breaker is open");
    // Once it is well again it is found out by one request after another.
    world.upstream("a").respond(telling("fine"));
    loop {
        let (head, _) = client.exchange(&ask).await;
        assert_eq!(head.status, 200);
        if head.header("x-sluicegate-provider") == Some("a") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.calls(["a"]), [6], "the first probe closes it");
}

#[tokio::test]
async fn failed_attempts_are_written_down_and_cost_nothing() {
    let price = "price = { input = 1000.0, output = 1000.0 }";
    let world = World::start(OTHERS, price).await;
    world.always("a", &status(500, "boom"));
    world.upstream("b").respond(telling("fine"));
    let (head, _) = world.ask(&request(false)).await;
    let row = world.row(&head).await;
    let attempts: Vec<(&Value, &Value, &Value)> = row["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (&attempt["provider"], &attempt["outcome"], &attempt["status"]))
        .collect();
    let (a, b) = (json!("a"), json!("b"));
    let (failed, ok, s500, s200) = (json!("failed"), json!("ok"), json!(500), json!(200));
    assert_eq!(attempts, [(&a, &failed, &s500), (&a, &failed, &s500), (&b, &ok, &s200)], "{row}");
    // 9 and 3 tokens, as the one that answered counted them.
    assert_eq!((&row["charged_nanousd"], &row["wasted_nanousd"]), (&json!(12_000_000), &json!(0)), "{row}");
}
