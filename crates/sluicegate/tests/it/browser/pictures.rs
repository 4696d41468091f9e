//! The pictures of the documentation: `cargo xtask test --run-ignored only -E 'test(pictures_of)'`
//! draws them anew into `docs/images/`.

use std::{path::Path, time::SystemTime};

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    upstream::{Script, Upstream},
};

use super::{
    history,
    rig::{Browser, By, DESK, Look, PHONE},
    world::sign_in,
};
use crate::{
    admin::Admin,
    rig::{Rig, launch},
};

/// So that readers do not wait for them.
const BYTES_MAX: usize = 150_000;

/// What the model of the pictures says.
const ANSWER: &str = "A sluice gate raises or lowers a barrier in a channel, so that just as much water passes as is \
    wanted. By doing so it keeps the level upstream steady, shares the water out, and protects what lies below from floods.";

const DARK: Look = Look { dark: true, ..Look::USUAL };
const CHINESE: Look = Look { language: "zh-CN", ..Look::USUAL };

/// With as many tokens as it has.
fn counted(answer: String) -> String {
    let counts = [
        ("\"prompt_tokens\":9", "\"prompt_tokens\":31"),
        ("\"completion_tokens\":3", "\"completion_tokens\":47"),
        ("\"total_tokens\":12", "\"total_tokens\":78"),
    ];
    counts.iter().fold(answer, |answer, (from, to)| answer.replace(from, to))
}

/// A gateway that has been at work for days, and a browser whose owner is signed in.
async fn at_work() -> (Rig, Browser, history::History) {
    let upstream = Upstream::start().await;
    upstream.respond(|request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let words: Vec<&str> = ANSWER.split_inclusive(' ').collect();
        let answer = match asked["stream"] == true {
            true => answers::chunked_stream(
                &answers::events(&words, true).into_iter().map(counted).collect::<Vec<_>>(),
            ),
            false => answers::json_answer(200, &counted(answers::completion(ANSWER))),
        };
        Script::new().write(answer)
    });
    let gateway = launch().serve().await;
    let admin = Admin::of(&gateway);
    let database = gateway.dir().join("data/sluicegate.db");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    let history = history::write(&admin, &database, &upstream.base_url(), now.as_millis() as u64).await;
    let rig = Rig { gateway, upstream };
    let browser = Browser::start(&rig.gateway).await;
    sign_in(&browser, &rig).await;
    (rig, browser, history)
}

/// Draws a page as it is on a desk, or as much of it as `height` says.
async fn draw(browser: &Browser, look: Look, path: &str, height: u32) -> Vec<u8> {
    browser.dress(Look { size: (look.size.0, height), ..look }).await;
    browser.open(path).await;
    browser.find(By::Css("h1")).await;
    if path.starts_with("/playground") {
        browser.click(By::Css("[data-send]")).await;
        browser.until("document.querySelector('[data-facts]').textContent.includes('$')").await;
        browser.ask("document.activeElement.blur(); scrollTo(0, 0)", &[json!(null)]).await;
    }
    browser.png().await
}

#[tokio::test]
#[ignore = "writes docs/images"]
async fn pictures_of_the_documentation() {
    let (rig, browser, history) = at_work().await;
    let admin = Admin::of(&rig.gateway);
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    std::fs::create_dir_all(&images).expect("a directory");
    let request = format!("/requests/{}", history.repaired);
    let mut large = Vec::new();
    for (name, look, path, height) in [
        ("overview", Look::USUAL, "/", 900),
        ("overview-dark", DARK, "/", 900),
        ("overview-zh", CHINESE, "/", 900),
        ("requests", Look::USUAL, "/requests", 640),
        ("request", Look::USUAL, &request, 900),
        ("request-dark", DARK, &request, 900),
        ("models", Look::USUAL, "/models", 480),
        ("playground", Look::USUAL, "/playground?model=gpt-4o-mini", 640),
        ("playground-dark", DARK, "/playground?model=gpt-4o-mini", 640),
    ] {
        if name == "models" {
            // From now on it is known how the targets do.
            for model in history::MODELS {
                assert_eq!(admin.ask(&history.secret, model.name).await.0, 200);
            }
        }
        let png = draw(&browser, look, path, height).await;
        std::fs::write(images.join(format!("{name}.png")), &png).expect("a picture is written");
        if png.len() > BYTES_MAX {
            large.push(format!("{name}: {} bytes", png.len()));
        }
    }
    assert_eq!(large, [""; 0]);
}

/// Every page in full, below the target directory: for whoever works on how the console looks.
#[tokio::test]
#[ignore = "draws pictures for people to look at"]
async fn every_page_in_full() {
    let (_rig, browser, history) = at_work().await;
    let request = format!("/requests/{}", history.repaired);
    for size in [DESK, PHONE] {
        for dark in [false, true] {
            let look = Look { size, dark, ..Look::USUAL };
            for path in [
                "/",
                "/requests",
                &request,
                "/keys",
                "/projects",
                "/projects/search",
                "/models",
                "/models/assistant",
                "/providers",
                "/providers/openai",
                "/users",
                "/audit",
                "/settings",
                "/status",
                "/playground",
                "/docs",
                "/account",
            ] {
                browser.dress(look).await;
                browser.open(path).await;
                browser.find(By::Css("h1")).await;
                let height = browser.ask("return document.documentElement.scrollHeight", &[]).await;
                let height = height.as_u64().map_or(800, |height| height.clamp(600, 2_600)) as u32;
                browser.dress(Look { size: (size.0, height), ..look }).await;
                browser.picture(&format!("full/{}-{look}", path.split("req_").next().unwrap_or(path))).await;
            }
            browser.dress(look).await;
            browser.open("/account").await;
            browser.click(By::Button("Set up an authenticator app")).await;
            browser.find(By::Css(".qr")).await;
            browser.picture(&format!("full/qr-{look}")).await;
            browser.open("/keys#create").await;
            browser.find(By::Css("dialog[open]")).await;
            browser.picture(&format!("full/dialog-{look}")).await;
        }
    }
}
