//! The one thread that talks to the collector.

use std::{io, sync::Arc, thread::JoinHandle};

use http::Method;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use url::Url;

use super::{Told, Tracer, otlp};
use crate::{
    bounds, clock,
    config::Otel,
    metrics::Metrics,
    upstream::{
        Tls,
        once::{Ask, ask},
    },
};

/// Sends spans to the collector.
#[derive(Debug)]
struct Exporter {
    otel: Otel,
    url: Url,
    tls: Tls,
    told: mpsc::Receiver<Told>,
    sent: Counter,
    dropped: Counter,
    /// Whether anybody has been told that the collector takes nothing.
    failing: bool,
}

/// Its thread.
#[derive(Debug)]
pub(crate) struct ExporterThread {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Why a batch was not taken.
#[derive(Debug, PartialEq, Eq)]
struct NotTaken {
    why: String,
    /// The same may be taken a little later.
    passing: bool,
}

/// Starts what sends spans, where the settings name a collector.
///
/// # Errors
/// There is no thread or no runtime to be had.
pub(crate) fn start(
    otel: Option<&Otel>,
    tls: &Tls,
    metrics: &Metrics,
) -> io::Result<(Option<Arc<Tracer>>, Option<ExporterThread>)> {
    let Some(otel) = otel else { return Ok((None, None)) };
    let (sender, told) = mpsc::channel(bounds::TRACES_WAITING);
    let tracer = Arc::new(Tracer {
        told: sender,
        sample_percent: otel.sample_percent,
        dropped: metrics.spans_dropped.clone(),
    });
    let exporter = Exporter {
        url: traces_url(&otel.endpoint),
        otel: otel.clone(),
        tls: tls.clone(),
        told,
        sent: metrics.spans_sent.clone(),
        dropped: metrics.spans_dropped.clone(),
        failing: false,
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("traces".to_owned())
        .spawn(move || runtime.block_on(exporter.run(stopped)))?;
    Ok((Some(tracer), Some(ExporterThread { stop, thread })))
}

impl ExporterThread {
    /// Sends what is left, but not for long. Every worker has ended.
    pub(crate) fn stop(self) {
        // A thread that is gone needs no word.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Where traces go: below the endpoint, unless it says so itself.
fn traces_url(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    url
}

const PATH: &str = "/v1/traces";

impl Exporter {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut batch = Vec::new();
        loop {
            if self.collect(&mut batch, &mut stop).await {
                break;
            }
            let mut sending = Box::pin(self.send(std::mem::take(&mut batch)));
            let stopped = tokio::select! {
                () = &mut sending => false,
                _ = &mut stop => true,
            };
            if stopped {
                let until = now() + bounds::TRACES_LAST;
                // What is not taken by then is counted when it is dropped.
                let _ = timeout_at(until, sending).await;
                return self.finish(Vec::new(), until).await;
            }
        }
        let until = now() + bounds::TRACES_LAST;
        self.finish(batch, until).await;
    }

    /// Waits for a batch that is full, or old enough. `true`: that was the last one.
    async fn collect(&mut self, batch: &mut Vec<Told>, stop: &mut oneshot::Receiver<()>) -> bool {
        let mut due = None;
        while batch.len() < bounds::TRACES_BATCH {
            let room = bounds::TRACES_BATCH - batch.len();
            tokio::select! {
                biased;
                _ = &mut *stop => return true,
                count = self.told.recv_many(batch, room) => {
                    if count == 0 {
                        // Nobody is left who could tell anything.
                        return true;
                    }
                }
                () = sleep_until(due.unwrap_or_else(now)), if due.is_some() => break,
            }
            due.get_or_insert_with(|| now() + bounds::TRACES_EVERY);
        }
        false
    }

    /// Sends what is left until then.
    async fn finish(mut self, mut batch: Vec<Told>, until: Instant) {
        loop {
            while batch.len() < bounds::TRACES_BATCH
                && let Ok(told) = self.told.try_recv()
            {
                batch.push(told);
            }
            if batch.is_empty() {
                return;
            }
            let sending = self.send(std::mem::take(&mut batch));
            if timeout_at(until, sending).await.is_err() {
                break;
            }
        }
        while let Ok(told) = self.told.try_recv() {
            self.dropped.inc_by(told.span_count());
        }
    }

    /// Sends a batch, once more where it may help.
    async fn send(&mut self, batch: Vec<Told>) {
        let mut left =
            Left { spans: batch.iter().map(|told| told.span_count()).sum(), dropped: &self.dropped };
        let body = otlp::request(&self.otel.service_name, &batch);
        drop(batch);
        let mut sent = self.try_send(&body).await;
        if sent.as_ref().is_err_and(|not_taken| not_taken.passing) {
            tokio::time::sleep(bounds::TRACES_AGAIN).await;
            sent = self.try_send(&body).await;
        }
        match sent {
            Ok(rejected) => {
                let rejected = rejected.min(left.spans);
                self.sent.inc_by(left.spans - rejected);
                left.spans = rejected;
                if std::mem::take(&mut self.failing) {
                    tracing::info!("traces are taken by the collector");
                }
            }
            Err(NotTaken { why, .. }) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(why, "traces are not taken by the collector; they are dropped until it does");
            }
            Err(_) => {}
        }
    }

    /// How many spans the collector rejected of those that it took.
    async fn try_send(&self, body: &str) -> Result<u64, NotTaken> {
        let mut headers = vec![("content-type", "application/json"), ("accept", "application/json")];
        headers.extend(self.otel.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let limit_bytes = bounds::TRACES_ANSWER_BYTES;
        let asking = Ask { method: &Method::POST, url: &self.url, headers: &headers, body, limit_bytes };
        let said = timeout(bounds::TRACES_SEND, Box::pin(ask(&self.tls, &asking, bounds::TRACES_CONNECT)));
        match said.await {
            Err(_) => Err(NotTaken { why: "no answer in time".to_owned(), passing: true }),
            Ok(Err(failure)) => Err(NotTaken { why: failure.error.message, passing: true }),
            Ok(Ok(said)) => match said.status {
                200..=299 => Ok(rejected(&said.body)),
                // What OTLP/HTTP says may be tried again.
                status => Err(NotTaken {
                    why: format!("it answered with {status}"),
                    passing: matches!(status, 429 | 502 | 503 | 504),
                }),
            },
        }
    }
}

/// Spans of which nobody knows that the collector has them: when this is dropped they are counted as lost.
struct Left<'a> {
    spans: u64,
    dropped: &'a Counter,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.dropped.inc_by(self.spans);
    }
}

/// `partialSuccess.rejectedSpans`, a 64-bit integer and so text, or a number where somebody takes that lightly.
fn rejected(body: &[u8]) -> u64 {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let rejected = &said["partialSuccess"]["rejectedSpans"];
    rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0)
}

fn now() -> Instant {
    Instant::from_std(clock::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_collectors() {
        let check = |endpoint: &str, expect: &str| {
            assert_eq!(traces_url(&Url::parse(endpoint).unwrap()).as_str(), expect);
        };
        check("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces");
        check("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces");
        check("https://h/otlp/?a=b", "https://h/otlp/v1/traces?a=b");
        check("https://h/x/v1/traces", "https://h/x/v1/traces");
    }

    #[test]
    fn what_was_rejected() {
        let check = |body: &str, expect| assert_eq!(rejected(body.as_bytes()), expect, "{body}");
        check("", 0);
        check("{}", 0);
        check(r#"{"partialSuccess":{"rejectedSpans":"7","errorMessage":"no"}}"#, 7);
        check(r#"{"partialSuccess":{"rejectedSpans":3}}"#, 3);
        check(r#"{"partialSuccess":{"rejectedSpans":-1}}"#, 0);
    }
}
