//! Users: the list, and one of them.

pub(crate) mod list;
pub(crate) mod one;
mod texts;
