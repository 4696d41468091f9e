//! Every page in both languages, both themes, on a desk and on a phone.

use std::collections::BTreeSet;

use super::{
    rig::{By, DESK, Look, PHONE},
    world::World,
};

#[tokio::test]
async fn every_page_in_every_look() {
    let (world, paths) = World::full().await;
    let tested: BTreeSet<_> = paths.iter().map(|(pattern, _)| *pattern).collect();
    let all: BTreeSet<_> = sluice_console::Page::all().map(sluice_console::Page::pattern).collect();
    assert_eq!(tested, all, "every page is looked at");
    check(&world, Look::all(), &paths).await;
}

#[tokio::test]
async fn every_page_with_nothing_to_show() {
    let world = World::empty().await;
    let paths: Vec<(&str, String)> = sluice_console::Page::all()
        .map(sluice_console::Page::pattern)
        .filter(|pattern| !pattern.contains('{'))
        .map(|pattern| (pattern, pattern.to_owned()))
        .collect();
    let looks = [Look::USUAL, Look { size: PHONE, language: "zh-CN", dark: true }];
    check(&world, looks.into_iter(), &paths).await;
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let world = World::empty().await;
    let browser = &world.browser;
    let mut wrong = Vec::new();
    for look in [Look::USUAL, Look { size: DESK, language: "zh-CN", dark: true }] {
        browser.dress(look).await;
        for path in [
            "/requests/req_0",
            "/keys/key_0",
            "/projects/none",
            "/models/none",
            "/providers/none",
            "/users/none",
        ] {
            browser.open(path).await;
            browser.find(By::Css("h1")).await;
            // The browser complains of the status of the page itself.
            let own = browser.complaints().await;
            assert!(own.len() == 1 && own[0].contains("404"), "{path}: {own:?}");
            wrong.extend(browser.wrong(path).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn check(world: &World, looks: impl Iterator<Item = Look>, paths: &[(&str, String)]) {
    let browser = &world.browser;
    let mut wrong = Vec::new();
    for look in looks {
        browser.dress(look).await;
        for (pattern, path) in paths {
            browser.open(path).await;
            browser.find(By::Css("h1")).await;
            let gone = *pattern == "/sign-in/link/{id}";
            if gone {
                // The link is not valid, and its status says so.
                browser.complaints().await;
            }
            wrong.extend(browser.wrong(pattern).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
