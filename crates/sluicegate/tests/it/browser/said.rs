//! What models and providers answer, what people and browsers call themselves, and what the log keeps of it all: shown
//! as it is, never run.

use serde_json::{Value, json};
use sluice_testkit::{
    answers::{self, chunk_json, event},
    upstream::Script,
};

use super::{
    injections::{assert_harmless, payloads, told},
    playground::{ended, paste, said},
    rig::{Browser, By},
    world::World,
};
use crate::access::{self, PASSWORD};

/// Every so many payloads are tried in each way: all ends and all hopes are among them.
const EVERY: usize = 4;

/// An answer that says the payload in all places that an answer has.
fn answer(payload: &str) -> Value {
    json!({
        "role": "assistant", "content": payload, "refusal": payload, "reasoning_content": payload,
        "tool_calls": [{ "index": 0, "id": payload, "type": "function", "function": { "name": payload, "arguments": payload } }],
        "annotations": [{ "type": "url_citation", "url_citation": { "url": payload, "title": payload, "start_index": 0, "end_index": 1 } }],
    })
}

/// It comes as a stream, whole, as an error, and as an error in a stream.
fn script(way: usize, payload: &str) -> Script {
    let error =
        json!({ "error": { "message": payload, "type": payload, "code": payload, "param": payload } });
    let stream = |last: &str| {
        let first = event(&chunk_json(&answer(payload), None));
        answers::chunked_stream(&[first, last.to_owned(), answers::DONE.to_owned()])
    };
    Script::new().write(match way {
        0 => stream(&answers::finish_event()),
        1 => {
            let choice = json!({ "index": 0, "message": answer(payload), "finish_reason": payload });
            let body = json!({ "id": payload, "object": "chat.completion", "created": 1, "model": payload, "choices": [choice] });
            answers::json_answer(200, &body.to_string())
        }
        2 => answers::json_answer(400, &error.to_string()),
        _ => stream(&event(&error.to_string())),
    })
}

#[tokio::test]
async fn answers_are_shown_as_they_are() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/playground?model=m").await;
    for (at, payload) in payloads().iter().enumerate().filter(|(at, _)| at % EVERY == 1) {
        let way = at / EVERY % 4;
        world.rig.upstream.script(script(way, payload));
        let other = if way == 1 { "{\"stream\":false}" } else { "{}" };
        paste(browser, "#play-other", other).await;
        paste(browser, "[data-message]:nth-of-type(2) [data-text]", payload).await;
        browser.click(By::Button("Send")).await;
        let state = ended(browser).await;
        let place = if way >= 2 { "[data-fault]" } else { "[data-answer]" };
        let shown = said(browser, place).await;
        // A browser may drop the last of a stream that has no clean end.
        let dropped = way == 3 && shown.contains("The stream ended before the answer was whole.");
        assert!(dropped || shown.contains(payload.as_str()), "{way}: {payload}: {state}: {shown}");
        let complaints = browser.complaints().await;
        // A stream that failed has no clean end, and the browser says so too.
        let refused = |one: &String| {
            ["status of 400", "status of 502", "INCOMPLETE_CHUNKED"].iter().any(|word| one.contains(word))
        };
        assert!(complaints.iter().all(refused), "{payload}: {complaints:?}");
        assert_harmless(browser, payload).await;
    }
}

#[tokio::test]
async fn what_a_provider_says_to_a_test_is_shown_as_it_is() {
    let world = World::empty().await;
    let (browser, upstream) = (&world.browser, &world.rig.upstream);
    let body = json!({ "name": "told", "kind": "openai-compatible", "base_url": upstream.base_url(), "api_key": "x", "internal": true });
    world.admin.create("/admin/v1/providers", body).await;
    browser.open("/providers/told").await;
    browser.fill("Model there", "a").await;
    for payload in payloads().iter().skip(2).step_by(EVERY * 2) {
        upstream.script(script(2, payload));
        browser.click(By::Button("Send a test call")).await;
        let shown = format!("document.body.textContent.includes({})", json!(payload));
        browser.until(&shown).await;
        assert_harmless(browser, payload).await;
    }
    let models: Vec<Value> = payloads().iter().map(|payload| json!({ "id": payload })).collect();
    upstream.script(Script::new().write(answers::json_answer(200, &json!({ "data": models }).to_string())));
    browser.click(By::Button("Ask for its models")).await;
    browser.find(By::Css(".found li")).await;
    for payload in payloads().iter().step_by(EVERY * 2) {
        browser.fill("Find a model", payload).await;
        assert_harmless(browser, payload).await;
    }
}

/// Follows a list to its end, and looks at each of its pages.
async fn through(browser: &Browser, path: &str) -> u32 {
    browser.open(path).await;
    let mut pages = 1;
    loop {
        browser.find(By::Css("h1")).await;
        browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })", &[]).await;
        assert_harmless(browser, path).await;
        let next = "return document.querySelector('a[rel=next]')?.getAttribute('href') ?? ''";
        match browser.ask(next, &[]).await.as_str() {
            Some("") | None => return pages,
            Some(next) => browser.open(next).await,
        }
        pages += 1;
    }
}

#[tokio::test]
async fn names_of_people_and_browsers_are_shown_as_they_are() {
    let world = World::empty().await;
    let (admin, browser) = (&world.admin, &world.browser);
    let mut people = Vec::new();
    for (at, payload) in payloads().iter().enumerate() {
        // An address has no spaces; a slash parts attributes as well.
        let word = payload.split_whitespace().collect::<Vec<_>>().join("/");
        let email = if at % 2 == 0 { format!("{word}@{at}.example") } else { format!("u{at}@{word}") };
        let body = json!({ "email": email, "role": "viewer", "projects": ["*"], "password": PASSWORD });
        // Hashing a password takes its time: a few of them can sign in.
        let body =
            if at % 30 == 0 { body } else { json!({ "email": email, "role": "viewer", "projects": ["*"] }) };
        let made = admin.create("/admin/v1/users", body).await;
        people.push((made["id"].as_str().expect("an id").to_owned(), email, at % 30 == 0));
    }
    for payload in payloads().iter().step_by(10) {
        let mut elsewhere = access::Browser::new(&world.rig.gateway);
        elsewhere.extra = format!("user-agent: {payload}\r\n");
        assert_eq!(elsewhere.sign_in("owner@example.com", PASSWORD).await, 303);
    }
    browser.open("/account").await;
    assert!(told(browser).await.contains(payloads()[10].as_str()), "sessions are told");
    assert_harmless(browser, "/account").await;
    assert!(through(browser, "/users").await > 1);
    for (id, email, _) in people.iter().step_by(9) {
        browser.open(&format!("/users/{id}")).await;
        assert!(told(browser).await.contains(email.as_str()), "{email}");
        assert_harmless(browser, email).await;
    }
    let key = admin.create("/admin/v1/keys", json!({ "name": "k" })).await;
    let path = format!("/admin/v1/keys/{}", key["id"].as_str().expect("an id"));
    for payload in payloads().iter().step_by(5) {
        admin.patch(&path, json!({ "models": [payload], "name": payload })).await;
    }
    assert!(through(browser, "/audit").await > 1);
    let some = || people.iter().filter(|(_, _, may)| *may).map(|(_, email, _)| email);
    for email in some() {
        send_sign_in(browser, email, PASSWORD).await;
        browser.until("location.pathname === '/' && document.readyState === 'complete'").await;
        assert!(browser.text().await.contains(email.as_str()), "{email}");
        assert_harmless(browser, email).await;
    }
    for email in some() {
        send_sign_in(browser, email, "not the password").await;
        browser.until("document.querySelector('.form-error')?.textContent").await;
        assert!(told(browser).await.contains(email.as_str()), "{email}");
        browser.complaints().await;
        assert_harmless(browser, email).await;
    }
}

async fn send_sign_in(browser: &Browser, email: &str, password: &str) {
    browser.forget().await;
    browser.open("/sign-in").await;
    // The browser has its own idea of what an address is.
    browser.ask("document.querySelector('main form').noValidate = true", &[]).await;
    browser.fill("E-mail", email).await;
    browser.fill("Password", password).await;
    browser.click(By::Button("Sign in")).await;
}
