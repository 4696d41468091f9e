//! What is known of one request, for the log, the metrics, the traces and the books.

use std::{borrow::Cow, sync::Arc, time::Duration};

use http::Method;
use sluice_ledger::{Charge, Key, NanoUsd, RequestId, record::Flags};
use sluice_routing::Why;
use sluice_store::books::AttemptDetails;
use smallvec::SmallVec;

use crate::{
    ids::Ids,
    metrics::Ended,
    snapshot::{Model, Target},
    traces::Trace,
};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole answer was handed to the transport.
    Complete,
    /// A stream ended in an error event.
    Broken,
    /// The caller left first.
    CallerLeft,
}

impl Ending {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Broken => "broken",
            Self::CallerLeft => "caller_left",
        }
    }
}

/// Whether a request has to be paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing {
    /// What was delivered of it.
    Delivered,
    /// Refused, or failed by an upstream: costs nothing.
    Free,
}

/// What is known of a request.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) ids: Ids,
    pub(crate) unix_ms: u64,
    pub(crate) method: Method,
    /// The route that answered, never the caller's own path.
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) error_code: Option<Cow<'static, str>>,
    pub(crate) key: Option<Arc<Key>>,
    /// As the caller named it; empty where there is none.
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The model, and the index of the target that answers, or was called last.
    pub(crate) called: Option<(Arc<Model>, usize)>,
    pub(crate) attempts: u32,
    /// Every call of an upstream, and which target of the model each of them called.
    pub(crate) calls: Vec<AttemptDetails>,
    pub(crate) targets: SmallVec<[Called; 4]>,
    /// The call whose answer goes to the caller.
    pub(crate) answering: usize,
    /// A second call was made beside a slow one.
    pub(crate) hedged: bool,
    /// Another answer took the place of one that broke.
    pub(crate) repaired: bool,
    /// Spent on answers that were not used.
    pub(crate) wasted: NanoUsd,
    pub(crate) charge: Option<Charge>,
    pub(crate) reserved: NanoUsd,
    pub(crate) flags: Flags,
    pub(crate) queue: Option<Duration>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) total: Duration,
    pub(crate) ending: Ending,
    /// The request whose answer this one got again.
    pub(crate) replay_of: Option<RequestId>,
    /// What spans are made of, where somebody collects them.
    pub(crate) trace: Option<Box<Trace>>,
    /// The books get a row of it, if it has a key.
    pub(crate) has_row: bool,
}

/// What is known of a call beside its [`AttemptDetails`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    /// Which target of the model.
    pub(crate) target: usize,
    pub(crate) why: Why,
    /// How it ended, once that was counted.
    pub(crate) ended: Option<Ended>,
}

impl Record {
    /// The target that answers, or was called last.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.called.as_ref().and_then(|(model, index)| model.targets.get(*index))
    }

    /// The wall clock so long after the request came, as if nobody had set it meanwhile.
    pub(crate) fn unix_ms_after(&self, elapsed: Duration) -> u64 {
        self.unix_ms.saturating_add(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// The request ends with an error of this code.
    pub(crate) fn failed_with(&mut self, code: Option<Cow<'static, str>>) {
        self.error_code = kept_code(code);
    }

    /// The last call has ended with the request.
    pub(crate) fn end_call(&mut self, unix_ms: u64, billing: Billing) {
        for call in self.calls.iter_mut().filter(|call| call.ended_us == 0) {
            call.ended_us = unix_ms.saturating_sub(call.started_ms) * 1000;
        }
        let answering = self.calls.get_mut(self.answering);
        let Some(call) = answering.filter(|call| call.outcome == "cancelled") else { return };
        if billing == Billing::Delivered && self.ending == Ending::Complete {
            (call.outcome, call.status) = ("ok", Some(200));
        } else if self.ending == Ending::Broken {
            call.outcome = "failed";
            call.reason = self.error_code.as_deref().map(str::to_owned);
        }
    }
}

/// The longest error code that is kept, in characters.
const CODE_CHARS: usize = 64;

/// The code of an error as it is kept. An upstream can put anything there, even what the caller wrote: what does not
/// look like a code is for the caller alone.
pub(crate) fn kept_code(code: Option<Cow<'static, str>>) -> Option<Cow<'static, str>> {
    let is_code = |code: &str| {
        code.len() <= CODE_CHARS && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
    };
    code.map(|code| if is_code(&code) { code } else { "upstream_error".into() })
}
