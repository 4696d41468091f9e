//! Tables of files and what is told about them.

use std::net::SocketAddr;

use sluice_ledger::{Budget, LongContextPrice, ModelAccess, NanoUsd, Period};

use super::*;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_API_KEY" => "sk-provider-secret",
        "DEV_KEY" => "sk-0123456789abcdef",
        "EMPTY" => "",
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

const PROVIDER: &str = "[[providers]]\nname = 'p'\nkind = 'openai'\n";

#[test]
fn nothing_configured() {
    let settings = ok("");
    assert_eq!(settings.server.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(settings.server.admin_listen, SocketAddr::from(([127, 0, 0, 1], 8081)));
    assert_eq!(settings.server.data_dir, PathBuf::from("./sluicegate-data"));
    assert!(settings.sandbox_enabled && !settings.names_provider && settings.warnings.is_empty());
    let config = settings.config("token".to_owned());
    assert_eq!(config.max_body_bytes, 33_554_432);
    assert_eq!(config.credentials.keys().collect::<Vec<_>>(), ["openai"]);
    assert_eq!(config.admin_token, "token");
}

#[test]
fn providers_of_the_environment_need_a_file_without_any() {
    assert_eq!(ok("[sandbox]\nenabled = true").detected.len(), 1);
    let named = ok(PROVIDER);
    assert!(named.detected.is_empty() && named.names_provider);
    assert_eq!(named.config(String::new()).credentials.keys().collect::<Vec<_>>(), ["p"]);
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
    assert_eq!(settings.catalog.providers.len(), 2);
    assert_eq!(settings.catalog.models[0].targets.len(), 2);
    assert!(!settings.warnings.is_empty() && !show(&settings).contains("sk-value-of"));
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
    // A variable within a comment or a key is none.
    check("# ${NOPE}\n[sandbox]\nenabled = true", &[]);
}

#[test]
fn providers() {
    let with = |lines: &str, expect: &[&str]| check(&format!("{PROVIDER}{lines}"), expect);
    with("api_key = '${OPENAI_API_KEY}'", &[]);
    with("api_key = ''", &["4:11: providers[0].api_key: must be visible ASCII characters, and not empty"]);
    with("api_key = 'a b'", &["4:11: providers[0].api_key: must be visible ASCII"]);
    with("api_keys = []", &["4:12: providers[0].api_keys: names no key"]);
    with("api_key = 'a'\napi_keys = ['b']", &["5:12: providers[0].api_keys: give either"]);
    with("base_url = 'ftp://x'", &["4:12: providers[0].base_url: "]);
    with("base_url = 'nonsense'", &["4:12: providers[0].base_url: "]);
    with("base_url = 'http://127.0.0.1:9/v1'", &[]);
    with("base_url = 'https://x/v1?a=b'", &["4:12: providers[0].base_url: "]);
    with("region = 'eu'", &["4:10: providers[0].region: is a setting of the kind bedrock, not of `openai`"]);
    with(
        "on_disconnect = 'wait'",
        &["4:17: providers[0].on_disconnect: must be `cancel` or `drain`, not `wait`"],
    );
    with(
        "headers = { 'x-a' = '1', 'X-A' = '2' }",
        &["4:26: providers[0].headers.X-A: this header is there twice"],
    );
    with(
        "headers = { 'x a' = '1' }",
        &["4:13: providers[0].headers.\"x a\": `x a` is not the name of a header"],
    );
    with("headers = { host = 'x' }", &["the gateway writes `host` itself"]);
    with("headers = { Authorization = 'x' }", &["the gateway writes `authorization` itself; use `api_key`"]);
    with("headers = { x = \"a\\nb\" }", &["4:17: providers[0].headers.x: must be printable ASCII"]);
    with(
        "forward_headers = ['OpenAI-Organization', 'cookie']",
        &["4:43: providers[0].forward_headers[1]: `cookie` is never passed on"],
    );
    let named = |name: &str, expect: &[&str]| {
        check(&format!("[[providers]]\nname = '{name}'\nkind = 'openai'"), expect);
    };
    named("azure eu (1)", &[]);
    named("北京", &["2:8: providers[0].name: must be printable ASCII: it stands in response headers"]);
    named("", &["2:8: providers[0].name: must not be empty"]);
    named(" a", &["must not have control characters, nor white space at its ends"]);
    named("a/b", &["2:8: providers[0].name: must not contain `/`"]);
    named("sandbox", &["2:8: providers[0].name: `sandbox` is built in"]);
    named(&"x".repeat(201), &["must be at most 200 characters long"]);
    check("[[providers]]\nname = 'p'", &["1:1: providers[0]: `kind` is missing"]);
    for kind in ["azure", "newapi", "openai-compatible"] {
        let text =
            format!("1:1: providers[0]: `base_url` is missing: the kind `{kind}` has no address of its own");
        check(&format!("[[providers]]\nname = 'p'\nkind = '{kind}'"), &[&text]);
    }
    check(
        &format!("{PROVIDER}{PROVIDER}"),
        &["5:8: providers[1].name: there is already a provider named `p`, on line 2"],
    );
}

#[test]
fn provider_options() {
    let settings = ok(&format!(
        "{PROVIDER}http2 = true\ninternal = true\nforward_headers = ['OpenAI-Project']\n\
         headers = {{ 'X-Z' = '1', 'x-a' = '2' }}\nbase_url = 'https://example.com'"
    ));
    let record = &settings.catalog.providers[0];
    assert_eq!(
        record.options.headers,
        [("x-z".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())]
    );
    assert_eq!(record.options.forward_headers, ["openai-project"]);
    assert!(record.options.http2 && record.options.internal && !record.options.drain_on_disconnect);
    assert_eq!(record.base_url.as_deref(), Some("https://example.com"));
}

#[test]
fn models() {
    let with = |lines: &str, expect: &[&str]| {
        let source = format!("{PROVIDER}[[models]]\nname = 'm'\n{lines}");
        check(&source, expect);
    };
    let target = "targets = [{ provider = 'p', model = 'x' }]\n";
    with(target, &[]);
    with("", &["4:1: models[0]: `targets` is missing"]);
    with("targets = []", &["6:11: models[0].targets: names no target"]);
    with("targets = ['p/x']", &["6:12: models[0].targets[0]: expected a table, found a string"]);
    with("targets = [{ model = 'x' }]", &["6:12: models[0].targets[0]: `provider` is missing"]);
    with(
        "targets = [{ provider = 'P', model = 'x' }]",
        &["there is no provider `P`; did you mean `p`?; there are: p, sandbox"],
    );
    with(
        "targets = [{ provider = 'p', model = 'x', weight = 0 }]",
        &["6:52: models[0].targets[0].weight: must be from 1 to 1000"],
    );
    with("targets = [{ provider = 'p', model = 'x', prio = 1 }]", &["6:43: models[0].targets[0].prio: "]);
    with("targets = [{ provider = 'sandbox', model = 'echo' }]", &[]);
    with(
        "targets = [{ provider = 'sandbox', model = 'ech' }]",
        &["6:44: models[0].targets[0].model: the sandbox has no model `ech`; there are: echo, text"],
    );
    let more = |lines: &str, expect: &[&str]| with(&format!("{target}{lines}"), expect);
    more("price = { input = 0.15, output = 0.60, cache_read = 0.075 }", &[]);
    more("price = { input = 0.15 }", &["7:9: models[0].price: `output` is missing"]);
    more(
        "price = { input = -0.15, output = 1 }",
        &["7:19: models[0].price.input: an amount of dollars must not be negative"],
    );
    more("price = { input = nan, output = 1 }", &["7:19: ..must be a number"]);
    more(
        "price = { input = '1', output = 1 }",
        &["7:19: ..expected an amount of dollars such as 0.15, found a string"],
    );
    more("price = { input = 1e12, output = 1 }", &["7:19: ..must be at most 1000000000"]);
    more(
        "price = { input = 1, output = 1, long_context = { input = 1, output = 1 } }",
        &["`above_tokens` is missing"],
    );
    more(
        "timeouts = { connect_ms = 0 }",
        &["7:27: models[0].timeouts.connect_ms: must be from 1 to 86400000"],
    );
    more("timeouts = { first_byte_ms = 1 }", &["7:14: models[0].timeouts.first_byte_ms: "]);
    more("retry = { max_attempts = 21 }", &["must be from 1 to 20"]);
    more("hedge = { budget_percent = 101 }", &["must be from 0 to 100"]);
    more("stream_repair = 'on'", &["7:17: models[0].stream_repair: must be `splice` or `off`, not `on`"]);
    more("unpriced = 'no'", &["7:12: models[0].unpriced: must be `free`, not `no`"]);
    more("capabilities = ['Tools']", &["7:17: models[0].capabilities[0]: must be a word"]);
    more("strict = 'yes'", &["7:10: models[0].strict: expected true or false, found a string"]);
    more(
        &format!("[[models]]\nname = 'm'\n{target}"),
        &["8:8: models[1].name: there is already a model named `m`, on line 5"],
    );
    check(
        "[sandbox]\nenabled = false\n[[models]]\nname = 'm'\ntargets = [{ provider = 'sandbox', model = 'echo' }]",
        &["5:25: models[0].targets[0].provider: the sandbox is switched off"],
    );
}

#[test]
fn model_values() {
    let settings = ok(&format!(
        "{PROVIDER}[[models]]\nname = 'm'\ntargets = [\n  {{ provider = 'sandbox', model = 'text', priority = 2 }},\n  \
         {{ provider = 'p', model = 'x', weight = 3 }},\n  {{ provider = 'p', model = 'y', context_length = 9 }},\n]\n\
         price = {{ input = 0.15, output = 0.6, cache_read = 0.075, cache_write = 0.0, \
         long_context = {{ above_tokens = 200_000, input = 1, output = 2.5 }} }}\n\
         timeouts = {{ connect_ms = 1, first_token_ms = 2, idle_ms = 3, total_ms = 4 }}\n\
         retry = {{ max_attempts = 4 }}\nhedge = {{ enabled = false }}\nstream_repair = 'off'\nstrict = true\n\
         default_max_output_tokens = 16384\nunpriced = 'free'"
    ));
    let model = &settings.catalog.models[0];
    let order: Vec<&str> = model.targets.iter().map(|target| target.model.as_str()).collect();
    assert_eq!(order, ["x", "y", "text"]);
    assert_eq!((model.targets[0].weight, model.targets[1].weight), (3, 1));
    assert_eq!(model.targets[1].capabilities.context_length, Some(9));
    let price = model.price.unwrap();
    assert_eq!((price.input, price.output), (NanoUsd(150_000_000), NanoUsd(600_000_000)));
    assert_eq!((price.cache_read, price.cache_write), (Some(NanoUsd(75_000_000)), Some(NanoUsd(0))));
    let long = LongContextPrice {
        above_tokens: 200_000,
        input: NanoUsd(1_000_000_000),
        output: NanoUsd(2_500_000_000),
        cache_read: None,
    };
    assert_eq!(price.long_context, Some(long));
    let options = &model.options;
    assert_eq!((options.connect_ms, options.first_token_ms, options.idle_ms), (Some(1), Some(2), Some(3)));
    assert_eq!(
        (options.total_ms, options.max_attempts, options.hedge_enabled),
        (Some(4), Some(4), Some(false))
    );
    assert_eq!(
        (options.stream_repair, options.strict, options.unpriced_free),
        (Some(false), Some(true), true)
    );
    assert_eq!(options.default_max_output_tokens, Some(16_384));
}

#[test]
fn keys() {
    let with = |lines: &str, expect: &[&str]| {
        check(&format!("[[keys]]\nname = 'k'\nsecret = '${{DEV_KEY}}'\n{lines}"), expect);
    };
    with("", &[]);
    with("project = 'default'", &[]);
    with("project = 'team'\n[[projects]]\nname = 'team'", &[]);
    with(
        "project = 'tem'\n[[projects]]\nname = 'team'",
        &[
            "4:11: keys[0].project: there is no project `tem`; did you mean `team`?; there are: `default`, `team`",
        ],
    );
    with("models = []", &["4:10: keys[0].models: names no model"]);
    with("models = ['a', 'b/*']", &[]);
    with("models = ['a*b']", &["4:11: keys[0].models[0]: must be a model's name"]);
    with("limits = { rpm = 0 }", &["4:18: keys[0].limits.rpm: must be from 1 to 4294967295"]);
    with(
        "limits = { rps = 1 }",
        &["4:12: keys[0].limits.rps: there is no such setting; did you mean `rpm`?"],
    );
    with(
        "model_limits = { 'gpt-4o-mini' = { rpm = 'x' } }",
        &["4:42: keys[0].model_limits.gpt-4o-mini.rpm: expected a whole number"],
    );
    with("model_limits = { 'a/b.c' = { x = 1 } }", &["keys[0].model_limits.\"a/b.c\".x: "]);
    with("budget = { usd = 50.0 }", &["4:10: keys[0].budget: `period` is missing"]);
    with(
        "budget = { usd = -1, period = 'year' }",
        &[
            "4:18: ..negative",
            "4:31: keys[0].budget.period: must be `day` or `week` or `month` or `total`, not `year`",
        ],
    );
    with("expires_at = '2027-01-01T00:00:00Z'", &[]);
    with("expires_at = 2027-01-01T00:00:00+01:00", &[]);
    with("expires_at = 'tomorrow'", &["4:14: keys[0].expires_at: must be a moment with its offset"]);
    with("expires_at = 2027-01-01", &["4:14: keys[0].expires_at: must be a moment with its offset"]);
    with("expires_at = 5", &["4:14: keys[0].expires_at: expected a string, found an integer"]);
    let secret =
        |value: &str, expect: &[&str]| check(&format!("[[keys]]\nname = 'k'\nsecret = '{value}'"), expect);
    secret("sk-0123456789abc", &[]);
    secret("sk-0123456789ab", &["3:10: keys[0].secret: must be at least 16 characters long"]);
    secret("pk-0123456789abcdef", &["must begin with `sk-`"]);
    secret("sk-0123456789 bcdef", &["must be visible ASCII characters"]);
    secret("${NOPE}", &["3:11: keys[0].secret: the environment variable `NOPE` is not set"]);
    with(
        "[[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'",
        &[
            "5:8: keys[1].name: there is already a key named `k`, on line 2",
            "6:10: keys[1].secret: is also the secret of the key on line 3",
        ],
    );
}

#[test]
fn key_values() {
    let settings = ok(
        "[[projects]]\nname = 'team'\nlimits = { rpm = 6000 }\nbudget = { usd = 500, period = 'month' }\n\
         [[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'\nproject = 'team'\nmodels = ['a', 'b/*']\n\
         limits = { rpm = 600, tpm = 1_000_000, parallel = 50, max_output_tokens = 32768 }\n\
         model_limits = { 'a.b' = { rpm = 100 } }\nbudget = { usd = 0.5, period = 'day' }\n\
         expires_at = '2027-01-01T00:00:00Z'\nowner = 'someone@example.com'\ndefault_max_output_tokens = 4096",
    );
    let key = &settings.catalog.keys[0];
    assert_eq!((key.prefix.as_str(), key.project.as_str()), ("sk-0123456", "team"));
    assert_eq!(key.models, ModelAccess::Only(vec!["a".to_owned(), "b/*".to_owned()]));
    assert_eq!((key.limits.rpm, key.limits.tpm, key.limits.parallel), (Some(600), Some(1_000_000), Some(50)));
    assert_eq!(key.limits.max_output_tokens, Some(32_768));
    assert_eq!(key.model_limits["a.b"].rpm, Some(100));
    assert_eq!(key.budget, Some(Budget { limit: NanoUsd(500_000_000), period: Period::Day }));
    assert_eq!(key.expires_at, Some(1_798_761_600));
    assert_eq!(key.default_max_output_tokens, Some(4096));
    let project = &settings.catalog.projects[0];
    assert_eq!(project.budget, Some(Budget { limit: NanoUsd(500_000_000_000), period: Period::Month }));
    // The id depends on the name alone.
    let other = ok("[[keys]]\nname = 'k'\nsecret = 'sk-another-secret-0'");
    assert_eq!(other.catalog.keys[0].id, key.id);
    assert!(key.id.starts_with("key_") && key.id.len() == 28, "{}", key.id);
}

#[test]
fn what_does_not_act_yet() {
    check_warnings(
        "[database]\nurl = 'postgres://u:p@h/d'",
        &["1:1: database: does not act yet: SQLite in data_dir is used"],
    );
    check_warnings("[redis]\nurl = 'redis://127.0.0.1:6379'", &["1:1: redis: does not act yet"]);
    check_warnings("[accounting]\ndurability = 'power'", &["1:1: accounting: does not act yet"]);
    check_warnings("[retention]\nrequest_rows_days = 90", &["1:1: retention: does not act yet"]);
    check_warnings("[otel]\nendpoint = 'http://127.0.0.1:4318'", &["1:1: otel: does not act yet"]);
    check_warnings(
        "[oidc]\nissuer = 'https://id.example.com'\nclient_id = 'a'\nclient_secret = 'b'",
        &["1:1: oidc: does not act yet"],
    );
    check_warnings(
        &format!("{PROVIDER}inline_media = true\non_disconnect = 'drain'"),
        &["4:16: ..does not act yet", "5:17: ..does not act yet"],
    );
    check_warnings(&format!("{PROVIDER}inline_media = false\non_disconnect = 'cancel'"), &[]);
    check_warnings(
        &format!("{PROVIDER}api_keys = ['a', 'b']"),
        &["4:18: providers[0].api_keys[1]: does not act yet: only the first"],
    );
    check_warnings(
        "[[keys]]\nname = 'k'\nsecret = '${DEV_KEY}'\nlimits = { rpm = 1, max_output_tokens = 5 }\n\
         budget = { usd = 1, period = 'day' }",
        &["4:18: keys[0].limits.rpm: does not act yet", "5:10: keys[0].budget: does not act yet"],
    );
    check_warnings(
        &format!(
            "{PROVIDER}[[models]]\nname = 'm'\ntargets = [{{ provider = 'p', model = 'x', weight = 2, priority = 1 }}]\n\
                  stream_repair = 'splice'\nretry = {{ }}\nhedge = {{ }}\nprice = {{ input = 1, output = 1 }}\ntimeouts = {{ }}"
        ),
        &["6:52: ..weight", "7:17: ..stream_repair", "8:9: ..retry", "9:9: ..hedge", "10:9: ..price"],
    );
    // A vendor whose dialect is not built yet: it and what depends on it is left out.
    let settings = ok("[[providers]]\nname = 'claude'\nkind = 'anthropic'\napi_key = 'x'\n\
         [[models]]\nname = 'a'\ntargets = [{ provider = 'claude', model = 'x' }]\n\
         [[models]]\nname = 'b'\ntargets = [{ provider = 'claude', model = 'x' }, { provider = 'sandbox', model = 'echo' }]");
    let found: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
    compare(
        "",
        &found,
        &[
            "3:8: providers[0].kind: the kind `anthropic` does not act yet: this provider and its targets are left out",
            "5:1: models[0]: the model `a` is left out: none of its targets acts yet",
        ],
    );
    assert!(settings.catalog.providers.is_empty() && settings.names_provider);
    assert_eq!(settings.catalog.models.len(), 1);
    assert_eq!(settings.catalog.models[0].targets.len(), 1);
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
    check(
        "[accounting]\ndurability = 'disk'",
        &["2:14: accounting.durability: must be `process` or `power`, not `disk`"],
    );
    check("[otel]\nendpoint = 'x'", &["2:12: otel.endpoint: must be a URL"]);
    check(
        "[oidc]\nissuer = 'https://x'\nclient_id = ''",
        &["1:1: oidc: `client_secret` is missing", "3:13: oidc.client_id: must not be empty"],
    );
    check("[server.tls]\ncert = 'c.pem'", &["1:1: server.tls: `key` is missing"]);
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
