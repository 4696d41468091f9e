//! Runs a program that uses a client, and compares the facts that it prints.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use serde_json::Value;
use tokio::process::Command;

use crate::rig::KEY;

/// How long a program may take, in seconds. Far above anything honest: frameworks take a while to load, and many
/// tests run at a time.
const LIMIT_S: u64 = 300;

/// What `cargo xtask test` prepared under this variable, or a failure that says why it is not there.
pub(crate) fn prepared(variable: &str) -> PathBuf {
    std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        let reason = std::env::var(format!("{variable}_MISSING"))
            .unwrap_or_else(|_| "run the tests with `cargo xtask test`, which prepares it".to_owned());
        panic!("{variable} is missing: {reason}")
    })
}

/// What a program printed: its last line is one JSON object.
#[derive(Debug)]
pub(crate) struct Facts {
    all: BTreeMap<String, Value>,
    output: String,
}

impl Facts {
    /// Asserts these facts; a failure shows all that differ and everything the program said.
    pub(crate) fn check(&self, expect: &[(&str, Value)]) {
        let wrong: Vec<String> = expect
            .iter()
            .filter(|(name, expect)| self.all.get(*name) != Some(expect))
            .map(|(name, expect)| format!("{name}: {:?}, not {expect}", self.all.get(*name)))
            .collect();
        assert!(wrong.is_empty(), "{}\nthe program said:\n{}", wrong.join("\n"), self.output);
    }

    /// Asserts that each of these is `true`.
    pub(crate) fn check_true(&self, names: &[&str]) {
        let expect: Vec<_> = names.iter().map(|name| (*name, Value::Bool(true))).collect();
        self.check(&expect);
    }
}

/// Runs a program to its end; it finds the gateway in its environment.
pub(crate) async fn run(mut command: Command, base_url: &str) -> Facts {
    command.env("OPENAI_BASE_URL", base_url).env("OPENAI_API_KEY", KEY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_proxy(name)) {
        command.env_remove(name);
    }
    let output = output(command).await;
    let output_text = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout).trim_end()
    );
    assert!(output.status.success(), "{}:\n{output_text}", output.status);
    let last = output_text.lines().last().unwrap_or_default();
    let all = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}:\n{output_text}"));
    Facts { all, output: output_text }
}

/// Runs a command to its end, or kills it at the limit.
pub(crate) async fn output(mut command: Command) -> std::process::Output {
    command.kill_on_drop(true);
    let limit = Duration::from_secs(LIMIT_S);
    match tokio::time::timeout(limit, command.output()).await {
        Ok(output) => output.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        Err(_) => panic!("no end of {command:?} within {LIMIT_S} s"),
    }
}

fn is_proxy(name: &OsString) -> bool {
    name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy")
}
