//! A small document of a provider, asked for by a connection of its own: the list of its models.

use std::time::Duration;

use http::Method;
use sluice_chat::{ApiError, Failure, FailureKind};
use url::Url;

use super::{
    Connections, Upstream,
    once::{Ask, Said, ask},
};

impl Upstream {
    /// Reads what is at `target`, a path with its query at the provider's place, with the provider's own headers and
    /// `more` of them. The caller bounds the time of the whole.
    ///
    /// # Errors
    /// Nobody is there, or what comes is larger than `limit_bytes`.
    pub(crate) async fn document(
        &self,
        connections: &Connections,
        target: &str,
        more: &[(&str, &str)],
        (limit_bytes, connect_within): (usize, Duration),
    ) -> Result<Said, Failure> {
        let endpoint = self.provider.endpoint();
        let scheme = if endpoint.tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{}{target}", endpoint.authority));
        let url = url.map_err(|_| {
            let error = ApiError::invalid("upstream_unreachable", "the provider's address is no URL");
            Failure { error, ..Failure::ours(FailureKind::Unreachable, "upstream_unreachable", "no URL") }
        })?;
        let own = self.headers.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        let own = own.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers: Vec<(&str, &str)> =
            own.chain([("accept", "application/json")]).chain(more.iter().copied()).collect();
        let asked = Ask { method: &Method::GET, url: &url, headers: &headers, body: "", limit_bytes };
        ask(&connections.tls, &asked, connect_within).await
    }

    /// Whether its credential is made anew for each call, and so is none of its headers.
    pub(crate) fn has_made_credential(&self) -> bool {
        self.authority.is_some()
    }
}

/// What every such request has anyway, and what only a body has.
const OWN: [&str; 5] = ["host", "user-agent", "accept-encoding", "connection", "content-type"];
