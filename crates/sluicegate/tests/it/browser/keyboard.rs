//! The console without a mouse.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    rig::{Browser, By},
    world::World,
};

const TAB: &str = "\u{e004}";
const ESCAPE: &str = "\u{e00c}";
const ENTER: &str = "\u{e007}";
/// More stops than any page has.
const STOPS_MAX: usize = 400;

/// Names every control that can be seen, and gives the names.
const CONTROLS: &str = "let number = 0;
    const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0;
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
      .filter((one) => seen(one) && !one.disabled && one.tabIndex >= 0 && !one.closest('[inert]'))
      .map((one) => (one.dataset.stop = `${number++} ${one.outerHTML.slice(0, 90)}`));";
/// Where the focus is, and what keeps whoever looks for it from seeing it.
const FOCUS: &str = "const one = document.activeElement;
    if (!one || one === document.body) return null;
    const wrong = [];
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    if (!one.closest('.chart') && (outlineStyle === 'none' || parseFloat(outlineWidth) < 1)) wrong.push('no outline');
    const box = one.getClientRects()[0] ?? one.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height, innerHeight) / 2];
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) wrong.push('out of sight');
    const there = document.elementFromPoint(x, y);
    if (there && !one.contains(there) && !there.contains(one) && !there.closest('label')) wrong.push(`behind ${there.outerHTML.slice(0, 60)}`);
    return { stop: one.dataset.stop ?? '', wrong: wrong.join(', ') };";

async fn names(browser: &Browser) -> BTreeSet<String> {
    let found = browser.ask(CONTROLS, &[]).await;
    found.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_control_is_reached_and_seen() {
    let (world, _) = World::full().await;
    let browser = &world.browser;
    let mut wrong = Vec::new();
    for path in ["/", "/requests", "/keys", "/models/small", "/playground", "/account", "/settings"] {
        browser.open(path).await;
        browser.find(By::Css("h1")).await;
        let mut left = names(browser).await;
        assert!(left.len() > 15, "{path}: {left:?}");
        for stop in 0..STOPS_MAX {
            browser.press(TAB).await;
            let focus = browser.ask(FOCUS, &[]).await;
            if focus.is_null() {
                break;
            }
            if stop == 0 {
                assert!(
                    focus["stop"].as_str().is_some_and(|name| name.contains("class=\"skip\"")),
                    "{path}: {focus}"
                );
            }
            if focus["wrong"] != "" {
                wrong.push(format!("{path}: {focus}"));
            }
            left.remove(focus["stop"].as_str().unwrap_or_default());
        }
        // The skip link can be seen only where the focus is.
        left.retain(|name| !name.contains("class=\"skip\""));
        wrong.extend(left.into_iter().map(|name| format!("{path}: never at {name}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn keys_open_and_close() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/keys").await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.until("document.activeElement.id === 'content'").await;
    browser.press(TAB).await;
    browser.until("document.activeElement.dataset.dialog === 'create'").await;
    browser.press(ENTER).await;
    browser.until("document.activeElement.id === 'create-name'").await;
    browser.press(ESCAPE).await;
    browser
        .until("!document.querySelector('dialog').open && document.activeElement.dataset.dialog === 'create'")
        .await;
    // A form is sent from its field, and its refusal is where the focus is.
    browser.press(ENTER).await;
    browser.until("document.activeElement.id === 'create-name'").await;
    browser.press("dev").await;
    browser.press(ENTER).await;
    browser.find(By::Text("There is already a key named 'dev'")).await;
    browser.until("document.activeElement.id === 'create-name' && document.activeElement.getAttribute('aria-describedby') !== null").await;
    let tabs = "document.querySelectorAll('[role=tab]')";
    browser.open("/playground").await;
    browser.ask(&format!("{tabs}[0].focus()"), &[json!(null)]).await;
    browser.press("\u{e014}").await;
    browser
        .until(&format!(
            "document.activeElement === {tabs}[1] && {tabs}[1].getAttribute('aria-selected') === 'true'"
        ))
        .await;
}

#[tokio::test]
async fn what_moves_stands_still_for_those_who_ask() {
    let (world, _) = World::full().await;
    let browser = &world.browser;
    for path in ["/", "/requests", "/playground"] {
        browser.open(path).await;
        browser.find(By::Css("h1")).await;
        let moving = browser.ask("return document.getAnimations().length", &[]).await;
        let styled = "return [...document.querySelectorAll('*')].filter((one) => {
            const { animationName, transitionDuration } = getComputedStyle(one);
            return animationName !== 'none' || !/^0s(, 0s)*$/.test(transitionDuration);
          }).length";
        assert_eq!((moving, browser.ask(styled, &[]).await), (json!(0), json!(0)), "{path}");
    }
}
