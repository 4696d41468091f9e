//! The one-time link: as long as there is nobody, whoever sees the output of `serve` may become the first owner.

use super::sha256;

/// What is known of the link: not the link itself.
#[derive(Debug)]
pub(crate) struct Link {
    hash: [u8; 32],
}

impl Link {
    pub(crate) fn new(token: &str) -> Self {
        Self { hash: sha256("link", token) }
    }

    pub(crate) fn is(&self, token: &str) -> bool {
        self.hash == sha256("link", token)
    }
}

/// The hash by which the link of an invitation is found.
pub(crate) fn invite_hash(token: &str) -> [u8; 32] {
    sha256("invitation", token)
}
