//! Every secret, prompt and answer is unique here, and everything that the gateway leaves behind is searched for them.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, get, post},
    process::{Gateway, Launch},
    services::Postgres,
    upstream::{Request, Script, Upstream},
};

use crate::rig::launch;

const CALLER: &str = "sk-canarycaller-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const WRONG: &str = "sk-canarywrong-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const PROVIDER: &str = "canary-provider-cccccccccccccccccccccc";
const PROVIDER_HEADER: &str = "canary-org-jjjjjjjjjjjjjjjjjjjjjjjjj";
const SEALED: &str = "canary-sealed-dddddddddddddddddddddddd";
const SEALED_HEADER: &str = "canary-sealed-header-eeeeeeeeeeeeeeee";
const AWS_ID: &str = "canary-aws-id-kkkkkkkkkkkkkkkkkkkkkkk";
const AWS_SECRET: &str = "canary-aws-secret-lllllllllllllllllll";
const AWS_TOKEN: &str = "canary-aws-token-mmmmmmmmmmmmmmmmmmmm";
const SECOND_KEY: &str = "canary-second-key-nnnnnnnnnnnnnnnnnnn";
const MASTER: &str = "ca0a12caca0a12caca0a12caca0a12caca0a12caca0a12caca0a12caca0a12ca";
const PROMPT: &str = "canary-prompt-fffffffffffffffffffffff";
const ANSWER: &str = "canary-answer-ggggggggggggggggggggggg";
const HEADER: &str = "canary-header-hhhhhhhhhhhhhhhhhhhhhhh";
const QUERY: &str = "canary-query-iiiiiiiiiiiiiiiiiiiiiiii";

/// Where a canary may be: (canary, artefact). Everything else is a leak.
/// Static headers of the configuration file are stored as they are: they lie open in the file too.
const BELONGS: &[(&str, &str)] = &[
    ("admin token", "admin.token"),
    // What the upstream said about a caller's request is told to that caller.
    ("prompt", "errors"),
    ("provider's header", "sluicegate.db"),
    ("provider's header", "sluicegate.db-wal"),
];

/// What the gateway has left behind, by name.
#[derive(Default)]
struct Artefacts(BTreeMap<String, Vec<u8>>);

impl Artefacts {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        let all = self.0.entry(name.to_owned()).or_default();
        all.extend_from_slice(bytes);
        all.push(b'\n');
    }

    /// Every file below a directory.
    fn add_files(&mut self, dir: &Path) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.add_files(&path);
            } else {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let bytes = fs::read(&path).unwrap();
                // Segments of the journal are filled up with zeros.
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                self.add(&name, &bytes[..end]);
            }
        }
    }

    /// Which canaries are where.
    fn leaks<'a>(&self, canaries: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        let mut leaks = Vec::new();
        for (name, canary) in canaries {
            for (artefact, bytes) in &self.0 {
                let found =
                    bytes.windows(canary.len()).any(|part| part.eq_ignore_ascii_case(canary.as_bytes()));
                if found && !BELONGS.contains(&(name, artefact)) {
                    leaks.push((*name, artefact.clone()));
                }
            }
        }
        leaks
    }
}

/// An upstream that tells everything it was told, in each way in which an answer can go wrong.
fn blab(request: &Request) -> Script {
    let told = format!(
        "{} {} {}",
        request.header("authorization").unwrap_or_default(),
        request.header("x-org").unwrap_or_default(),
        String::from_utf8_lossy(&request.body)
    );
    let error = answers::error_json(&told, &told, &told);
    let event = |text: &str| answers::chunk(answers::text_event(text).as_bytes());
    let begun = || Script::new().write(answers::STREAM_HEAD).write(event(ANSWER));
    let stream = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["stream"] == json!(true);
    match (request.number % 12, stream) {
        (0, _) => Script::new().write(answers::json_answer(500, &error)),
        (1, _) => Script::new().write(answers::json_answer(401, &error)),
        (2, _) => Script::new().write(answers::json_answer(429, &error)),
        (3, _) => Script::new().write(answers::json_answer(200, &error)),
        (4, _) => Script::new().write(answers::answer(502, "content-type: text/html\r\n", told.as_bytes())),
        (5, true) => {
            begun().write(answers::chunk(answers::event(&error).as_bytes())).write(answers::LAST_CHUNK)
        }
        (6, true) => begun().write(answers::chunk(format!("data: {{{told}\n\n").as_bytes())).fin(),
        (7, true) => begun().reset(),
        (8, true) => begun().write(answers::chunk(format!("{told}\n\n").as_bytes())).fin(),
        (9, _) => Script::new().write(answers::json_answer(400, &answers::error_json("no", "invalid", "no"))),
        (10, _) => Script::new().write(format!("HTTP/1.1 {told}\r\n\r\n")).fin(),
        (_, true) => Script::new().write(answers::chunked_stream(&answers::events(&[ANSWER], true))),
        (_, false) => Script::new().write(answers::whole(ANSWER)),
    }
}

/// One request of the admin API; what it answers is an artefact.
async fn admin(
    gateway: &Gateway,
    artefacts: &mut Artefacts,
    (method, path): (&str, &str),
    body: &str,
) -> u16 {
    let token = fs::read_to_string(gateway.dir().join("data/admin.token")).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nx-canary: {HEADER}\r\ncontent-length: {}\r\n\r\n{body}",
        token.trim(),
        body.len()
    );
    let (head, body) = Client::connect(gateway.admin).await.exchange(request).await;
    artefacts.add("admin answers", head.raw.as_bytes());
    artefacts.add("admin answers", &body.bytes);
    head.status
}

/// Calls of every kind. What a caller may not be told by errors is an artefact; what it said itself, and the answers
/// it asked for, are not.
async fn mix(gateway: &Gateway, artefacts: &mut Artefacts) {
    let headers = format!("x-canary: {HEADER}\r\ncookie: {HEADER}\r\nreferer: http://{HEADER}/\r\n");
    let body = |model: &str, stream: bool| {
        json!({ "model": model, "stream": stream, "max_completion_tokens": 50, "user": PROMPT,
                "metadata": { "what": PROMPT }, "messages": [{ "role": "user", "content": PROMPT }] })
        .to_string()
    };
    for model in ["m", "sealed/m"] {
        for turn in 0..24 {
            let request = post(CALLER, &headers, body(model, turn % 2 == 0));
            let mut client = Client::connect(gateway.data).await;
            client.send(request).await;
            let head = client.read_head().await;
            let body = client.read_body(&head).await;
            artefacts.add("heads of answers", head.raw.as_bytes());
            if head.status >= 400 {
                artefacts.add("errors", &body.bytes);
            }
        }
    }
    for fault in
        ["status=500", "reset", "cut_after=2", "malformed_at=2", "error_event_after=2", "no_usage", "no_done"]
    {
        for stream in [true, false] {
            let headers = format!("{headers}x-sandbox-fault: {fault}\r\n");
            let mut client = Client::connect(gateway.data).await;
            let (head, body) = client.exchange(post(CALLER, &headers, body("sandbox/echo", stream))).await;
            if head.status >= 400 {
                artefacts.add("errors", &body.bytes);
            }
        }
    }
    for request in [
        post(WRONG, &headers, body("m", false)),
        post(CALLER, &headers, format!("{{\"model\":\"m\",\"messages\":\"{PROMPT}\"}}")),
        post(CALLER, &headers, format!("{{\"model\":\"m\",{PROMPT}")),
        get(&format!("/v1/models?key={QUERY}"), &format!("authorization: Basic {WRONG}\r\n")),
        get(&format!("/nowhere?key={QUERY}"), &headers),
    ] {
        let (head, body) = Client::connect(gateway.data).await.exchange(request).await;
        assert!(head.status >= 400, "{}", head.raw);
        artefacts.add("errors", head.raw.as_bytes());
        artefacts.add("errors", &body.bytes);
    }
    let left = post(CALLER, &headers, body("m", true));
    Client::connect(gateway.data).await.send(left).await;
}

async fn admin_mix(gateway: &Gateway, artefacts: &mut Artefacts, base_url: &str) {
    let provider =
        json!({ "name": "sealed", "kind": "openai-compatible", "base_url": base_url, "api_key": SEALED,
                           "headers": { "x-org": SEALED_HEADER }, "internal": true })
        .to_string();
    let providers = "/admin/v1/providers";
    assert_eq!(admin(gateway, artefacts, ("POST", providers), &provider).await, 201);
    for refused in [
        provider.clone(),
        provider.replace("\"internal\":true", "\"internal\":7"),
        provider.replace("\"kind\":\"openai-compatible\"", "\"kind\":\"no\""),
        provider.replace("http://", "http://user:pass@"),
        provider.replacen('{', "{{", 1),
    ] {
        let status = admin(gateway, artefacts, ("POST", providers), &refused).await;
        assert!(status >= 400, "{refused}");
    }
    for more in [
        json!({ "name": "aws", "kind": "bedrock", "region": "eu-west-1", "access_key_id": AWS_ID,
                "secret_access_key": AWS_SECRET, "session_token": AWS_TOKEN, "base_url": base_url, "internal": true }),
        json!({ "name": "two", "kind": "openai-compatible", "api_keys": [SEALED, SECOND_KEY], "base_url": base_url,
                "internal": true }),
    ] {
        assert_eq!(admin(gateway, artefacts, ("POST", providers), &more.to_string()).await, 201);
        let test = format!("{providers}/{}/test", more["name"].as_str().unwrap());
        // The last of its credentials.
        let last = usize::from(more.get("api_keys").is_some());
        let body = json!({ "model": "m", "credential": last }).to_string();
        for _ in 0..12 {
            assert_eq!(admin(gateway, artefacts, ("POST", &test), &body).await, 200);
        }
        let lone = json!({ "name": "no", "kind": "vertex", "project": "p", "credentials": AWS_SECRET });
        assert_eq!(admin(gateway, artefacts, ("POST", providers), &lone.to_string()).await, 400);
    }
    let patch = json!({ "forward_headers": ["x-more"] }).to_string();
    assert_eq!(admin(gateway, artefacts, ("PATCH", "/admin/v1/providers/sealed"), &patch).await, 200);
}

async fn admin_reads(gateway: &Gateway, artefacts: &mut Artefacts) {
    for path in
        ["keys", "projects", "providers", "models", "usage", "requests?limit=500", "audit?limit=500", "nodes"]
    {
        assert_eq!(admin(gateway, artefacts, ("GET", &format!("/admin/v1/{path}")), "").await, 200, "{path}");
    }
    let (_, metrics) = Client::connect(gateway.admin).await.exchange(get("/metrics", "")).await;
    artefacts.add("metrics", &metrics.bytes);
}

/// A whole life of a gateway, with everything that it leaves.
async fn live(launch: &Launch, upstream: &Upstream) -> Artefacts {
    let mut artefacts = Artefacts::default();
    let mut gateway = launch.serve().await;
    admin_mix(&gateway, &mut artefacts, &upstream.base_url()).await;
    mix(&gateway, &mut artefacts).await;
    admin_reads(&gateway, &mut artefacts).await;
    gateway.kill().await;
    artefacts.add("log", gateway.lines.so_far().join("\n").as_bytes());
    artefacts.add_files(&gateway.dir().join("data"));
    drop(gateway);
    let mut gateway = launch.serve().await;
    mix(&gateway, &mut artefacts).await;
    admin_reads(&gateway, &mut artefacts).await;
    // The database with its log, while it is in use.
    artefacts.add_files(&gateway.dir().join("data"));
    gateway.terminate();
    assert!(gateway.ended().await.success());
    artefacts.add("log", gateway.lines.so_far().join("\n").as_bytes());
    artefacts.add_files(&gateway.dir().join("data"));
    artefacts
}

/// The binary before `upstream`; `database` is the URL of another one than its own.
fn prepared(upstream: &Upstream, database: Option<&str>) -> Launch {
    let database = database.map(|url| format!("[database]\nurl = \"{url}\"\n")).unwrap_or_default();
    let config = format!(
        "[server]\ndata_dir = \"{{dir}}/data\"\naccess_log = \"json\"\n{database}\
         [[providers]]\nname = \"up\"\nkind = \"openai-compatible\"\nbase_url = \"{}\"\napi_key = \"{PROVIDER}\"\n\
         headers = {{ \"x-org\" = \"{PROVIDER_HEADER}\" }}\n\
         [[models]]\nname = \"m\"\ntargets = [{{ provider = \"up\", model = \"m\" }}]\nstream_repair = \"off\"\n\
         [[keys]]\nname = \"k\"\nsecret = \"{CALLER}\"\nmodels = [\"*\"]\n",
        upstream.base_url()
    );
    launch().config(&config).env("SLUICEGATE_MASTER_KEY", MASTER)
}

/// What must be nowhere but where it belongs.
fn canaries<'a>(admin_token: &'a str, password: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("caller's key", CALLER),
        ("wrong key", WRONG),
        ("provider's key", PROVIDER),
        ("provider's header", PROVIDER_HEADER),
        ("sealed key", SEALED),
        ("sealed header", SEALED_HEADER),
        ("AWS id", AWS_ID),
        ("AWS secret", AWS_SECRET),
        ("AWS token", AWS_TOKEN),
        ("second key", SECOND_KEY),
        ("master key", MASTER),
        ("prompt", PROMPT),
        ("answer", ANSWER),
        ("header", HEADER),
        ("query", QUERY),
        ("admin token", admin_token),
        ("password of the database", password),
    ]
}

async fn assert_no_leaks(launch: &Launch, upstream: &Upstream, password: &str, planted: &str) {
    upstream.respond(blab);
    let artefacts = live(launch, upstream).await;
    let token = fs::read_to_string(launch.dir().join("data/admin.token")).unwrap();
    let canaries = canaries(token.trim(), password);
    for artefact in ["log", "errors", "heads of answers", "admin answers", "metrics", "node.id"] {
        assert!(artefacts.0.get(artefact).is_some_and(|bytes| bytes.len() > 10), "there is no {artefact}");
    }
    assert!(artefacts.0.keys().any(|name| name.ends_with(".log") && name.len() > 10), "there is no journal");
    assert_eq!(artefacts.leaks(&canaries), []);
    // The search finds what is there: each canary, planted in the middle of something.
    for (name, canary) in &canaries {
        let mut bytes = artefacts.0[planted][..1000].to_vec();
        bytes.splice(500..500, canary.bytes());
        let one = Artefacts(BTreeMap::from([("planted".to_owned(), bytes)]));
        assert_eq!(one.leaks(&canaries), [(*name, "planted".to_owned())]);
    }
}

#[tokio::test]
async fn nothing_is_where_it_does_not_belong() {
    let upstream = Upstream::start().await;
    let launch = prepared(&upstream, None);
    assert_no_leaks(&launch, &upstream, "canary-no-such-password", "sluicegate.db").await;
}

#[tokio::test]
async fn nor_where_the_database_has_a_password() {
    let postgres = Postgres::start();
    let upstream = Upstream::start().await;
    let launch = prepared(&upstream, Some(&postgres.database()));
    assert_no_leaks(&launch, &upstream, postgres.password(), "log").await;
}
