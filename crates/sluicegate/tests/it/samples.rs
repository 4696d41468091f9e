//! The programs that the playground writes, run as whoever copies them would.

use serde_json::{Value, json};
use sluice_testkit::process::Gateway;
use tokio::process::Command;

use crate::{
    rig::{KEY, base_config, launch},
    sdk::program::{self, prepared},
};

const SAMPLES: &str = include_str!("../../../sluice-console/assets/samples.js");

/// A text that every language could stumble over.
const HARD: &str = "it's \"quoted\" \\n ${HOME} `x` {y} 你好 😀";

/// The samples of a request, as the playground makes them.
async fn samples(gateway: &Gateway, stream: bool) -> Value {
    let request = json!({
        "model": "sandbox/echo",
        "messages": [{ "role": "user", "content": HARD }],
        "stream": stream,
        "metadata": { "a'b": "c\"d" },
        "seed": null,
        "vendor_field": [true, false, null, 1.5, {}]
    });
    let text = format!(
        "const it = await import(`data:text/javascript,${{encodeURIComponent(process.env.MODULE)}}`);\n\
         console.log(JSON.stringify(it.samples({}, {request})));",
        json!(gateway.base_url())
    );
    let mut command = Command::new(prepared("SLUICEGATE_TEST_NODE").join("bin/node"));
    command.args(["--input-type=module", "--eval", &text]).env("MODULE", SAMPLES);
    let output = program::output(command).await;
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn samples_do_what_the_playground_does() {
    let gateway = launch().config(&base_config()).serve().await;
    for stream in [false, true] {
        let samples = samples(&gateway, stream).await;
        let text = |name: &str| samples[name].as_str().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &text("curl").replacen("curl ", "curl --disable --noproxy '*' --silent ", 1)]);
        let mut python = Command::new(prepared("SLUICEGATE_TEST_PYTHON_OPENAI"));
        python.args(["-c", text("python")]);
        let home = prepared("SLUICEGATE_TEST_NODE");
        let mut node = Command::new(home.join("bin/node"));
        node.args(["--input-type=module", "--eval", text("node")]).current_dir(&home);
        for (name, mut command) in [("curl", shell), ("python", python), ("node", node)] {
            command.env("SLUICEGATE_API_KEY", KEY).env("NO_PROXY", "*").env("no_proxy", "*");
            let output = program::output(command).await;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let told = if name == "curl" { heard(&said, stream) } else { said.trim_end().to_owned() };
            assert_eq!(
                told,
                HARD,
                "{name}, stream {stream}: {said}\n{}\n{}",
                String::from_utf8_lossy(&output.stderr),
                text(name)
            );
        }
        assert!(!samples.to_string().contains(KEY));
    }
}

/// What an answer of the API says.
fn heard(body: &str, stream: bool) -> String {
    let of = |text: &str, part: &str| {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        value["choices"][0][part]["content"].as_str().unwrap_or_default().to_owned()
    };
    match stream {
        false => of(body, "message"),
        true => body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| of(data, "delta"))
            .collect(),
    }
}
