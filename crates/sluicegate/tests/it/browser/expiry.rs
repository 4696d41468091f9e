//! A session that ends while its page is open: whoever goes on is told so, signs in, and is where they were.

use serde_json::{Value, json};

use super::{
    rig::{Browser, By},
    world::World,
};
use crate::access::{self, PASSWORD};

const EMAIL: &str = "owner@example.com";
const ENDED: &str = "The session has ended. Sign in again.";

/// The same person ends all other sessions, elsewhere.
async fn end_elsewhere(world: &World) {
    let mut elsewhere = access::Browser::new(&world.rig.gateway);
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await, 303);
    elsewhere.learn_csrf().await;
    assert_eq!(elsewhere.form("/account/sessions/end", &[]).await.0.status, 303);
}

/// Signs in where it was said that the session has ended, and is at `path` then.
async fn sign_in_again(browser: &Browser, path: &str) {
    browser.until("location.pathname === '/sign-in' || location.pathname.startsWith('/account/')").await;
    browser.find(By::Text(ENDED)).await;
    browser.fill("E-mail", EMAIL).await;
    browser.fill("Password", PASSWORD).await;
    browser.click(By::Button("Sign in")).await;
    // The form may stand at the address of what was refused: that one has left it says nothing.
    browser.until(&format!("location.pathname + location.search === '{path}'")).await;
    assert_eq!(browser.status().await, 200);
    assert!(!browser.has(By::Text(ENDED)).await);
    // That something was refused is in the browser's log, and nothing else.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|one| one.contains("status of 401")), "{complaints:?}");
}

#[tokio::test]
async fn whoever_goes_on_signs_in_and_is_where_they_were() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/keys?q=dev").await;
    end_elsewhere(&world).await;
    browser.click(By::Link("Projects")).await;
    sign_in_again(browser, "/projects").await;
    browser.open("/requests?status=error").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Filter")).await;
    sign_in_again(browser, "/requests?status=error").await;
    // Who has signed out knows it.
    browser.click(By::Button("Sign out")).await;
    browser.until("location.pathname === '/sign-in'").await;
    assert!(!browser.has(By::Text(ENDED)).await);
}

#[tokio::test]
async fn what_is_sent_then_changes_nothing() {
    let world = World::full().await.0;
    let (browser, admin) = (&world.browser, &world.admin);
    browser.open("/projects").await;
    browser.click(By::Button("Create a project")).await;
    browser.fill("Name", "too late").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Create")).await;
    sign_in_again(browser, "/projects").await;
    assert!(!admin.get("/admin/v1/projects").await.to_string().contains("too late"));

    browser.open("/settings").await;
    let before = admin.get("/admin/v1/settings").await;
    browser.fill("Days that requests are kept", "30").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Save")).await;
    sign_in_again(browser, "/settings").await;
    assert_eq!(admin.get("/admin/v1/settings").await, before);

    let before = admin.get("/admin/v1/models/small").await;
    for button in ["Preview", "Save"] {
        browser.open("/models/small").await;
        browser.fill("Weight", "3").await;
        end_elsewhere(&world).await;
        browser.click(By::Button(button)).await;
        sign_in_again(browser, "/models/small").await;
    }
    assert_eq!(admin.get("/admin/v1/models/small").await, before);

    browser.open("/providers/second").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Send a test call")).await;
    sign_in_again(browser, "/providers/second").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Ask for its models")).await;
    sign_in_again(browser, "/providers/second").await;

    browser.open("/account").await;
    end_elsewhere(&world).await;
    browser.fill("Current password", PASSWORD).await;
    browser.fill("New password", "another password of length").await;
    browser.click(By::Button("Change password")).await;
    sign_in_again(browser, "/account").await;
}

#[tokio::test]
async fn what_runs_says_that_it_has_ended() {
    let world = World::empty().await;
    let browser = &world.browser;
    browser.open("/requests?status=error").await;
    browser.click(By::Button("Follow live")).await;
    browser.find(By::Text("Live: new requests appear at the top")).await;
    end_elsewhere(&world).await;
    browser.click(By::Link(ENDED)).await;
    sign_in_again(browser, "/requests?status=error").await;

    browser.open("/playground?model=sandbox%2Fecho").await;
    end_elsewhere(&world).await;
    browser.click(By::Button("Send")).await;
    browser.find(By::Css("[data-fault] .notice")).await;
    let kept = "return document.querySelector('[data-text]').value";
    assert_ne!(browser.ask(kept, &[]).await, Value::from(""), "what was written is still there");
    browser.click(By::Css("[data-fault] a")).await;
    sign_in_again(browser, "/playground?model=sandbox%2Fecho").await;
    assert_eq!(world.admin.get("/admin/v1/requests").await["data"], json!([]));
}
