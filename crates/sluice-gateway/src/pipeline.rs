//! One request, one direction:
//!
//! socket ─ authenticate ─ admit ─ route ─ translate ─ call upstream ─ translate back ─ relay ─ settle ─ reply
//!
//! Each stage's input can only be made by the stage before it.

use std::rc::Rc;

use http::{Response, request::Parts};

use crate::{
    accounting::{Hold, Standings},
    admit::{self, Admitted},
    authenticate::{Caller, authenticate},
    bounds, clock,
    drive::{Answered, Drive, NoAnswer},
    exchange::{Exchange, NotWritten},
    idempotency::{self, Entry, Repeat, Ticket},
    ids::Ids,
    overload,
    record::{Billing, Ending},
    refusal::Refusal,
    relay::Relay,
    reply::{self, About, ReplyBody},
    request_body,
    server::{ConnectionState, RequestBody},
    snapshot::Snapshot,
    translate::Passed,
    upstream::Answer,
};

type Reply = Response<ReplyBody>;

/// What belongs to one request beside its head and body.
pub(crate) struct Context<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) connection: &'a Rc<ConnectionState>,
    pub(crate) unix_ms: u64,
    /// Whom somebody who is signed in to the console acts as.
    pub(crate) acting: Option<Caller>,
}

/// Answers `POST /v1/chat/completions`.
pub(crate) async fn chat_completions(
    context: &Context<'_>,
    mut exchange: Exchange,
    head: &Parts,
    body: RequestBody,
) -> Reply {
    let (ticket, (admitted, hold, standings)) = match admitted(context, &mut exchange, head, body).await {
        Ok(Ok(first)) => first,
        Ok(Err(repeat)) => return Box::pin(repeat.answer(context.ids, context.connection, exchange)).await,
        Err(refusal) => return refused(context.ids, exchange, &refusal, 0),
    };
    exchange.hold(hold, standings, admitted.scan());
    let reply = answered(context, exchange, (head, admitted), ticket.is_recording()).await;
    ticket.record(reply)
}

/// Who calls, and whether the call may be made now; or that it was made before.
async fn admitted(
    context: &Context<'_>,
    exchange: &mut Exchange,
    head: &Parts,
    body: RequestBody,
) -> Result<Result<(Ticket, (Admitted, Hold, Standings)), Repeat>, Refusal> {
    let worker = Rc::clone(exchange.worker());
    let stale = || worker.shared.books.may_be_stale(exchange.started);
    let caller: Caller = authenticate(context, &head.headers, stale)?;
    exchange.called_by(caller.key());
    overload::before_body(exchange, context.ids, &caller, body.announced())?;
    let body = request_body::read(head, body, context.snapshot, exchange.worker()).await?;
    overload::admit(exchange, context.ids, &caller).await?;
    let scan = admit::scan(&body).await?;
    exchange.scanned(&scan, &body);
    match idempotency::enter(exchange, context.ids, &head.headers, &caller, &body).await? {
        Entry::First(ticket) => Ok(Ok((ticket, admit::admit(context, &worker, &caller, body, scan).await?))),
        Entry::Repeat(repeat) => Ok(Err(repeat)),
    }
}

/// Tries targets until one answers, and relays its answer.
async fn answered(
    context: &Context<'_>,
    exchange: Exchange,
    (head, admitted): (&Parts, Admitted),
    is_recorded: bool,
) -> Reply {
    let headers = Passed::of(&admitted, &head.headers);
    let drive = Drive::new(exchange, context.ids, admitted, headers);
    if drive.admitted().scan().stream {
        return streamed(context, drive).await;
    }
    let (mut drive, answered) = drive.whole(context.connection).await;
    let answered = match answered {
        Ok(answered) => answered,
        Err(none) => return unanswered(context.ids, drive, none),
    };
    let Answered { out, answer: Answer::Whole(answer), in_flight } = answered else {
        return streaming(context, drive, answered);
    };
    in_flight.succeeded(clock::now());
    let about = About::of(&out, drive.made(), &drive.exchange);
    drive.exchange.delivered(answer.content_bytes, (answer.usage, answer.usage_absurd));
    drive.exchange.trace_answer(std::slice::from_ref(&answer.body));
    match drive.exchange.settle(is_recorded).await {
        Ok(()) => reply::completion(context.ids, &about, answer.body),
        Err(NotWritten) => reply::refuse(context.ids, &Refusal::accounting_unavailable(), 0),
    }
}

/// As [`answered`]. After long silence the head goes out before there is an answer.
async fn streamed(context: &Context<'_>, drive: Box<Drive>) -> Reply {
    let (clock, silent_until) = (drive.stream_clock(), clock::now() + bounds::SILENCE);
    let mut seeking = drive.seek(context.connection);
    match tokio::time::timeout_at(silent_until.into(), &mut seeking).await {
        Ok((drive, Ok(answered))) => streaming(context, drive, answered),
        Ok((drive, Err(none))) => unanswered(context.ids, drive, none),
        Err(_) => {
            let relay = Relay::seeking(context.connection, seeking, clock);
            reply::streamed(reply::stream_head(context.ids, None), ReplyBody::stream(relay))
        }
    }
}

fn streaming(context: &Context<'_>, drive: Box<Drive>, answered: Answered) -> Reply {
    let about = About::of(&answered.out, drive.made(), &drive.exchange);
    let head = reply::stream_head(context.ids, Some(&about));
    reply::streamed(head, ReplyBody::stream(Relay::start(context.connection, drive, answered)))
}

fn unanswered(ids: &Ids, drive: Box<Drive>, none: NoAnswer) -> Reply {
    let attempts = drive.made();
    refused(ids, drive.exchange, &none.refusal(), attempts)
}

/// Ends a request with an error answer; it costs nothing.
pub(crate) fn refused(ids: &Ids, mut exchange: Exchange, refusal: &Refusal, attempts: u32) -> Reply {
    exchange.note(|record| {
        record.status = refusal.status;
        record.failed_with(refusal.error.code.clone());
    });
    // It costs nothing: where the journal did not take that, the next start finds it open and charges nothing either.
    let _ = exchange.end(Ending::Complete, Billing::Free);
    reply::refuse(ids, refusal, attempts)
}
