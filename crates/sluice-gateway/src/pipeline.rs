//! One request, one direction:
//!
//! socket ─ authenticate ─ admit ─ route ─ translate ─ call upstream ─ translate back ─ relay ─ settle ─ reply
//!
//! Each stage's input can only be made by the stage before it.

use std::rc::Rc;

use bytes::Bytes;
use http::{Response, request::Parts};
use hyper::body::Incoming;
use sluice_ledger::Reservation;
use sluice_routing::Step;

use crate::{
    admit::{self, Admitted},
    authenticate::{Caller, authenticate},
    bounds,
    exchange::{Billing, Ending, Exchange},
    ids::Ids,
    refusal::Refusal,
    relay::{Relay, RelayTerms},
    reply::{self, About, ReplyBody},
    request_body,
    route::route,
    server::ConnectionState,
    settle::PromptSize,
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
        Ok((admitted, reservation)) => {
            exchange.hold(reservation, PromptSize::of(admitted.scan()));
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
) -> Result<(Admitted, Reservation), Refusal> {
    let caller: Caller = authenticate(&head.headers, context.snapshot, context.unix_ms)?;
    exchange.note(|record| record.key = Some(std::sync::Arc::clone(caller.key())));
    let body: Bytes = request_body::read(head, body, context.snapshot, exchange.worker()).await?;
    context.connection.body_read(true);
    let scan = admit::scan(&body).await?;
    exchange.note(|record| {
        record.model = scan.model.chars().take(bounds::LOGGED_NAME_CHARS).collect();
        record.stream = scan.stream;
    });
    admit::admit(&caller, body, scan, context.snapshot)
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
    let mut attempts = route(admitted);
    let mut without_usage = false;
    loop {
        let index = match attempts.next_step() {
            Step::Call { target } => target,
            Step::GiveUp(failure) => {
                return refused(context.ids, exchange, &Refusal::from_failure(*failure), attempts.made());
            }
        };
        let target = &model.targets[index];
        exchange.calling(model, index, attempts.made());
        let said = Said { attempt: attempts.made(), without_usage };
        let out: Outbound<'_> = match translate(admitted, target, &head.headers, said) {
            Ok(out) => out,
            Err(failure) => {
                attempts.failed(failure);
                continue;
            }
        };
        let about = About { target, attempts: attempts.made(), dropped: &out.dropped };
        match upstream::call(&worker.connections, &out, &model.clocks, deadline).await {
            Ok(Answer::Whole(answer)) => {
                exchange.delivered(answer.content_bytes, answer.usage);
                exchange.note(|record| record.status = 200);
                exchange.end(Ending::Complete, Billing::Delivered);
                return reply::completion(context.ids, &about, answer.body);
            }
            Ok(Answer::Stream(answer)) => {
                exchange.first_token();
                if without_usage {
                    target.upstream.ask_no_usage();
                }
                exchange.note(|record| record.status = 200);
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
                attempts.failed(failure);
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
        record.error_code.clone_from(&refusal.error.code);
    });
    exchange.end(Ending::Complete, Billing::Free);
    reply::refuse(ids, refusal, attempts)
}
