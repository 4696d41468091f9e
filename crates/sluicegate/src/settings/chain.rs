//! The usual places of credentials, where the configuration names none: what AWS's and Google's own tools look at, in
//! their order. Files and the environment are arguments.

use std::path::{Path, PathBuf};

use sluice_providers::{
    Credential, Provider, ProviderError, Source,
    credential::{AwsRole, AwsSource, GoogleFile, GoogleSource},
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
        let profile = self.chosen_profile()?;
        let region = region.map(str::to_owned).or_else(|| self.region()).or_else(|| profile.get("region"));
        if let Some(token) = self.set("AWS_BEARER_TOKEN_BEDROCK") {
            return Ok(Found { credentials: vec![Credential::api_key(token)], place: region });
        }
        let source = if let Some(keys) = self.keys() {
            keys
        } else if let (Some(arn), Some(file)) =
            (self.set("AWS_ROLE_ARN"), self.set("AWS_WEB_IDENTITY_TOKEN_FILE"))
        {
            self.web_identity(arn, file, region.as_deref())?
        } else if let Some(source) = self.of_profile(&profile, region.as_deref(), 0)? {
            source
        } else if let Some(source) = self.container() {
            source
        } else if self.set("AWS_EC2_METADATA_DISABLED").is_some_and(|set| set.eq_ignore_ascii_case("true")) {
            return Err(
                "there are no AWS credentials: neither in the file, nor in any of the usual places".into()
            );
        } else {
            self.instance()
        };
        Ok(Found::source(Source::Aws(source), region))
    }

    /// The keys of the environment.
    fn keys(&self) -> Option<AwsSource> {
        Some(AwsSource::Keys(AwsCredentials {
            access_key_id: self.set("AWS_ACCESS_KEY_ID")?,
            secret_access_key: self.set("AWS_SECRET_ACCESS_KEY")?,
            session_token: self.set("AWS_SESSION_TOKEN"),
        }))
    }

    fn web_identity(&self, arn: String, file: String, region: Option<&str>) -> Result<AwsSource, String> {
        Ok(AwsSource::WebIdentity { role: self.role(arn, None, region)?, token_file: file.into() })
    }

    fn role(&self, arn: String, session: Option<String>, region: Option<&str>) -> Result<AwsRole, String> {
        let region = region.ok_or("name its `region`, there or in AWS_REGION")?;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let sts_url = self.set("AWS_ENDPOINT_URL_STS");
        let session_name = session.or_else(|| self.set("AWS_ROLE_SESSION_NAME"));
        Ok(AwsRole {
            arn,
            session_name: session_name.unwrap_or_else(|| "sluicegate".to_owned()),
            sts_url: sts_url.unwrap_or_else(|| format!("https://sts.{region}.{domain}")),
            region: region.to_owned(),
        })
    }

    fn instance(&self) -> AwsSource {
        let url = self.set("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        AwsSource::Instance { url: url.unwrap_or_else(|| "http://169.254.169.254".to_owned()) }
    }

    fn container(&self) -> Option<AwsSource> {
        let relative = self.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match relative.map(|path| format!("http://169.254.170.2{path}")) {
            Some(url) => url,
            None => self.set("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
        };
        Some(AwsSource::Container {
            url,
            token: self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            token_file: self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        })
    }

    /// The profile of AWS's own files that is chosen.
    fn chosen_profile(&self) -> Result<Profile, String> {
        let name = self.set("AWS_PROFILE").or_else(|| self.set("AWS_DEFAULT_PROFILE"));
        match (self.profile(name.as_deref().unwrap_or("default"))?, name) {
            (None, Some(name)) => {
                Err(format!("AWS_PROFILE names the profile `{name}`, which does not exist"))
            }
            (profile, _) => Ok(profile.unwrap_or_default()),
        }
    }

    /// A profile of AWS's own files, if there is one of this name.
    fn profile(&self, name: &str) -> Result<Option<Profile>, String> {
        let path =
            |variable: &str, usual: &str| self.set(variable).map(PathBuf::from).or_else(|| self.home(usual));
        let mut settings = None;
        for (path, prefix) in [
            (path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ""),
            (path("AWS_CONFIG_FILE", ".aws/config"), "profile "),
        ] {
            let text = path.map(|path| (self.file)(&path)).transpose()?.flatten().unwrap_or_default();
            let title = if name == "default" { name.to_owned() } else { format!("{prefix}{name}") };
            if let Some(found) = section(&text, &title) {
                settings.get_or_insert_with(Vec::new).extend(found);
            }
        }
        Ok(settings.map(|settings| Profile { name: name.to_owned(), settings }))
    }

    /// What a profile gives. It is the `depth`th that was come to by way of another's `source_profile`.
    fn of_profile(
        &self,
        profile: &Profile,
        region: Option<&str>,
        depth: usize,
    ) -> Result<Option<AwsSource>, String> {
        let web_identity = profile.get("web_identity_token_file");
        match (profile.get("role_arn"), web_identity) {
            (Some(arn), Some(file)) => return self.web_identity(arn, file, region).map(Some),
            (Some(arn), None) => return self.role_of_profile(profile, arn, region, depth).map(Some),
            (None, _) => {}
        }
        profile.refuse(&["credential_process", "sso_session", "sso_account_id"])?;
        Ok(profile.keys())
    }

    /// The role of a profile, taken with the keys of another profile, of itself or of the machine.
    fn role_of_profile(
        &self,
        profile: &Profile,
        arn: String,
        region: Option<&str>,
        depth: usize,
    ) -> Result<AwsSource, String> {
        profile.refuse(&["mfa_serial"])?;
        let from = match (profile.get("source_profile"), profile.get("credential_source").as_deref()) {
            (Some(name), _) if name == profile.name => profile.keys(),
            (Some(name), _) if depth == PROFILES_MAX => {
                return Err(format!(
                    "the profiles of AWS come by `source_profile` to `{name}` and to no end"
                ));
            }
            (Some(name), _) => {
                let source = self.profile(&name)?.ok_or_else(|| {
                    format!("`source_profile` names the profile `{name}`, which does not exist")
                })?;
                self.of_profile(&source, region, depth + 1)?
            }
            // Keys of the environment would have been taken before any profile.
            (None, Some("EcsContainer")) => self.container(),
            (None, Some("Ec2InstanceMetadata")) => Some(self.instance()),
            (None, _) => None,
        };
        let from = from.ok_or_else(|| {
            let name = &profile.name;
            format!("the profile `{name}` of AWS has a `role_arn`, and no keys to take the role with")
        })?;
        let role = self.role(arn, profile.get("role_session_name"), region)?;
        Ok(AwsSource::Role { role, from: Box::new(from), external_id: profile.get("external_id") })
    }
}

/// Profiles that lead to one another's keys.
const PROFILES_MAX: usize = 8;

/// A profile of AWS's own files.
#[derive(Default)]
struct Profile {
    name: String,
    /// The first of a name counts.
    settings: Vec<(String, String)>,
}

impl Profile {
    fn get(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    fn keys(&self) -> Option<AwsSource> {
        Some(AwsSource::Keys(AwsCredentials {
            access_key_id: self.get("aws_access_key_id")?,
            secret_access_key: self.get("aws_secret_access_key")?,
            session_token: self.get("aws_session_token"),
        }))
    }

    fn refuse(&self, settings: &[&str]) -> Result<(), String> {
        match settings.iter().find(|setting| self.get(setting).is_some()) {
            None => Ok(()),
            Some(setting) => Err(format!(
                "the profile of AWS has `{setting}`, which is not supported: give keys, a role that keys may take, a \
                 web identity, or let the machine have a role"
            )),
        }
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
                          [profile sso]\nsso_session = s\n[profile web]\nrole_arn = r\nweb_identity_token_file = /token\n\
                          [profile role]\nrole_arn = r1\nsource_profile = other\nexternal_id = x\n\
                          [profile far]\nrole_arn = r2\nsource_profile = role\nrole_session_name = me\n\
                          [profile self]\nrole_arn = r\nsource_profile = self\naws_access_key_id = S\n\
                          aws_secret_access_key = canary\n[profile ring]\nrole_arn = r\nsource_profile = rong\n\
                          [profile rong]\nrole_arn = r\nsource_profile = ring\n\
                          [profile bare]\nrole_arn = r\n[profile lost]\nrole_arn = r\nsource_profile = none\n\
                          [profile ec2]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n\
                          [profile ecs]\nrole_arn = r\ncredential_source = EcsContainer\n\
                          [profile env]\nrole_arn = r\ncredential_source = Environment\n\
                          [profile of-sso]\nrole_arn = r\nsource_profile = sso\n\
                          [profile mfa]\nrole_arn = r\nsource_profile = other\nmfa_serial = m\n\
                          [profile process]\ncredential_process = run me\n";

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
            Some(Source::Aws(source)) => of_aws(source),
            Some(Source::Entra(_)) => "entra".to_owned(),
        };
        format!("{what} in {}", found.place.as_deref().unwrap_or("-"))
    }

    fn of_aws(source: &AwsSource) -> String {
        let role = |role: &AwsRole| {
            let AwsRole { arn, session_name, sts_url, region } = role;
            format!("{arn} {sts_url} {session_name} {region}")
        };
        match source {
            AwsSource::Keys(keys) => format!("keys {} {:?}", keys.access_key_id, keys.session_token),
            AwsSource::WebIdentity { role: of, token_file } => {
                format!("{} {}", role(of), token_file.display())
            }
            AwsSource::Role { role: of, from, external_id } => {
                format!("{} {external_id:?} from {}", role(of), of_aws(from))
            }
            AwsSource::Container { url, token, token_file } => format!("{url} {token:?} {token_file:?}"),
            AwsSource::Instance { url } => url.clone(),
        }
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
        let sso = "the profile of AWS has `sso_session`, which is not supported: give keys, a role that keys may take, a web identity, or let the machine have a role";
        check(&[home, ("AWS_PROFILE", "sso")], sso);
        check(
            &[home, ("AWS_PROFILE", "web"), ("AWS_REGION", "cn-north-1")],
            "r https://sts.cn-north-1.amazonaws.com.cn sluicegate cn-north-1 /token in cn-north-1",
        );
        check(&[("AWS_SHARED_CREDENTIALS_FILE", "/locked")], "cannot read the file /locked");
        let keys = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "canary")];
        let web = [("AWS_ROLE_ARN", "r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
        check(&[home, keys[0], keys[1], web[0], web[1]], "keys E None in eu-west-1");
        check(&[keys[0], keys[1], ("AWS_SESSION_TOKEN", "t")], "keys E Some(\"t\") in -");
        check(
            &[home, web[0], web[1]],
            "r https://sts.eu-west-1.amazonaws.com sluicegate eu-west-1 /t in eu-west-1",
        );
        check(&[web[0], web[1]], "name its `region`, there or in AWS_REGION");
        check(
            &[
                web[0],
                web[1],
                ("AWS_REGION", "eu"),
                ("AWS_ENDPOINT_URL_STS", "http://h"),
                ("AWS_ROLE_SESSION_NAME", "n"),
            ],
            "r http://h n eu /t in eu",
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
    fn roles_of_profiles() {
        let check = |profile: &str, more: &[(&str, &str)], expect: &str| {
            let set =
                [&[("HOME", "/home"), ("AWS_PROFILE", profile), ("AWS_DEFAULT_REGION", "eu")], more].concat();
            assert_eq!(around(&set, |around| shown(around.aws(None))), expect, "{profile}");
        };
        let sts = "https://sts.eu.amazonaws.com";
        let other = "keys O Some(\"t\")";
        let role = format!("r1 {sts} sluicegate eu Some(\"x\") from {other}");
        check("role", &[], &format!("{role} in eu"));
        check("far", &[], &format!("r2 {sts} me eu None from {role} in eu"));
        let mine = format!("r {sts} sluicegate eu None from");
        check("self", &[], &format!("{mine} keys S None in eu"));
        check("ec2", &[], &format!("{mine} http://169.254.169.254 in eu"));
        let url = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");
        check("ecs", &[url], &format!("{mine} http://169.254.170.2/x None None in eu"));
        let lacking = |profile: &str| {
            format!("the profile `{profile}` of AWS has a `role_arn`, and no keys to take the role with")
        };
        for profile in ["bare", "ecs", "env"] {
            check(profile, &[], &lacking(profile));
        }
        check("ring", &[], "the profiles of AWS come by `source_profile` to `rong` and to no end");
        check("lost", &[], "`source_profile` names the profile `none`, which does not exist");
        for (profile, setting) in
            [("of-sso", "sso_session"), ("mfa", "mfa_serial"), ("process", "credential_process")]
        {
            let text = format!(
                "the profile of AWS has `{setting}`, which is not supported: give keys, a role that keys may take, a \
                 web identity, or let the machine have a role"
            );
            check(profile, &[], &text);
        }
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
