//! Providers, models and keys: what is refused, and what is read.

use sluice_ledger::{Budget, LongContextPrice, ModelAccess, NanoUsd, Period};

use super::*;

#[test]
fn providers() {
    let with = |lines: &str, expect: &[&str]| check(&format!("{PROVIDER}{lines}"), expect);
    with("api_key = '${OPENAI_API_KEY}'", &[]);
    with("api_key = ''", &["4:11: providers[0].api_key: must be visible ASCII characters, and not empty"]);
    with("api_key = 'a b'", &["4:11: providers[0].api_key: must be visible ASCII"]);
    with("api_keys = []", &["4:12: providers[0].api_keys: names no key"]);
    with("api_key = 'a'\napi_keys = ['b']", &["5:12: providers[0].api_keys: give either"]);
    with("api_keys = ['a', 'b', 'a']", &["4:23: providers[0].api_keys[2]: this key is there twice"]);
    with("api_keys = ['a', 'b c']", &["4:18: providers[0].api_keys[1]: must be visible ASCII"]);
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
    for never in ["X-Trace-Id", "user-agent", "keep-alive", "proxy-connection", "connection"] {
        with(
            &format!("forward_headers = ['{never}']"),
            &[&format!("4:20: providers[0].forward_headers[0]: `{never}` is never passed on")],
        );
    }
    with("headers = { Keep-Alive = 'x' }", &["4:13: ..the gateway writes `keep-alive` itself"]);
    with("headers = { proxy-connection = 'x' }", &["4:13: ..the gateway writes `proxy-connection` itself"]);
    with("headers = { user-agent = 'x', x-trace-id = 'y' }", &[]);
    with(
        "forward_headers = ['x-a', 'x-b', 'X-A']",
        &["4:34: providers[0].forward_headers[2]: this header is there twice"],
    );
    with(
        "headers = { X-A = '1' }\nforward_headers = ['x-a', 'x-b']",
        &["5:20: providers[0].forward_headers[0]: `x-a` is one of the provider's own `headers` already"],
    );
}

#[test]
fn provider_names_and_kinds() {
    let named = |name: &str, expect: &[&str]| {
        check(&format!("[[providers]]\nname = '{name}'\nkind = 'openai'"), expect);
    };
    named("azure eu (1)", &[]);
    named("北京", &["2:8: providers[0].name: must be printable ASCII: it stands in response headers"]);
    named("", &["2:8: providers[0].name: must not be empty"]);
    named(" a", &["must not have control characters, nor white space at its ends"]);
    named("a/b", &["2:8: providers[0].name: must not contain `/`"]);
    named("sandbox", &["2:8: providers[0].name: `sandbox` is the name of the built-in provider"]);
    for before in ["", "[sandbox]\nenabled = false\n"] {
        check(
            &format!("{before}[[providers]]\nname = 'p'\nkind = 'sandbox'"),
            &["providers[0].kind: the sandbox is built in..`[sandbox] enabled = false` switches it off"],
        );
    }
    let known = parse("[[providers]]\nname = 'p'\nkind = 'nothing'").unwrap_err();
    assert!(!known[0].text.contains("sandbox"), "{}", known[0]);
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
fn credentials_of_single_kinds() {
    let azure = |lines: &str, expect: &[&str]| {
        check(&format!("[[providers]]\nname = 'p'\nkind = 'azure'\nbase_url = 'https://r'\n{lines}"), expect);
    };
    let entra = "tenant_id = 't'\nclient_id = 'c'\nclient_secret = '${SEC}'\n";
    azure("api_key = 'k'\napi_version = 'preview'", &[]);
    azure("api_version = '2024-10-21'", &[]);
    azure("api_version = 'a b'", &["5:15: providers[0].api_version: must be visible ASCII"]);
    azure("api_version = 'a&b'", &["5:15: providers[0].api_version: is not one that there can be"]);
    azure(entra, &[]);
    azure(
        &format!("{entra}api_key = 'k'"),
        &["5:13: providers[0].tenant_id: stands beside an API key: give one of them"],
    );
    azure("client_id = 'c'", &["5:13: providers[0].client_id: stands alone: `tenant_id`, `client_id` and"]);
    azure("region = 'r'", &["5:10: providers[0].region: is a setting of the kind bedrock, not of `azure`"]);
}

#[test]
fn several_keys() {
    let mut settings = ok(&format!("{PROVIDER}api_keys = ['a', 'b']"));
    complete(&mut settings, &Surroundings { variable: &env, file: &|_| Ok(None) }).unwrap();
    let expect = ["a", "b"].map(|key| Credential::api_key(key.to_owned()));
    assert!(settings.config(&secrets(), false).credentials["p"] == expect);
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
