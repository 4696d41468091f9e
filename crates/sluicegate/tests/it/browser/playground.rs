//! The playground and the reference, used.

use serde_json::json;

use super::{
    rig::{Browser, By},
    world::World,
};

/// Waits for the end of a call, and gives what its state says.
pub(super) async fn ended(browser: &Browser) -> String {
    let busy = "document.querySelector('[data-result]').hasAttribute('aria-busy')";
    browser.until(&format!("!{busy} && document.querySelector('[data-state]').textContent !== ''")).await;
    said(browser, "[data-state]").await
}

/// What can be read at a place.
pub(super) async fn said(browser: &Browser, place: &str) -> String {
    let text =
        browser.ask("return document.querySelector(arguments[0])?.textContent ?? ''", &[json!(place)]).await;
    text.as_str().unwrap_or_default().to_owned()
}

/// A text is put where a person would paste it.
pub(super) async fn paste(browser: &Browser, place: &str, text: &str) {
    let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1];
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.ask(script, &[json!(place), json!(text)]).await;
}

#[tokio::test]
async fn one_click_answers() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/playground?model=sandbox%2Fecho").await;
    let before = browser.interactions();
    browser.click(By::Button("Send")).await;
    assert_eq!(ended(browser).await, "Complete");
    assert_eq!(browser.interactions(), before + 1);
    assert_eq!(said(browser, "[data-answer]").await, "Explain in two sentences what a sluice gate does.");
    browser.until("document.querySelector('[data-facts]').textContent.includes('$')").await;
    for (tab, place, expect) in [
        ("Request", "[data-raw-request]", "\"model\": \"sandbox/echo\""),
        ("Response", "[data-raw-response]", "data: [DONE]"),
        ("Code", "[data-sample=python]", "model=\"sandbox/echo\""),
        ("Code", "[data-sample=curl]", "$SLUICEGATE_API_KEY"),
    ] {
        browser.click(By::Button(tab)).await;
        assert!(said(browser, place).await.contains(expect), "{place}");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.click(By::Button("Answer")).await;
    browser.click(By::Link("req_")).await;
    browser.until("location.pathname.startsWith('/requests/req_')").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_of_the_gateway_at_its_field() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/playground?model=sandbox%2Fecho").await;
    let check = async |place: &str, text: &str, expect: &[&str]| {
        paste(browser, place, text).await;
        browser.click(By::Button("Send")).await;
        browser
            .until(&format!("document.querySelector('{place}').getAttribute('aria-invalid') === 'true'"))
            .await;
        let text = browser.text().await;
        for expect in expect {
            assert!(text.contains(expect), "{place}: {expect} in {text}");
        }
        paste(browser, place, "").await;
    };
    check("#play-temperature", "3", &["400 invalid_request_error decimal_above_max_value", "temperature"])
        .await;
    check("#play-tools", "{}", &["A JSON array is needed here."]).await;
    check("#play-other", "{", &["This is not JSON:"]).await;
}

#[tokio::test]
async fn a_stream_can_be_stopped() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/playground?model=sandbox%2Ftext").await;
    paste(browser, "#play-other", "{\"metadata\":{\"sandbox.fault\":\"stall_after=5\"}}").await;
    browser.click(By::Button("Send")).await;
    browser.until("document.querySelector('[data-answer]').textContent.length > 5").await;
    browser.click(By::Button("Stop")).await;
    assert!(ended(browser).await.starts_with("Stopped"));
    assert!(browser.has(By::Button("Send")).await && !browser.has(By::Button("Stop")).await);
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn calls_of_tools_are_shown_and_answered() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/playground?model=sandbox%2Fecho").await;
    browser.click(By::Button("Tools")).await;
    browser.click(By::Button("Insert an example")).await;
    paste(browser, "[data-message]:nth-of-type(2) [data-text]", "call: get_weather").await;
    browser.click(By::Button("Send")).await;
    assert_eq!(ended(browser).await, "Complete");
    assert!(said(browser, "[data-answer]").await.contains("get_weather({"));
    browser.click(By::Button("Continue from this answer")).await;
    browser.press("18 degrees").await;
    let rows = "return [...document.querySelectorAll('[data-message]')].map((row) => row.querySelector('[data-role]').value)";
    assert_eq!(browser.ask(rows, &[]).await, json!(["system", "user", "assistant", "tool"]));
    browser.click(By::Button("Send")).await;
    assert_eq!(ended(browser).await, "Complete");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn calls_are_found_and_tried_where_they_are_told() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/docs#createChatCompletion.messages.assistant.tool_calls").await;
    let place =
        "document.getElementById('createChatCompletion.messages.assistant.tool_calls').checkVisibility()";
    browser.until(place).await;
    browser.fill("Search calls and fields", "cached_tok").await;
    browser.click(By::Link("cached_tokens")).await;
    browser.until("location.hash.endsWith('cached_tokens')").await;
    let listed = async |search: &str, expect: &str| {
        browser.fill("Search calls and fields", search).await;
        browser
            .until(&format!(
                "[...document.querySelectorAll('[data-entry]')].filter((one) => !one.hidden).map((one) => one.dataset.entry).join(' ') === '{expect}'"
            ))
            .await;
    };
    listed("/v1/chat", "createChatCompletion").await;
    listed("no such thing", "").await;
    browser.find(By::Text("Nothing is called that.")).await;
    let tried = async |call: &str, expect: &str| {
        browser.ask("document.querySelector(`[data-try=${arguments[0]}]`).click()", &[json!(call)]).await;
        browser.click(By::Button("Send")).await;
        browser
            .until(&format!(
                "document.querySelector('[data-try-text]').textContent.includes({})",
                json!(expect)
            ))
            .await;
        browser.click(By::Button("Close")).await;
    };
    tried("listModels", "sandbox/echo").await;
    tried("createChatCompletion", "\"content\": \"Hello\"").await;
    tried("listKeys", "\"next_cursor\"").await;
    for (call, expect) in [
        ("createProject", "\"search\""),
        ("createProvider", "\"openai\""),
        ("createAdminModel", "\"fast\""),
        ("createKey", "\"secret\": \"sk-"),
    ] {
        tried(call, expect).await;
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}
