//! Strange and hostile bodies: a clear answer each, and the process stays up.

use serde_json::json;
use sluice_testkit::client::{Client, post};

use crate::rig::{KEY, Rig, chat};

/// A small generator with a fixed seed (xorshift): the same inputs in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

#[tokio::test]
async fn damaged_bodies_are_refused_or_passed_as_they_are() {
    let rig = Rig::start().await;
    let mut seeded = Seeded(0x5eed_0001);
    let good = json!({
        "model": "m", "stream": false, "n": 1, "temperature": 0.5, "stop": ["a"],
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "caf\u{e9} \u{1F600}" }] }],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
    })
    .to_string()
    .into_bytes();
    let mut client = rig.client().await;
    for _ in 0..600 {
        let mut body = good.clone();
        for _ in 0..=seeded.next(3) {
            let at = seeded.next(body.len());
            match seeded.next(4) {
                0 => body[at] = u8::try_from(seeded.next(256)).unwrap(),
                1 => drop(body.remove(at)),
                2 => body.truncate(at.max(1)),
                _ => body.insert(at, b"{}[]\",:\\0e-"[seeded.next(11)]),
            }
        }
        let before = rig.upstream.requests_so_far();
        let (head, answer) = client.exchange(post(KEY, "", &body)).await;
        let shown = String::from_utf8_lossy(&body).into_owned();
        if head.status == 200 {
            assert!(rig.upstream.next_request().await.body == body, "{shown}");
            serde_json::from_slice::<serde_json::Value>(&body)
                .unwrap_or_else(|e| panic!("passed, but {e}: {shown}"));
        } else {
            assert!(head.status == 400 || head.status == 404, "{}: {shown}", head.status);
            assert!(answer.json()["error"]["code"].is_string(), "{shown}");
            assert_eq!(rig.upstream.requests_so_far(), before, "{shown}");
        }
    }
}

#[tokio::test]
async fn random_bytes_instead_of_requests() {
    let rig = Rig::start().await;
    let mut seeded = Seeded(0x5eed_0002);
    let good = post(KEY, "", chat("m", false));
    for _ in 0..150 {
        let mut bytes = good.clone();
        for _ in 0..=seeded.next(5) {
            let at = seeded.next(bytes.len());
            bytes[at] = u8::try_from(seeded.next(256)).unwrap();
        }
        let mut client = Client::connect(rig.gateway.data).await;
        let _ = client.try_send(&bytes).await;
        client.finish_sending().await;
        let (answer, _) = client.drain().await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 "),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(rig.ask(chat("m", false)).await.0.status, 200);
}

#[tokio::test]
async fn depth_and_width() {
    let rig = Rig::start().await;
    let nested = |depth: usize| {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}],"x":{deep}}}"#)
    };
    assert_eq!(rig.ask(nested(100)).await.0.status, 200);
    for depth in [200, 10_000, 1_000_000] {
        let (head, body) = rig.ask(nested(depth)).await;
        assert_eq!(head.status, 400, "{depth}");
        assert_eq!(body.json()["error"]["code"], "invalid_json");
    }
    let wide: String = (0..20_000).map(|n| format!(",\"x{n}\":{n}")).collect();
    let wide = chat("m", false).replacen("\"}]", &format!("\"}}]{wide}"), 1);
    assert_eq!(rig.ask(&wide).await.0.status, 200);
    assert_eq!(rig.upstream.next_request().await.json()["x"], json!(nested_value(100)));
    assert!(rig.upstream.next_request().await.body == wide);
    let messages: Vec<_> = (0..20_000).map(|n| json!({ "role": "user", "content": n.to_string() })).collect();
    let many = json!({ "model": "m", "messages": messages }).to_string();
    assert_eq!(rig.ask(&many).await.0.status, 200);
    assert!(rig.upstream.next_request().await.body == many);
}

fn nested_value(depth: usize) -> serde_json::Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

#[tokio::test]
async fn large_bodies_of_every_shape() {
    let rig = Rig::start().await;
    let text = "The quick brown fox \\u00e9 \\\" jumps. ".repeat(60_000);
    let quotes = "\\\"".repeat(500_000);
    for content in [text, quotes, "\u{1F600}".repeat(400_000)] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{content}"}}],"model":"alias"}}"#);
        assert_eq!(rig.ask(&body).await.0.status, 200);
        let seen = rig.upstream.next_request().await;
        assert!(seen.body == body.replace("\"model\":\"alias\"", "\"model\":\"up-m\""));
    }
}

#[tokio::test]
async fn nothing_a_caller_writes_is_ever_fetched() {
    let rig = Rig::start().await;
    let tripwire = sluice_testkit::upstream::Upstream::start().await;
    let url = format!("http://{}/canary.png", tripwire.addr());
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": [
        { "type": "text", "text": url }, { "type": "image_url", "image_url": { "url": url } },
        { "type": "video_url", "video_url": { "url": url } }, { "type": "file", "file": { "file_data": url } },
    ] }], "base_url": url, "callback": url });
    let (head, _) = rig.ask(body.to_string()).await;
    assert_eq!(head.status, 200);
    assert_eq!(rig.upstream.next_request().await.json(), body);
    assert_eq!(tripwire.connections_so_far(), 0);
}
