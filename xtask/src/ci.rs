//! `cargo xtask ci`: what has to hold before a change goes in.

use crate::{Outcome, docs, openapi, test, tidy};

/// A name and what it does.
type Step = (&'static str, fn() -> Outcome);

pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("unknown option {unknown}"));
    }
    let steps: [Step; 5] = [
        ("format", || test::cargo(&["fmt", "--all", "--check"])),
        ("lints", || {
            test::cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
        }),
        ("tidy", || tidy::run(&[])),
        ("openapi", || openapi::run(&["--check".to_owned()])),
        ("docs", || docs::run(&["--check".to_owned()])),
    ];
    let mut failed = Vec::new();
    for (name, step) in steps {
        eprintln!("== {name}");
        // A failed step does not hide what the later ones have to say.
        if let Err(text) = step() {
            eprintln!("{name} failed: {text}");
            failed.push(name);
        }
    }
    eprintln!("== tests");
    // Last, so that the runner's summary closes the output.
    test::run(&[])?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed before the tests: {}", failed.join(", "))) }
}
