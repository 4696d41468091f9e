//! Nothing configured: what `serve` prints works as it stands, and is still there after a restart.

use sluice_testkit::{patience::within, process::Gateway};
use tokio::process::Command;

use crate::rig::launch;

/// The first key that the gateway printed.
async fn printed_key(gateway: &Gateway) -> String {
    gateway
        .lines
        .find("a line with the key", |line| {
            let at = line.find("sk-")?;
            let key: String =
                line[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            (key.len() > 20).then_some(key)
        })
        .await
}

/// The curl command that the gateway printed, which may go over several lines.
async fn printed_curl(gateway: &Gateway) -> String {
    gateway.lines.find("the curl line", |line| line.contains("curl ").then_some(())).await;
    // The whole of it stands in the lines before the one that ends the greeting; wait until it is complete.
    gateway
        .lines
        .find("the end of the curl line", |_| {
            let lines = gateway.lines.so_far();
            let start = lines.iter().position(|line| line.contains("curl "))?;
            let mut command = String::new();
            for line in &lines[start..] {
                match line.trim_end().strip_suffix('\\') {
                    Some(part) => command.push_str(part),
                    None => {
                        command.push_str(line);
                        let at = command.find("curl ")?;
                        return Some(command[at..].to_owned());
                    }
                }
            }
            None
        })
        .await
}

async fn run_shell(command: &str) -> String {
    let output = within("curl", Command::new("sh").arg("-c").arg(command).output()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}: {text} {}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
async fn the_printed_curl_line_answers_as_it_stands() {
    let gateway = launch().serve().await;
    let command = printed_curl(&gateway).await;
    let answer = run_shell(&command).await;
    assert!(answer.contains("\"choices\"") || answer.contains("data: [DONE]"), "{command}\n{answer}");
}

#[tokio::test]
async fn the_first_key_survives_a_restart_and_is_shown_once() {
    let launch = launch();
    let mut gateway = launch.serve().await;
    let key = printed_key(&gateway).await;
    let ask = |gateway: &Gateway| {
        let body = r#"{"model":"sandbox/echo","messages":[{"role":"user","content":"still there"}]}"#;
        let request = sluice_testkit::client::post(&key, "", body);
        let addr = gateway.data;
        async move { sluice_testkit::client::Client::connect(addr).await.exchange(request).await }
    };
    let (head, body) = ask(&gateway).await;
    assert_eq!(head.status, 200, "{:?}", body.text());
    // kill -9: nothing but what was written may be needed.
    gateway.kill().await;

    let gateway = launch.serve().await;
    let (head, body) = ask(&gateway).await;
    assert_eq!(head.status, 200);
    assert_eq!(body.json()["choices"][0]["message"]["content"], "still there");
    let said = gateway.lines.so_far().join("\n");
    assert!(!said.contains(&key), "the key is shown only once: {said}");
}

#[cfg(unix)]
/// A key that nobody was shown would be of no use to anybody.
#[tokio::test]
async fn a_first_run_that_fails_makes_no_key() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let serve = |address: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        command.args(["serve", "--listen", &address, "--admin-listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(dir.path()).kill_on_drop(true).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::piped());
        command
    };
    let address = taken.local_addr().unwrap().to_string();
    let output = within("the refusal", serve(address).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let mut second = serve("127.0.0.1:0".to_owned()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = tokio::io::BufReader::new(second.stderr.take().unwrap());
    while !text.contains("curl ") {
        let read = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut text);
        assert_ne!(within("a line of the greeting", read).await.unwrap(), 0, "{text}");
    }
    let curl = &text[text.find("curl ").unwrap()..];
    assert!(run_shell(curl).await.contains("\"choices\""), "{text}");
}

#[tokio::test]
async fn secrets_on_disk_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let gateway = launch().serve().await;
    let data = gateway.dir().join("data");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_file() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
        }
        seen.push(name);
    }
    for wanted in ["admin.token", "master.key"] {
        assert!(seen.iter().any(|name| name == wanted), "{wanted} is not among {seen:?}");
    }
    let key = printed_key(&gateway).await;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!found, "the key's secret stands in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_second_gateway_on_the_same_address_is_refused() {
    let first = launch().serve().await;
    let address = first.data.to_string();
    let second = launch().arg("--listen").arg(&address).arg("--admin-listen").arg("127.0.0.1:0");
    let output = second.run("serve").await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&address), "the address is named: {said}");
}

#[tokio::test]
async fn providers_of_the_environment_are_there() {
    let gateway = launch().env("OPENAI_API_KEY", "env-canary-1").serve().await;
    let key = printed_key(&gateway).await;
    let list = sluice_testkit::client::get("/v1/models", &format!("authorization: Bearer {key}\r\n"));
    let (head, body) = sluice_testkit::client::Client::connect(gateway.data).await.exchange(list).await;
    assert_eq!(head.status, 200);
    let ids: Vec<String> = body.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.iter().any(|id| id == "sandbox/echo"), "{ids:?}");
    let said = gateway.lines.so_far().join("\n");
    assert!(!said.contains("env-canary-1"), "{said}");
}
