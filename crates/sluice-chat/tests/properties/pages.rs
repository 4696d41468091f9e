//! Requests with every field that the requirement pages name, each in the form of its page.

use sluice_chat::fuzzing::request_scan;
use sluice_chat::{ChatRequest, scan};

fn check(page: &str, body: &str, entries: usize) {
    request_scan(body.as_bytes());
    let request = ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{page}: {error:?}"));
    assert!(request.rest.is_empty(), "{page}: unnamed fields {:?}", request.rest);
    assert_eq!(scan(body.as_bytes()).unwrap().entries.len(), entries, "{page}");
}

#[test]
fn page_000_the_smallest_request() {
    check("000", r#"{"model":"gpt-4","messages":[{"role":"system","content":"string"}]}"#, 2);
}

#[test]
fn page_001_every_message_field_and_part() {
    check(
        "001",
        r#"{"model":"gpt-4","messages":[
            {"role":"user","name":"n","content":[{"type":"text","text":"t"},
                {"type":"image_url","image_url":{"url":"https://example.com/i.png","detail":"auto"}},
                {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
                {"type":"file","file":{"filename":"f.pdf","file_data":"AAAA","file_id":"id"}},
                {"type":"video_url","video_url":{"url":"https://example.com/v.mp4"}}]},
            {"role":"assistant","content":"c","reasoning_content":"r",
                "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"done"},
            {"role":"developer","content":"d"}],
            "tool_choice":{"type":"function","function":{"name":"f"}},
            "audio":{"voice":"alloy","format":"wav"},"modalities":["text","audio"]}"#,
        5,
    );
}

#[test]
fn page_002_the_wide_schema() {
    check(
        "002",
        r#"{"metadata":{"additionalProperties":"string"},"temperature":1,"top_p":1,"user":"user-1234","service_tier":"auto",
            "messages":[{"content":"string","role":"user","name":"string"}],"model":"string","modalities":["text"],
            "reasoning_effort":"low","max_completion_tokens":1,"frequency_penalty":0,"presence_penalty":0,
            "web_search_options":{"user_location":{"type":"approximate","approximate":{"country":"DE","region":"BE","city":"Berlin","timezone":"Europe/Berlin"}},"search_context_size":"low"},
            "top_logprobs":0,"response_format":{"type":"text"},"audio":{"voice":"alloy","format":"mp3"},"store":false,
            "stream":false,"stop":" ","logit_bias":{"additionalProperties":0},"logprobs":false,"max_tokens":1,"n":1,
            "prediction":{"type":"content","content":"string"},"seed":0,"stream_options":{"include_usage":true},
            "tools":[{"type":"function","function":{"description":"d","name":"string","parameters":{"additionalProperties":"string"},"strict":false}}],
            "tool_choice":"auto","parallel_tool_calls":true,"function_call":"auto",
            "functions":[{"description":"d","name":"string","parameters":{"additionalProperties":"string"}}]}"#,
        31,
    );
}

#[test]
fn page_003_options_for_a_stream_that_is_none() {
    check(
        "003",
        r#"{"model":"gpt-4","messages":[{"role":"user","content":[{"type":"text","text":"请描述"},
                {"type":"image_url","image_url":{"url":"https://example.com/product.jpg"}}]}],
            "temperature":1,"top_p":1,"n":1,"stream":false,"stream_options":{"include_usage":false},"max_tokens":1,
            "max_completion_tokens":1,"presence_penalty":1,"frequency_penalty":1,"logit_bias":{},
            "tools":[{"type":"function","function":{"name":"example-name","description":"示例","parameters":{}}}],
            "response_format":{"type":"text","json_schema":{}},"seed":1,"reasoning_effort":"low","modalities":["text"],
            "audio":{}}"#,
        18,
    );
}

#[test]
fn page_004_limits_and_precedence() {
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello!"}],"max_tokens":1024,
        "max_completion_tokens":512,"n":1,"stop":["x"],"response_format":{"type":"json_object"},"user":"u"}"#;
    check("004", body, 8);
    assert_eq!(scan(body.as_bytes()).unwrap().output_limit(), Some(512));
}
