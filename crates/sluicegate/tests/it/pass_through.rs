//! What passes unchanged: requests but for the edits we mean, answers byte for byte.

use serde_json::json;
use sluice_testkit::{answers, client::post, upstream::Script};

use crate::rig::{KEY, Rig, chat, chat_with_usage};

#[tokio::test]
async fn requests_pass_byte_for_byte() {
    let rig = Rig::start().await;
    let odd = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9\\ud83d\\ude00 \u{1F600} caf\u{e9}\\/\",\
               \"x_unknown\":{\"deep\":[1,2.50,-0,1e300,12345678901234567890123]}} ],\n\t\"x_vendor\" : \
               {\"top_k\":40, \"nothing\": null},\"temperature\":0.70 , \"model\" : \"m\" , \"seed\":0,\
               \"stop\":null,\"logprobs\":false,\"user\":\"\" }\r\n ";
    for body in [odd.to_owned(), chat("m", false), chat_with_usage("m")] {
        let (head, answer) = rig.ask(&body).await;
        assert_eq!(head.status, 200, "{:?}", answer.text());
        let request = rig.upstream.next_request().await;
        assert!(!request.chunked, "our own framing is a content-length");
        assert_eq!(String::from_utf8_lossy(&request.body), body);
    }
}

#[tokio::test]
async fn a_chunked_request_arrives_whole() {
    let rig = Rig::start().await;
    let body = chat("m", false);
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for piece in body.as_bytes().chunks(7) {
        request.extend(answers::chunk(piece));
    }
    request.extend(answers::LAST_CHUNK.bytes());
    let (head, _) = rig.exchange(request).await;
    assert_eq!(head.status, 200);
    assert_eq!(rig.upstream.next_request().await.body, body);
}

#[tokio::test]
async fn the_model_is_the_only_thing_that_an_alias_changes() {
    let rig = Rig::start().await;
    let body = chat("alias", false);
    rig.ask(&body).await;
    assert_eq!(rig.upstream.next_request().await.body, body.replace("\"alias\"", "\"up-m\""));
    let body = r#"{"mod\u0065l":"al\u0069as","messages":[{"role":"user","content":"\"model\":\"alias\""}],"m":"alias"}"#;
    rig.ask(body).await;
    assert_eq!(rig.upstream.next_request().await.body, body.replacen("\"al\\u0069as\"", "\"up-m\"", 1));
}

#[tokio::test]
async fn a_provider_and_its_model_can_be_named() {
    let rig = Rig::start().await;
    let (head, _) = rig.ask(chat("up/some/model", false)).await;
    assert_eq!(head.status, 200);
    assert_eq!(rig.upstream.next_request().await.json()["model"], "some/model");
    assert_eq!(head.header("x-sluicegate-model"), Some("some/model"));
}

#[tokio::test]
async fn a_stream_asks_the_upstream_for_usage() {
    let rig = Rig::start().await;
    let body = chat("m", true);
    rig.ask(&body).await;
    let request = rig.upstream.next_request().await;
    assert!(request.body.starts_with(&body.as_bytes()[..body.len() - 1]), "what was there is unchanged");
    let mut expect: serde_json::Value = serde_json::from_str(&body).unwrap();
    expect["stream_options"] = json!({ "include_usage": true });
    assert_eq!(request.json(), expect);

    for options in [json!({}), json!({ "include_usage": false }), json!({ "include_usage": null, "x": 1 })] {
        let mut asked: serde_json::Value = serde_json::from_str(&body).unwrap();
        asked["stream_options"] = options.clone();
        rig.ask(asked.to_string()).await;
        let request = rig.upstream.next_request().await;
        asked["stream_options"]["include_usage"] = json!(true);
        assert_eq!(request.json(), asked, "{options}");
    }
}

const ODD_ANSWER: &str = "{\"x_extra\" : [1e2, 1.0],\n \"id\":\"a\",\"object\":\"chat.completion\",\"created\":1,\
    \"model\":\"other-name\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"caf\\u00e9\",\
    \"x_message\":{}},\"finish_reason\":\"stop\",\"x_choice\":null}],\"usage\":{\"prompt_tokens\":1,\
    \"completion_tokens\":1,\"total_tokens\":2,\"x_usage\":true}} ";

#[tokio::test]
async fn answers_come_back_byte_for_byte() {
    let rig = Rig::start().await;
    let json = "content-type: application/json\r\n";
    let close = format!("HTTP/1.1 200 OK\r\n{json}connection: close\r\n\r\n{ODD_ANSWER}");
    for (name, script) in [
        ("counted", Script::new().write(answers::answer(200, json, ODD_ANSWER.as_bytes()))),
        ("chunked", Script::new().write(answers::chunked_answer(json, ODD_ANSWER.as_bytes()))),
        ("to the end", Script::new().write(close).fin()),
        ("bytes", Script::new().pieces(1, answers::answer(200, json, ODD_ANSWER.as_bytes()))),
    ] {
        rig.upstream.script(script);
        let (head, body) = rig.ask(chat("m", false)).await;
        assert_eq!(head.status, 200, "{name}");
        assert_eq!(body.text(), ODD_ANSWER, "{name}");
        assert_eq!(head.header("x-sluicegate-attempts"), Some("1"), "{name}");
    }
}

/// Events in a form that no other program would write.
const ODD_EVENTS: &str = "data: {\"id\":\"a\" , \"x_extra\":[1e2],\"object\":\"chat.completion.chunk\",\"created\":1,\
    \"model\":\"other-name\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\\u00e9 \u{e9}\u{1F600}\",\"x\":{}},\
    \"finish_reason\":null}],\"usage\":null}\n\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n\n\
    data: [DONE]\n\n";

#[tokio::test]
async fn streams_come_back_byte_for_byte() {
    let rig = Rig::start().await;
    let whole = [ODD_EVENTS.to_owned()];
    let one_each: Vec<String> = ODD_EVENTS.split_inclusive("\n\n").map(str::to_owned).collect();
    let to_the_end = format!("{}{ODD_EVENTS}", answers::STREAM_HEAD_TO_CLOSE);
    let mut scripts = vec![
        ("one chunk".to_owned(), Script::new().write(answers::chunked_stream(&whole))),
        ("an event a chunk".to_owned(), Script::new().write(answers::chunked_stream(&one_each))),
        ("to the end".to_owned(), Script::new().write(to_the_end).fin()),
        ("bytes".to_owned(), Script::new().pieces(1, answers::chunked_stream(&one_each))),
    ];
    for size in [1, 2, 3, 7, 64, 333] {
        scripts.push((format!("cut at {size}"), Script::new().write(answers::recut_stream(&whole, size))));
        scripts
            .push((format!("sent by {size}"), Script::new().pieces(size, answers::recut_stream(&whole, 50))));
    }
    let request = post(KEY, "", chat_with_usage("m"));
    for (name, script) in scripts {
        rig.upstream.script(script);
        let (head, body) = rig.exchange(&request).await;
        assert_eq!(head.status, 200, "{name}");
        assert_eq!(body.text(), ODD_EVENTS, "{name}");
        assert_eq!(body.ending, sluice_testkit::client::Ending::Complete, "{name}");
    }
}

#[tokio::test]
async fn other_line_ends_and_comments_keep_their_meaning() {
    let rig = Rig::start().await;
    let data = [
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        let stream: String = data
            .iter()
            .map(|data| format!(": a comment{end}event: message{end}id: 7{end}data: {data}{end}{end}"))
            .collect();
        for size in [1, 5, 1000] {
            rig.upstream
                .script(Script::new().write(answers::recut_stream(std::slice::from_ref(&stream), size)));
            let (head, body) = rig.exchange(post(KEY, "", chat_with_usage("m"))).await;
            assert_eq!(head.status, 200, "{name} {size}");
            let plain = body.text().replace("\r\n", "\n").replace('\r', "\n");
            let got: Vec<&str> = plain.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            // The caller asked for usage and the upstream gave none: an event of ours may stand before the last.
            assert_eq!((got[0], got[1], got[got.len() - 1]), (data[0], data[1], data[2]), "{name} {size}");
        }
    }
}
