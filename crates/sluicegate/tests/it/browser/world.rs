//! A gateway with something of everything to look at, and a browser whose owner is signed in.

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, post},
    upstream::Script,
};

use super::rig::{Browser, By};
use crate::{
    access::{PASSWORD, printed_link},
    admin::Admin,
    rig::{KEY, Rig, chat},
};

/// Signs the first owner in by the printed link.
pub(super) async fn sign_in(browser: &Browser, rig: &Rig) {
    browser.open(&printed_link(&rig.gateway).await).await;
    browser.fill("E-mail", "owner@example.com").await;
    browser.fill("Password", PASSWORD).await;
    browser.click(By::Button("Make account")).await;
    browser.until("location.pathname === '/' && document.readyState === 'complete'").await;
}

/// Signs somebody in by password, whoever was signed in before.
pub(super) async fn sign_in_as(browser: &Browser, email: &str) {
    browser.forget().await;
    browser.open("/sign-in").await;
    browser.fill("E-mail", email).await;
    browser.fill("Password", PASSWORD).await;
    browser.click(By::Button("Sign in")).await;
    browser.until("location.pathname === '/' && document.readyState === 'complete'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Objects and requests of every kind.
pub(super) struct World {
    pub(super) rig: Rig,
    pub(super) admin: Admin,
    pub(super) browser: Browser,
}

impl World {
    /// Nothing but what the configuration file has.
    pub(super) async fn empty() -> Self {
        let rig = Rig::start().await;
        let browser = Browser::start(&rig.gateway).await;
        sign_in(&browser, &rig).await;
        Self { admin: Admin::of(&rig.gateway), rig, browser }
    }

    /// What the pages show, and the paths of all of them, each behind its pattern.
    pub(super) async fn full() -> (Self, Vec<(&'static str, String)>) {
        let world = Self::empty().await;
        let admin = &world.admin;
        let base_url = world.rig.upstream.base_url();
        admin.create("/admin/v1/projects", json!({ "name": "research" })).await;
        admin
            .create(
                "/admin/v1/providers",
                json!({ "name": "second", "kind": "openai-compatible", "base_url": base_url, "api_key": "sk-second", "internal": true }),
            )
            .await;
        let targets = json!([{ "provider": "up", "model": "a" }, { "provider": "second", "model": "b", "priority": 1 }]);
        let price = json!({ "input_nanousd_per_mtok": 1_500_000_000_u64, "output_nanousd_per_mtok": 6_000_000_000_u64 });
        admin
            .create("/admin/v1/models", json!({ "name": "small", "targets": targets, "price": price }))
            .await;
        let budget = json!({ "limit_nanousd": 50_000_000_000_u64, "period": "month" });
        let extra =
            json!({ "project": "research", "budget": budget, "limits": { "rpm": 60, "tpm": 100_000 } });
        let (key, secret) = admin.new_key("app", extra).await;
        let user = json!({ "email": "viewer@example.com", "role": "viewer", "projects": ["research"] });
        let user = admin.create("/admin/v1/users", user).await;
        let user = user["id"].as_str().or(user["user"]["id"].as_str()).expect("the id of a user").to_owned();
        let request = world.requests(&secret).await;
        let paths = vec![
            ("/", "/".to_owned()),
            ("/requests", "/requests".to_owned()),
            ("/requests/{id}", format!("/requests/{request}")),
            ("/keys", "/keys".to_owned()),
            ("/keys/{id}", format!("/keys/{key}")),
            ("/projects", "/projects".to_owned()),
            ("/projects/{name}", "/projects/research".to_owned()),
            ("/models", "/models".to_owned()),
            ("/models/{name}", "/models/small".to_owned()),
            ("/providers", "/providers".to_owned()),
            ("/providers/{name}", "/providers/second".to_owned()),
            ("/users", "/users".to_owned()),
            ("/users/{id}", format!("/users/{user}")),
            ("/audit", "/audit".to_owned()),
            ("/settings", "/settings".to_owned()),
            ("/status", "/status".to_owned()),
            ("/playground", "/playground".to_owned()),
            ("/docs", "/docs".to_owned()),
            ("/account", "/account".to_owned()),
            ("/sign-in", "/sign-in".to_owned()),
            ("/sign-in/link/{id}", "/sign-in/link/0000".to_owned()),
        ];
        (world, paths)
    }

    /// Some that went well, one that failed at first, and one that failed; gives the id of the one with two calls.
    async fn requests(&self, secret: &str) -> String {
        let ask = async |model: &str, stream: bool| {
            let mut client = Client::connect(self.rig.gateway.data).await;
            let (head, _) = client.exchange(post(secret, "", chat(model, stream))).await;
            head.header("x-request-id").expect("an id").to_owned()
        };
        let broken = || Script::new().write(answers::json_answer(500, "{}"));
        for stream in [false, true] {
            ask("small", stream).await;
            self.rig.exchange(post(KEY, "", chat("m", stream))).await;
        }
        self.rig.upstream.script(broken());
        let twice = ask("small", true).await;
        (0..2).for_each(|_| self.rig.upstream.script(broken()));
        let failed = ask("m", false).await;
        self.admin.row(&failed).await;
        self.admin.row(&twice).await;
        twice
    }
}
