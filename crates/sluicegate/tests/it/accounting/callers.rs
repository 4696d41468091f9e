//! Callers who go on until they are told to stop or their gateway is gone, and what they were told.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sluice_ledger::{NanoUsd, PurseId};
use sluice_testkit::{
    client::{Body, Client, Ending, Head, post},
    patience::within,
};
use tokio::task::JoinSet;

use super::books::Books;

/// What callers were told: ids of complete answers, each with its cost in tokens where the answer said so.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    acknowledged: Arc<Mutex<HashMap<String, Option<u64>>>>,
    /// Answers of 503 `accounting_unavailable`.
    refused: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Told {
    pub(super) fn acknowledged(&self) -> MutexGuard<'_, HashMap<String, Option<u64>>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.acknowledged().len()
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many answers more are complete.
    pub(super) async fn more(&self, answers: usize) {
        let enough = self.count() + answers;
        let more = async {
            while self.count() < enough {
                tokio::task::yield_now().await;
            }
        };
        within("complete answers", more).await;
    }

    /// Waits until so many requests more are refused because nobody can account for them.
    pub(super) async fn more_refused(&self, requests: usize) {
        let enough = self.refused() + requests;
        let more = async {
            while self.refused() < enough {
                tokio::task::yield_now().await;
            }
        };
        within("requests that cannot be accounted for", more).await;
    }

    /// Takes down one answer. Whatever happens to the database, a key that is valid stays valid.
    pub(super) fn hear(&self, head: &Head, body: &Body, stream: bool) {
        match head.status {
            200 if body.ending == Ending::Complete => {
                let id = head.header("x-request-id").unwrap_or_default().to_owned();
                let whole = !stream || body.text().ends_with("data: [DONE]\n\n");
                assert!(whole, "{id} ended properly without its end: {}", body.text());
                let tokens = if stream { None } else { body.json()["usage"]["total_tokens"].as_u64() };
                self.acknowledged().insert(id, tokens);
            }
            200 => {}
            503 => {
                assert_eq!(body.json()["error"]["code"], "accounting_unavailable", "{}", body.text());
                assert!(head.header("retry-after").is_some(), "{}", head.raw);
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            status => panic!("{status}: {}", body.text()),
        }
    }
}

/// Calls of one key of one gateway, whole answers and streams in turn.
pub(super) struct Callers {
    told: Told,
    all: JoinSet<()>,
}

impl Callers {
    /// `count` callers who send `text` to the model `dear`; the sandbox waits `delay_ms` before each answer.
    pub(super) fn start(
        (addr, secret): (SocketAddr, &'static str),
        told: &Told,
        count: usize,
        (text, delay_ms): (&str, u64),
    ) -> Self {
        let mut all = JoinSet::new();
        for index in 0..count {
            all.spawn(call((addr, secret), told.clone(), index, (text.to_owned(), delay_ms)));
        }
        Self { told: told.clone(), all }
    }

    /// Waits until all have their last answer.
    pub(super) async fn stop(mut self) {
        self.told.stopped.store(true, Ordering::Relaxed);
        while let Some(ended) = within("the end of a caller", self.all.join_next()).await {
            ended.unwrap();
        }
        self.told.stopped.store(false, Ordering::Relaxed);
    }
}

async fn call(
    (addr, secret): (SocketAddr, &'static str),
    told: Told,
    first: usize,
    (text, delay_ms): (String, u64),
) {
    let Ok(stream) = tokio::net::TcpStream::connect(addr).await else { return };
    drop(stream);
    let mut client = Client::connect(addr).await;
    let fault = format!("x-sandbox-fault: first_token_delay_ms={delay_ms}\r\n");
    for turn in first.. {
        if told.stopped.load(Ordering::Relaxed) {
            return;
        }
        let stream = turn % 2 == 0;
        let body = serde_json::json!({
            "model": "dear", "stream": stream, "max_completion_tokens": 2 * text.len(),
            "messages": [{ "role": "user", "content": text }],
        });
        if client.try_send(post(secret, &fault, body.to_string())).await.is_err() {
            return;
        }
        let Ok(head) = client.try_read_head().await else { return };
        let body = client.read_body(&head).await;
        told.hear(&head, &body, stream);
        if body.ending != Ending::Complete {
            return;
        }
    }
}

/// Everything that was acknowledged is in the books, once, at its price of a dollar a token; the books of the purse
/// are the sum, and nothing is held any more.
pub(super) async fn assert_complete(books: &Books, told: &Told, purse: &PurseId) {
    let mut charges: HashMap<String, NanoUsd> = HashMap::new();
    let mut total = 0;
    for row in books.rows().await {
        let charged = row.charged.unwrap_or_default();
        assert!(charged <= row.reserved, "{row:?}");
        total += charged.0;
        assert!(charges.insert(row.request.text(), charged).is_none(), "{row:?} twice");
    }
    for (id, tokens) in told.acknowledged().iter() {
        let charged =
            charges.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is not in the books"));
        assert!(charged.0 > 0, "{id}");
        if let Some(tokens) = tokens {
            assert_eq!(charged.0, tokens * 1_000_000_000, "{id}");
        }
    }
    assert_eq!(books.budget(purse).await, (NanoUsd(total), NanoUsd(0)), "posted is the sum, nothing is held");
    assert_eq!(books.mismatches().await, [""; 0]);
}
