//! Requests as they come.

use sluice_testkit::client::post;

use super::{rig::By, world::World};
use crate::rig::{KEY, chat};

/// What can be read in the rows of the list.
const ROWS: &str = "return [...document.querySelectorAll('#rows tr')].map((row) => row.innerText)";

#[tokio::test]
async fn what_comes_live_looks_like_what_was_there() {
    let (world, _) = World::full().await;
    let browser = &world.browser;
    browser.open("/requests").await;
    let before = browser.ask(ROWS, &[]).await.as_array().map_or(0, Vec::len);
    browser.click(By::Button("Follow live")).await;
    browser.find(By::Text("Live: new requests appear at the top")).await;
    for model in ["m", "<b>none</b>"] {
        world.rig.exchange(post(KEY, "", chat(model, true))).await;
    }
    browser.until(&format!("document.querySelectorAll('#rows tr').length === {}", before + 2)).await;
    let live = browser.ask(ROWS, &[]).await;
    browser.click(By::Button("Stop")).await;
    assert_eq!(browser.path().await, "/requests");
    browser.open("/requests").await;
    assert_eq!(live, browser.ask(ROWS, &[]).await);
    browser.click(By::Css("#rows tr td.when a")).await;
    browser.find(By::Text("refused before any target was called")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
