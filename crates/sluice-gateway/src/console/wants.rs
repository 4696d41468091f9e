//! What a page wants to know, asked of the admin API in this process, all at once.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

use http::Method;
use sluice_console::{Answers, Problem, Want};

use crate::{
    admin::{self, Asked, principal::Principal},
    refusal::Refusal,
    worker::Worker,
};

type Answered = (&'static str, Result<serde_json::Value, Problem>);

/// The answers to all wants; none of them fails another.
pub(super) async fn answers(
    worker: &Worker,
    principal: &Arc<Principal>,
    wants: Vec<Want>,
    unix_ms: u64,
) -> Answers {
    let mut answers = Answers::new();
    let mut running: Vec<Pin<Box<dyn Future<Output = Answered> + '_>>> = Vec::with_capacity(wants.len());
    // What is beside the admin API, pages are told without asking.
    for want in wants.into_iter().filter(|want| want.path.starts_with("/admin/")) {
        let principal = Arc::clone(principal);
        running.push(Box::pin(async move { (want.name, ask(worker, principal, &want.path, unix_ms).await) }));
    }
    std::future::poll_fn(|cx| {
        running.retain_mut(|call| match call.as_mut().poll(cx) {
            Poll::Ready((name, answer)) => {
                answers.put(name, answer);
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    drop(running);
    answers
}

async fn ask(
    worker: &Worker,
    principal: Arc<Principal>,
    target: &str,
    unix_ms: u64,
) -> Result<serde_json::Value, Problem> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let Some((place, id)) = admin::Place::find(path).filter(|(place, _)| place.takes(&Method::GET)) else {
        return Err(problem(&Refusal::unknown_url("GET", path)));
    };
    let body = bytes::Bytes::new();
    let asked = Asked { principal, place, method: Method::GET, id: id.to_owned(), query, body, unix_ms };
    admin::told(worker, asked).await.map_err(|refusal| problem(&refusal))
}

pub(super) fn problem(refusal: &Refusal) -> Problem {
    Problem {
        status: refusal.status,
        code: refusal.error.code.as_deref().unwrap_or_default().to_owned(),
        message: refusal.error.message.to_string(),
    }
}
