//! Streams that break after their first content, and the answer that takes their place.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Body, Ending},
    upstream::Script,
};

use super::world::{Target, Told, World, request, telling, with_usage};

const PAIR: &[Target<'_>] = &[("a", "x", 0, ""), ("b", "y", 1, "")];
const CLOCKS: &str = "timeouts = { idle_ms = 300 }";

fn words(count: usize) -> String {
    (0..count).map(|n| format!("word{n} ")).collect()
}

/// The first `count` words of a longer text, with the role before them, and then `end`.
fn begun(count: usize) -> Script {
    let text = words(count);
    let mut events = vec![answers::event(&answers::chunk_json(&json!({ "role": "assistant" }), None))];
    events.extend(text.split_inclusive(' ').map(answers::text_event));
    let events: Vec<u8> = events.iter().flat_map(|event| answers::chunk(event.as_bytes())).collect();
    Script::new().write(answers::STREAM_HEAD).write(events)
}

fn garbage() -> Vec<u8> {
    answers::chunk(answers::event("{\"choices\":[{\"del").as_bytes())
}

/// An upstream that has the same words in larger pieces, under another id and model.
fn same_words(count: usize, usage: (u64, u64)) -> Script {
    let chunk = |delta: Value, finish: Option<&str>| {
        answers::event(
            &json!({ "id": "other-id", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "other-model",
                     "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
            .to_string(),
        )
    };
    let text = words(count);
    let mut events = vec![chunk(json!({ "role": "assistant", "content": "" }), None)];
    let letters: Vec<char> = text.chars().collect();
    events
        .extend(letters.chunks(17).map(|piece| chunk(json!({ "content": String::from_iter(piece) }), None)));
    events.push(chunk(json!({}), Some("stop")));
    events.push(answers::event(
        &json!({ "id": "other-id", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "other-model",
                 "choices": [], "usage": { "prompt_tokens": usage.0, "completion_tokens": usage.1, "total_tokens": usage.0 + usage.1 } })
        .to_string(),
    ));
    events.push(answers::DONE.to_owned());
    Script::new().write(answers::chunked_stream(&events))
}

fn assert_complete(name: &str, body: &Body, text: &str) -> Told {
    let told = Told::of(body);
    assert_eq!(told.text, text, "{name}");
    assert_eq!(
        (told.finish.as_slice(), told.done, &told.error),
        (&["stop".to_owned()][..], true, &None),
        "{name}"
    );
    assert_eq!((told.ids.len(), told.models.len()), (1, 1), "{name}: one id and one model: {told:?}");
    assert_eq!(body.ending, Ending::Complete, "{name}");
    told
}

fn assert_broken(name: &str, body: &Body, text: &str, code: &str) {
    let told = Told::of(body);
    assert_eq!(told.text, text, "{name}");
    assert_eq!((told.finish.len(), told.done), (0, false), "{name}: {told:?}");
    assert_eq!(told.error.unwrap()["code"], code, "{name}");
    assert_eq!(body.ending, Ending::Eof, "{name}: an abnormal end");
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_with_the_same_words() {
    let cases = [
        ("FIN", begun(40).fin(), "upstream_truncated"),
        ("RST", begun(40).reset(), "upstream_truncated"),
        ("the zero chunk", begun(40).write(answers::LAST_CHUNK), "upstream_truncated"),
        ("a stall", begun(40).stall(), "upstream_stalled"),
        ("garbage", begun(40).write(garbage()).stall(), "upstream_bad_event"),
    ];
    let price = "price = { input = 1000.0, output = 1000.0 }";
    let world = World::start(PAIR, &format!("{CLOCKS}\n{price}")).await;
    for (name, script, reason) in cases {
        world.always("a", &script);
        world.always("b", &same_words(100, (7, 100)));
        let (head, body) = world.ask(&with_usage()).await;
        assert_eq!(head.status, 200, "{name}");
        let told = assert_complete(name, &body, &words(100));
        assert_eq!(
            (told.ids, told.models),
            (vec!["chatcmpl-up1".to_owned()], vec![answers::MODEL.to_owned()]),
            "{name}"
        );
        assert_eq!(told.usage.unwrap()["completion_tokens"], 100, "{name}: as the one that finished counts");
        let row = world.row(&head).await;
        assert_eq!((&row["repaired"], &row["upstream_model"]), (&json!(true), &json!("y")), "{name}: {row}");
        assert_eq!(row["charged_nanousd"], 107_000_000, "{name}: one answer is charged: {row}");
        assert!(row["wasted_nanousd"].as_u64().unwrap() > 0, "{name}: {row}");
        let attempts = &row["attempts"];
        assert_eq!(
            (&attempts[0]["outcome"], &attempts[0]["reason"]),
            (&json!("failed"), &json!(reason)),
            "{row}"
        );
        assert_eq!(attempts[1]["outcome"], "ok", "{row}");
    }
}

#[tokio::test]
async fn another_text_ends_in_the_error_of_the_break() {
    for (name, script, code) in [
        ("FIN", begun(5).fin(), "upstream_truncated"),
        ("a stall", begun(5).stall(), "upstream_stalled"),
        ("garbage", begun(5).write(garbage()).stall(), "upstream_bad_event"),
    ] {
        // One world for each break: a target that breaks too often is left alone.
        let world = World::start(PAIR, CLOCKS).await;
        for other in ["word0 word1 words go another way", "word0 word1", "Word0 "] {
            world.always("a", &script);
            world.upstream("b").respond(telling(other));
            let (head, body) = world.ask(&request(true)).await;
            assert_broken(&format!("{name}, {other}"), &body, &words(5), code);
            let row = world.row(&head).await;
            assert_eq!((&row["charged_nanousd"], &row["repaired"]), (&json!(0), &json!(false)), "{row}");
        }
    }
}

#[tokio::test]
async fn the_same_target_is_asked_again_where_there_is_no_other() {
    let world = World::start(&[("a", "x", 0, "")], CLOCKS).await;
    for script in [begun(4).fin(), begun(4).reset()] {
        world.upstream("a").script(script);
        world.upstream("a").respond(telling(&words(8)));
        let (_, body) = world.ask(&request(true)).await;
        assert_complete("again", &body, &words(8));
    }
    // One that stalls or says nonsense is not worth it.
    for (script, code) in
        [(begun(4).stall(), "upstream_stalled"), (begun(4).write(garbage()).stall(), "upstream_bad_event")]
    {
        let before = world.calls(["a"]);
        world.upstream("a").script(script);
        let (_, body) = world.ask(&request(true)).await;
        assert_broken("not again", &body, &words(4), code);
        assert_eq!(world.calls(["a"]), before.map(|calls| calls + 1));
    }
}

#[tokio::test]
async fn a_second_break_is_mended_like_the_first() {
    let targets = &[("a", "x", 0, ""), ("b", "y", 1, ""), ("c", "z", 2, "")];
    let world = World::start(targets, CLOCKS).await;
    world.always("a", &begun(10).fin());
    world.always("b", &begun(20).reset());
    world.always("c", &same_words(30, (1, 2)));
    let (_, body) = world.ask(&request(true)).await;
    assert_complete("twice", &body, &words(30));
    // The second breaks before it has said what the caller has.
    world.always("b", &begun(3).reset());
    let (_, body) = world.ask(&request(true)).await;
    assert_complete("twice, the second early", &body, &words(30));
    assert_eq!(world.calls(["a", "b", "c"]), [2, 2, 2]);
}

#[tokio::test]
async fn what_is_never_the_same_twice_is_not_repaired() {
    let world = World::start(PAIR, CLOCKS).await;
    world.always("a", &begun(3).fin());
    let mut two = request(true);
    two["n"] = json!(2);
    let mut likely = request(true);
    likely["logprobs"] = json!(true);
    for request in [two, likely] {
        let (_, body) = world.ask(&request).await;
        assert_broken("not repaired", &body, &words(3), "upstream_truncated");
    }
    assert_eq!(world.calls(["a", "b"]), [2, 0]);
    let off = World::start(PAIR, "stream_repair = \"off\"").await;
    off.always("a", &begun(3).fin());
    let (_, body) = off.ask(&request(true)).await;
    assert_broken("off", &body, &words(3), "upstream_truncated");
    assert_eq!(off.calls(["a", "b"]), [1, 0]);
}

#[tokio::test]
async fn calls_of_tools_are_mended_with_their_ids() {
    let call = |id: &str, index: u64, arguments: &str| {
        let function = json!({ "name": "look", "arguments": arguments });
        json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] })
    };
    let more = |index: u64, arguments: &str| json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] });
    let stream = |deltas: &[Value]| -> Vec<String> {
        deltas.iter().map(|delta| answers::event(&answers::chunk_json(delta, None))).collect()
    };
    let world = World::start(PAIR, CLOCKS).await;
    let first = stream(&[call("a-1", 0, ""), more(0, "{\"at\":"), more(0, "1")]);
    let bytes: Vec<u8> = first.iter().flat_map(|event| answers::chunk(event.as_bytes())).collect();
    world.always("a", &Script::new().write(answers::STREAM_HEAD).write(bytes).fin());
    let mut second = stream(&[call("b-1", 0, ""), more(0, "{\"at\":12}"), call("b-2", 1, ""), more(1, "{}")]);
    second.push(answers::event(&answers::chunk_json(&json!({}), Some("tool_calls"))));
    second.push(answers::DONE.to_owned());
    world.always("b", &Script::new().write(answers::chunked_stream(&second)));
    let (_, body) = world.ask(&request(true)).await;
    let (mut ids, mut arguments) = (Vec::new(), [String::new(), String::new()]);
    for event in body.text().split("\n\n").filter_map(|event| event.strip_prefix("data: {")) {
        let chunk: Value = serde_json::from_str(&format!("{{{event}")).unwrap();
        for call in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            ids.extend(call["id"].as_str().map(str::to_owned));
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index] += call["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    assert_eq!(
        (ids.as_slice(), arguments),
        (&["a-1".to_owned(), "b-2".to_owned()][..], ["{\"at\":12}".to_owned(), "{}".to_owned()])
    );
    assert!(body.text().ends_with(answers::DONE));
}

#[tokio::test]
async fn a_missing_end_is_no_break() {
    let world = World::start(PAIR, CLOCKS).await;
    let events = answers::events(&["one ", "two"], true);
    let without_done = answers::chunked_stream(&events[..events.len() - 1]);
    world.always("a", &Script::new().write(without_done));
    let (_, body) = world.ask(&with_usage()).await;
    let told = assert_complete("without [DONE]", &body, "one two");
    assert_eq!(told.usage.unwrap()["total_tokens"], 12);
    assert_eq!(world.calls(["a", "b"]), [1, 0]);
}

#[tokio::test]
async fn what_cannot_be_compared_is_not_mended() {
    let half = answers::chunk(
        answers::event(&answers::chunk_json(&json!({ "content": "HALF" }), None))
            .replace("HALF", "\\ud83d")
            .as_bytes(),
    );
    let source = json!({ "annotations": [{ "type": "url_citation", "url_citation": { "url": "https://example.com" } }] });
    let source = answers::chunk(answers::event(&answers::chunk_json(&source, None)).as_bytes());
    for (name, last) in [("half a character", half), ("a source", source)] {
        let world = World::start(PAIR, CLOCKS).await;
        world.always("a", &begun(2).write(last).fin());
        world.always("b", &same_words(5, (1, 2)));
        let (_, body) = world.ask(&request(true)).await;
        let text = body.text();
        assert_eq!(text.matches("word0").count(), 1, "{name}: {text}");
        assert!(text.contains("upstream_truncated") && !text.contains("[DONE]"), "{name}: {text}");
        assert_eq!((body.ending, world.calls(["a", "b"])), (Ending::Eof, [1, 0]), "{name}");
    }
}

#[tokio::test]
async fn what_was_refused_is_not_asked_for_elsewhere() {
    let world = World::start(PAIR, CLOCKS).await;
    let refusal = r#"{"error":{"message":"no more of this","type":"invalid_request_error","param":null,"code":"content_filter"}}"#;
    world.always("a", &begun(3).write(answers::chunk(answers::event(refusal).as_bytes())).stall());
    world.always("b", &same_words(5, (1, 2)));
    let (_, body) = world.ask(&request(true)).await;
    let told = Told::of(&body);
    assert_eq!((told.text.as_str(), told.done), (words(3).as_str(), false));
    assert_eq!(told.error.unwrap()["message"], "no more of this");
    assert_eq!(world.calls(["a", "b"]), [1, 0]);
}

#[tokio::test]
async fn what_was_spent_on_another_text_is_known() {
    let price = "price = { input = 1000.0, output = 1000.0 }";
    let mut wasted = Vec::new();
    for extra in [price.to_owned() + "\nstream_repair = \"off\"", price.to_owned()] {
        let world = World::start(PAIR, &extra).await;
        world.always("a", &begun(5).fin());
        world.upstream("b").respond(telling("word0 word1 goes another way"));
        let (head, _) = world.ask(&request(true)).await;
        let row = world.row(&head).await;
        assert_eq!(row["charged_nanousd"], 0, "{row}");
        wasted.push(row["wasted_nanousd"].as_u64().unwrap());
    }
    assert!(wasted[0] > 0 && wasted[1] > wasted[0], "{wasted:?}");
}
