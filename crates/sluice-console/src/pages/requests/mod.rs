//! Requests: the list, and one of them.

mod codes;
mod filters;
pub(crate) mod list;
mod marks;
pub(crate) mod one;
mod row;
mod story;
#[cfg(test)]
mod tests;
mod texts;
mod timeline;
