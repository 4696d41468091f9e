//! How a request shows who sends it, where that is not the same every time: a token that runs out, a signature.

use std::sync::Arc;

use bytes::Bytes;
use sluice_chat::{Failure, FailureKind};
use sluice_providers::{
    Provider,
    sigv4::{self, AwsCredentials, Scope, Unsigned},
};
use smallvec::SmallVec;

use crate::{
    bounds, clock,
    tokens::{Grant, TokenCell, Tokens},
    translate::Outbound,
    upstream::Tls,
};

/// Headers that authenticate one request: names in lower case, and values.
pub(super) type Shown = SmallVec<[(&'static str, String); 1]>;

/// Where a provider's changing credential comes from.
#[derive(Debug)]
pub(super) struct Authority {
    cell: Arc<TokenCell>,
    /// What AWS signatures are made for.
    region: String,
}

impl Authority {
    /// `None` for providers whose credential never changes.
    ///
    /// # Errors
    /// What makes the source of the credential useless.
    pub(super) fn of(provider: &Provider, tokens: &Tokens) -> Result<Option<Self>, String> {
        let Some(source) = provider.source() else { return Ok(None) };
        let region = provider.region().unwrap_or_default().to_owned();
        Ok(Some(Self { cell: tokens.cell(source)?, region }))
    }

    /// What `out` carries besides its other headers.
    pub(super) async fn shown(&self, tls: &Tls, out: &Outbound) -> Result<Shown, Failure> {
        match &*self.cell.grant(tls).await? {
            Grant::Token(token) => Ok(Shown::from_iter([("authorization", format!("Bearer {}", token.0))])),
            Grant::Aws(keys) => self.signed(keys, out).await,
        }
    }

    async fn signed(&self, keys: &AwsCredentials, out: &Outbound) -> Result<Shown, Failure> {
        let hash = body_hash(&out.body).await?;
        let target = out.upstream.target(out);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let host = &out.upstream.provider().endpoint().authority;
        let request = Unsigned {
            method: "POST",
            path,
            query,
            headers: &[("host", host), ("content-type", "application/json")],
            body_sha256: &hash,
        };
        let scope = Scope { region: &self.region, service: sigv4::BEDROCK };
        Ok(sigv4::sign(keys, &scope, &request, clock::unix_ms() / 1000).into())
    }

    /// The provider refused it.
    pub(super) fn refused(&self) {
        if let Some(grant) = self.cell.now() {
            self.cell.refused(&grant);
        }
    }

    /// What authenticates now, should somebody repeat it.
    pub(super) fn now(&self) -> Option<Arc<Grant>> {
        self.cell.now()
    }
}

/// Off the worker where the body is large.
async fn body_hash(body: &[Bytes]) -> Result<[u8; 32], Failure> {
    if body.iter().map(Bytes::len).sum::<usize>() <= bounds::SCAN_ON_WORKER_BYTES {
        return Ok(sigv4::body_hash(body.iter().map(|slice| &slice[..])));
    }
    let body = body.to_vec();
    let hashed =
        tokio::task::spawn_blocking(move || sigv4::body_hash(body.iter().map(|slice| &slice[..]))).await;
    hashed.map_err(|_| {
        Failure::ours(FailureKind::BadResponse, "upstream_bad_response", "the request was not signed")
    })
}
