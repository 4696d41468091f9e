//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::settings::parse_address;

/// A gateway for large language models behind OpenAI's API.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway
    ///
    /// With nothing configured it makes its data directory and a first key, listens on loopback, and prints how to
    /// call it. SIGTERM or SIGINT lets running requests finish, a second one ends at once; SIGHUP reads the
    /// configuration file again.
    Serve(Serve),
    /// Check the configuration file
    ///
    /// Prints every error of the file with its line and column, or the settings in force with secrets masked.
    Check(Config),
    /// Print the OpenAPI 3.1 document of the API
    Openapi,
}

#[derive(Args, Debug)]
pub(crate) struct Config {
    /// Configuration file (TOML); without it the variable SLUICEGATE_CONFIG, without that the defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Directory of the database, the admin token and the master key [default: ./sluicegate-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the API: /v1/*, /health/* [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the admin listener: /metrics [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) admin_listen: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments() {
        let check = |args: &[&str], expect: Result<(), i32>| {
            let found = Cli::try_parse_from([&["sluicegate"], args].concat());
            assert_eq!(found.map(|_| ()).map_err(|error| error.exit_code()), expect, "{args:?}");
        };
        check(&["serve"], Ok(()));
        check(
            &[
                "serve",
                "--config",
                "x",
                "--data-dir",
                "d",
                "--listen",
                "[::]:1",
                "--admin-listen",
                "localhost:2",
            ],
            Ok(()),
        );
        check(&["check", "--config=x"], Ok(()));
        check(&["openapi"], Ok(()));
        check(&["--help"], Err(0));
        check(&["serve", "--help"], Err(0));
        check(&["--version"], Err(0));
        check(&[], Err(2));
        check(&["frobnicate"], Err(2));
        check(&["serve", "--listen", "here"], Err(2));
        check(&["check", "--listen", "127.0.0.1:1"], Err(2));
        check(&["serve", "--no-such-option"], Err(2));
    }
}
