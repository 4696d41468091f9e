//! Third stage: in which order the eligible targets are tried.

use sluice_routing::Attempts;

use crate::{admit::Admitted, bounds};

/// The attempts of an admitted request.
pub(crate) fn route(admitted: &Admitted) -> Attempts {
    let max_attempts = admitted.model().options.max_attempts.unwrap_or(bounds::MAX_ATTEMPTS);
    Attempts::new(admitted.eligible(), max_attempts)
}
