//! From what is stored of a provider, and the credentials that the settings have for it, to upstreams that can be
//! called: one for each credential.

use std::sync::Arc;

use sluice_ledger::Origin;
use sluice_providers::{Credential, Provider, ProviderError, Site};
use sluice_store::ProviderRecord;

use crate::{config::Config, sealed, tokens::Tokens, upstream::Upstream};

/// Where a provider is.
pub fn site(record: &ProviderRecord) -> Site<'_> {
    let options = &record.options;
    Site {
        base_url: record.base_url.as_deref(),
        region: options.region.as_deref(),
        project: options.project.as_deref(),
        location: options.location.as_deref(),
        api_version: options.api_version.as_deref(),
    }
}

/// The provider of a record, with one of its credentials.
pub(crate) fn provider(record: &ProviderRecord, credential: Credential) -> Result<Provider, ProviderError> {
    Provider::at(&record.name, &record.kind, &site(record), credential)
}

/// Every credential of a provider, opened; one that is none where it has no other.
pub(crate) fn credentials(record: &ProviderRecord, config: &Config) -> Result<Vec<Credential>, String> {
    let at_its_place = provider(record, Credential::none()).map_err(|e| e.to_string())?;
    let found = match &record.sealed {
        Some(secret) => sealed::open(&config.master_key, &at_its_place, secret).map_err(|e| e.to_string())?,
        // What the file or the environment holds for a name is not for whoever took the name elsewhere.
        None if record.origin != Origin::File => Vec::new(),
        None => config.credentials.get(&record.name).cloned().unwrap_or_default(),
    };
    Ok(if found.is_empty() { vec![Credential::none()] } else { found })
}

/// A record with the values of its headers opened.
fn opened(record: &ProviderRecord, config: &Config) -> Result<ProviderRecord, String> {
    let at_its_place = provider(record, Credential::none()).map_err(|e| e.to_string())?;
    let mut opened = record.clone();
    for (name, value) in &mut opened.options.headers {
        *value = sealed::open_header(&config.master_key, &at_its_place, (name, value))
            .map_err(|e| format!("header `{name}`: {e}"))?;
    }
    Ok(opened)
}

/// What is called for a provider: one upstream for each of its credentials, equal to one another.
///
/// # Errors
/// What stands in the way.
pub(crate) fn upstreams(
    record: &ProviderRecord,
    config: &Config,
    tokens: &Tokens,
) -> Result<Vec<Arc<Upstream>>, String> {
    let opened = opened(record, config)?;
    let made = credentials(record, config)?.into_iter().map(|credential| {
        let provider = provider(record, credential).map_err(|e| e.to_string())?;
        Upstream::new(provider, &opened, tokens).map(Arc::new)
    });
    made.collect()
}
