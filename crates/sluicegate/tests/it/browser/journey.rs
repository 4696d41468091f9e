//! The first run, as somebody has it who has just started the program.

use sluice_testkit::{
    answers,
    patience::within,
    upstream::{Script, Upstream},
};

use super::rig::{Browser, By};
use crate::{
    access::{PASSWORD, printed_link},
    admin::Admin,
    rig::launch,
};

/// From the link that `serve` prints to an answered prompt.
const INTERACTIONS_MAX: u32 = 12;

#[tokio::test]
async fn from_the_printed_link_to_an_answered_prompt() {
    let upstream = Upstream::start().await;
    upstream.respond(|_| {
        Script::new().write(answers::chunked_stream(&answers::events(&["It ", "works."], true)))
    });
    let gateway = launch().serve().await;
    let browser = Browser::start(&gateway).await;
    browser.open(&printed_link(&gateway).await).await;
    browser.fill("E-mail", "owner@example.com").await;
    browser.fill("Password", PASSWORD).await;
    browser.click(By::Button("Make account")).await;
    browser.click(By::Link("Connect a provider")).await;
    browser.fill("Base URL", &upstream.base_url()).await;
    browser.fill("API key", "sk-of-the-provider").await;
    browser.click(By::Label("On a network of our own")).await;
    browser.fill("Model to offer", "small").await;
    browser.click(By::Button("Save")).await;
    browser.until("location.pathname === '/'").await;
    browser.click(By::Link("Open the playground")).await;
    browser.click(By::Button("Send")).await;
    browser.find(By::Text("It works.")).await;
    assert!(browser.interactions() <= INTERACTIONS_MAX, "{} interactions", browser.interactions());
    assert_eq!(browser.complaints().await, [""; 0]);
    let call = upstream.next_request().await;
    assert_eq!(call.header("authorization").as_deref(), Some("Bearer sk-of-the-provider"));
    // What was asked is among the requests, once it is in the books.
    let admin = Admin::of(&gateway);
    let rows = async {
        loop {
            let rows = admin.get("/admin/v1/requests").await;
            if rows["data"][0]["status"] == 200 {
                return rows;
            }
        }
    };
    assert_eq!(within("the row of the request", rows).await["data"][0]["model"], "small");
    browser.click(By::Link("Requests")).await;
    browser.find(By::Link("small")).await;
}
