//! Ten days of a gateway that people work with, written into its books: the same every time, but that they end now.

use std::sync::Arc;

use serde_json::json;
use sluice_ledger::{
    AccountId, NanoUsd, Period, Posting, PurseId, RequestId, UsageSource,
    record::{Answered, Flags, Outcome, Reserve, Settle, Void},
};
use sluice_store::{
    SqlStore, Store as _,
    books::{AttemptDetails, Batch, Details, LeaseAsk, LeaseRequest, Session},
};

use crate::admin::Admin;

const MINUTE_MS: u64 = 60_000;
const DAYS: u64 = 10;
/// Requests in a minute at the busiest time of the day, in thousandths.
const BUSIEST: u64 = 1_400;
const BATCH: usize = 500;

/// A model as callers name it: who serves it, and what its tokens cost.
pub(super) struct Model {
    pub(super) name: &'static str,
    /// Provider and the name there; the first is asked first.
    pub(super) targets: &'static [(&'static str, &'static str)],
    /// Nano-dollars for a million tokens of the prompt, of what was cached of it, and of the answer.
    price: [u64; 3],
    context_length: u32,
    capabilities: &'static [&'static str],
    /// Until the first token, and for each token of the answer.
    first_token_ms: u64,
    token_us: u64,
}

/// Providers and their kinds: of dialects that the upstream of the pictures speaks.
pub(super) const PROVIDERS: [(&str, &str); 6] = [
    ("openai", "openai"),
    ("azure-eu", "openai-compatible"),
    ("anthropic", "openai-compatible"),
    ("gemini", "openai-compatible"),
    ("deepseek", "deepseek"),
    ("dashscope", "dashscope"),
];

pub(super) const MODELS: [Model; 6] = [
    Model {
        name: "gpt-4o-mini",
        targets: &[("openai", "gpt-4o-mini"), ("azure-eu", "gpt-4o-mini")],
        price: [150_000_000, 75_000_000, 600_000_000],
        context_length: 128_000,
        capabilities: &["tools", "vision"],
        first_token_ms: 340,
        token_us: 9_000,
    },
    Model {
        name: "claude-sonnet",
        targets: &[("anthropic", "claude-sonnet-4-5")],
        price: [3_000_000_000, 300_000_000, 15_000_000_000],
        context_length: 200_000,
        capabilities: &["tools", "vision"],
        first_token_ms: 720,
        token_us: 14_000,
    },
    Model {
        name: "gemini-flash",
        targets: &[("gemini", "gemini-2.5-flash")],
        price: [300_000_000, 75_000_000, 2_500_000_000],
        context_length: 1_048_576,
        capabilities: &["tools", "vision"],
        first_token_ms: 290,
        token_us: 5_000,
    },
    Model {
        name: "deepseek-chat",
        targets: &[("deepseek", "deepseek-chat")],
        price: [270_000_000, 70_000_000, 1_100_000_000],
        context_length: 128_000,
        capabilities: &["tools"],
        first_token_ms: 900,
        token_us: 22_000,
    },
    Model {
        name: "qwen-plus",
        targets: &[("dashscope", "qwen-plus")],
        price: [400_000_000, 160_000_000, 1_200_000_000],
        context_length: 131_072,
        capabilities: &["tools"],
        first_token_ms: 460,
        token_us: 12_000,
    },
    Model {
        name: "assistant",
        targets: &[("openai", "gpt-4o"), ("azure-eu", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")],
        price: [2_500_000_000, 1_250_000_000, 10_000_000_000],
        context_length: 128_000,
        capabilities: &["tools", "vision"],
        first_token_ms: 480,
        token_us: 11_000,
    },
];

/// Project, key, dollars a month (0 for no budget), the models that it uses by weight, and its share of the requests.
const KEYS: [(&str, &str, u64, [u64; 6], u64); 6] = [
    ("assistant", "support-bot", 60, [2, 3, 0, 0, 0, 9], 30),
    ("assistant", "mobile-app", 120, [8, 0, 4, 0, 0, 3], 26),
    ("search", "rewrite-queries", 0, [9, 0, 6, 0, 2, 0], 24),
    ("search", "nightly-summaries", 25, [0, 0, 4, 5, 6, 0], 10),
    ("engineering", "code-review", 200, [0, 8, 0, 4, 0, 1], 7),
    ("engineering", "notebooks", 0, [3, 2, 2, 2, 2, 2], 3),
];

/// A sequence that is the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// Which of these, by weight.
    fn pick(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        weights
            .iter()
            .position(|weight| left.checked_sub(*weight).map(|rest| left = rest).is_none())
            .expect("a weight")
    }

    /// Around a value: most close to it, a few far above it.
    fn around(&mut self, usual: u64) -> u64 {
        let spread = usual * (40 + self.below(120)) / 100;
        if self.below(25) == 0 { spread * 3 } else { spread }
    }
}

/// A key of the gateway.
struct Caller {
    id: String,
    secret: String,
    project: &'static str,
    /// Nano-dollars a month; 0 for none.
    budget: u64,
    models: [u64; 6],
}

/// What came of it.
pub(super) struct History {
    /// Of a request whose stream broke and went on elsewhere.
    pub(super) repaired: String,
    /// Of a key that may use all models.
    pub(super) secret: String,
}

/// Makes the objects through the admin API, whose providers answer at `base_url`, and writes the requests of the last
/// days into the books.
pub(super) async fn write(admin: &Admin, database: &std::path::Path, base_url: &str, now_ms: u64) -> History {
    for (name, kind) in PROVIDERS {
        let body = json!({ "name": name, "kind": kind, "base_url": base_url, "api_key": "sk-of-the-provider", "internal": true });
        admin.create("/admin/v1/providers", body).await;
    }
    for model in &MODELS {
        let target = |(at, (provider, name)): (usize, &(&str, &str))| json!({ "provider": provider, "model": name, "priority": at });
        let targets: Vec<_> = model.targets.iter().enumerate().map(target).collect();
        let [input, cached, output] = model.price;
        let price = json!({ "input_nanousd_per_mtok": input, "cache_read_nanousd_per_mtok": cached, "output_nanousd_per_mtok": output });
        let body = json!({ "name": model.name, "targets": targets, "price": price,
                           "context_length": model.context_length, "capabilities": model.capabilities });
        admin.create("/admin/v1/models", body).await;
    }
    for project in ["assistant", "search", "engineering"] {
        admin.create("/admin/v1/projects", json!({ "name": project, "limits": { "rpm": 3_000 } })).await;
    }
    let mut callers = Vec::new();
    for (project, name, dollars, models, _) in KEYS {
        let mut body = json!({ "project": project, "limits": { "rpm": 600, "tpm": 2_000_000 } });
        if dollars > 0 {
            body["budget"] = json!({ "limit_nanousd": dollars * 1_000_000_000, "period": "month" });
        }
        let (id, secret) = admin.new_key(name, body).await;
        callers.push(Caller { id, secret, project, budget: dollars * 1_000_000_000, models });
    }
    let store = SqlStore::open_sqlite(database).await.expect("the database is opened");
    let session = store.open_session("history", 1, now_ms).await.expect("a session");
    let mut book = Book {
        store,
        session,
        batch: Batch::default(),
        dice: Dice(0x5eed),
        callers,
        rough_since: now_ms - 60 * MINUTE_MS,
    };
    book.open_budgets(now_ms).await;
    let mut minute = now_ms - DAYS * 24 * 60 * MINUTE_MS;
    while minute < now_ms - MINUTE_MS {
        for _ in 0..book.requests_in(minute) {
            let at = minute + book.dice.below(MINUTE_MS);
            book.ask(at).await;
        }
        minute += MINUTE_MS;
    }
    let repaired = book.repaired(now_ms - 70_000);
    book.flush().await;
    book.store.end_leases(&book.session).await.expect("leases end");
    History { repaired, secret: book.callers[0].secret.clone() }
}

struct Book {
    store: SqlStore,
    session: Session,
    batch: Batch,
    dice: Dice,
    callers: Vec<Caller>,
    rough_since: u64,
}

/// A request before it is in the books.
struct Asked {
    id: RequestId,
    at: u64,
    caller: usize,
    model: usize,
}

impl Book {
    /// Books of budgets begin with their first lease.
    async fn open_budgets(&self, now_ms: u64) {
        for caller in self.callers.iter().filter(|caller| caller.budget > 0) {
            for at in [now_ms - DAYS * 24 * 60 * MINUTE_MS, now_ms] {
                let window = Period::Month.window((at / 1_000) as i64);
                let purse = PurseId { account: AccountId::key(&caller.id), window };
                let ask = LeaseAsk::Grant { need: NanoUsd(1), live_nodes: 1 };
                let lease = LeaseRequest { purse, limit: NanoUsd(caller.budget), op: 1, ask };
                self.store.lease(&self.session, &lease).await.expect("a lease");
            }
        }
    }

    /// Few at night, many in the afternoon, and now and then more than usual.
    fn requests_in(&mut self, minute: u64) -> u64 {
        let hour = minute / (60 * MINUTE_MS) % 24;
        // Thousandths of the busiest time, by the hour.
        const DAY: [u64; 24] = [
            160, 120, 100, 90, 90, 120, 200, 340, 560, 760, 880, 920, 800, 860, 970, 1_000, 960, 900, 740,
            600, 480, 400, 310, 220,
        ];
        let mean = BUSIEST * DAY[hour as usize] / 1_000;
        let wave = mean * (75 + self.dice.below(50)) / 100;
        wave / 1_000 + u64::from(self.dice.below(1_000) < wave % 1_000)
    }

    fn id(&mut self, at: u64) -> RequestId {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&at.to_be_bytes()[2..]);
        id[6..8].copy_from_slice(&(0x7000 | self.dice.below(0x1000) as u16).to_be_bytes());
        id[8..].copy_from_slice(&(self.dice.below(1 << 52) | 0x8000_0000_0000_0000).to_be_bytes());
        RequestId(id)
    }

    async fn ask(&mut self, at: u64) {
        let caller = self.dice.pick(&KEYS.map(|(.., share)| share));
        let model = self.dice.pick(&self.callers[caller].models);
        let asked = Asked { id: self.id(at), at, caller, model };
        // The last hour was a rough one: there is more to see on the first page of the requests.
        let luck = self.dice.below(1_000) / if asked.at > self.rough_since { 4 } else { 1 };
        match luck {
            0..4 => self.failed(&asked, 429, "rate_limit_exceeded"),
            4..9 => self.failed(&asked, 502, "upstream_unreachable"),
            9..12 => self.failed(&asked, 504, "upstream_timeout"),
            12..17 => self.failed(&asked, 400, "context_length_exceeded"),
            17..40 => self.answered(&asked, Some("upstream_unreachable")),
            _ => self.answered(&asked, None),
        }
        if self.batch.postings.len() >= BATCH {
            self.flush().await;
        }
    }

    fn reserve(&self, asked: &Asked, reserved: u64) -> Reserve {
        let caller = &self.callers[asked.caller];
        let window = Period::Month.window((asked.at / 1_000) as i64);
        Reserve {
            request: asked.id,
            unix_ms: asked.at,
            key: caller.id.clone(),
            project: caller.project.to_owned(),
            model: MODELS[asked.model].name.to_owned(),
            stream: true,
            reserved: NanoUsd(reserved),
            key_window: (caller.budget > 0).then_some(window),
            project_window: None,
        }
    }

    fn trace(&mut self) -> String {
        format!("{:016x}{:016x}", self.dice.below(u64::MAX), self.dice.below(u64::MAX))
    }

    fn failed(&mut self, asked: &Asked, status: u16, code: &str) {
        let (provider, upstream) = MODELS[asked.model].targets[0];
        let took = 80_000 + self.dice.below(900_000);
        let attempt = AttemptDetails {
            provider: provider.to_owned(),
            upstream_model: upstream.to_owned(),
            started_ms: asked.at + 1,
            ended_us: took,
            status: (status < 500).then_some(status),
            outcome: "failed",
            reason: Some(code.to_owned()),
            why: "first",
            ..AttemptDetails::default()
        };
        let details = Details {
            trace_id: self.trace(),
            status,
            error_code: Some(code.to_owned()),
            queue_us: Some(300 + self.dice.below(400)),
            total_us: took + 900,
            attempts: vec![attempt],
            ..Details::default()
        };
        let void = Void { request: asked.id, unix_ms: asked.at + took / 1_000, status };
        let posting = Posting { reserve: self.reserve(asked, 0), outcome: Outcome::Voided(void) };
        self.batch.postings.push((posting, Some(details)));
    }

    /// Answered by the first target; where that one failed, by the next, or in a second try.
    fn answered(&mut self, asked: &Asked, first_failed: Option<&str>) {
        let model = &MODELS[asked.model];
        let queue_us = 250 + self.dice.below(500);
        let mut attempts = Vec::new();
        let mut waited_us = queue_us;
        let mut target = model.targets[0];
        if let Some(reason) = first_failed {
            let took = 60_000 + self.dice.below(700_000);
            attempts.push(attempt(target, asked.at, took, "first").failed(reason));
            waited_us += took + 200;
            target = *model.targets.get(1).unwrap_or(&target);
        }
        let why = if first_failed.is_none() {
            "first"
        } else if model.targets.len() > 1 {
            "equal"
        } else {
            "retry"
        };
        let tokens = self.dice.around(260);
        let first_us = self.dice.around(model.first_token_ms) * 1_000;
        let took = first_us + tokens * model.token_us;
        let started = asked.at + waited_us / 1_000;
        attempts.push(attempt(target, started, took, why).answered(first_us));
        let prompt = self.dice.around(1_400);
        let cached = prompt * self.dice.below(70) / 100;
        let details = Details {
            trace_id: self.trace(),
            status: 200,
            queue_us: Some(queue_us),
            first_token_us: Some(waited_us + first_us),
            total_us: waited_us + took + 400,
            attempts,
            ..Details::default()
        };
        self.settle(asked, target, (prompt, cached, tokens), details);
    }

    fn settle(
        &mut self,
        asked: &Asked,
        target: (&str, &str),
        (prompt, cached, tokens): (u64, u64, u64),
        details: Details,
    ) {
        let [input, of_cache, output] = MODELS[asked.model].price;
        let charged = ((prompt - cached) * input + cached * of_cache + tokens * output) / 1_000_000;
        let answered = Answered {
            provider: target.0.to_owned(),
            upstream_model: target.1.to_owned(),
            price_version: "set-2970da20".to_owned(),
        };
        let mut settle = Settle {
            request: asked.id,
            unix_ms: asked.at + details.total_us / 1_000,
            usage: Default::default(),
            source: UsageSource::Provider,
            charged: Some(NanoUsd(charged)),
            answered: Arc::new(answered),
            flags: Flags::default(),
        };
        (settle.usage.prompt_tokens, settle.usage.completion_tokens) = (prompt, tokens);
        settle.usage.prompt.cached_tokens = cached;
        let posting =
            Posting { reserve: self.reserve(asked, charged * 4), outcome: Outcome::Settled(settle) };
        self.batch.latencies.add(&posting, &details);
        self.batch.postings.push((posting, Some(details)));
    }

    /// A stream that broke in its middle, went on with another provider, and was whole for its caller.
    fn repaired(&mut self, at: u64) -> String {
        let model = MODELS.iter().position(|model| model.name == "assistant").expect("a model");
        let asked = Asked { id: self.id(at), at, caller: 0, model };
        let targets = MODELS[model].targets;
        let attempts = vec![
            attempt(targets[0], at, 184_000, "first").failed("upstream_unreachable"),
            attempt(targets[1], at + 190, 2_310_000, "equal").answered(412_000).failed("upstream_truncated"),
            attempt(targets[2], at + 2_504, 3_140_000, "repair").answered(655_000),
        ];
        let details = Details {
            trace_id: self.trace(),
            status: 200,
            queue_us: Some(420),
            first_token_us: Some(602_000),
            total_us: 5_646_000,
            repaired: true,
            wasted: NanoUsd(1_210_000),
            attempts,
            ..Details::default()
        };
        self.settle(&asked, targets[2], (1_872, 1_024, 418), details);
        asked.id.0.iter().fold("req_".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    async fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.store.post(&self.session, &batch).await.expect("the books take it");
    }
}

fn attempt(target: (&str, &str), started_ms: u64, ended_us: u64, why: &'static str) -> AttemptDetails {
    AttemptDetails {
        provider: target.0.to_owned(),
        upstream_model: target.1.to_owned(),
        started_ms,
        ended_us,
        outcome: "ok",
        why,
        ..AttemptDetails::default()
    }
}

trait Ends {
    fn answered(self, first_token_us: u64) -> Self;
    fn failed(self, reason: &str) -> Self;
}

impl Ends for AttemptDetails {
    fn answered(self, first_token_us: u64) -> Self {
        Self { status: Some(200), first_token_us: Some(first_token_us), ..self }
    }

    fn failed(self, reason: &str) -> Self {
        Self { outcome: "failed", reason: Some(reason.to_owned()), ..self }
    }
}
