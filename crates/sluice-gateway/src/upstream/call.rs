//! One call of one target: sent, answered, and known to be an answer. Nothing of it has reached the caller yet.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice_chat::{Failure, FailureKind};
use sluice_providers::{FailedAnswer, Passage, WholeAnswer, whole_answer};

use crate::{
    bounds,
    snapshot::Clocks,
    translate::Outbound,
    upstream::{
        Body, Connections, fetch,
        h1::{AnswerHead, MediaType},
    },
};

/// What a target answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Whole(WholeAnswer),
    Stream(Box<StreamAnswer>),
}

/// A stream whose first content has come.
#[derive(Debug)]
pub(crate) struct StreamAnswer {
    pub(crate) body: Body,
    pub(crate) passage: Passage,
    /// What may go to the caller at once.
    pub(crate) ready: Vec<Bytes>,
    /// What broke right behind it, if anything did.
    pub(crate) broken: Option<Failure>,
}

/// Calls the target. `deadline` is that of the whole request over all attempts.
pub(crate) async fn call(
    connections: &Connections,
    out: &Outbound,
    clocks: &Clocks,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let started = crate::clock::now();
    let first_token = started + clocks.first_token;
    let until = if out.stream { first_token.min(deadline) } else { deadline };
    let answered = tokio::time::timeout_at(until.into(), answer(connections, out, clocks.connect)).await;
    if answered.is_err() && out.upstream.options.http2 {
        // It may be dead without a word: the next call gets another one.
        connections.h2.forget(&out.upstream.place);
    }
    match answered {
        Ok(answer) => answer.map_err(|failure| out.upstream.masked(failure)),
        Err(_) if until == deadline => Err(Failure::ours(
            FailureKind::TotalTimeout,
            "upstream_timeout",
            "the provider did not answer within the time of the whole request",
        )),
        Err(_) => Err(Failure::ours(
            FailureKind::FirstTokenTimeout,
            "upstream_timeout",
            format!("no first token from the provider within {} ms", clocks.first_token.as_millis()),
        )),
    }
}

async fn answer(connections: &Connections, out: &Outbound, connect: Duration) -> Result<Answer, Failure> {
    let (head, mut body) = fetch::fetch(connections, out, connect).await?;
    if let Some(heard) = &out.heard {
        heard.set(true);
    }
    if head.status != 200 || head.encoded || is_document(&head) {
        return Err(Box::pin(refusal(out, &head, &mut body)).await);
    }
    if !out.stream {
        let bytes = fetch::collect(&mut body, bounds::WHOLE_ANSWER_BYTES).await?;
        return Ok(Answer::Whole(whole_answer(&out.terms(), bytes)?));
    }
    // A plain JSON object where events were asked for is an error in disguise, unless it only lacks its type.
    let framed = head.media_type.as_str().is_none_or(|said| said == out.dialect.stream_type().media_type());
    if !framed {
        return Err(Box::pin(refusal(out, &head, &mut body)).await);
    }
    first_content(out, body).await.map(|stream| Answer::Stream(Box::new(stream)))
}

/// A page instead of an answer, as proxies and sign-in portals send them with status 200.
fn is_document(head: &AnswerHead) -> bool {
    matches!(&head.media_type, MediaType::Other(t) if t.starts_with("text/html") || t.starts_with("text/xml"))
}

/// Reads the stream up to its first content, or to its end where it has none.
async fn first_content(out: &Outbound, body: Body) -> Result<StreamAnswer, Failure> {
    let mut passage = Passage::new(&out.terms(), out.hide_usage);
    if out.repairable {
        passage.keep_transcript();
    }
    let mut stream = StreamAnswer { body, passage, ready: Vec::new(), broken: None };
    let mut ready_bytes = 0;
    loop {
        let counted = stream.ready.len();
        let data = std::future::poll_fn(|cx| Pin::new(&mut stream.body).get_mut().poll_data(cx)).await;
        let pushed = match data {
            Some(Ok(data)) => stream.passage.push(data, &mut stream.ready),
            Some(Err(failure)) => Err(failure),
            None => stream.passage.end(&mut stream.ready),
        };
        // Comments and empty chunks wait here for the first content; without end they would fill the memory.
        ready_bytes += stream.ready[counted..].iter().map(Bytes::len).sum::<usize>();
        let pushed = match pushed {
            Ok(()) if ready_bytes > bounds::EVENT_BYTES => Err(endless_prelude()),
            pushed => pushed,
        };
        let progress = stream.passage.progress();
        let shown = progress.has_content || progress.finished;
        match pushed {
            Ok(()) if shown => return Ok(stream),
            Ok(()) => {}
            // Content came before what broke: the caller gets it, and then the failure.
            Err(failure) if shown => {
                stream.broken = Some(failure);
                return Ok(stream);
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn endless_prelude() -> Failure {
    let text = "the provider sent much, but no content";
    Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text)
}

/// Reads what the upstream said instead of an answer.
async fn refusal(out: &Outbound, head: &AnswerHead, body: &mut Body) -> Failure {
    if head.encoded {
        let text = "the provider sent a compressed answer although it was asked not to";
        return Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text);
    }
    // The status says enough: a body that does not come is not waited for.
    let said =
        tokio::time::timeout(bounds::ERROR_BODY, fetch::collect(body, bounds::ERROR_ANSWER_BYTES)).await;
    let bytes = said.ok().and_then(Result::ok).unwrap_or_default();
    let answer = FailedAnswer {
        status: head.status,
        content_type: head.media_type.as_str(),
        retry_after_ms: head.retry_after_ms,
        body: &bytes,
    };
    out.dialect.failure(&answer)
}
