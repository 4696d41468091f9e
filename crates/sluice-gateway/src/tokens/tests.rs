//! Sources of tokens against endpoints of their own.

use std::path::PathBuf;

use sluice_providers::{
    credential::{AwsRole, EntraApp, GoogleFile},
    sigv4::{self, Scope, Unsigned},
};
use sluice_testkit::{
    answers, service_account,
    upstream::{Refusing, Request, Script, Upstream},
};
use time::{PrimitiveDateTime, macros::format_description};
use tokio::task::LocalSet;

use super::*;

fn tls() -> Tls {
    Tls::new(false).unwrap()
}

fn cell(source: Source) -> Arc<TokenCell> {
    Tokens::default().cell(&Arc::new(source)).unwrap()
}

fn place(upstream: &Upstream) -> String {
    format!("http://{}", upstream.addr())
}

fn account(upstream: &Upstream) -> Source {
    let file = GoogleFile::parse(&service_account::file(&format!("{}/token", place(upstream)))).unwrap();
    Source::Google(file.source)
}

fn token(text: &str, expires_in: u64) -> Script {
    let body = format!(r#"{{"access_token":"{text}","expires_in":{expires_in},"token_type":"Bearer"}}"#);
    Script::new().write(answers::json_answer(200, &body))
}

fn shown(grant: &Grant) -> String {
    match grant {
        Grant::Token(token) => token.0.clone(),
        Grant::Aws(keys) => {
            let token = keys.session_token.as_deref().unwrap_or("none");
            format!("{} {} {token}", keys.access_key_id, keys.secret_access_key)
        }
    }
}

fn field(request: &Request, name: &str) -> Option<String> {
    let fields = url::form_urlencoded::parse(&request.body).collect::<HashMap<_, _>>();
    fields.get(name).map(|value| value.clone().into_owned())
}

#[tokio::test]
async fn a_service_account_is_asked_once_for_everybody() {
    let upstream = Upstream::start().await;
    upstream.respond(|request| token(&format!("t{}", request.number), 3_600));
    let cell = cell(account(&upstream));
    let tls = tls();
    let many = [(); 10].map(|()| cell.grant(&tls));
    for grant in futures(many).await {
        assert_eq!(shown(&grant.unwrap()), "t0");
    }
    assert_eq!(upstream.requests_so_far(), 1);
    let request = upstream.next_request().await;
    assert_eq!(request.request_line(), "POST /token HTTP/1.1");
    assert_eq!(field(&request, "grant_type").as_deref(), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    let claims = service_account::claims(&field(&request, "assertion").unwrap());
    assert_eq!(claims["iss"], service_account::EMAIL);
    assert_eq!(claims["aud"], format!("{}/token", place(&upstream)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
}

/// Polls them all at the same time.
async fn futures<F: Future>(all: [F; 10]) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in all.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(ready) = future.as_mut().poll(cx) {
                *output = Some(ready);
            }
        }
        match all.iter().all(|(_, output)| output.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn a_token_is_got_anew_while_the_old_one_holds() {
    let upstream = Upstream::start().await;
    upstream.respond(|request| token(&format!("t{}", request.number), 3_600));
    let cell = cell(account(&upstream));
    let tls = tls();
    let old = Held::new(Grant::Token(Token("old".into())), 3_600_000, clock::unix_ms());
    cell.held.store(Some(Arc::new(Held { refresh_ms: 0, ..old })));
    let ahead = async {
        assert_eq!(shown(&cell.grant(&tls).await.unwrap()), "old", "nobody waits");
        upstream.next_request().await;
        drop(cell.asking.lock().await);
        assert_eq!(shown(&cell.grant(&tls).await.unwrap()), "t0");
    };
    LocalSet::new().run_until(ahead).await;
    assert_eq!(upstream.requests_so_far(), 1);
}

#[tokio::test]
async fn a_source_that_fails_is_not_asked_by_everybody() {
    let upstream = Upstream::start().await;
    let tls = tls();
    let check = async |script: Script, kind: FailureKind| {
        upstream.script(script);
        let before = upstream.requests_so_far();
        let cell = cell(account(&upstream));
        let many = [(); 10].map(|()| cell.grant(&tls));
        for grant in futures(many).await {
            let failure = grant.unwrap_err();
            assert_eq!(failure.kind, kind, "{failure:?}");
            assert!(!failure.error.message.contains("canary"), "{failure:?}");
        }
        assert_eq!(upstream.requests_so_far(), before + 1);
    };
    let said = |status: u16, body: &str| Script::new().write(answers::json_answer(status, body));
    check(said(400, r#"{"error":"invalid_grant","error_description":"canary"}"#), FailureKind::AuthRefused)
        .await;
    check(said(401, r#"{"error":"canary text"}"#), FailureKind::AuthRefused).await;
    check(said(200, r#"{"access_token":"a\r\nb: c"}"#), FailureKind::AuthRefused).await;
    check(said(200, "canary"), FailureKind::AuthRefused).await;
    check(token("t", 0), FailureKind::AuthRefused).await;
    check(said(500, "canary"), FailureKind::Unreachable).await;
    check(said(429, "canary"), FailureKind::Unreachable).await;
    check(Script::new().write("HTTP/1.1 canary\r\n\r\n").fin(), FailureKind::Unreachable).await;
    check(said(200, &"x".repeat(bounds::TOKEN_BYTES + 1)), FailureKind::Unreachable).await;
    check(Script::new().reset(), FailureKind::Unreachable).await;
    let location = "location: http://127.0.0.1/\r\n";
    check(Script::new().write(answers::answer(302, location, b"")), FailureKind::AuthRefused).await;
}

#[tokio::test]
async fn nobody_there() {
    let nobody = Refusing::new();
    let app = EntraApp {
        tenant_id: "t".into(),
        client_id: "c".into(),
        client_secret: "s".into(),
        authority: nobody.base_url(),
    };
    let failure = cell(Source::Entra(app)).grant(&tls()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn a_refused_token_is_got_anew_unless_it_is_fresh() {
    let upstream = Upstream::start().await;
    upstream.respond(|request| token(&format!("t{}", request.number), 3_600));
    let cell = cell(account(&upstream));
    let first = cell.grant(&tls()).await.unwrap();
    cell.refused(&first);
    assert_eq!(shown(&cell.grant(&tls()).await.unwrap()), "t0", "it is fresh");
    let held = Held { got_ms: 0, ..(**cell.held.load().as_ref().unwrap()).clone() };
    cell.held.store(Some(Arc::new(held)));
    cell.refused(&Arc::new(Grant::Token(Token("another".into()))));
    assert_eq!(shown(&cell.grant(&tls()).await.unwrap()), "t0", "it was another");
    cell.refused(&first);
    assert_eq!(shown(&cell.grant(&tls()).await.unwrap()), "t1");
}

#[tokio::test]
async fn every_source_says_what_its_endpoint_wants() {
    let upstream = Upstream::start().await;
    upstream.respond(|_| token("t", 3_600));
    let tls = tls();
    let place = place(&upstream);
    let metadata = GoogleSource::Metadata { host: upstream.addr().to_string() };
    assert_eq!(shown(&cell(Source::Google(metadata)).grant(&tls).await.unwrap()), "t");
    let request = upstream.next_request().await;
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(request.request_line(), format!("GET {path} HTTP/1.1"));
    assert_eq!(request.header("metadata-flavor").as_deref(), Some("Google"));

    let person = GoogleSource::AuthorizedUser {
        client_id: "i".into(),
        client_secret: "s".into(),
        refresh_token: "r/".into(),
        token_uri: format!("{place}/user"),
    };
    assert_eq!(shown(&cell(Source::Google(person)).grant(&tls).await.unwrap()), "t");
    let request = upstream.next_request().await;
    assert_eq!(&request.body[..], b"grant_type=refresh_token&client_id=i&client_secret=s&refresh_token=r%2F");

    let app = EntraApp {
        tenant_id: "tenant".into(),
        client_id: "i".into(),
        client_secret: "s&".into(),
        authority: place,
    };
    assert_eq!(shown(&cell(Source::Entra(app)).grant(&tls).await.unwrap()), "t");
    let request = upstream.next_request().await;
    assert_eq!(request.request_line(), "POST /tenant/oauth2/v2.0/token HTTP/1.1");
    assert_eq!(field(&request, "client_secret").as_deref(), Some("s&"));
    assert_eq!(field(&request, "scope").as_deref(), Some("https://cognitiveservices.azure.com/.default"));
}

fn aws_keys(id: &str, session: Option<&str>) -> AwsCredentials {
    let session_token = session.map(str::to_owned);
    AwsCredentials { access_key_id: id.into(), secret_access_key: "S".into(), session_token }
}

fn role(place: &str, arn: &str) -> AwsRole {
    AwsRole {
        arn: arn.into(),
        session_name: "me".into(),
        sts_url: format!("{place}/sts"),
        region: "eu-west-1".into(),
    }
}

/// Whether a request for a role carries the signature that these keys give it.
fn is_signed_by(request: &Request, keys: &AwsCredentials) -> bool {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let stamp = format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = PrimitiveDateTime::parse(&header("x-amz-date"), stamp).unwrap().assume_utc().unix_timestamp();
    let unsigned = Unsigned {
        method: "POST",
        path: "/sts/",
        query: "",
        headers: &[("content-type", &header("content-type")), ("host", &header("host"))],
        body_sha256: &sigv4::body_hash([&request.body[..]]),
    };
    let scope = Scope { region: "eu-west-1", service: "sts" };
    let headers = sigv4::sign(keys, &scope, &unsigned, at.try_into().unwrap());
    headers.iter().all(|(name, value)| header(name) == *value)
}

/// The role that a request may have: `r` by a token or by the keys `A` and a word, `far` by the keys of `r` alone.
fn sts(request: &Request) -> Option<&'static str> {
    let [action, arn] = ["Action", "RoleArn"].map(|name| field(request, name).unwrap_or_default());
    let named = field(request, "RoleSessionName").as_deref() == Some("me");
    match (action.as_str(), arn.as_str()) {
        ("AssumeRoleWithWebIdentity", "r") => {
            (field(request, "WebIdentityToken").as_deref() == Some("word") && named).then_some("R")
        }
        ("AssumeRole", "r") => {
            let told = field(request, "ExternalId").as_deref() == Some("&x");
            (told && named && is_signed_by(request, &aws_keys("A", None))).then_some("R")
        }
        ("AssumeRole", "far") => is_signed_by(request, &aws_keys("R", Some("T"))).then_some("F"),
        _ => None,
    }
}

/// What AWS's services answer.
fn aws(request: &Request) -> Script {
    let keys = r#"{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2999-01-01T00:00:00Z"}"#;
    let of_role = sts(request).map(|id| {
        format!("<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>")
    });
    let session = request.header("x-aws-ec2-metadata-token").as_deref() == Some("session");
    let (status, body) = match request.request_line().split(' ').nth(1).unwrap_or_default() {
        "/latest/api/token" if request.request_line().starts_with("PUT") => (200, "session"),
        "/latest/meta-data/iam/security-credentials/" if session => (200, "role+a\n"),
        "/latest/meta-data/iam/security-credentials/role%2Ba" if session => (200, keys),
        "/container?a=b" if request.header("authorization").as_deref() == Some("word") => (200, keys),
        "/sts/" => of_role.as_deref().map_or((403, "no"), |xml| (200, xml)),
        _ => (404, "no"),
    };
    Script::new().write(answers::answer(status, "", body.as_bytes()))
}

#[tokio::test]
async fn keys_of_aws() {
    let upstream = Upstream::start().await;
    upstream.respond(aws);
    let dir = std::env::temp_dir().join(format!("sluicegate-token-{}", std::process::id()));
    std::fs::write(&dir, "word\n").unwrap();
    let place = place(&upstream);
    let check = async |source: AwsSource, expect: Result<&str, FailureKind>| {
        let got = cell(Source::Aws(source)).grant(&tls()).await;
        assert_eq!(got.map(|grant| shown(&grant)).map_err(|f| f.kind), expect.map(str::to_owned));
    };
    let container = |token: Option<&str>, token_file: Option<PathBuf>| AwsSource::Container {
        url: format!("{place}/container?a=b"),
        token: token.map(str::to_owned),
        token_file,
    };
    let identity = |token_file| AwsSource::WebIdentity { role: role(&place, "r"), token_file };
    check(container(Some("word"), None), Ok("A S T")).await;
    check(container(None, Some(dir.clone())), Ok("A S T")).await;
    check(container(Some("other"), None), Err(FailureKind::AuthRefused)).await;
    check(container(None, Some("/nowhere".into())), Err(FailureKind::Unreachable)).await;
    check(identity(dir.clone()), Ok("R S T")).await;
    check(identity("/nowhere".into()), Err(FailureKind::Unreachable)).await;
    check(AwsSource::Instance { url: format!("{place}/none") }, Err(FailureKind::AuthRefused)).await;
    check(AwsSource::Instance { url: place.clone() }, Ok("A S T")).await;
    std::fs::remove_file(dir).unwrap();
    check(AwsSource::Keys(aws_keys("A", None)), Ok("A S none")).await;
}

#[tokio::test]
async fn roles_of_aws() {
    let upstream = Upstream::start().await;
    upstream.respond(aws);
    let place = place(&upstream);
    let check = async |source: AwsSource, expect: Result<&str, FailureKind>| {
        let got = cell(Source::Aws(source)).grant(&tls()).await;
        assert_eq!(got.map(|grant| shown(&grant)).map_err(|f| f.kind), expect.map(str::to_owned));
    };
    let taken = |arn: &str, from: AwsSource, external_id: Option<&str>| AwsSource::Role {
        role: role(&place, arn),
        from: Box::new(from),
        external_id: external_id.map(str::to_owned),
    };
    let keys = |id: &str| AwsSource::Keys(aws_keys(id, None));
    check(taken("r", keys("A"), Some("&x")), Ok("R S T")).await;
    check(taken("far", taken("r", keys("A"), Some("&x")), None), Ok("F S T")).await;
    check(taken("r", keys("A"), None), Err(FailureKind::AuthRefused)).await;
    check(taken("r", keys("B"), Some("&x")), Err(FailureKind::AuthRefused)).await;
    check(taken("far", keys("A"), None), Err(FailureKind::AuthRefused)).await;
    let machine = AwsSource::Instance { url: format!("{place}/none") };
    check(taken("r", machine, Some("&x")), Err(FailureKind::AuthRefused)).await;
}

#[test]
fn keys_that_are_none_are_told() {
    let source = |private_key: &str| {
        Source::Google(GoogleSource::ServiceAccount {
            client_email: "a@b".into(),
            private_key: private_key.into(),
            private_key_id: None,
            token_uri: "https://h/".into(),
        })
    };
    let check = |private_key: &str, fine: bool| {
        let checked = check(&Credential::source(source(private_key)));
        assert_eq!(checked.is_ok(), fine, "{checked:?}");
        assert!(checked.err().is_none_or(|text| !text.contains("canary")));
    };
    check(service_account::PRIVATE_KEY, true);
    check("canary", false);
    check("-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n", false);
}

#[test]
fn one_source_has_one_cell() {
    let tokens = Tokens::default();
    let source = |url: &str| Arc::new(Source::Aws(AwsSource::Instance { url: url.into() }));
    let one = tokens.cell(&source("http://a")).unwrap();
    assert!(Arc::ptr_eq(&one, &tokens.cell(&source("http://a")).unwrap()));
    assert!(!Arc::ptr_eq(&one, &tokens.cell(&source("http://b")).unwrap()));
    drop(one);
    tokens.cell(&source("http://c")).unwrap();
    assert_eq!(tokens.cells.lock().unwrap().len(), 1, "what nobody uses is forgotten");
}
