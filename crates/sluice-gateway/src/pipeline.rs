//! One request, one direction:
//!
//! socket ─ authenticate ─ admit ─ route ─ translate ─ call upstream ─ translate back ─ relay ─ settle ─ reply
//!
//! Each stage's input can only be made by the stage before it.

use std::rc::Rc;

use http::{Response, request::Parts};
use hyper::body::Incoming;

use crate::{
    accounting::{Hold, Standings},
    admit::{self, Admitted},
    authenticate::{Caller, authenticate},
    clock,
    exchange::{Billing, Ending, Exchange, NotWritten},
    ids::Ids,
    refusal::Refusal,
    relay::{Relay, RelayTerms},
    reply::{self, About, ReplyBody},
    request_body,
    route::{next_target, route},
    server::ConnectionState,
    snapshot::Snapshot,
    translate::{Outbound, Said, translate},
    upstream::{self, Answer},
};

/// What belongs to one request beside its head and body.
pub(crate) struct Context<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) connection: &'a Rc<ConnectionState>,
    pub(crate) unix_ms: u64,
}

/// Answers `POST /v1/chat/completions`.
pub(crate) async fn chat_completions(
    context: &Context<'_>,
    mut exchange: Exchange,
    head: &Parts,
    body: Incoming,
) -> Response<ReplyBody> {
    match admitted(context, &mut exchange, head, body).await {
        Ok((admitted, hold, standings)) => {
            exchange.hold(hold, standings, admitted.scan());
            answered(context, exchange, head, &admitted).await
        }
        Err(refusal) => refused(context.ids, exchange, &refusal, 0),
    }
}

/// Who calls, and whether the call may be made now.
async fn admitted(
    context: &Context<'_>,
    exchange: &mut Exchange,
    head: &Parts,
    body: Incoming,
) -> Result<(Admitted, Hold, Standings), Refusal> {
    let worker = Rc::clone(exchange.worker());
    let stale = || worker.shared.books.may_be_stale(exchange.started);
    let caller: Caller = authenticate(&head.headers, context.snapshot, context.unix_ms, stale)?;
    exchange.called_by(caller.key());
    let body = request_body::read(head, body, context.snapshot, exchange.worker()).await?;
    context.connection.body_read(true);
    let scan = admit::scan(&body).await?;
    exchange.scanned(&scan);
    admit::admit(context, &worker, &caller, body, scan).await
}

/// Tries targets until one answers, and relays its answer.
async fn answered(
    context: &Context<'_>,
    mut exchange: Exchange,
    head: &Parts,
    admitted: &Admitted,
) -> Response<ReplyBody> {
    let model = admitted.model();
    let deadline = exchange.started + model.clocks.total;
    let worker = Rc::clone(exchange.worker());
    let mut attempts = route(admitted, deadline);
    let mut without_usage = false;
    loop {
        let index = match next_target(&mut attempts).await {
            Ok(target) => target,
            Err(failure) => {
                return refused(context.ids, exchange, &Refusal::from_failure(*failure), attempts.made());
            }
        };
        let target = &model.targets[index];
        exchange.calling(model, index, attempts.made());
        let said = Said { ids: context.ids, attempt: attempts.made(), without_usage };
        let out: Outbound<'_> = match translate(admitted, target, &head.headers, said) {
            Ok(out) => out,
            Err(failure) => {
                exchange.call_failed(&failure);
                attempts.failed(index, failure, clock::now());
                continue;
            }
        };
        let about = About::of(target, &attempts, &out, &exchange);
        match upstream::call(&worker.connections, &out, &model.clocks, deadline).await {
            Ok(Answer::Whole(answer)) => {
                exchange.delivered(answer.content_bytes, answer.usage);
                return match exchange.settle().await {
                    Ok(()) => reply::completion(context.ids, &about, answer.body),
                    Err(NotWritten) => reply::refuse(context.ids, &Refusal::accounting_unavailable(), 0),
                };
            }
            Ok(Answer::Stream(answer)) => {
                if without_usage {
                    target.upstream.ask_no_usage();
                }
                if let Err(NotWritten) = exchange.first_token().await {
                    return refused(context.ids, exchange, &Refusal::accounting_unavailable(), 0);
                }
                let terms = RelayTerms::of(context.connection, &out, admitted, deadline);
                return reply::stream(context.ids, &about, Relay::start(*answer, exchange, terms));
            }
            Err(failure)
                if out.stream && !without_usage && target.upstream.refuses_to_tell_usage(&failure) =>
            {
                without_usage = true;
                attempts.once_more(index);
            }
            Err(failure) => {
                without_usage = false;
                exchange.call_failed(&failure);
                attempts.failed(index, failure, clock::now());
            }
        }
    }
}

/// Ends a request with an error answer; it costs nothing.
pub(crate) fn refused(
    ids: &Ids,
    mut exchange: Exchange,
    refusal: &Refusal,
    attempts: u32,
) -> Response<ReplyBody> {
    exchange.note(|record| {
        record.status = refusal.status;
        record.failed_with(refusal.error.code.clone());
    });
    // It costs nothing: where the journal did not take that, the next start finds it open and charges nothing either.
    let _ = exchange.end(Ending::Complete, Billing::Free);
    reply::refuse(ids, refusal, attempts)
}
