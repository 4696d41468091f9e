//! `sluicegate check`: what is wrong with the configuration file, or what is in force.

use super::{config_path, load, warnings};
use crate::{
    Failure, cli, complain, print,
    settings::{Overrides, show},
};

pub(crate) fn run(arguments: &cli::Config) -> Result<(), Failure> {
    let path = config_path(arguments);
    let settings = load(path.as_deref(), &Overrides::default())?;
    for line in warnings(&settings, path.as_deref()) {
        complain(&format!("warning: {line}"));
    }
    print(&show(&settings))
}
