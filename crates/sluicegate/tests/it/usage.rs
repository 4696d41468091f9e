//! Usage on streams: always asked of the upstream, shown to those who asked.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Ending, post},
    upstream::Script,
};

use crate::rig::{KEY, Rig, chat, chat_with_usage};

#[tokio::test]
async fn hidden_from_callers_who_did_not_ask() {
    let rig = Rig::start().await;
    let with = answers::events(&["a", "b"], true);
    let without = answers::events(&["a", "b"], false).concat();
    for script in [
        Script::new().write(answers::chunked_stream(&with)),
        Script::new().write(answers::chunked_stream(&[with.concat()])),
        Script::new().pieces(1, answers::recut_stream(&with, 13)),
    ] {
        rig.upstream.script(script);
        let (_, body) = rig.ask(chat("m", true)).await;
        assert_eq!(body.text(), without);
        assert_eq!(body.ending, Ending::Complete);
    }
    let mut declined: Value = serde_json::from_str(&chat("m", true)).unwrap();
    declined["stream_options"] = json!({ "include_usage": false });
    rig.upstream.script(Script::new().write(answers::chunked_stream(&with)));
    let (_, body) = rig.ask(declined.to_string()).await;
    assert_eq!(body.text(), without);
}

#[tokio::test]
async fn given_to_callers_who_asked() {
    let rig = Rig::start().await;
    let with = answers::events(&["a", "b"], true);
    rig.upstream.script(Script::new().write(answers::chunked_stream(&with)));
    let (_, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!(body.text(), with.concat());
}

#[tokio::test]
async fn estimated_for_callers_who_asked_when_the_upstream_gives_none() {
    let rig = Rig::start().await;
    let without = answers::events(&["some", " words", " here"], false);
    rig.upstream.script(Script::new().write(answers::chunked_stream(&without)));
    let (head, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
    let events = body.events();
    let last: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["choices"], json!([]), "{last}");
    let usage = &last["usage"];
    let count = |key: &str| usage[key].as_u64().unwrap_or_else(|| panic!("{key} in {last}"));
    assert!(count("prompt_tokens") > 0 && count("completion_tokens") > 0, "{last}");
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    assert_eq!(events.last().unwrap(), "[DONE]");
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!(line["usage_source"], "estimated", "{line}");
}

#[tokio::test]
async fn only_the_extra_chunk_is_hidden() {
    let rig = Rig::start().await;
    let text = r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let cases = [
        ("usage beside choices stays", text, true),
        ("usage null stays", r#"{"choices":[],"usage":null}"#, true),
        ("no usage stays", r#"{"choices":[],"prompt_filter_results":[]}"#, true),
        (
            "the extra chunk goes",
            r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}"#,
            false,
        ),
    ];
    for (name, data, stays) in cases {
        let events = [
            answers::text_event("x"),
            answers::finish_event(),
            answers::event(data),
            answers::DONE.to_owned(),
        ];
        rig.upstream.script(Script::new().write(answers::chunked_stream(&events)));
        let (_, body) = rig.ask(chat("m", true)).await;
        assert_eq!(body.events().iter().any(|event| event == data), stays, "{name}: {:?}", body.text());
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_stream_options_is_asked_without_them() {
    let rig = Rig::start().await;
    rig.upstream.respond(|request| {
        if request.json().get("stream_options").is_some() {
            let error =
                answers::error_json("Unknown field: stream_options", "invalid_request_error", "unknown");
            Script::new().write(answers::json_answer(400, &error))
        } else {
            answers::default_script(request)
        }
    });
    let (head, body) = rig.ask(chat("m", true)).await;
    assert_eq!(head.status, 200, "{:?}", body.text());
    assert_eq!(body.events().last().unwrap(), "[DONE]");
    assert_eq!(rig.upstream.requests_so_far(), 2);
    rig.ask(chat("m", true)).await;
    assert_eq!(rig.upstream.requests_so_far(), 3, "and this is remembered");
}

#[tokio::test]
async fn a_caller_who_asks_first_is_no_worse_off() {
    let rig = Rig::start().await;
    rig.upstream.respond(|request| {
        if request.json().get("stream_options").is_some() {
            let error =
                r#"{"error":{"message":"no such field","type":"invalid_request_error","param":"stream_options"}}"#;
            Script::new().write(answers::json_answer(422, error))
        } else {
            answers::default_script(request)
        }
    });
    let (head, body) = rig.ask(chat_with_usage("m")).await;
    assert_eq!((head.status, rig.upstream.requests_so_far()), (200, 2), "{}", body.text());
    assert!(body.text().contains("\"total_tokens\""), "usage was asked for: {}", body.text());
}

/// What a provider repeats of a request in its own words is not what it says about it.
#[tokio::test]
async fn a_caller_cannot_talk_a_provider_out_of_telling_usage() {
    let rig = Rig::start().await;
    rig.upstream.respond(|request| {
        if request.json().get("service_tier").is_some() {
            let error = r#"{"error":{"message":"Invalid value: 'stream_options'","type":"invalid_request_error","param":"service_tier","code":"invalid_value"}}"#;
            Script::new().write(answers::json_answer(400, error))
        } else {
            answers::default_script(request)
        }
    });
    let mut echoed: Value = serde_json::from_str(&chat("m", true)).unwrap();
    echoed["service_tier"] = json!("stream_options");
    let (head, _) = rig.ask(echoed.to_string()).await;
    assert_eq!((head.status, rig.upstream.requests_so_far()), (400, 1));
    rig.upstream.next_request().await;
    rig.ask(chat("m", true)).await;
    assert!(
        rig.upstream.next_request().await.json().get("stream_options").is_some(),
        "usage is still asked for"
    );
}

#[tokio::test]
async fn whole_answers_keep_their_usage() {
    let rig = Rig::start().await;
    let (head, body) = rig.ask(chat("m", false)).await;
    assert_eq!(body.json()["usage"]["total_tokens"], 12);
    let line = rig.gateway.access_line(head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["prompt_tokens"], &line["completion_tokens"]), (&json!(9), &json!(3)), "{line}");
}
