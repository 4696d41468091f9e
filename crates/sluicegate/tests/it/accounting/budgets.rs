//! What a request costs, and what a budget refuses.

use sluice_ledger::{AccountId, NanoUsd, PurseId, Window};
use sluice_testkit::client::{Client, post};

use super::{DEAR, SERVER, ask, books::Books, call, key};
use crate::rig::{assert_error, launch};

const SECRET: &str = "sk-budget-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sk-others-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const DOLLAR: u64 = 1_000_000_000;

#[tokio::test]
async fn a_budget_is_spent_to_its_end_and_not_beyond() {
    let budget = "budget = { usd = 700.0, period = \"total\" }";
    let config = format!("{SERVER}{DEAR}{}{}", key("k", SECRET, budget), key("free", OTHER, ""));
    let gateway = launch().config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;

    // The prompt is reserved at a token a byte and more, so the bound is far above the cost.
    let (head, body) = call(&mut client, ask(SECRET, "dear", "a b c", 5)).await;
    assert_eq!(head.status, 200, "{}", body.text());
    let usage = &body.json()["usage"];
    let tokens = usage["total_tokens"].as_u64().unwrap();
    let books = Books::of(gateway.dir()).await;
    let row = books.row(head.header("x-request-id").unwrap()).await;
    assert_eq!(row.charged, Some(NanoUsd(tokens * DOLLAR)));
    assert!(row.reserved > row.charged.unwrap(), "{row:?}");
    assert_eq!(
        (row.prompt_tokens, row.completion_tokens),
        (usage["prompt_tokens"].as_u64().unwrap(), usage["completion_tokens"].as_u64().unwrap())
    );
    assert_eq!(row.usage_source.as_deref(), Some("provider"));
    assert!(row.price_version.as_deref().is_some_and(|version| version.starts_with("set-")), "{row:?}");
    let details = row.details.expect("its details came too");
    assert_eq!((details.status, details.attempts.len(), details.attempts[0].outcome), (200, 1, "ok"));

    let answer = call(&mut client, ask(SECRET, "dear", "a b c", 600)).await;
    assert_error("more than is left", &answer, 402, "insufficient_quota", "insufficient_quota");
    assert_eq!(answer.0.header("x-should-retry"), Some("false"));
    let (head, _) = call(&mut client, ask(SECRET, "dear", "again", 5)).await;
    assert_eq!(head.status, 200, "a smaller one still fits");
    let (head, _) = call(&mut client, ask(OTHER, "dear", "a b c", 600)).await;
    assert_eq!(head.status, 200, "another key is its own business");
}

#[tokio::test]
async fn where_nobody_names_a_limit_a_budget_does() {
    let budget = "budget = { usd = 100000.0, period = \"month\" }\ndefault_max_output_tokens = 3";
    let config = format!("{SERVER}{DEAR}{}", key("k", SECRET, budget));
    let gateway = launch().config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let body = r#"{"model":"dear","messages":[{"role":"user","content":"one two three four five six"}]}"#;
    let (head, body) = call(&mut client, post(SECRET, "", body)).await;
    assert_eq!(head.status, 200);
    assert_eq!(body.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(body.json()["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn models_without_a_price() {
    let upstream = sluice_testkit::upstream::Upstream::start().await;
    let models = format!(
        "{}[[models]]\nname = \"odd\"\ntargets = [{{ provider = \"up\", model = \"nobody-knows\" }}]\n\
         [[models]]\nname = \"gift\"\ntargets = [{{ provider = \"up\", model = \"nobody-knows\" }}]\nunpriced = \"free\"\n",
        crate::rig::provider("up", &upstream.base_url())
    );
    let budget = "budget = { usd = 1.0, period = \"day\" }";
    let config = format!("{SERVER}{models}{}{}", key("k", SECRET, budget), key("free", OTHER, ""));
    let gateway = launch().config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let answer = call(&mut client, ask(SECRET, "odd", "x", 5)).await;
    assert_error("no price", &answer, 403, "invalid_request_error", "model_not_priced");
    for (secret, model, charged) in [(OTHER, "odd", None), (SECRET, "gift", Some(NanoUsd(0)))] {
        upstream
            .script(sluice_testkit::upstream::Script::new().write(sluice_testkit::answers::whole("hello")));
        let (head, body) = call(&mut client, ask(secret, model, "x", 5)).await;
        assert_eq!(head.status, 200, "{model}: {}", body.text());
        let books = Books::of(gateway.dir()).await;
        assert_eq!(books.row(head.header("x-request-id").unwrap()).await.charged, charged, "{model}");
    }
}

#[tokio::test]
async fn what_fails_costs_nothing_and_holds_nothing() {
    let budget = "budget = { usd = 800.0, period = \"total\" }";
    let config = format!("{SERVER}{DEAR}{}", key("k", SECRET, budget));
    let gateway = launch().config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let body = r#"{"model":"dear","max_completion_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    for fault in ["status=500", "status=429", "reset"] {
        let (head, _) = call(&mut client, post(SECRET, &format!("x-sandbox-fault: {fault}\r\n"), body)).await;
        assert!(head.status >= 400, "{fault}");
        let books = Books::of(gateway.dir()).await;
        let row = books.row(head.header("x-request-id").unwrap()).await;
        assert_eq!((row.charged, row.usage_source), (Some(NanoUsd(0)), None), "{fault}");
        let details = row.details.expect("its details came too");
        assert_eq!((details.status, details.attempts[0].outcome), (head.status, "failed"), "{fault}");
    }
    let books = Books::of(gateway.dir()).await;
    let key = books.rows().await[0].key.clone();
    let purse = PurseId { account: AccountId::key(&key), window: Window(0) };
    let (head, _) = call(&mut client, ask(SECRET, "dear", "x", 5)).await;
    assert_eq!(head.status, 200, "nothing was held back by those that failed");
    let (posted, _) = books.until(&purse, |posted, _| posted > NanoUsd(0)).await;
    assert!(posted < NanoUsd(100 * DOLLAR), "{posted:?}");
    assert_eq!(books.mismatches().await, [""; 0]);
}

#[tokio::test]
async fn what_was_leased_goes_back_at_the_end() {
    let budget = "budget = { usd = 900.0, period = \"total\" }";
    let config = format!("{SERVER}{DEAR}{}", key("k", SECRET, budget));
    let launch = launch().config(&config);
    let mut gateway = launch.serve().await;
    let mut client = Client::connect(gateway.data).await;
    let (head, _) = call(&mut client, ask(SECRET, "dear", "x", 5)).await;
    assert_eq!(head.status, 200);
    drop(client);
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let books = Books::of(gateway.dir()).await;
    let rows = books.rows().await;
    let purse = PurseId { account: AccountId::key(&rows[0].key), window: Window(0) };
    assert_eq!(books.budget(&purse).await, (rows[0].charged.unwrap(), NanoUsd(0)));
}

#[tokio::test]
async fn prices_of_ones_own_go_before_the_bundled_ones() {
    let upstream = sluice_testkit::upstream::Upstream::start().await;
    let launch = launch();
    std::fs::write(
        launch.dir().join("prices.txt"),
        "version ours\nopenai gpt-4o-mini input=1000 output=2000\n",
    )
    .unwrap();
    let base_url = upstream.base_url();
    let config = format!(
        "{SERVER}[accounting]\nprices = \"{{dir}}/prices.txt\"\n\
         [[providers]]\nname = \"o\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\napi_key = \"x\"\n{}",
        key("k", SECRET, "")
    );
    let gateway = launch.config(&config).serve().await;
    let mut client = Client::connect(gateway.data).await;
    upstream.script(sluice_testkit::upstream::Script::new().write(sluice_testkit::answers::whole("hello")));
    let (head, body) = call(&mut client, ask(SECRET, "o/gpt-4o-mini", "x", 5)).await;
    assert_eq!(head.status, 200, "{}", body.text());
    let usage = body.json()["usage"].clone();
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    let books = Books::of(gateway.dir()).await;
    let row = books.row(head.header("x-request-id").unwrap()).await;
    // Dollars per million tokens are thousands of nano-dollars per token.
    let cost = (tokens("prompt_tokens") * 1000 + tokens("completion_tokens") * 2000) * 1000;
    assert_eq!((row.charged, row.price_version.as_deref()), (Some(NanoUsd(cost)), Some("ours")));
}
