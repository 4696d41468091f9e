//! A catalog of some size, made through the admin API, and requests in the books, taken there as the gateway does it.

use std::{path::Path, sync::Arc};

use serde_json::json;
use sluice_ledger::{
    NanoUsd, Posting, RequestId, UsageSource,
    record::{Answered, Flags, Outcome, Reserve, Settle, Void},
};
use sluice_store::{
    SqlStore, Store as _,
    books::{AttemptDetails, Batch, Details, Refused},
};

use crate::{access::Browser, admin::each};

pub(super) const PROJECTS: usize = 12;
pub(super) const MODELS: usize = 24;
pub(super) const PROVIDERS: usize = 6;
const KEYS: usize = 200;
const USERS: usize = 40;
/// Time over which the requests are spread, up to now.
const DAYS: u64 = 60;
/// Requests of one transaction.
const BATCH: u64 = 5_000;

/// Providers and models, as a configuration file has them. Nobody is called.
pub(super) fn config(data_dir: &Path) -> String {
    let mut config =
        format!("[server]\ndata_dir = {:?}\naccess_log = \"off\"\n", data_dir.display().to_string());
    for n in 0..PROVIDERS {
        config += &crate::rig::provider(&format!("provider-{n}"), "http://127.0.0.1:9/v1");
    }
    for n in 0..MODELS {
        let (first, second) =
            (format!("provider-{}", n % PROVIDERS), format!("provider-{}", (n + 1) % PROVIDERS));
        let price = "price = { input = 0.15, output = 0.60, cache_read = 0.075 }";
        config += &crate::rig::model(&format!("model-{n}"), &[(&first, "up"), (&second, "up")], price);
    }
    config
}

/// Projects, keys with budgets, and people, by the owner's hand. What is there already stays.
pub(super) async fn catalog(owner: &Browser) {
    let create = async |path: &str, body| {
        let (head, answer) = owner.api("POST", path, body).await;
        assert_eq!(head.status, 201, "{}", answer.text());
    };
    let budget = json!({ "limit_nanousd": 1_000_000_000_000_u64, "period": "month" });
    for n in 0..PROJECTS {
        create("/admin/v1/projects", json!({ "name": format!("project-{n}"), "budget": budget })).await;
    }
    for n in 0..KEYS {
        let project = format!("project-{}", n % PROJECTS);
        create("/admin/v1/keys", json!({ "name": format!("key {n}"), "project": project, "budget": budget }))
            .await;
    }
    for n in 0..USERS {
        let body = json!({ "email": format!("person-{n}@example.com"), "role": "viewer", "projects": ["*"] });
        create("/admin/v1/users", body).await;
    }
}

/// The ids of the keys, as the admin API lists them.
pub(super) async fn keys(owner: &Browser) -> Vec<String> {
    each(&owner.get("/admin/v1/keys?limit=500").await.1.json(), "id")
}

/// A number without an order, from another.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (n >> 32)
}

/// The request with this number, of so many until `now_ms`.
struct Made {
    n: u64,
    dice: u64,
    id: RequestId,
    unix_ms: u64,
    key: usize,
    model: usize,
}

impl Made {
    fn of(n: u64, count: u64, now_ms: u64, keys: usize) -> Self {
        let dice = mixed(n);
        let unix_ms = now_ms - DAYS * 86_400_000 + n * (DAYS * 86_400_000 / count);
        // Ids begin with the time, as those of the gateway do.
        let id = RequestId(
            ((u128::from(unix_ms) << 80) | (u128::from(dice) << 16) | u128::from(n & 0xffff)).to_be_bytes(),
        );
        let key = usize::try_from(dice % keys as u64).unwrap_or(0);
        // A key uses few of the models.
        let model = (key * 7 + usize::try_from(dice >> 20 & 3).unwrap_or(0)) % MODELS;
        Self { n, dice, id, unix_ms, key, model }
    }

    /// One of `parts` by chance.
    fn is_one_of(&self, parts: u64, shift: u32) -> bool {
        (self.dice >> shift).is_multiple_of(parts)
    }

    fn provider(&self, second: bool) -> String {
        format!("provider-{}", (self.model + usize::from(second)) % PROVIDERS)
    }

    fn attempt(&self, second: bool, failure: Option<&str>) -> AttemptDetails {
        AttemptDetails {
            provider: self.provider(second),
            upstream_model: "up".to_owned(),
            started_ms: self.unix_ms + 1 + u64::from(second) * 400,
            first_token_us: failure.is_none().then_some(350_000 + self.dice % 900_000),
            ended_us: 400_000 + self.dice % 3_000_000,
            status: Some(if failure.is_some() { 503 } else { 200 }),
            outcome: if failure.is_some() { "failed" } else { "ok" },
            reason: failure.map(str::to_owned),
            why: if second { "fallback" } else { "first" },
        }
    }

    fn details(&self, status: u16, code: Option<&str>, attempts: Vec<AttemptDetails>) -> Details {
        Details {
            trace_id: format!("{:012x}{:020x}", self.unix_ms, self.n),
            status,
            error_code: code.map(str::to_owned),
            queue_us: Some(90 + self.dice % 50),
            first_token_us: (status == 200).then_some(350_000 + self.dice % 900_000),
            total_us: 400_000 + self.dice % 3_000_000,
            attempts,
            ..Details::default()
        }
    }

    fn reserve(&self, key: &str) -> Reserve {
        Reserve {
            request: self.id,
            unix_ms: self.unix_ms,
            key: key.to_owned(),
            project: format!("project-{}", self.key % PROJECTS),
            model: format!("model-{}", self.model),
            stream: self.is_one_of(2, 5),
            reserved: NanoUsd(2_000_000),
            key_window: None,
            project_window: None,
        }
    }

    fn settled(&self, second: bool) -> Outcome {
        let mut settle = Settle {
            request: self.id,
            unix_ms: self.unix_ms + 2_000,
            usage: Default::default(),
            source: UsageSource::Provider,
            charged: Some(NanoUsd(100_000 + self.dice % 900_000)),
            answered: Arc::new(Answered {
                provider: self.provider(second),
                upstream_model: "up".to_owned(),
                price_version: "2026-11".to_owned(),
            }),
            flags: Flags::default(),
        };
        settle.usage.prompt_tokens = 500 + self.dice % 4_000;
        settle.usage.completion_tokens = 50 + self.dice % 700;
        settle.usage.prompt.cached_tokens = self.dice % 500;
        Outcome::Settled(settle)
    }

    /// Into the batch: refused, failed, answered by the second target, a stream that broke, or just answered.
    fn add(&self, batch: &mut Batch, key: &str) {
        let reserve = self.reserve(key);
        if self.is_one_of(50, 7) {
            let Reserve { request, unix_ms, key, project, model, stream, .. } = reserve;
            let details = self.details(429, Some("rate_limit_exceeded"), Vec::new());
            batch.refused.push(Refused { request, unix_ms, key, project, model, stream, details });
            return;
        }
        let failed = |second| self.attempt(second, Some("upstream_bad_response"));
        let (outcome, details) = if self.is_one_of(40, 13) {
            let void = Void { request: self.id, unix_ms: self.unix_ms + 900, status: 502 };
            let details = self.details(502, Some("upstream_bad_response"), vec![failed(false), failed(true)]);
            (Outcome::Voided(void), details)
        } else if self.is_one_of(25, 17) {
            (self.settled(true), self.details(200, None, vec![failed(false), self.attempt(true, None)]))
        } else if self.is_one_of(200, 23) {
            (
                self.settled(false),
                self.details(200, Some("upstream_truncated"), vec![self.attempt(false, None)]),
            )
        } else {
            (self.settled(false), self.details(200, None, vec![self.attempt(false, None)]))
        };
        let posting = Posting { reserve, outcome };
        batch.latencies.add(&posting, &details);
        batch.postings.push((posting, Some(details)));
    }
}

/// So many requests of these keys, spread over the days until `now_ms`. No gateway runs on the database meanwhile.
pub(super) async fn requests(database: &Path, keys: &[String], count: u64, now_ms: u64) {
    let store = SqlStore::open_sqlite(database).await.unwrap();
    let session = store.open_session("before", 0, now_ms).await.unwrap();
    let mut next = 0;
    while next < count {
        let end = count.min(next + BATCH);
        let mut batch = Batch::default();
        for made in (next..end).map(|n| Made::of(n, count, now_ms, keys.len())) {
            made.add(&mut batch, &keys[made.key]);
        }
        store.post(&session, &batch).await.unwrap();
        next = end;
    }
    store.end_leases(&session).await.unwrap();
    store.close().await;
}
