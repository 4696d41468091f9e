//! The API's own document against a running gateway: schemathesis makes requests that fit it and requests that do not,
//! and looks at whether the answers are the described ones.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    rig::{KEY, base_config, launch, model},
    sdk::program,
};

/// Most requests of one kind to one operation: a minute in all, on a slow machine.
const EXAMPLES: &str = "100";

/// The document, cut to what the sandbox can show: its models, faults that do not fail the request, and the types
/// of content parts that it knows.
fn for_the_sandbox(mut document: Value) -> Value {
    document["components"]["schemas"]["ChatCompletionRequest"]["properties"]["model"]["enum"] =
        json!(["sandbox/echo", "sandbox/text", "gpt-4o-mini"]);
    document["components"]["parameters"]["SandboxFault"]["schema"]["enum"] =
        json!(["", "no_usage", "no_done", "seed=7"]);
    // A repeat is answered as its first was, whatever its other headers say.
    let call = document["paths"]["/v1/chat/completions"]["post"]["parameters"].as_array_mut().unwrap();
    call.retain(|parameter| parameter["$ref"] != "#/components/parameters/IdempotencyKey");
    // It goes on for minutes.
    document["paths"].as_object_mut().unwrap().remove("/admin/v1/requests/tail");
    // Providers that were made up give no list: a 502, which is no error of the server that is tested.
    document["paths"].as_object_mut().unwrap().remove("/admin/v1/providers/{name}/models");
    let parts = document["components"]["schemas"]["ContentPart"]["anyOf"].as_array_mut().unwrap();
    parts.retain(|part| part["title"] != "Another type");
    document
}

async fn schemathesis(dir: &Path, url: &str, token: &str, operations: &[&str]) -> Output {
    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_PYTHON_SCHEMATHESIS"));
    command.args(["-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--no-color"]);
    command.args(["--seed", "1", "--max-examples", EXAMPLES, "--request-timeout", "60"]);
    command.args(["--continue-on-failure", "--exclude-checks", "positive_data_acceptance"]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]).args(operations);
    command.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("NO_PROXY", "127.0.0.1").current_dir(dir);
    program::output(command).await
}

#[tokio::test]
async fn answers_are_as_described() {
    let config = base_config() + &model("gpt-4o-mini", &[("sandbox", "echo")], "");
    let launch = launch();
    let document = launch.run("openapi").await;
    let document = for_the_sandbox(serde_json::from_slice(&document.stdout).unwrap());
    fs::write(launch.dir().join("openapi.json"), document.to_string()).unwrap();
    let hooks = include_str!("sdk/python/schemathesis_hooks.py");
    fs::write(launch.dir().join("schemathesis_hooks.py"), hooks).unwrap();
    let gateway = launch.config(&config).serve().await;
    let data = format!("http://{}", gateway.data);
    let admin = format!("http://{}", gateway.admin);
    let token = fs::read_to_string(gateway.dir().join("data/admin.token")).unwrap();
    // That objects need one another (a model its provider) is a warning there, not a fault.
    let objects = ["--include-path-regex", "^/admin", "--warnings", "off"];
    for (url, token, operations) in [
        (&data, KEY, &["--exclude-path-regex", "^/(metrics|admin)"][..]),
        (&admin, KEY, &["--include-path", "/metrics"]),
        (&admin, token.trim(), &objects),
    ] {
        let output = schemathesis(gateway.dir(), url, token, operations).await;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{url}: {}\n{text}\n{errors}", output.status);
        // Nothing tested is not a success.
        assert!(text.contains("No issues found"), "{url}:\n{text}\n{errors}");
    }
}
