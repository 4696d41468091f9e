//! Tables of files and what is told about them.

use std::net::SocketAddr;

use super::*;

mod objects;
mod reference;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_API_KEY" => "sk-provider-secret",
        "DEV_KEY" => "sk-0123456789abcdef",
        "EMPTY" => "",
        "LATIN_1" => "caf\u{fffd}",
        "SEC" => "hidden",
        "SEC_URL" => "ftp://hidden",
        _ => return None,
    };
    Some(value.to_owned())
}

fn parse(source: &str) -> Result<Settings, Vec<Problem>> {
    read(source, &Overrides::default(), &env)
}

/// Every problem of the file, in order: its place, then a part of its text.
#[track_caller]
fn check(source: &str, expect: &[&str]) {
    let found = match parse(source) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    compare(source, &found, expect);
}

/// Every warning of a file without errors.
#[track_caller]
fn check_warnings(source: &str, expect: &[&str]) {
    let settings = parse(source).unwrap_or_else(|problems| panic!("{source}\n{problems:#?}"));
    let found: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
    compare(source, &found, expect);
}

#[track_caller]
fn compare(source: &str, found: &[String], expect: &[&str]) {
    let matches = found.len() == expect.len()
        && found
            .iter()
            .zip(expect)
            .all(|(found, expect)| expect.split("..").all(|part| found.contains(part)));
    assert!(matches, "{source}\nfound:\n{}\nexpected:\n{}", found.join("\n"), expect.join("\n"));
}

#[track_caller]
fn ok(source: &str) -> Settings {
    parse(source).unwrap_or_else(|problems| {
        panic!("{source}\n{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
    })
}

fn secrets() -> Secrets {
    let master_key = Arc::new(MasterKey::from_hex(&"0f".repeat(32)).unwrap());
    Secrets { admin_token: "token".to_owned(), master_key }
}

const PROVIDER: &str = "[[providers]]\nname = 'p'\nkind = 'openai'\n";

#[test]
fn nothing_configured() {
    let settings = ok("");
    assert_eq!(settings.server.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(settings.server.admin_listen, SocketAddr::from(([127, 0, 0, 1], 8081)));
    assert_eq!(settings.server.data_dir, PathBuf::from("./sluicegate-data"));
    assert!(settings.sandbox_enabled && !settings.names_provider && settings.warnings.is_empty());
    let config = settings.config(&secrets(), false);
    assert_eq!(config.max_body_bytes, 33_554_432);
    assert_eq!(config.credentials.keys().collect::<Vec<_>>(), ["openai"]);
    assert_eq!(config.admin_token, "token");
}

#[test]
fn providers_of_the_environment_need_a_file_without_any() {
    assert_eq!(ok("[sandbox]\nenabled = true").detected.len(), 1);
    let mut named = ok(PROVIDER);
    complete(&mut named, &Surroundings { variable: &env, file: &|_| Ok(None) }).unwrap();
    assert!(named.detected.is_empty() && named.names_provider);
    assert_eq!(named.config(&secrets(), false).credentials.keys().collect::<Vec<_>>(), ["p"]);
    check("[[models]]\nname = 'm'\ntargets = [{ provider = 'openai', model = 'x' }]", &[]);
    check("[[models]]\nname = 'm'\ntargets = [{ provider = 'ollama', model = 'x' }]", &[]);
    check(
        "[[models]]\nname = 'm'\ntargets = [{ provider = 'deepseek', model = 'x' }]",
        &[
            "3:25: models[0].targets[0].provider: there is no provider `deepseek`; there are: openai, ollama, sandbox",
        ],
    );
}

#[test]
fn overrides_go_before_the_file() {
    let overrides = Overrides {
        listen: Some(SocketAddr::from(([0, 0, 0, 0], 1))),
        admin_listen: None,
        data_dir: Some("/x".into()),
    };
    let file = "[server]\nlisten = '127.0.0.1:2'\nadmin_listen = '127.0.0.1:3'\ndata_dir = '/y'";
    let settings = read(file, &overrides, &env).unwrap();
    assert_eq!(settings.server.listen, SocketAddr::from(([0, 0, 0, 0], 1)));
    assert_eq!(settings.server.admin_listen, SocketAddr::from(([127, 0, 0, 1], 3)));
    assert_eq!(settings.server.data_dir, PathBuf::from("/x"));
}

/// The file in the documents, which has every setting.
const EXAMPLE: &str = include_str!("../../../../docs/example.toml");

fn example_env(name: &str) -> Option<String> {
    EXAMPLE.contains(&format!("${{{name}}}")).then(|| format!("sk-value-of-{name}"))
}

#[test]
fn the_example_is_accepted() {
    let settings = read(EXAMPLE, &Overrides::default(), &example_env).unwrap();
    assert_eq!(settings.catalog.providers.len(), EXAMPLE.matches("[[providers]]").count());
    assert_eq!(settings.catalog.models[0].targets.len(), 3);
    assert!(settings.warnings.is_empty() && !show(&settings).contains("sk-value-of"));
}

/// Whatever is done to a file, it is read or refused, with places that lie within it.
#[test]
fn damaged_files_are_refused_in_good_order() {
    let check = |damaged: &str| {
        for problem in read(damaged, &Overrides::default(), &example_env).err().into_iter().flatten() {
            assert!(problem.line <= damaged.lines().count() + 1, "{problem}\n{damaged}");
            assert!(!problem.to_string().contains("sk-value-of"), "{problem}");
        }
    };
    for (at, _) in EXAMPLE.char_indices().step_by(61) {
        check(&EXAMPLE[..at]);
        for with in ["", "\"", "'", "[", "]", "{", "}", "=", "\n", "${", "-", "é", "\u{0}"] {
            check(&format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[at + 1..]));
        }
    }
}

#[test]
fn not_toml() {
    check("a = ", &["1:5: this is not TOML"]);
    check("[server\nlisten = 1", &["1:8: this is not TOML", "2:1: listen: there is no such setting"]);
    check(
        "[server]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'\n",
        &["3:1: this is not TOML: duplicate key"],
    );
    // What else is wrong is told in the same go.
    check(
        "x = \n[server]\nlisen = '127.0.0.1:1'\n",
        &["1:5: this is not TOML", "3:1: server.lisen: ..`listen`"],
    );
    check(
        "\u{feff}[sandbox]\nenabled = 1",
        &["2:11: sandbox.enabled: expected true or false, found an integer"],
    );
}

#[test]
fn unknown_keys() {
    check("servers = 1", &["1:1: servers: there is no such setting; did you mean `server`?"]);
    check(
        "[server]\nport = 1",
        &["2:1: server.port: there is no such setting; there are: access_log, admin_listen"],
    );
    check("[server]\nmax_body_byte = 1", &["2:1: server.max_body_byte: ..did you mean `max_body_bytes`?"]);
    check("[server]\n\"a b\" = 1", &["2:1: server.\"a b\": there is no such setting"]);
    check(
        "[[keys]]\nnam = 'x'",
        &[
            "1:1: keys[0]: `name` is missing",
            "1:1: keys[0]: `secret` is missing",
            "2:1: keys[0].nam: ..`name`",
        ],
    );
    check("[server.tls]\ncert = 'c'\nkey = 'k'\nca = 'x'", &["4:1: server.tls.ca: there is no such setting"]);
    check(&format!("{PROVIDER}apikey = 'x'"), &["4:1: providers[0].apikey: ..did you mean `api_key`?"]);
}

#[test]
fn every_error_at_once_in_the_order_of_the_file() {
    check(
        "[server]\nlisten = 'here'\naccess_log = 'xml'\n\n[[providers]]\nkind = 'opnai'\n\n[[models]]\nname = 'm'\n\
         targets = [{ provider = 'q', model = '' }]\n\n[[keys]]\nname = 'k'\nsecret = 'abc'\n",
        &[
            "2:10: server.listen: must be an IP address and a port such as `127.0.0.1:8080` or `[::]:8080`, not `here`",
            "3:14: server.access_log: must be `json` or `text` or `off`, not `xml`",
            "5:1: providers[0]: `name` is missing",
            "6:8: providers[0].kind: there is no kind `opnai`; did you mean `openai`?; there are: anthropic",
            "10:25: models[0].targets[0].provider: there is no provider `q`; there is only `sandbox`",
            "10:38: models[0].targets[0].model: must not be empty",
            "14:10: keys[0].secret: must begin with `sk-`",
        ],
    );
}

#[test]
fn types() {
    check("server = 1", &["1:10: server: expected a table, found an integer"]);
    check("[server]\nlisten = 1", &["2:10: server.listen: expected a string, found an integer"]);
    check(
        "[server]\nmax_body_bytes = '1'",
        &["2:18: server.max_body_bytes: expected a whole number, found a string"],
    );
    check(
        "[server]\nmax_body_bytes = 1.5",
        &["2:18: server.max_body_bytes: expected a whole number, found a float"],
    );
    check("providers = 'x'", &["1:13: providers: expected an array, found a string"]);
    check("providers = ['x']", &["1:14: providers[0]: expected a table, found a string"]);
    check(
        "[providers]\nname = 'p'",
        &["1:1: providers: there may be several of these: write `[[providers]]`"],
    );
    check(
        "[[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'\nmodels = 'a'",
        &["4:10: keys[0].models: expected an array"],
    );
}

#[test]
fn ranges() {
    let server = |line: &str, expect: &[&str]| check(&format!("[server]\n{line}"), expect);
    server("max_body_bytes = 33_554_432", &[]);
    server("max_body_bytes = 0x10", &[]);
    server("max_body_bytes = 0", &["2:18: server.max_body_bytes: must be from 1 to 1073741824, not 0"]);
    server("max_body_bytes = -1", &["must be from 1 to 1073741824, not -1"]);
    server(
        "max_body_bytes = 99999999999999999999",
        &["must be from 1 to 1073741824, not 99999999999999999999"],
    );
    server("shutdown_grace_ms = 600001", &["must be from 0 to 600000"]);
    server("workers = 0", &["must be from 1 to 1024"]);
    check(
        "[retention]\nrequest_rows_days = 0",
        &["2:21: retention.request_rows_days: must be from 1 to 36500"],
    );
}

#[test]
fn addresses() {
    let listen = |value: &str, expect: &[&str]| check(&format!("[server]\nlisten = '{value}'"), expect);
    listen("0.0.0.0:80", &[]);
    listen("[::1]:80", &[]);
    listen("localhost:80", &[]);
    listen("127.0.0.1:0", &[]);
    for bad in ["", ":80", "80", "127.0.0.1", "127.0.0.1:65536", "example.com:80", "http://127.0.0.1:80"] {
        listen(bad, &["2:10: server.listen: must be an IP address and a port"]);
    }
    listen("127.0.0.1:8081", &["1:1: server: listen and admin_listen are the same address"]);
    listen("0.0.0.0:8081", &["listen and admin_listen are the same address"]);
    check("[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'", &[]);
}

#[test]
fn variables() {
    check(
        "[server]\ndata_dir = '/x/${NOPE}/y'",
        &["2:16: server.data_dir: the environment variable `NOPE` is not set"],
    );
    check("[server]\ndata_dir = '${A} ${B}'", &["2:13: ..`A` is not set", "2:18: ..`B` is not set"]);
    check("[server]\ndata_dir = '${A'", &["2:13: server.data_dir: `${` has no closing `}`"]);
    check("[server]\ndata_dir = '${EMPTY}'", &["2:12: server.data_dir: must not be empty"]);
    assert_eq!(
        ok("[server]\ndata_dir = '$${A}/${DEV_KEY}'").server.data_dir,
        PathBuf::from("${A}/sk-0123456789abcdef")
    );
    check(
        "[server]\ndata_dir = '${NOPE} ${NOPE}'",
        &["2:13: ..`NOPE` is not set", "2:21: ..`NOPE` is not set"],
    );
    check("[server]\ndata_dir = '$${NOPE} ${NOPE}'", &["2:22: ..`NOPE` is not set"]);
    check("[server]\ndata_dir = \"\\t${NOPE}\"", &["2:15: ..`NOPE` is not set"]);
    check(
        "[server]\ndata_dir = '${LATIN_1}'",
        &["2:13: server.data_dir: the environment variable `LATIN_1` is not UTF-8 text"],
    );
    // An escape hides what begins there: the string as a whole is named.
    check("[server]\ndata_dir = \"\\u0024{EMPTY}${NOPE}\"", &["2:12: ..`NOPE` is not set"]);
    // A variable within a comment or a key is none.
    check("# ${NOPE}\n[sandbox]\nenabled = true", &[]);
}

#[test]
fn what_does_not_act_yet() {
    check_warnings("[database]\nurl = 'postgres://u:p@h/d'", &[]);
    check_warnings("[redis]\nurl = 'redis://127.0.0.1:6379'", &[]);
    check_warnings("[accounting]\ndurability = 'power'\n[retention]\nrequest_rows_days = 9", &[]);
    check_warnings("[otel]\nendpoint = 'http://127.0.0.1:4318'", &[]);
    check_warnings("[oidc]\nissuer = 'https://id.example.com'\nclient_id = 'a'\nclient_secret = 'b'", &[]);
    check_warnings(
        "[oidc]\nissuer = 'http://id.example.com'\nclient_id = 'a'\nclient_secret = 'b'",
        &["1:1: oidc.issuer: is not https"],
    );
    check_warnings(&format!("{PROVIDER}inline_media = true\non_disconnect = 'drain'"), &[]);
    check_warnings(
        &format!(
            "{PROVIDER}[[models]]\nname = 'm'\ntargets = [{{ provider = 'p', model = 'x', \
             context_length = 1, max_output_tokens = 1, capabilities = [] }}]\ncontext_length = 1"
        ),
        &[],
    );
    check_warnings(&format!("{PROVIDER}inline_media = false\non_disconnect = 'cancel'"), &[]);
    check_warnings(&format!("{PROVIDER}api_keys = ['a', 'b']"), &[]);
    check_warnings(
        "[[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'\nlimits = { rpm = 1, max_output_tokens = 5 }\n\
         budget = { usd = 1, period = 'day' }",
        &[],
    );
    check_warnings(
        &format!(
            "{PROVIDER}[[models]]\nname = 'm'\ntargets = [{{ provider = 'p', model = 'x', weight = 2, priority = 1 }}]\n\
                  stream_repair = 'splice'\nretry = {{ retry_after_wait_ms = 1 }}\nhedge = {{ }}\nprice = {{ input = 1, output = 1 }}\ntimeouts = {{ }}"
        ),
        &[],
    );
}

#[test]
fn tables_that_stand_alone() {
    check("[database]", &["1:1: database: `url` is missing"]);
    check(
        "[database]\nurl = 'mysql://h/d'",
        &["2:7: database.url: must be a URL that begins with postgres:// or postgresql://"],
    );
    check(
        "[redis]\nurl = '127.0.0.1:6379'",
        &["2:7: redis.url: must be a URL that begins with redis:// or rediss://"],
    );
    check("[redis]\nurl = 'redis://h/one'", &["2:7: redis.url: only a database number may follow the host"]);
    check("[redis]\nurl = 'rediss://h#insecure'", &["2:7: redis.url: it has a fragment"]);
    check(
        "[accounting]\ndurability = 'disk'",
        &["2:14: accounting.durability: must be `process` or `power`, not `disk`"],
    );
    check("[otel]\nendpoint = 'x'", &["2:12: otel.endpoint: must be a URL"]);
    check("[otel]\nendpoint = 'http://u:p@h'", &["2:12: otel.endpoint: must have no user name"]);
    check(
        "[otel]\nendpoint = 'http://h'\nservice_name = ''\nsample_percent = 101",
        &["3:16: otel.service_name: must not be empty", "4:18: otel.sample_percent: ..100"],
    );
    check(
        "[otel]\nendpoint = 'http://h'\n[otel.headers]\nhost = 'a'\nx-a = ' '\nX-A = 'b'",
        &[
            "4:1: otel.headers.host: the gateway writes `host` itself",
            "5:7: otel.headers.x-a: must be printable",
            "6:1: otel.headers.X-A: this header is there twice",
        ],
    );
    check(
        "[oidc]\nissuer = 'https://x'\nclient_id = ''",
        &["1:1: oidc: `client_secret` is missing", "3:13: oidc.client_id: must not be empty"],
    );
    check("[server.tls]\ncert = 'c.pem'", &["1:1: server.tls: `key` is missing"]);
}

/// What a variable holds may be a secret, wherever the file puts it.
#[test]
fn no_value_of_a_variable_is_shown() {
    let check = |source: &str, expect: &[&str]| {
        let found: Vec<String> = match parse(source) {
            Ok(settings) => settings
                .warnings
                .iter()
                .map(ToString::to_string)
                .chain(show(&settings).lines().map(str::to_owned))
                .collect(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        assert!(!found.iter().any(|line| line.contains("hidden")), "{source}\n{found:#?}");
        for expect in expect {
            let told = |line: &String| expect.split("..").all(|part| line.contains(part));
            assert!(found.iter().any(told), "{source}\n{expect}\n{found:#?}");
        }
    };
    check("[server]\ndata_dir = '/x/${SEC}'", &["server.data_dir ..= \"/x/${SEC}\""]);
    check(
        "[server]\nlisten = '${SEC}'\naccess_log = '${SEC}'",
        &["must be an IP address ..not `${SEC}`", "must be `json` or ..not `${SEC}`"],
    );
    check("[[providers]]\nname = '${SEC}'\nkind = '${SEC}'", &["there is no kind `${SEC}`"]);
    check(&format!("{PROVIDER}base_url = '${{SEC_URL}}'"), &["4:12: providers[0].base_url: "]);
    check(&format!("{PROVIDER}base_url = 'https://${{SEC}}'"), &["base_url ..= \"https://${SEC}\""]);
    check(
        &format!("{PROVIDER}forward_headers = ['a ${{SEC}}', '${{SEC}}', '${{SEC}}']"),
        &["`a ${SEC}` is not the name of a header", "this header is there twice"],
    );
    let named = "[[providers]]\nname = '${SEC}'\nkind = 'openai'\n";
    check(&format!("{named}{named}"), &["there is already a provider named `${SEC}`, on line 2"]);
    check(
        &format!("{named}[[models]]\nname = 'm'\ntargets = [{{ provider = '${{SEC}}x', model = 'x' }}]"),
        &["there is no provider `${SEC}x`..there are: ${SEC}, sandbox"],
    );
    check(
        "[[models]]\nname = 'm'\ntargets = [{ provider = 'sandbox', model = '${SEC}' }]",
        &["the sandbox has no model `${SEC}`"],
    );
    check(
        "[[projects]]\nname = '${SEC}'\n[[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'\nproject = '${SEC}x'",
        &["there is no project `${SEC}x`..there are: `${SEC}`, `default`"],
    );
    // Names are compared by their values.
    check(
        &format!("{named}[[models]]\nname = 'm'\ntargets = [{{ provider = '${{SEC}}', model = 'x' }}]"),
        &["models[0].targets[0].provider ..= \"${SEC}\""],
    );
}

#[test]
fn no_secret_is_shown() {
    let source = "[database]\nurl = 'postgres://u:hidden1@h/d'\n[oidc]\nissuer = 'https://x'\nclient_id = 'a'\n\
         client_secret = 'hidden2'\n[[providers]]\nname = 'p'\nkind = 'openai'\napi_key = 'hidden3'\n\
         headers = { x-key = 'hidden4' }\n[[keys]]\nname = 'k'\nsecret = 'sk-hidden5-hidden5-hidden5'\n";
    let shown = show(&ok(source));
    assert!(!shown.contains("hidden"), "{shown}");
    for line in [
        "providers[0].api_key ..= (set, not shown)",
        "keys[0].name ..= \"k\"",
        "server.listen ..= \"127.0.0.1:8080\"  # default",
    ] {
        assert!(
            shown.lines().any(|shown| line.split("..").all(|part| shown.contains(part))),
            "{line}\n{shown}"
        );
    }
    // Nor when they are wrong.
    let wrong = source
        .replace("postgres://", "mysql://")
        .replace("sk-hidden5", "hidden5")
        .replace("'hidden3'", "'hidden3 '");
    for problem in parse(&wrong).unwrap_err() {
        assert!(!problem.to_string().contains("hidden"), "{problem}");
    }
}
