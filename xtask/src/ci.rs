//! `cargo xtask ci`: what has to hold before a change goes in.

use crate::{Outcome, bench, docs, openapi, test, tidy};

/// A name, and what it does: it may tell what it had to leave out.
type Step = (&'static str, fn() -> Result<Option<String>, String>);

pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("unknown option {unknown}"));
    }
    let steps: [Step; 6] = [
        ("format", || whole(test::cargo(&["fmt", "--all", "--check"]))),
        ("lints", || {
            whole(test::cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
        }),
        ("tidy", || whole(tidy::run(&[]))),
        ("openapi", || whole(openapi::run(&["--check".to_owned()]))),
        ("docs", || whole(docs::run(&["--check".to_owned()]))),
        ("instructions", bench::instructions_in_ci),
    ];
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for (name, step) in steps {
        eprintln!("== {name}");
        // A failed step does not hide what the later ones have to say.
        match step() {
            Ok(None) => {}
            Ok(Some(reason)) => {
                eprintln!("{name} SKIPPED: {reason}");
                skipped.push(name);
            }
            Err(text) => {
                eprintln!("{name} failed: {text}");
                failed.push(name);
            }
        }
    }
    if !skipped.is_empty() {
        eprintln!("== SKIPPED, wholly or in part, for the reasons above: {}", skipped.join(", "));
    }
    eprintln!("== tests");
    // Last, so that the runner's summary closes the output.
    test::run(&[])?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed before the tests: {}", failed.join(", "))) }
}

/// A step that leaves nothing out.
fn whole(done: Outcome) -> Result<Option<String>, String> {
    done.map(|()| None)
}
