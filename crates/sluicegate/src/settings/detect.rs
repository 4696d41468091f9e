//! Providers that nobody configured: those whose key stands in the environment, and an Ollama on this machine.

use sluice_ledger::Origin;
use sluice_providers::{Credential, Provider, vendors};
use sluice_store::{ProviderOptions, ProviderRecord};

/// Where an Ollama listens unless told otherwise.
pub(crate) const OLLAMA_ADDRESS: &str = "127.0.0.1:11434";
/// The name and kind of that provider.
pub(crate) const OLLAMA: &str = "ollama";

/// A provider that was found rather than configured.
#[derive(Clone, Debug)]
pub(crate) struct Detected {
    pub(crate) record: ProviderRecord,
    pub(crate) credential: Credential,
    /// The environment variable that brought it.
    pub(crate) variable: &'static str,
}

/// Every vendor with an address of its own whose variable holds a key, in the order of the table.
pub(crate) fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Vec<Detected> {
    let mut found = Vec::new();
    for row in vendors() {
        let (Some(variable), Some(_)) = (row.key_env.as_deref(), row.base_url.as_deref()) else { continue };
        let Some(key) = env(variable).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()) else {
            continue;
        };
        let credential = Credential::api_key(key);
        if Provider::new(&row.kind, &row.kind, None, credential.clone()).is_ok() {
            found.push(Detected { record: record(&row.kind), credential, variable });
        }
    }
    found
}

/// The record of a provider that has the name of its kind and that kind's own address.
pub(crate) fn record(kind: &str) -> ProviderRecord {
    ProviderRecord {
        name: kind.to_owned(),
        kind: kind.to_owned(),
        base_url: None,
        options: ProviderOptions::default(),
        sealed: None,
        origin: Origin::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_environment_make_providers() {
        let check = |set: &[(&str, &str)], expect: &[&str]| {
            let env =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let found: Vec<String> = from_environment(&env).into_iter().map(|one| one.record.name).collect();
            assert_eq!(found, expect, "{set:?}");
        };
        check(&[], &[]);
        check(&[("OPENAI_API_KEY", "sk-x")], &["openai"]);
        check(
            &[("OPENROUTER_API_KEY", "a"), ("DEEPSEEK_API_KEY", "b"), ("DASHSCOPE_API_KEY", "c")],
            &["deepseek", "dashscope", "openrouter"],
        );
        check(&[("ANTHROPIC_API_KEY", "a"), ("GEMINI_API_KEY", "b")], &["anthropic", "gemini"]);
        // It takes a region too.
        check(&[("AWS_BEARER_TOKEN_BEDROCK", "a")], &[]);
        check(&[("OPENAI_API_KEY", "")], &[]);
        check(&[("OPENAI_API_KEY", " \n")], &[]);
        check(&[("OPENAI_API_KEY", "two words")], &[]);
        // A resource's address is needed too.
        check(&[("AZURE_OPENAI_API_KEY", "x")], &[]);
    }
}
