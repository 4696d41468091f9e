//! Media that a provider cannot fetch, fetched in its place, where the operator allows it (`inline_media`). The
//! addresses come from callers, so nothing here trusts them: see [`guard`].

mod fetch;
mod guard;
mod sniff;

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_chat::{ApiError, Failure, FailureKind};
use sluice_providers::{Inlined, media::Media};

use self::{
    fetch::{Internet, Network, fetched},
    guard::Refused,
};
use crate::{
    admit::Admitted, bounds, clock, request_body::BodyShare, translate::media_wanted, worker::Worker,
};

/// What was fetched for one request, kept for all its attempts.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    inlined: Inlined,
    count: usize,
    bytes: usize,
    /// Room in the memory for bodies.
    shares: Vec<BodyShare>,
    /// The target whose media could not all be had, and why.
    failed: Option<(usize, Failure)>,
}

impl Brought {
    pub(crate) fn inlined(&self) -> &Inlined {
        &self.inlined
    }

    /// Fetches what a target cannot, as far as it is not there yet. How that went, [`Brought::check`] says.
    pub(crate) async fn bring(
        &mut self,
        worker: &Worker,
        admitted: &Admitted,
        target: usize,
        deadline: Instant,
    ) {
        let urls = media_wanted(admitted, target, &self.inlined);
        if !urls.is_empty()
            && let Err(failure) = Box::pin(self.fetch(worker, urls, deadline)).await
        {
            self.failed = Some((target, failure));
        }
    }

    /// Whether a target has the media that it needs.
    ///
    /// # Errors
    /// The caller's own mistake, for this target: something cannot be had, or is too much. What exactly is not told:
    /// it would say what there is on networks that the caller cannot reach.
    pub(crate) fn check(&self, admitted: &Admitted, target: usize) -> Result<(), Failure> {
        match &self.failed {
            Some((failed, failure)) if *failed == target => Err(failure.clone()),
            _ if media_wanted(admitted, target, &self.inlined).is_empty() => Ok(()),
            // Nobody waits for media beside a call that is under way.
            _ => Err(refusal(Refused::NotThere)),
        }
    }

    /// One after another.
    async fn fetch(&mut self, worker: &Worker, urls: Vec<String>, deadline: Instant) -> Result<(), Failure> {
        let until = deadline.min(clock::now() + bounds::MEDIA);
        let network = Internet { tls: worker.connections.tls() };
        for url in urls {
            let left = bounds::MEDIA_BYTES.min(bounds::MEDIA_TOTAL_BYTES.saturating_sub(self.bytes));
            if self.count >= bounds::MEDIA_COUNT || left == 0 {
                return Err(refusal(Refused::TooMuch));
            }
            let room = |bytes| worker.shared.body_memory.take(bytes).ok_or_else(no_room);
            let reserved = room(left)?;
            let (mime, base64, bytes) = one(&network, &url, left, until).await.map_err(refusal)?;
            drop(reserved);
            self.shares.push(room(base64.len())?);
            self.count += 1;
            self.bytes += bytes;
            self.inlined.insert(url, Media { mime: mime.to_owned(), base64 });
        }
        Ok(())
    }
}

/// One of them: its type, its content in base64, and how large it is.
async fn one(
    network: &impl Network,
    url: &str,
    limit_bytes: usize,
    until: Instant,
) -> Result<(&'static str, String, usize), Refused> {
    let content = tokio::time::timeout_at(until.into(), Box::pin(fetched(network, url, limit_bytes))).await;
    let content = content.map_err(|_| Refused::NotThere)??;
    let mime = sniff::media_type(&content).ok_or(Refused::NoMedia)?;
    Ok((mime, STANDARD.encode(&content), content.len()))
}

/// The code that OpenAI gives to images that it cannot have.
const CODE: &str = "invalid_image_url";

fn refusal(refused: Refused) -> Failure {
    let error = ApiError::invalid(CODE, refused.to_string());
    Failure { kind: FailureKind::Unsupported, status: None, error, retry_after_ms: None }
}

fn no_room() -> Failure {
    Failure::ours(
        FailureKind::Overloaded,
        "server_is_overloaded",
        "there is no memory for the media of the request",
    )
}

#[cfg(test)]
mod tests;
