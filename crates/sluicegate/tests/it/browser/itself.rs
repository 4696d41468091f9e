//! The rig itself: what it does, sees and hears.

use sluice_testkit::process::Gateway;

use super::rig::{Browser, By};
use crate::rig::{base_config, launch};

async fn gateway() -> Gateway {
    launch().config(&base_config()).serve().await
}

/// Shows a page of the test's own, which no policy guards.
async fn show(browser: &Browser, html: &str) {
    browser.open("/health/live").await;
    browser.complaints().await;
    browser.ask("document.open(); document.write(arguments[0]); document.close();", &[html.into()]).await;
}

#[tokio::test]
async fn the_rig_sees_what_is_wrong() {
    let gateway = gateway().await;
    let browser = Browser::start(&gateway).await;
    let check = async |html: &str, expect: &[&str]| {
        show(&browser, html).await;
        let found = browser.findings("en").await;
        assert_eq!(found.len(), expect.len(), "{html}: {found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{html}: {found:?}");
        }
    };
    let page = |body: &str| {
        format!("<!doctype html><html lang=en><title>t</title><main><h1>t</h1>{body}</main></html>")
    };
    check(&page(""), &[]).await;
    check("<p>text", &["lang is", "no title", "0 h1", "0 main"]).await;
    check(&page("<input name=a>"), &["no label: a"]).await;
    check(&page("<label>a <input></label><input aria-label=b>"), &[]).await;
    check(&page("<button></button><a href=/></a>"), &["no name: <button", "no name: <a"]).await;
    check(&page("<img src=x>"), &["no alt"]).await;
    check(&page("<p id=a></p><p id=a></p>"), &["the id a twice"]).await;
    check(&page("<p style='color: #888'>grey</p>"), &["contrast 3.54: rgb(136, 136, 136) on 255,255,255"])
        .await;
    check(&page("<p style='color: #888; font-size: 24px'>grey</p>"), &[]).await;
    check(&page("<p style='color: #ccc; background: #111'>light</p>"), &[]).await;
    check(&page("<div style='opacity: 0.4'><p>pale</p></div>"), &["contrast"]).await;
    check(&page("<p style='color: oklch(0.7 0 0)'>grey</p>"), &["contrast"]).await;
    check(&page("<p style='width: 2000px'>wide</p>"), &["scrolls sideways"]).await;
}

#[tokio::test]
async fn the_rig_hears_what_the_browser_complains_of() {
    let gateway = gateway().await;
    let browser = Browser::start(&gateway).await;
    let check = async |script: &str, expect: &str| {
        browser.open("/sign-in").await;
        assert_eq!(browser.complaints().await, [""; 0]);
        browser.ask(script, &[]).await;
        browser.until("document.title === 'done'").await;
        let found = browser.complaints().await;
        assert!(found.len() == 1 && found[0].contains(expect), "{script}: {found:?}");
    };
    let soon = "setTimeout(() => { document.title = 'done'; }, 0);";
    check(&format!("{soon} setTimeout(() => {{ throw new Error('by us'); }}, 0);"), "by us").await;
    check(&format!("{soon} console.error('told');"), "told").await;
    check(
        &format!("{soon} const one = document.createElement('style'); one.textContent = 'p {{}}'; document.head.append(one);"),
        "Content Security Policy",
    )
    .await;
    check("fetch('/assets/none').then(() => { document.title = 'done'; })", "404").await;
}

#[tokio::test]
async fn the_rig_does_what_a_person_does() {
    let gateway = gateway().await;
    let browser = Browser::start(&gateway).await;
    show(
        &browser,
        "<!doctype html><title>t</title><nav><a href=/>Keys</a></nav><main><h1>Form</h1><label>Name <input id=name></label>\
         <label for=kind>Kind</label><select id=kind><option>one<option>two</select>\
         <button hidden>Save</button><button id=save>Save</button><dialog aria-label=Sure><button>Yes</button></dialog>\
         <output></output></main>",
    )
    .await;
    let script = "const at = (id) => document.getElementById(id); const out = document.querySelector('output');
        const dialog = document.querySelector('dialog');
        at('save').onclick = () => setTimeout(() => dialog.showModal(), 50);
        dialog.querySelector('button').onclick = () => { out.textContent = `${at('name').value} ${at('kind').value}`; dialog.close(); };";
    browser.ask(script, &[]).await;
    browser.find(By::Heading("Form")).await;
    browser.fill("Name", "first").await;
    browser.press("!").await;
    browser.choose("Kind", "two").await;
    assert!(browser.has(By::Link("Keys")).await && !browser.has(By::Button("Yes")).await);
    browser.click(By::Button("Save")).await;
    browser.find(By::Region("Sure")).await;
    assert!(!browser.has(By::Link("Keys")).await, "a dialog is before it");
    browser.click(By::Button("Yes")).await;
    browser.find(By::Text("first! two")).await;
    browser.until("!document.querySelector('dialog').open").await;
    assert_eq!(browser.interactions(), 5);
}

#[tokio::test]
async fn language_and_theme_are_what_was_chosen() {
    let gateway = gateway().await;
    let browser = Browser::start(&gateway).await;
    browser.open("/sign-in?next=%2Fkeys").await;
    browser.click(By::Button("简体中文")).await;
    browser.until("document.documentElement.lang === 'zh-CN'").await;
    assert_eq!(browser.path().await, "/sign-in?next=%2Fkeys");
    browser.click(By::Button("深色")).await;
    browser.until("document.documentElement.dataset.theme === 'dark'").await;
    browser.open("/sign-in").await;
    browser.find(By::Button("English")).await;
    browser
        .until(
            "document.documentElement.lang === 'zh-CN' && document.documentElement.dataset.theme === 'dark'",
        )
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
