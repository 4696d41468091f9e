//! `Idempotency-Key`: a request that is sent again is answered again, and made and charged once.

mod joining;
mod nodes;

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Body, Client, Ending, Head, post},
    upstream::Script,
};

use crate::{
    accounting::books::Books,
    rig::{KEY, NARROW_KEY, Rig, assert_error, chat, config_for},
};

/// A request with this idempotency key.
pub(super) fn keyed(secret: &str, name: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    post(secret, &format!("idempotency-key: {name}\r\n"), body)
}

/// Asks until the database was quick enough to say whose the key is: on a busy machine it may not answer in time.
pub(super) async fn call(client: &mut Client, request: impl AsRef<[u8]>) -> (Head, Body) {
    loop {
        let (head, body) = client.exchange(request.as_ref()).await;
        if head.status != 503 {
            return (head, body);
        }
        assert_error(
            "a busy database",
            &(head, body),
            503,
            "service_unavailable_error",
            "accounting_unavailable",
        );
    }
}

async fn ask(rig: &Rig, name: &str, body: impl AsRef<[u8]>) -> (Head, Body) {
    call(&mut rig.client().await, keyed(KEY, name, body)).await
}

pub(super) fn request_id(head: &Head) -> &str {
    head.header("x-request-id").expect("an id")
}

/// Asserts that `again` is `first` once more, under an id of its own.
pub(super) fn assert_again(first: &(Head, Body), again: &(Head, Body)) {
    assert_eq!(first.0.status, again.0.status, "{}", again.0.raw);
    assert_eq!(first.1.bytes, again.1.bytes);
    assert_eq!(again.1.ending, Ending::Complete);
    assert_eq!(again.0.header("x-sluicegate-replay-of"), Some(request_id(&first.0)), "{}", again.0.raw);
    assert_ne!(request_id(&first.0), request_id(&again.0));
    assert_eq!(first.0.header("x-sluicegate-replay-of"), None);
    for name in ["content-type", "x-sluicegate-provider", "x-sluicegate-model", "x-sluicegate-attempts"] {
        assert_eq!(first.0.header(name), again.0.header(name), "{name}");
    }
    assert_eq!(first.0.is_chunked(), again.0.is_chunked());
}

#[tokio::test]
async fn an_answer_is_given_again() {
    let rig = Rig::start().await;
    for (name, stream) in [("whole", false), ("stream", true)] {
        let before = rig.upstream.requests_so_far();
        let first = ask(&rig, name, chat("m", stream)).await;
        assert_eq!(first.0.status, 200, "{}", first.1.text());
        for _ in 0..3 {
            assert_again(&first, &ask(&rig, name, chat("m", stream)).await);
        }
        assert_eq!(rig.upstream.requests_so_far(), before + 1, "{name}");
    }
    // Who sends no key asks anew.
    rig.ask(chat("m", false)).await;
    assert_eq!(rig.upstream.requests_so_far(), 3);
}

#[tokio::test]
async fn a_repeat_costs_nothing_and_is_in_the_log() {
    // A limit of two requests: repeats do not count.
    let limited = "limits = { rpm = 2 }\nbudget = { usd = 50.0, period = \"total\" }";
    let secret = "sk-limited-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let key = format!("[[keys]]\nname = \"limited\"\nsecret = \"{secret}\"\nmodels = [\"*\"]\n{limited}\n");
    let price = "[[models]]\nname = \"dear\"\ntargets = [{ provider = \"sandbox\", model = \"echo\" }]\n\
                 price = { input = 1_000.0, output = 1_000.0 }\n";
    let rig = Rig::with(|upstream| config_for(upstream) + price + &key).await;
    let request = keyed(secret, "k", chat("dear", false));
    let mut client = rig.client().await;
    let first = call(&mut client, &request).await;
    assert_eq!(first.0.status, 200, "{}", first.1.text());
    for _ in 0..5 {
        let again = client.exchange(&request).await;
        assert_again(&first, &again);
        assert_eq!(again.0.header("x-ratelimit-remaining-requests"), None, "nothing was taken");
        let line = rig.gateway.access_line(request_id(&again.0)).await;
        assert_eq!(line["replay_of"], request_id(&first.0), "{line}");
        assert_eq!((&line["status"], &line["model"]), (&json!(200), &json!("dear")), "{line}");
        assert!(line.get("prompt_tokens").is_none() && line.get("provider").is_none(), "{line}");
    }
    let books = Books::of(rig.gateway.dir()).await;
    let charged = books.row(request_id(&first.0)).await.charged.expect("a charge");
    let purse = books.purse_of_key("limited").await;
    books.until(&purse, |posted, _| posted == charged).await;
    assert_eq!(books.rows().await.len(), 1);
    assert_eq!(rig.gateway.access_line(request_id(&first.0)).await.get("replay_of"), None);
}

#[tokio::test]
async fn a_key_belongs_to_one_body_of_one_caller() {
    let rig = Rig::start().await;
    let first = ask(&rig, "k", chat("other", false)).await;
    assert_eq!(first.0.status, 200);
    for body in [chat("other", true), chat("other", false) + " ", chat("m", false)] {
        let refused = ask(&rig, "k", &body).await;
        assert_error(&body, &refused, 409, "invalid_request_error", "idempotency_key_reused");
        assert_eq!(refused.1.json()["error"]["param"], "Idempotency-Key");
    }
    // Names are compared byte by byte; another bearer key has names of its own.
    assert_eq!(ask(&rig, "K", chat("m", false)).await.0.status, 200);
    let theirs = call(&mut rig.client().await, keyed(NARROW_KEY, "k", chat("other", false))).await;
    assert_eq!((theirs.0.status, theirs.0.header("x-sluicegate-replay-of")), (200, None));
    assert_eq!(rig.upstream.requests_so_far(), 3);
    assert_again(&first, &ask(&rig, "k", chat("other", false)).await);
}

#[tokio::test]
async fn unusable_keys_are_refused() {
    let rig = Rig::start().await;
    let long = "x".repeat(256);
    for headers in [
        format!("idempotency-key: {long}\r\n"),
        "idempotency-key:\r\n".to_owned(),
        "idempotency-key: a b\r\n".to_owned(),
        "idempotency-key: a\r\nidempotency-key: b\r\n".to_owned(),
        "idempotency-key: \u{e9}\r\n".to_owned(),
    ] {
        let refused = rig.exchange(post(KEY, &headers, chat("m", false))).await;
        assert_error(&headers, &refused, 400, "invalid_request_error", "invalid_value");
        assert_eq!(refused.1.json()["error"]["param"], "Idempotency-Key");
    }
    assert_eq!(rig.upstream.requests_so_far(), 0);
    assert_eq!(ask(&rig, &long[1..], chat("m", false)).await.0.status, 200);
}

#[tokio::test]
async fn errors_free_the_key() {
    let rig = Rig::start().await;
    let error =
        |status| Script::new().write(answers::json_answer(status, &answers::error_json("no", "t", "c")));
    let broken = Script::new()
        .write(answers::STREAM_HEAD)
        .write(answers::chunk(answers::text_event("half").as_bytes()))
        .write(answers::LAST_CHUNK);
    let (whole, stream) = (chat("m", false), chat("m", true));
    let cases: [(&str, Option<Script>, &str, u16); 4] = [
        ("upstream", Some(error(400)), &whole, 400),
        ("upstream of a stream", Some(error(400)), &stream, 400),
        ("unknown model", None, &chat("nothing", false), 404),
        ("broken stream", Some(broken), &stream, 200),
    ];
    for (name, script, body, status) in cases {
        let name = name.replace(' ', "-");
        let (script, calls) = (script.clone(), rig.upstream.requests_so_far());
        if let Some(script) = script {
            rig.upstream.script(script);
        }
        let (head, failed) = ask(&rig, &name, body).await;
        assert_eq!(head.status, status, "{name}: {}", failed.text());
        assert!(failed.text().contains("\"error\""), "{name}: {}", failed.text());
        // Another body may have it now as well.
        let again = ask(&rig, &name, chat("m", false)).await;
        assert_eq!((again.0.status, again.0.header("x-sluicegate-replay-of")), (200, None), "{name}");
        let made = rig.upstream.requests_so_far() - calls;
        assert_eq!(made, if status == 404 { 1 } else { 2 }, "{name}");
    }
}

#[tokio::test]
async fn limits_and_budgets_free_the_key() {
    let secret = "sk-limited-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let key = format!(
        "[[keys]]\nname = \"limited\"\nsecret = \"{secret}\"\nmodels = [\"*\"]\nlimits = {{ rpm = 1 }}\n"
    );
    let rig = Rig::with(|upstream| config_for(upstream) + &key).await;
    let mut client = rig.client().await;
    assert_eq!(call(&mut client, keyed(secret, "a", chat("m", false))).await.0.status, 200);
    let (head, _) = call(&mut client, keyed(secret, "b", chat("m", false))).await;
    assert_eq!(head.status, 429);
    // It is free: who asks again is told of the limit again, and another body is not told of the first.
    let (head, body) = call(&mut client, keyed(secret, "b", chat("alias", false))).await;
    assert_eq!((head.status, head.header("x-sluicegate-replay-of")), (429, None), "{}", body.text());
}
