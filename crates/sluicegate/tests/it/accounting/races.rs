//! Many requests at once at the edge of a budget.

use sluice_ledger::{AccountId, NanoUsd, PurseId, Window};
use sluice_testkit::client::{Client, post};

use super::{DEAR, SERVER, books::Books, call, key};
use crate::rig::launch;

const SECRET: &str = "sk-racing-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const DOLLAR: u64 = 1_000_000_000;
const CALLERS: usize = 200;

/// `CALLERS` equal requests at once under a budget of `dollars`; each stays open until all have their answer's head.
async fn race(dollars: u64) -> (usize, NanoUsd, u64) {
    let budget = format!("budget = {{ usd = {dollars}.0, period = \"total\" }}");
    let config = format!("{SERVER}{DEAR}{}", key("k", SECRET, &budget));
    let gateway = launch().config(&config).serve().await;
    let body = r#"{"model":"dear","max_completion_tokens":40,"messages":[{"role":"user","content":"go"}]}"#;
    let calls = (0..CALLERS).map(|_| {
        let addr = gateway.data;
        tokio::spawn(async move {
            let mut client = Client::connect(addr).await;
            // Slow enough that none is over before all have come.
            let (head, _) =
                call(&mut client, post(SECRET, "x-sandbox-fault: first_token_delay_ms=2500\r\n", body)).await;
            (head.status, head.header("x-request-id").unwrap().to_owned())
        })
    });
    let calls: Vec<_> = calls.collect();
    let books = Books::of(gateway.dir()).await;
    let mut admitted = Vec::new();
    for call in calls {
        let (status, id) = call.await.unwrap();
        assert!([200, 402, 429].contains(&status), "{status}");
        if status == 200 {
            admitted.push(id);
        }
    }
    let mut reserved = 0;
    let mut charged = 0;
    let mut key = String::new();
    for id in &admitted {
        let row = books.row(id).await;
        reserved = row.reserved.0;
        charged += row.charged.unwrap().0;
        key = row.key;
    }
    let purse = PurseId { account: AccountId::key(&key), window: Window(0) };
    let (posted, _) = books.until(&purse, |posted, _| posted.0 >= charged).await;
    assert_eq!(posted.0, charged, "the books have every charge once");
    (admitted.len(), posted, reserved)
}

#[tokio::test]
async fn a_budget_is_never_overspent_and_hardly_left_unused() {
    // Reserved is 512 + 8 + 2 + 40 dollars each.
    let limit = 57_000;
    let (admitted, posted, reserved) = race(limit).await;
    let fits = usize::try_from(limit * DOLLAR / reserved).unwrap();
    assert!(fits < CALLERS, "the budget is the edge: {fits}");
    assert!(posted.0 <= limit * DOLLAR);
    assert!(admitted * 100 >= fits * 95, "{admitted} of {fits} were admitted");
}
