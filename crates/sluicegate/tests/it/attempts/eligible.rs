//! What a target cannot take leaves it out.

use serde_json::{Value, json};
use sluice_testkit::{answers, upstream::Script};

use super::world::{Target, World, request, telling};
use crate::rig::assert_error;

fn with_image() -> Value {
    let mut request = request(false);
    let url = json!({ "url": "https://example.com/a.png" });
    let parts = json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": url }]);
    request["messages"] =
        json!([{ "role": "system", "content": "see" }, { "role": "user", "content": parts }]);
    request
}

fn with_tools() -> Value {
    let mut request = request(false);
    request["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    request
}

fn long() -> Value {
    let mut request = request(false);
    request["messages"][0]["content"] = json!("word ".repeat(400));
    request
}

async fn world(targets: &[Target<'_>]) -> World {
    let world = World::start(targets, "").await;
    for (name, ..) in targets {
        world.upstream(name).respond(telling("fine"));
    }
    world
}

#[tokio::test]
async fn requests_go_where_they_can_be_taken() {
    let check = |what, targets: [&'static str; 2], request: Value, calls: [usize; 2]| async move {
        let world = world(&[("a", "x", 0, targets[0]), ("b", "y", 1, targets[1])]).await;
        let (head, body) = world.ask(&request).await;
        assert_eq!((head.status, world.calls(["a", "b"])), (200, calls), "{what}: {}", body.text());
    };
    let (blind, seeing) = (", capabilities = [\"tools\"]", ", capabilities = [\"tools\", \"vision\"]");
    check("an image", [blind, seeing], with_image(), [0, 1]).await;
    check("tools", [blind, seeing], with_tools(), [1, 0]).await;
    check("nothing is known", ["", ""], with_image(), [1, 0]).await;
    check("nothing is known of one", [blind, ""], with_image(), [0, 1]).await;
    let (short, wide) = (", context_length = 100", ", context_length = 100000");
    check("a long prompt", [short, wide], long(), [0, 1]).await;
    check("a short prompt", [short, wide], request(false), [1, 0]).await;
    check("too long for both by estimate", [short, short], long(), [1, 0]).await;
}

/// An estimate may be wrong: what speaks against a target puts it last, and no more.
#[tokio::test]
async fn what_is_unlikely_is_tried_last() {
    let targets = [("a", "x", 0, ", context_length = 100"), ("b", "y", 1, ""), ("c", "z", 2, "")];
    let world = world(&targets).await;
    let refusing = Script::new().write(answers::answer(401, "", b"{}"));
    world.always("b", &refusing);
    let (head, body) = world.ask(&long()).await;
    assert_eq!((head.status, world.calls(["a", "b", "c"])), (200, [0, 1, 1]), "{}", body.text());
    world.always("c", &refusing);
    let (head, body) = world.ask(&long()).await;
    assert_eq!((head.status, world.calls(["a"])), (200, [1]), "{}", body.text());
}

#[tokio::test]
async fn when_nobody_can_the_place_is_named() {
    let none = ", capabilities = []";
    let world = world(&[("a", "x", 0, none), ("b", "y", 1, none)]).await;
    let mut functions = request(false);
    functions["functions"] = json!([{ "name": "f" }]);
    for (what, request, param) in [
        ("an image", with_image(), "messages[1].content[1].type"),
        ("tools", with_tools(), "tools"),
        ("functions", functions, "functions"),
    ] {
        let answer = world.ask(&request).await;
        assert_error(what, &answer, 400, "invalid_request_error", "unsupported_value");
        assert_eq!(answer.1.json()["error"]["param"], param, "{what}");
    }
    assert_eq!(world.calls(["a", "b"]), [0, 0]);
    assert_eq!(world.ask(&request(false)).await.0.status, 200);
}
