//! The usual places of credentials, where the configuration names none: what AWS's and Google's own tools look at, in
//! their order. Files and the environment are arguments.

use std::path::{Path, PathBuf};

use sluice_providers::{
    Credential, Provider, ProviderError, Source,
    credential::{AwsSource, GoogleFile, GoogleSource},
    sigv4::AwsCredentials,
};

use sluice_store::ProviderRecord;

use super::{Settings, credentials::Wanted};

/// Where to look.
pub(crate) struct Surroundings<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file; `None`: there is none.
    pub(crate) file: &'a dyn Fn(&Path) -> Result<Option<String>, String>,
}

/// Completes the providers whose credentials or places are not all in the configuration file.
///
/// # Errors
/// What cannot be found or used, for each provider a line; nothing secret.
pub(crate) fn complete(settings: &mut Settings, around: &Surroundings<'_>) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    let Settings { catalog, wanted, credentials, .. } = settings;
    for record in &mut catalog.providers {
        let Some(wanted) = wanted.get(&record.name) else { continue };
        match completed(record, wanted, around) {
            Ok(found) => drop(credentials.insert(record.name.clone(), found)),
            Err(text) => problems.push(format!("provider `{}`: {text}", record.name)),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Finds the credentials of one provider, and its region or project.
fn completed(
    record: &mut ProviderRecord,
    wanted: &Wanted,
    around: &Surroundings<'_>,
) -> Result<Vec<Credential>, String> {
    let Found { credentials, place } = match wanted {
        Wanted::Ready(ready) => Found { credentials: ready.clone(), place: None },
        Wanted::GoogleFile(path) => around.google_file(path)?,
        Wanted::Google => around.google()?,
        Wanted::Aws => around.aws(record.options.region.as_deref())?,
    };
    let options = &mut record.options;
    match record.kind.as_str() {
        "bedrock" => options.region = options.region.take().or_else(|| around.region()).or(place),
        "vertex" => {
            let named = || around.set("GOOGLE_CLOUD_PROJECT").or(place);
            options.project = options.project.take().or_else(named);
        }
        _ => {}
    }
    credentials.iter().try_for_each(sluice_gateway::tokens::check)?;
    placed(record, credentials.first())?;
    Ok(credentials)
}

/// Whether the provider can be made now.
fn placed(record: &ProviderRecord, credential: Option<&Credential>) -> Result<(), String> {
    let credential = credential.cloned().unwrap_or_else(Credential::none);
    match Provider::at(&record.name, &record.kind, &sluice_gateway::places::site(record), credential) {
        Ok(_) => Ok(()),
        Err(ProviderError::SettingMissing { setting: "region", .. }) => {
            Err("name its `region`, there or in AWS_REGION".to_owned())
        }
        Err(ProviderError::SettingMissing { setting: "project", .. }) => {
            Err("name its `project`, there or in GOOGLE_CLOUD_PROJECT".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Credentials, and the region or project that was found with them.
struct Found {
    credentials: Vec<Credential>,
    place: Option<String>,
}

impl Found {
    fn source(source: Source, place: Option<String>) -> Self {
        Self { credentials: vec![Credential::source(source)], place }
    }
}

impl Surroundings<'_> {
    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn home(&self, path: &str) -> Option<PathBuf> {
        Some(Path::new(&self.set("HOME")?).join(path))
    }

    fn google_file(&self, path: &Path) -> Result<Found, String> {
        let name = path.display();
        let text = (self.file)(path)?.ok_or_else(|| format!("there is no file {name}"))?;
        let file = GoogleFile::parse(&text).map_err(|text| format!("the file {name} {text}"))?;
        Ok(Found::source(Source::Google(file.source), file.project))
    }

    fn google(&self) -> Result<Found, String> {
        if let Some(path) = self.set("GOOGLE_APPLICATION_CREDENTIALS") {
            return self.google_file(Path::new(&path));
        }
        let own = self.set("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(|| self.home(".config/gcloud"));
        if let Some(path) = own.map(|dir| dir.join("application_default_credentials.json"))
            && (self.file)(&path)?.is_some()
        {
            return self.google_file(&path);
        }
        let host = self.set("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
        Ok(Found::source(Source::Google(GoogleSource::Metadata { host }), None))
    }

    fn region(&self) -> Option<String> {
        self.set("AWS_REGION").or_else(|| self.set("AWS_DEFAULT_REGION"))
    }

    fn aws(&self, region: Option<&str>) -> Result<Found, String> {
        let profile = self.profile()?;
        let region = region.map(str::to_owned).or_else(|| self.region()).or_else(|| profile.get("region"));
        if let Some(token) = self.set("AWS_BEARER_TOKEN_BEDROCK") {
            return Ok(Found { credentials: vec![Credential::api_key(token)], place: region });
        }
        let (id, secret) = (self.set("AWS_ACCESS_KEY_ID"), self.set("AWS_SECRET_ACCESS_KEY"));
        let source = if let (Some(access_key_id), Some(secret_access_key)) = (id, secret) {
            let session_token = self.set("AWS_SESSION_TOKEN");
            AwsSource::Keys(AwsCredentials { access_key_id, secret_access_key, session_token })
        } else if let (Some(role), Some(file)) =
            (self.set("AWS_ROLE_ARN"), self.set("AWS_WEB_IDENTITY_TOKEN_FILE"))
        {
            self.web_identity(role, file, region.as_deref())?
        } else if let Some(source) = self.of_profile(&profile, region.as_deref())? {
            source
        } else if let Some(source) = self.container()? {
            source
        } else if self.set("AWS_EC2_METADATA_DISABLED").is_some_and(|set| set.eq_ignore_ascii_case("true")) {
            return Err(
                "there are no AWS credentials: neither in the file, nor in any of the usual places".into()
            );
        } else {
            let url = self.set("AWS_EC2_METADATA_SERVICE_ENDPOINT");
            AwsSource::Instance { url: url.unwrap_or_else(|| "http://169.254.169.254".to_owned()) }
        };
        Ok(Found::source(Source::Aws(source), region))
    }

    fn web_identity(
        &self,
        role_arn: String,
        file: String,
        region: Option<&str>,
    ) -> Result<AwsSource, String> {
        let made = || {
            let region = region?;
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            Some(format!("https://sts.{region}.{domain}"))
        };
        let sts_url = self.set("AWS_ENDPOINT_URL_STS").or_else(made);
        Ok(AwsSource::WebIdentity {
            role_arn,
            token_file: file.into(),
            session_name: self.set("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "sluicegate".to_owned()),
            sts_url: sts_url.ok_or("name its `region`, there or in AWS_REGION")?,
        })
    }

    fn container(&self) -> Result<Option<AwsSource>, String> {
        let relative = self.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match relative.map(|path| format!("http://169.254.170.2{path}")) {
            Some(url) => url,
            None => match self.set("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
                Some(url) => url,
                None => return Ok(None),
            },
        };
        Ok(Some(AwsSource::Container {
            url,
            token: self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            token_file: self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        }))
    }

    /// The profile of AWS's own files that is chosen.
    fn profile(&self) -> Result<Profile, String> {
        let name = self.set("AWS_PROFILE").or_else(|| self.set("AWS_DEFAULT_PROFILE"));
        let wanted = name.as_deref().unwrap_or("default");
        let path =
            |variable: &str, usual: &str| self.set(variable).map(PathBuf::from).or_else(|| self.home(usual));
        let mut pairs = Vec::new();
        let mut there = false;
        for (path, prefix) in [
            (path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ""),
            (path("AWS_CONFIG_FILE", ".aws/config"), "profile "),
        ] {
            let text = path.map(|path| (self.file)(&path)).transpose()?.flatten().unwrap_or_default();
            let title = if wanted == "default" { wanted.to_owned() } else { format!("{prefix}{wanted}") };
            let found = section(&text, &title);
            there |= found.is_some();
            pairs.extend(found.unwrap_or_default());
        }
        match name {
            Some(name) if !there => {
                Err(format!("AWS_PROFILE names the profile `{name}`, which does not exist"))
            }
            _ => Ok(Profile(pairs)),
        }
    }

    fn of_profile(&self, profile: &Profile, region: Option<&str>) -> Result<Option<AwsSource>, String> {
        let (id, secret) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"));
        if let (Some(role), Some(file)) = (profile.get("role_arn"), profile.get("web_identity_token_file")) {
            return self.web_identity(role, file, region).map(Some);
        }
        for other in ["role_arn", "credential_process", "sso_session", "sso_account_id"] {
            if profile.get(other).is_some() {
                return Err(format!(
                    "the profile of AWS has `{other}`, which is not supported: give keys, a web identity, or let \
                     the machine have a role"
                ));
            }
        }
        let (Some(access_key_id), Some(secret_access_key)) = (id, secret) else { return Ok(None) };
        let session_token = profile.get("aws_session_token");
        Ok(Some(AwsSource::Keys(AwsCredentials { access_key_id, secret_access_key, session_token })))
    }
}

/// Settings of one profile; the first of a name counts.
struct Profile(Vec<(String, String)>);

impl Profile {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

/// The settings below `[title]` of an AWS file. Nested settings, which are indented, are left out.
fn section(text: &str, title: &str) -> Option<Vec<(String, String)>> {
    let mut found: Option<Vec<(String, String)>> = None;
    let mut inside = false;
    for line in text.lines() {
        let bare = line.trim();
        if let Some(header) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            inside = header.0.split_whitespace().collect::<Vec<_>>().join(" ") == title;
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value))) = (inside, bare.split_once('='))
            && !line.starts_with([' ', '\t', '#', ';'])
        {
            let value = value.split(" #").next().unwrap_or_default().trim();
            if !value.is_empty() {
                found.get_or_insert_default().push((key.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"type":"authorized_user","client_id":"i","client_secret":"canary","refresh_token":"r","quota_project_id":"of-file"}"#;
    const CREDENTIALS: &str = "[default]\naws_access_key_id = D # mine\naws_secret_access_key=canary\n\n[other]\n\
                               aws_access_key_id = O\naws_secret_access_key = canary\naws_session_token = t\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  region = nested\n[profile  other]\nregion = us-east-2\n\
                          [profile sso]\nsso_session = s\n[profile web]\nrole_arn = r\nweb_identity_token_file = /token\n";

    /// What is found with these variables; every file is there.
    fn around<T>(set: &[(&str, &str)], look: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).to_owned());
        let file = |path: &Path| {
            let text = match path.to_str().unwrap() {
                "/home/.aws/credentials" => CREDENTIALS,
                "/home/.aws/config" => CONFIG,
                "/home/.config/gcloud/application_default_credentials.json" | "/google.json" => FILE,
                "/locked" => return Err("cannot read the file /locked".to_owned()),
                _ => return Ok(None),
            };
            Ok(Some(text.to_owned()))
        };
        look(&Surroundings { variable: &variable, file: &file })
    }

    fn shown(found: Result<Found, String>) -> String {
        let found = match found {
            Err(text) => return text,
            Ok(found) => found,
        };
        let [credential] = &found.credentials[..] else { panic!("{} credentials", found.credentials.len()) };
        let what = match credential.token_source().map(|source| &**source) {
            None => "a key".to_owned(),
            Some(Source::Google(GoogleSource::AuthorizedUser { client_id, .. })) => {
                format!("user {client_id}")
            }
            Some(Source::Google(GoogleSource::Metadata { host })) => format!("metadata {host}"),
            Some(Source::Google(GoogleSource::ServiceAccount { .. })) => "account".to_owned(),
            Some(Source::Aws(AwsSource::Keys(keys))) => {
                format!("keys {} {:?}", keys.access_key_id, keys.session_token)
            }
            Some(Source::Aws(AwsSource::WebIdentity { role_arn, token_file, sts_url, session_name })) => {
                format!("{role_arn} {} {sts_url} {session_name}", token_file.display())
            }
            Some(Source::Aws(AwsSource::Container { url, token, token_file })) => {
                format!("{url} {token:?} {token_file:?}")
            }
            Some(Source::Aws(AwsSource::Instance { url })) => url.clone(),
            Some(Source::Entra(_)) => "entra".to_owned(),
        };
        format!("{what} in {}", found.place.as_deref().unwrap_or("-"))
    }

    #[test]
    fn places_of_aws() {
        let check = |set: &[(&str, &str)], expect: &str| {
            let found = around(set, |around| shown(around.aws(None)));
            assert_eq!(found, expect, "{set:?}");
        };
        let home = ("HOME", "/home");
        check(&[], "http://169.254.169.254 in -");
        check(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h"), ("AWS_REGION", "r")], "http://h in r");
        check(
            &[("AWS_EC2_METADATA_DISABLED", "true")],
            "there are no AWS credentials: neither in the file, nor in any of the usual places",
        );
        check(&[home], "keys D None in eu-west-1");
        check(&[home, ("AWS_DEFAULT_REGION", "r")], "keys D None in r");
        check(&[home, ("AWS_PROFILE", "other")], "keys O Some(\"t\") in us-east-2");
        check(&[home, ("AWS_PROFILE", "none")], "AWS_PROFILE names the profile `none`, which does not exist");
        let sso = "the profile of AWS has `sso_session`, which is not supported: give keys, a web identity, or let the machine have a role";
        check(&[home, ("AWS_PROFILE", "sso")], sso);
        check(
            &[home, ("AWS_PROFILE", "web"), ("AWS_REGION", "cn-north-1")],
            "r /token https://sts.cn-north-1.amazonaws.com.cn sluicegate in cn-north-1",
        );
        check(&[("AWS_SHARED_CREDENTIALS_FILE", "/locked")], "cannot read the file /locked");
        let keys = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "canary")];
        let web = [("AWS_ROLE_ARN", "r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
        check(&[home, keys[0], keys[1], web[0], web[1]], "keys E None in eu-west-1");
        check(&[keys[0], keys[1], ("AWS_SESSION_TOKEN", "t")], "keys E Some(\"t\") in -");
        check(&[home, web[0], web[1]], "r /t https://sts.eu-west-1.amazonaws.com sluicegate in eu-west-1");
        check(&[web[0], web[1]], "name its `region`, there or in AWS_REGION");
        check(
            &[web[0], web[1], ("AWS_ENDPOINT_URL_STS", "http://h"), ("AWS_ROLE_SESSION_NAME", "n")],
            "r /t http://h n in -",
        );
        check(
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")],
            "http://169.254.170.2/v2/x None None in -",
        );
        check(
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"),
            ],
            "http://h/ Some(\"t\") None in -",
        );
        check(&[home, keys[0], keys[1], ("AWS_BEARER_TOKEN_BEDROCK", "b")], "a key in eu-west-1");
    }

    #[test]
    fn places_of_google() {
        let check = |set: &[(&str, &str)], expect: &str| {
            assert_eq!(around(set, |around| shown(around.google())), expect, "{set:?}");
        };
        check(&[], "metadata metadata.google.internal in -");
        check(&[("GCE_METADATA_HOST", "127.0.0.1:1"), ("HOME", "/nobody")], "metadata 127.0.0.1:1 in -");
        check(&[("HOME", "/home")], "user i in of-file");
        check(&[("CLOUDSDK_CONFIG", "/home/.config/gcloud")], "user i in of-file");
        check(&[("GOOGLE_APPLICATION_CREDENTIALS", "/google.json")], "user i in of-file");
        check(&[("GOOGLE_APPLICATION_CREDENTIALS", "/none")], "there is no file /none");
        check(&[("GOOGLE_APPLICATION_CREDENTIALS", "/locked")], "cannot read the file /locked");
        check(
            &[("HOME", "/home"), ("GOOGLE_APPLICATION_CREDENTIALS", "/home/.aws/config")],
            "the file /home/.aws/config is not the JSON of a Google credentials file",
        );
    }
}
