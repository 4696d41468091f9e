//! `cargo xtask bench`.

use crate::Outcome;

pub(crate) fn run(_args: &[String]) -> Outcome {
    Err("not there yet".to_owned())
}
