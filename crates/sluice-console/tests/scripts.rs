//! The console's scripts: their types, and what they make of texts. Needs Node with TypeScript, which `cargo xtask test`
//! prepares.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic with a good text is how a test fails"
)]

use std::{path::PathBuf, process::Command};

const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");

/// Where Node is, or a failure that says why it is not there.
fn node() -> PathBuf {
    std::env::var_os("SLUICEGATE_TEST_NODE").map(PathBuf::from).unwrap_or_else(|| {
        let reason = std::env::var("SLUICEGATE_TEST_NODE_MISSING")
            .unwrap_or_else(|_| "run the tests with `cargo xtask test`, which prepares it".to_owned());
        panic!("Node is missing: {reason}")
    })
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{text}", output.status);
    text
}

#[test]
fn types_are_right() {
    let node = node();
    let mut command = Command::new(node.join("bin/node"));
    command.arg(node.join("node_modules/typescript/bin/tsc"));
    command.args([
        "--noEmit",
        "--allowJs",
        "--checkJs",
        "--strict",
        "--noUnusedLocals",
        "--noImplicitReturns",
    ]);
    command.args(["--target", "es2023", "--lib", "es2023,dom,dom.iterable,dom.asynciterable"]);
    command.args(["--module", "es2022", "--moduleResolution", "bundler"]);
    let mut scripts: Vec<PathBuf> =
        std::fs::read_dir(ASSETS).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|end| end == "js"));
    assert!(!scripts.is_empty());
    command.args(scripts);
    output(&mut command);
}

#[test]
fn texts_of_fields_become_values_of_the_api() {
    let mut command = Command::new(node().join("bin/node"));
    command.args(["--input-type=module", "--eval", include_str!("values.mjs")]);
    command.env("ASSETS", ASSETS);
    let text = output(&mut command);
    assert!(text.contains("all checks held"), "{text}");
}
