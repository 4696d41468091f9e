//! Where a provider is, as an operator says it: an address, or what the vendor makes one of.

use std::borrow::Cow;

use crate::{provider::ProviderError, vendor::VendorRow};

/// What the address of a provider is made of. Only `bedrock` knows `region`, only `vertex` `project` and `location`,
/// only `azure` `api_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site<'a> {
    /// Address with its path; a bare host gets the vendor's usual path.
    pub base_url: Option<&'a str>,
    /// AWS region, such as `eu-central-1`; requests are signed for it.
    pub region: Option<&'a str>,
    /// Google Cloud project, by its id.
    pub project: Option<&'a str>,
    /// Google Cloud location: `global`, `us`, `eu` or a region. Without it `global`.
    pub location: Option<&'a str>,
    /// Version of Azure's API: a date names the classic API of deployments, any other word the v1 API.
    pub api_version: Option<&'a str>,
}

/// A URL, and the path that it gets where it has none.
type Address<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The kinds whose address is made here.
pub(crate) const AZURE: &str = "azure";
pub(crate) const BEDROCK: &str = "bedrock";
pub(crate) const OLLAMA: &str = "ollama";
pub(crate) const VERTEX: &str = "vertex";

impl<'a> Site<'a> {
    /// A provider at an address alone.
    pub fn at(base_url: Option<&'a str>) -> Self {
        Self { base_url, ..Self::default() }
    }

    /// The address, where there is one.
    pub(crate) fn url<'b>(&self, row: &'b VendorRow) -> Result<Option<Address<'b>>, ProviderError>
    where
        'a: 'b,
    {
        self.check(row)?;
        let own = self.base_url.or(row.base_url.as_deref()).map(Cow::Borrowed);
        let prefix = Cow::Borrowed(row.default_prefix.as_str());
        let found = match row.kind.as_str() {
            BEDROCK => {
                let made = || self.region.map(bedrock).map(Cow::Owned);
                Some((own.or_else(made).ok_or_else(|| missing(row, "region"))?, prefix))
            }
            VERTEX => {
                let project = self.project.ok_or_else(|| missing(row, "project"))?;
                let location = self.location.unwrap_or(GLOBAL);
                let place = format!("/projects/{project}/locations/{location}");
                let url = match own {
                    // A version of the API: the project goes behind it.
                    Some(url) if has_path(&url) && !url.contains("/projects/") => {
                        Cow::Owned(format!("{}{place}", url.trim_end_matches('/')))
                    }
                    Some(url) => url,
                    None => Cow::Owned(vertex(location)),
                };
                Some((url, Cow::Owned(format!("/v1{place}"))))
            }
            // The address of its route in the form of Chat Completions, which was the only one used before.
            OLLAMA => own.map(|url| (without_v1(url), prefix)),
            AZURE if self.is_classic_azure() => own.map(|url| (url, Cow::Borrowed("/openai"))),
            _ => own.map(|url| (url, prefix)),
        };
        Ok(found)
    }

    /// Whether the classic API of Azure is meant, which has the deployment in its path.
    pub(crate) fn is_classic_azure(&self) -> bool {
        self.api_version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    }

    fn check(&self, row: &VendorRow) -> Result<(), ProviderError> {
        // Projects of a domain are written `example.com:name`.
        let settings = [
            (BEDROCK, "region", self.region, "-"),
            (VERTEX, "project", self.project, "-.:"),
            (VERTEX, "location", self.location, "-"),
            (AZURE, "api_version", self.api_version, "-"),
        ];
        for (kind, setting, value, also) in settings {
            let Some(value) = value else { continue };
            if row.kind != kind {
                let reason = "is no setting of this kind";
                return Err(ProviderError::SettingInvalid { setting, reason });
            }
            let fine = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
            if value.is_empty() || value.len() > SETTING_BYTES || !value.chars().all(fine) {
                let reason = "is not one that there can be";
                return Err(ProviderError::SettingInvalid { setting, reason });
            }
        }
        Ok(())
    }
}

fn without_v1(url: Cow<'_, str>) -> Cow<'_, str> {
    match url.trim_end_matches('/').strip_suffix("/v1") {
        Some(root) => Cow::Owned(root.to_owned()),
        None => url,
    }
}

fn has_path(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').is_some_and(|(_, path)| !path.trim_matches('/').is_empty())
}

/// The region in the name of one of AWS's own hosts: `bedrock-runtime.REGION.amazonaws.com`.
pub(crate) fn region_of(host: &str) -> Option<&str> {
    let (region, domain) = host.strip_prefix("bedrock-runtime")?.split_once('.')?.1.split_once('.')?;
    domain.starts_with("amazonaws.com").then_some(region)
}

const GLOBAL: &str = "global";
/// Longest region, project, location or version.
const SETTING_BYTES: usize = 100;

fn missing(row: &VendorRow, setting: &'static str) -> ProviderError {
    ProviderError::SettingMissing { kind: row.kind.clone(), setting }
}

fn bedrock(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{domain}")
}

fn vertex(location: &str) -> String {
    match location {
        GLOBAL => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        region => format!("https://{region}-aiplatform.googleapis.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Provider};

    fn check(kind: &str, site: Site<'_>, expect: Result<&str, &str>) {
        let made = Provider::at("p", kind, &site, Credential::none());
        let made = made.map(|provider| {
            let endpoint = provider.endpoint();
            format!("{} {}", endpoint.authority, provider.path_for("/chat/completions", "my model"))
        });
        assert_eq!(made.as_deref().map_err(ToString::to_string), expect.map_err(str::to_owned), "{site:?}");
    }

    #[test]
    fn azure_has_two_apis() {
        let at = |base_url, api_version| Site { base_url, api_version, ..Site::default() };
        let resource = Some("https://r.openai.azure.com");
        let v1 = Some("https://r.openai.azure.com/openai/v1");
        check("azure", at(resource, None), Ok("r.openai.azure.com /openai/v1/chat/completions"));
        check(
            "azure",
            at(resource, Some("preview")),
            Ok("r.openai.azure.com /openai/v1/chat/completions?api-version=preview"),
        );
        check(
            "azure",
            at(resource, Some("2024-10-21")),
            Ok("r.openai.azure.com /openai/deployments/my%20model/chat/completions?api-version=2024-10-21"),
        );
        check(
            "azure",
            at(v1, Some("2024-10-21")),
            Ok("r.openai.azure.com /openai/v1/chat/completions?api-version=2024-10-21"),
        );
        check("azure", at(resource, Some("a&b")), Err("`api_version` is not one that there can be"));
        check("openai", at(None, Some("preview")), Err("`api_version` is no setting of this kind"));
        check("azure", at(None, Some("preview")), Err("kind \"azure\" needs a base_url"));
    }

    #[test]
    fn places_have_hosts_of_their_own() {
        let check = |location: &str, expect: &str| assert_eq!(vertex(location), expect);
        check("global", "https://aiplatform.googleapis.com");
        check("eu", "https://aiplatform.eu.rep.googleapis.com");
        check("europe-west4", "https://europe-west4-aiplatform.googleapis.com");
        assert_eq!(bedrock("eu-central-1"), "https://bedrock-runtime.eu-central-1.amazonaws.com");
        assert_eq!(bedrock("cn-north-1"), "https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
        let check = |host: &str, expect: Option<&str>| assert_eq!(region_of(host), expect, "{host}");
        check("bedrock-runtime.us-east-1.amazonaws.com", Some("us-east-1"));
        check("bedrock-runtime-fips.us-east-1.amazonaws.com", Some("us-east-1"));
        check("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some("cn-north-1"));
        check("bedrock-runtime.example.com", None);
        check("127.0.0.1", None);
    }
}
