//! The console's scripts: their types, and what they make of texts. Needs Node with TypeScript, which `cargo xtask test`
//! prepares.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic with a good text is how a test fails"
)]

use std::{path::PathBuf, process::Command};

use sluice_console::{Currency, format};

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

fn checks(module: &str) {
    let mut command = Command::new(node().join("bin/node"));
    command.args(["--input-type=module", "--eval", module]);
    command.env("ASSETS", ASSETS);
    let text = output(&mut command);
    assert!(text.contains("all checks held"), "{text}");
}

/// What comes after the page looks like what came with it.
#[test]
fn scripts_write_numbers_as_pages_do() {
    let yuan = Currency { code: "CNY".to_owned(), rate_millionths: 7_200_000 };
    let franc = Currency { code: "CHF".to_owned(), rate_millionths: 800_000 };
    let whole = [0, 1, 999, 1_000, 9_994, 9_995, 12_345, 99_949, 99_950, 999_499, 999_500, 1_234_567_890];
    let times = [
        0.0,
        0.25,
        0.35,
        9.94,
        9.96,
        10.5,
        11.5,
        340.4,
        999.4,
        999.5,
        1_240.0,
        9_994.9,
        9_995.0,
        59_949.0,
        59_950.0,
        3_723_000.0,
        90_000_000.0,
        -1.0,
    ];
    let amounts = [
        0,
        1,
        123_456,
        9_999_999,
        10_000_000,
        12_345_678,
        999_999_999,
        1_234_567_891,
        -1_500_000_000,
        1_234_567_000_000_000,
    ];
    let mut expect: Vec<String> =
        whole.iter().map(|number| format!("{} {}", format::count(*number), format::short(*number))).collect();
    expect.extend(times.iter().map(|ms| format::duration(*ms)));
    for nano in amounts {
        let of = |currency| format::money(nano, currency);
        expect.push(format!(
            "{} {} {} {}",
            of(None),
            of(Some(&yuan)),
            of(Some(&franc)),
            format::exact_usd(nano)
        ));
    }
    let script = format!(
        "const f = await import(process.env.SCRIPT);
        const [yuan, franc] = [{{ code: 'CNY', rate: 7200000n }}, {{ code: 'CHF', rate: 800000n }}];
        for (const n of {whole:?}) console.log(f.count(n) + ' ' + f.short(n));
        for (const ms of {times:?}) console.log(f.duration(ms));
        for (const n of {amounts:?}) console.log([f.money(n), f.money(n, yuan), f.money(n, franc), f.exactUsd(n)].join(' '));"
    );
    let mut command = Command::new(node().join("bin/node"));
    // Outside a package a file is a module by its name.
    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("format.mjs");
    std::fs::copy(PathBuf::from(ASSETS).join("format.js"), &copy).unwrap();
    command.args(["--input-type=module", "--eval", &script]).env("SCRIPT", copy);
    let found = output(&mut command);
    assert_eq!(found.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn texts_of_fields_become_values_of_the_api() {
    checks(include_str!("values.mjs"));
}

#[test]
fn events_of_a_stream_become_an_answer() {
    checks(include_str!("chat.mjs"));
}
