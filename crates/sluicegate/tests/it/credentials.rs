//! How the gateway shows who it is: several keys, tokens that are got elsewhere, signatures.

use sluice_providers::sigv4::{self, AwsCredentials, Scope, Unsigned};
use sluice_testkit::{
    answers,
    client::{Client, post},
    process::{Gateway, Launch},
    service_account,
    upstream::{Refusing, Request, Script, Upstream},
};

use crate::rig::{KEY, assert_error, base_config, chat, launch, model};

/// The secret of every application here. Nobody but the token endpoint may see it.
const APP_SECRET: &str = "application-canary-cccccccccccccccccccc";
const TOKEN: &str = "token-canary-dddddddddddddddddddddddddddd";

fn place(upstream: &Upstream) -> String {
    format!("http://{}", upstream.addr())
}

fn azure(upstream: &Upstream, lines: &str) -> String {
    let place = place(upstream);
    format!("[[providers]]\nname = \"azure\"\nkind = \"azure\"\nbase_url = \"{place}\"\n{lines}\n")
}

fn entra(upstream: &Upstream) -> String {
    base_config()
        + &azure(
            upstream,
            &format!("tenant_id = \"tenant\"\nclient_id = \"app\"\nclient_secret = \"{APP_SECRET}\""),
        )
        + &model("m", &[("azure", "gpt/4o")], "")
}

fn token(text: &str, expires_in: u64) -> Script {
    let body = format!(r#"{{"access_token":"{text}","expires_in":{expires_in}}}"#);
    Script::new().write(answers::json_answer(200, &body))
}

/// Gemini's whole answer.
fn gemini() -> Script {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"hello"}],"role":"model"},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2},"modelVersion":"g"}"#;
    Script::new().write(answers::json_answer(200, body))
}

async fn ask(gateway: &Gateway, stream: bool) -> u16 {
    Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", stream))).await.0.status
}

#[tokio::test]
async fn keys_are_equals() {
    let upstream = Upstream::start().await;
    let keys = ["key-canary-1", "key-canary-2", "key-canary-3"];
    upstream.respond(|request| match request.header("api-key").as_deref() {
        Some("key-canary-3") => Script::new().write(answers::whole("from three")),
        _ => Script::new().write(answers::json_answer(429, &answers::error_json("slow", "rate", "rate"))),
    });
    let config = base_config()
        + &azure(&upstream, &format!("api_keys = {keys:?}"))
        + &model("m", &[("azure", "gpt")], "");
    let gateway = launch().config(&config).serve().await;
    for name in ["m", "azure/gpt"] {
        let (head, body) =
            Client::connect(gateway.data).await.exchange(post(KEY, "", chat(name, false))).await;
        assert_eq!((head.status, head.header("x-sluicegate-provider")), (200, Some("azure")), "{name}");
        assert_eq!(body.json()["choices"][0]["message"]["content"], "from three");
    }
    for line in gateway.lines.so_far() {
        assert!(!line.contains("key-canary"), "{line}");
    }
}

#[tokio::test]
async fn azures_two_apis() {
    let upstream = Upstream::start().await;
    for (version, path) in [
        ("", "/openai/v1/chat/completions"),
        ("api_version = \"preview\"", "/openai/v1/chat/completions?api-version=preview"),
        (
            "api_version = \"2024-10-21\"",
            "/openai/deployments/gpt%2F4o/chat/completions?api-version=2024-10-21",
        ),
    ] {
        let config = base_config()
            + &azure(&upstream, &format!("api_key = \"k\"\n{version}"))
            + &model("m", &[("azure", "gpt/4o")], "");
        let gateway = launch().config(&config).serve().await;
        for stream in [false, true] {
            assert_eq!(ask(&gateway, stream).await, 200);
            let request = upstream.next_request().await;
            assert_eq!(request.request_line(), format!("POST {path} HTTP/1.1"));
            assert_eq!(request.header("api-key").as_deref(), Some("k"));
            let accept = if stream { "text/event-stream" } else { "application/json" };
            assert_eq!(request.header("accept").as_deref(), Some(accept));
        }
    }
}

#[tokio::test]
async fn an_application_signs_in_once() {
    let (upstream, authority) = (Upstream::start().await, Upstream::start().await);
    authority.respond(|_| token(TOKEN, 3_600));
    let launch = launch().env("AZURE_AUTHORITY_HOST", &place(&authority)).config(&entra(&upstream));
    let gateway = launch.serve().await;
    for stream in [false, true, false] {
        assert_eq!(ask(&gateway, stream).await, 200);
        let request = upstream.next_request().await;
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}")));
        assert_eq!(request.header("api-key"), None);
    }
    let asked = authority.next_request().await;
    assert_eq!(asked.request_line(), "POST /tenant/oauth2/v2.0/token HTTP/1.1");
    assert!(asked.body.windows(APP_SECRET.len()).any(|part| part == APP_SECRET.as_bytes()));
    assert_eq!(authority.requests_so_far(), 1);
    // New settings are no reason to sign in again.
    gateway.reload();
    gateway.lines.find("the reload", |line| line.contains("read again").then_some(())).await;
    assert_eq!(ask(&gateway, false).await, 200);
    assert_eq!(authority.requests_so_far(), 1);
    nothing_is_told(&gateway);
}

fn nothing_is_told(gateway: &Gateway) {
    for line in gateway.lines.so_far() {
        assert!(!line.contains(APP_SECRET) && !line.contains(TOKEN), "{line}");
    }
}

#[tokio::test]
async fn a_source_that_fails_is_a_target_that_fails() {
    let (upstream, authority) = (Upstream::start().await, Upstream::start().await);
    let nobody = Refusing::new();
    let check = async |launch: Launch, script: Option<Script>, code: &str| {
        if let Some(script) = script {
            authority.script(script);
        }
        let gateway = launch.config(&entra(&upstream)).serve().await;
        let answer = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
        assert_error(code, &answer, 502, "upstream_error", code);
        assert!(!String::from_utf8_lossy(&answer.1.bytes).contains("canary"));
        assert_eq!(upstream.requests_so_far(), 0);
        nothing_is_told(&gateway);
    };
    let there = || launch().env("AZURE_AUTHORITY_HOST", &place(&authority));
    let refused = format!(r#"{{"error":"invalid_client","error_description":"{APP_SECRET}"}}"#);
    let refused = Script::new().write(answers::json_answer(401, &refused));
    check(there(), Some(refused), "upstream_auth").await;
    check(there(), Some(Script::new().write(answers::json_answer(500, "no"))), "upstream_unreachable").await;
    check(there(), Some(Script::new().reset()), "upstream_unreachable").await;
    let away = launch().env("AZURE_AUTHORITY_HOST", nobody.base_url().trim_end_matches("/v1"));
    check(away, None, "upstream_unreachable").await;
}

#[tokio::test]
async fn a_token_that_the_provider_repeats_is_masked() {
    let (upstream, authority) = (Upstream::start().await, Upstream::start().await);
    authority.respond(|_| token(TOKEN, 3_600));
    upstream.respond(|request| {
        let shown = request.header("authorization").unwrap_or_default();
        let body = answers::error_json(&format!("you said {shown}"), "invalid_request_error", &shown);
        Script::new().write(answers::json_answer(400, &body))
    });
    let launch = launch().env("AZURE_AUTHORITY_HOST", &place(&authority)).config(&entra(&upstream));
    let gateway = launch.serve().await;
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!(head.status, 400);
    assert_eq!(body.json()["error"]["message"], "you said Bearer [credential]");
    assert!(!String::from_utf8_lossy(&body.bytes).contains(TOKEN));
    nothing_is_told(&gateway);
}

#[tokio::test]
async fn a_service_account_calls_vertex() {
    let (upstream, issuer) = (Upstream::start().await, Upstream::start().await);
    upstream.respond(|_| gemini());
    issuer.respond(|_| token(TOKEN, 3_600));
    let config = base_config()
        + &format!(
            "[[providers]]\nname = \"v\"\nkind = \"vertex\"\nbase_url = \"{}\"\nlocation = \"eu\"\n\
             credentials_file = \"{{dir}}/google.json\"\n",
            place(&upstream)
        )
        + &model("m", &[("v", "gemini-2.5-flash")], "");
    let launch = launch().config(&config);
    let missing = launch.run("check").await;
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(missing.status.code() == Some(1) && said.contains("provider `v`: there is no file"), "{said}");
    let file = service_account::file(&format!("{}/token", place(&issuer)));
    std::fs::write(launch.dir().join("google.json"), &file).unwrap();
    assert_eq!(launch.run("check").await.status.code(), Some(0));

    let gateway = launch.serve().await;
    for _ in 0..2 {
        assert_eq!(ask(&gateway, false).await, 200);
        let request = upstream.next_request().await;
        let project = service_account::PROJECT;
        let path = format!("/v1/projects/{project}/locations/eu/publishers/google/models/gemini-2.5-flash");
        assert_eq!(request.request_line(), format!("POST {path}:generateContent HTTP/1.1"));
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}")));
    }
    let body = issuer.next_request().await.body;
    let assertion = String::from_utf8_lossy(&body).into_owned();
    let assertion = assertion.split("assertion=").nth(1).unwrap();
    assert_eq!(service_account::claims(assertion)["iss"], service_account::EMAIL);
    assert_eq!(issuer.requests_so_far(), 1);
    nothing_is_told(&gateway);
    for line in gateway.lines.so_far() {
        assert!(!line.contains("PRIVATE KEY"), "{line}");
    }
}

#[tokio::test]
async fn a_machine_of_google_has_a_token() {
    let (upstream, metadata) = (Upstream::start().await, Upstream::start().await);
    upstream.respond(|_| gemini());
    metadata.respond(|request| match request.header("metadata-flavor").as_deref() {
        Some("Google") => token(TOKEN, 3_600),
        _ => Script::new().write(answers::json_answer(403, "no")),
    });
    let config = base_config()
        + &format!("[[providers]]\nname = \"v\"\nkind = \"vertex\"\nbase_url = \"{}\"\n", place(&upstream))
        + &model("m", &[("v", "gemini-2.5-flash")], "");
    let launch = launch().env("GCE_METADATA_HOST", &metadata.addr().to_string()).config(&config);
    let without = launch.run("check").await;
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("provider `v`: name its `project`, there or in GOOGLE_CLOUD_PROJECT"), "{said}");
    let gateway = launch.env("GOOGLE_CLOUD_PROJECT", "p").serve().await;
    assert_eq!(ask(&gateway, false).await, 200);
    let request = upstream.next_request().await;
    assert!(request.request_line().starts_with("POST /v1/projects/p/locations/global/"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}")));
}

#[tokio::test]
async fn keys_of_single_headers() {
    let upstream = Upstream::start().await;
    for (kind, prefix, header) in [("gemini", "/v1beta", "x-goog-api-key"), ("anthropic", "/v1", "x-api-key")]
    {
        let config = base_config()
            + &format!(
                "[[providers]]\nname = \"p\"\nkind = \"{kind}\"\nbase_url = \"{}\"\napi_key = \"key-canary\"\n",
                place(&upstream)
            )
            + &model("m", &[("p", "model")], "");
        let gateway = launch().config(&config).serve().await;
        for stream in [false, true] {
            upstream.script(Script::new().write(answers::json_answer(400, "{}")));
            ask(&gateway, stream).await;
            let request = upstream.next_request().await;
            assert!(
                request.request_line().starts_with(&format!("POST {prefix}/")),
                "{}",
                request.request_line()
            );
            assert_eq!(request.header(header).as_deref(), Some("key-canary"), "{kind}");
            assert_eq!(request.header("authorization"), None, "{kind}");
        }
    }
}

/// A provider at AWS, and a model that it has.
fn bedrock(upstream: &Upstream, lines: &str) -> String {
    let place = place(upstream);
    base_config()
        + &format!("[[providers]]\nname = \"aws\"\nkind = \"bedrock\"\nbase_url = \"{place}\"\n{lines}\n")
        + &model("m", &[("aws", "eu.amazon.nova-lite-v1:0")], "")
}

const AWS_ID: &str = "AKIACANARY0123456789";
const AWS_SECRET: &str = "aws-secret-canary-eeeeeeeeeeeeeeeeeeeeeeeeee";
const AWS_TOKEN: &str = "aws-token-canary-ffffffffffffffffffffffffff";

/// Checks the signature of a request as AWS does.
fn is_signed(request: &Request, region: &str, session_token: Option<&str>) {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let date = header("x-amz-date");
    let moment = time::PrimitiveDateTime::parse(
        &date,
        time::macros::format_description!("[year][month][day]T[hour][minute][second]Z"),
    );
    let keys = AwsCredentials {
        access_key_id: AWS_ID.to_owned(),
        secret_access_key: AWS_SECRET.to_owned(),
        session_token: session_token.map(str::to_owned),
    };
    let target = request.request_line().split(' ').nth(1).unwrap();
    let (host, content_type) = (header("host"), header("content-type"));
    let hash = sigv4::body_hash([&request.body[..]]);
    let unsigned = Unsigned {
        method: "POST",
        path: target,
        query: "",
        headers: &[("host", &host), ("content-type", &content_type)],
        body_sha256: &hash,
    };
    let unix_s = u64::try_from(moment.unwrap().assume_utc().unix_timestamp()).unwrap();
    let scope = Scope { region, service: "bedrock" };
    for (name, value) in sigv4::sign(&keys, &scope, &unsigned, unix_s) {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.header("x-amz-security-token").as_deref(), session_token);
}

#[tokio::test]
async fn requests_to_aws_are_signed() {
    let upstream = Upstream::start().await;
    let lines =
        format!("region = \"eu-west-1\"\naccess_key_id = \"{AWS_ID}\"\nsecret_access_key = \"{AWS_SECRET}\"");
    for (more, token) in
        [(String::new(), None), (format!("session_token = \"{AWS_TOKEN}\""), Some(AWS_TOKEN))]
    {
        let gateway = launch().config(&bedrock(&upstream, &format!("{lines}\n{more}"))).serve().await;
        for (stream, verb) in [(false, "converse"), (true, "converse-stream")] {
            upstream.script(Script::new().write(answers::json_answer(400, r#"{"message":"no"}"#)));
            assert_eq!(ask(&gateway, stream).await, 400);
            let request = upstream.next_request().await;
            let path = format!("/model/eu.amazon.nova-lite-v1%3A0/{verb}");
            assert_eq!(request.request_line(), format!("POST {path} HTTP/1.1"));
            is_signed(&request, "eu-west-1", token);
        }
        for line in gateway.lines.so_far() {
            assert!(!line.contains(AWS_SECRET) && !line.contains(AWS_TOKEN), "{line}");
        }
    }
}

#[tokio::test]
async fn keys_of_aws_come_from_the_usual_places() {
    let (upstream, agent) = (Upstream::start().await, Upstream::start().await);
    upstream.respond(|_| Script::new().write(answers::json_answer(400, r#"{"message":"no"}"#)));
    agent.respond(|request| {
        let keys = format!(
            r#"{{"AccessKeyId":"{AWS_ID}","SecretAccessKey":"{AWS_SECRET}","Token":"{AWS_TOKEN}","Expiration":"2999-01-01T00:00:00Z"}}"#
        );
        match request.header("authorization").as_deref() {
            Some("agent") => Script::new().write(answers::json_answer(200, &keys)),
            _ => Script::new().write(answers::json_answer(403, "no")),
        }
    });
    let region = launch().env("AWS_REGION", "us-east-1").config(&bedrock(&upstream, ""));
    let of_agent = region
        .clone()
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/keys", place(&agent)))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent");
    let mut gateway = of_agent.serve().await;
    for _ in 0..2 {
        assert_eq!(ask(&gateway, false).await, 400);
        is_signed(&upstream.next_request().await, "us-east-1", Some(AWS_TOKEN));
    }
    assert_eq!(agent.requests_so_far(), 1);
    gateway.kill().await;
    let mut gateway = region.clone().env("AWS_BEARER_TOKEN_BEDROCK", "bearer-canary").serve().await;
    assert_eq!(ask(&gateway, false).await, 400);
    let request = upstream.next_request().await;
    assert_eq!(request.header("authorization").as_deref(), Some("Bearer bearer-canary"));
    gateway.kill().await;
    let nothing =
        launch().env("AWS_EC2_METADATA_DISABLED", "true").config(&bedrock(&upstream, "")).run("check").await;
    let said = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(said.contains("provider `aws`: there are no AWS credentials"), "{said}");
}
