//! `cargo xtask bench`: the gateway beside a plain nginx `proxy_pass`, in interleaved rounds of one run.
//!
//! Proxy under test on core 0, upstream and load on core 1, everything on 127.0.0.1. What counts is the CPU time of
//! the proxy's processes per request and per event, as a ratio: that is stable where latency and requests per second
//! are not.

mod cases;
mod instructions;
mod load;
mod overload;
mod processes;
mod report;
mod rounds;
mod scale;
mod servers;
mod soak;
mod start;

use crate::Outcome;
pub(crate) use instructions::in_ci as instructions_in_ci;

const USAGE: &str =
    "usage: cargo xtask bench [--case NAME] [--rounds N] [--seconds S] [--json FILE] [--beside FILE]
   or: cargo xtask bench --case soak [--minutes M]
  --case NAME   only cases whose name contains NAME (may be repeated)
  --rounds N    rounds of each case, 1 to 50 (default 5)
  --seconds S   length of one measurement, 0.2 to 60 (default 3)
  --minutes M   of the soak, 0.5 to 600 (default 30)
  --json FILE   write all figures there too
  --beside FILE another build of the gateway, measured in the same rounds, in rows of its own
or: cargo xtask bench --scale [--case keys|models|streams|bodies] [--rounds N] [--seconds S] [--json FILE]
  measures what a small request costs where there is much of something (up to 20,000 streams: two descriptors each)
or: cargo xtask bench --instructions [--base COMMIT] [--case NAME] [--json FILE]
  counts the instructions of the hot parts of a request instead, under valgrind; with --base beside those of COMMIT,
  which is built in the same run: more than 3 % dearer fails";

/// What to measure, and for how long.
#[derive(Debug, Default)]
pub(crate) struct Options {
    cases: Vec<String>,
    rounds: u32,
    seconds: f64,
    minutes: f64,
    json: Option<String>,
    beside: Option<std::path::PathBuf>,
    instructions: bool,
    scale: bool,
    base: Option<String>,
}

pub(crate) fn run(args: &[String]) -> Outcome {
    let options = parse(args)?;
    if options.instructions {
        let Options { base, cases, json, .. } = options;
        return instructions::run(&instructions::Asked { base, parts: cases, json });
    }
    if options.scale {
        return scale::run(&prepared()?, &options);
    }
    if options.cases.iter().any(|name| name == soak::NAME) {
        let tools = prepared()?;
        return soak::run(&tools, options.minutes);
    }
    let chosen: Vec<_> = cases::all().into_iter().filter(|case| options.wants(case.name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = cases::all().iter().map(|case| case.name).collect();
        return Err(format!("no such case; there are: {}", names.join(", ")));
    }
    let tools = prepared()?;
    println!(
        "{} rounds of {} s a case; proxy on core 0, upstream and load on core 1\n",
        options.rounds, options.seconds
    );
    let mut results = Vec::new();
    report::print_header();
    for case in chosen {
        let result = rounds::measure(&tools, &case, &options)?;
        report::print(&result);
        results.push(result);
    }
    report::print_footer();
    match &options.json {
        None => Ok(()),
        Some(file) => std::fs::write(file, report::to_json(&results, &options))
            .map_err(|error| format!("cannot write {file}: {error}")),
    }
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|part| name.contains(part.as_str()))
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { rounds: 5, seconds: 3.0, minutes: 30.0, ..Options::default() };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"));
        match name.as_str() {
            "--case" => options.cases.push(value()?.clone()),
            "--beside" => options.beside = Some(value()?.into()),
            "--scale" => options.scale = true,
            "--instructions" => options.instructions = true,
            "--base" => options.base = Some(value()?.clone()),
            "--json" => options.json = Some(value()?.clone()),
            "--rounds" => options.rounds = within(value()?, 1.0, 50.0).map(|n: f64| n.round() as u32)?,
            "--minutes" => options.minutes = within(value()?, 0.5, 600.0)?,
            "--seconds" => options.seconds = within(value()?, 0.2, 60.0)?,
            _ => return Err(format!("unknown option {name}\n{USAGE}")),
        }
    }
    if options.base.is_some() && !options.instructions {
        return Err(format!("--base is for --instructions\n{USAGE}"));
    }
    Ok(options)
}

fn within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|n| (low..=high).contains(n))
        .ok_or_else(|| format!("`{text}` is not between {low} and {high}\n{USAGE}"))
}

/// The programs, built.
fn prepared() -> Result<servers::Tools, String> {
    let tools = servers::Tools::find()?;
    build(&["-p", "sluicegate"])?;
    build(&["-p", "sluice-testkit", "--bin", "sluice-load"])?;
    Ok(tools)
}

fn build(what: &[&str]) -> Outcome {
    crate::test::cargo(&[&["build", "--profile", "dist"], what].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str], expect: Result<(usize, u32, f64), ()>) {
        let args: Vec<String> = args.iter().map(|&a| a.to_owned()).collect();
        let got = parse(&args).map(|o| (o.cases.len(), o.rounds, o.seconds)).map_err(|_| ());
        assert_eq!(got, expect, "{args:?}");
    }

    #[test]
    fn options() {
        check(&[], Ok((0, 5, 3.0)));
        check(&["--case", "a", "--case", "b", "--rounds", "7", "--seconds", "0.5"], Ok((2, 7, 0.5)));
        check(&["--rounds"], Err(()));
        check(&["--rounds", "0"], Err(()));
        check(&["--seconds", "61"], Err(()));
        check(&["--frobnicate"], Err(()));
        check(&["--instructions", "--base", "HEAD~1", "--case", "scan"], Ok((1, 5, 3.0)));
        check(&["--base", "HEAD~1"], Err(()));
    }
}
