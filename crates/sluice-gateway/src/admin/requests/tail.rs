//! `GET /admin/v1/requests/tail`: rows of requests as they come into the books, as server-sent events. A watcher who is
//! too slow is told how many it has missed; one whose session ends hears no more; after some minutes all come again.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use sluice_chat::ApiError;
use sluice_store::query::{RequestFilter, Visible};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use super::{list::narrowed, shown};
use crate::{
    access::session,
    accounting::News,
    admin::{Asked, call, query::Query, refuse::Checked},
    bounds, clock,
    refusal::Refusal,
    tasks,
    worker::{Phase, Worker},
};

/// The events, as they are to be sent.
pub(crate) type Events = mpsc::Receiver<Bytes>;

/// What a watcher hears at once, and while nothing happens.
const NOTHING_YET: Bytes = Bytes::from_static(b": nothing yet\n\n");

pub(in crate::admin) async fn run(worker: &Worker, asked: &Asked) -> Checked<Events> {
    let query = Query::new(asked.query.as_deref());
    let mut filter = narrowed(&query)?;
    query.finish()?;
    filter.visible = visible(worker, asked).await?;
    let feed = &worker.shared.books.feed;
    let news = feed.watch().ok_or_else(|| {
        let text = format!("{} watch the requests of this node already.", bounds::WATCHERS);
        Refusal::new(429, ApiError::invalid("too_many_watchers", text))
    })?;
    let (out, events) = mpsc::channel(bounds::WATCHER_EVENTS);
    let (shared, principal) = (Arc::clone(&worker.shared), Arc::clone(&asked.principal));
    let may = async move || session::holds(&shared, &principal, clock::unix_ms()).await;
    tasks::spawn_local(told(filter, news, out, (worker.shared.phase.subscribe(), may)));
    Ok(events)
}

/// Whose requests the watcher sees; the database is asked where it belongs.
async fn visible(worker: &Worker, asked: &Asked) -> Checked<Visible> {
    if asked.principal.is_everywhere() {
        return Ok(Visible::All);
    }
    let (store, principal) = (worker.shared.books.store.clone(), Arc::clone(&asked.principal));
    let looked = worker.shared.books.runtime.spawn(async move { call::visible(&store, &principal).await });
    looked.await.unwrap_or_else(|_| Err(Refusal::internal()))
}

/// Ends when the watcher has gone or may not watch any more, when the gateway leaves, or when the time is over.
async fn told(
    filter: RequestFilter,
    mut news: broadcast::Receiver<News>,
    out: mpsc::Sender<Bytes>,
    (mut phase, may): (watch::Receiver<Phase>, impl AsyncFn() -> bool),
) {
    let mut idle = interval(bounds::WATCHER_IDLE);
    idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut check = interval(bounds::WATCHER_CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let over = tokio::time::sleep_until(clock::timer_now() + bounds::WATCH_MOST);
    let mut over = std::pin::pin!(over);
    loop {
        let event = tokio::select! {
            biased;
            () = out.closed() => return,
            _ = phase.wait_for(|phase| *phase == Phase::Leaving) => return,
            () = &mut over => return,
            // Before the news, so that a busy gateway does not keep it from being asked.
            _ = check.tick() => match may().await {
                true => continue,
                false => return,
            },
            heard = news.recv() => match event(heard, &filter) {
                Heard::Event(bytes) => bytes,
                Heard::Nothing => continue,
                Heard::End => return,
            },
            _ = idle.tick() => NOTHING_YET,
        };
        // Whoever reads slowly is waited for, but not beyond the end.
        tokio::select! {
            sent = out.send(event) => if sent.is_err() { return },
            _ = phase.wait_for(|phase| *phase == Phase::Leaving) => return,
            () = &mut over => return,
        }
    }
}

/// What news mean to one watcher.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Event(Bytes),
    Nothing,
    End,
}

fn event(heard: Result<News, broadcast::error::RecvError>, filter: &RequestFilter) -> Heard {
    let lagged = |missed: Option<u64>| {
        Heard::Event(format!("event: lagged\ndata: {}\n\n", json!({ "missed": missed })).into())
    };
    match heard {
        Ok(News::Row(row)) if filter.takes(&row) => {
            let text = format!("event: request\nid: {}\ndata: {}\n\n", row.request.text(), shown(&row));
            Heard::Event(text.into())
        }
        Ok(News::Row(_)) => Heard::Nothing,
        Ok(News::Missed) => lagged(None),
        Err(broadcast::error::RecvError::Lagged(missed)) => lagged(Some(missed)),
        Err(broadcast::error::RecvError::Closed) => Heard::End,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[test]
    fn what_was_missed_is_told() {
        let check = |heard, expect: Heard| assert_eq!(event(heard, &RequestFilter::default()), expect);
        let lagged = |text: &'static str| Heard::Event(Bytes::from_static(text.as_bytes()));
        let missed = lagged("event: lagged\ndata: {\"missed\":7}\n\n");
        check(Err(broadcast::error::RecvError::Lagged(7)), missed);
        check(Ok(News::Missed), lagged("event: lagged\ndata: {\"missed\":null}\n\n"));
        check(Err(broadcast::error::RecvError::Closed), Heard::End);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_watcher_holds_up_nobody_and_hears_what_it_missed() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (feed, news) = broadcast::channel(4);
                let (out, mut events) = mpsc::channel(1);
                let (leave, phase) = watch::channel(Phase::Serving);
                tasks::spawn_local(told(RequestFilter::default(), news, out, (phase, async || true)));
                assert_eq!(events.recv().await, Some(NOTHING_YET));
                for _ in 0..100 {
                    feed.send(News::Missed).unwrap();
                }
                // One is on its way, and behind it stands how many went.
                let mut seen = String::new();
                while !seen.contains("\"missed\":9") {
                    seen.push_str(std::str::from_utf8(&events.recv().await.unwrap()).unwrap());
                }
                leave.send_replace(Phase::Leaving);
                while events.recv().await.is_some() {}
                assert_eq!(feed.receiver_count(), 0);
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_may_not_watch_any_more_hears_no_more() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (feed, news) = broadcast::channel(4);
                let (out, mut events) = mpsc::channel(1);
                let (_serving, phase) = watch::channel(Phase::Serving);
                let asked = Rc::new(Cell::new(0));
                let count = Rc::clone(&asked);
                let may = async move || {
                    count.set(count.get() + 1);
                    count.get() < 3
                };
                tasks::spawn_local(told(RequestFilter::default(), news, out, (phase, may)));
                while events.recv().await.is_some() {}
                assert_eq!((asked.get(), feed.receiver_count()), (3, 0));
            })
            .await;
    }
}
