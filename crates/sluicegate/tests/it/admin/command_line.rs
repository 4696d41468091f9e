//! `key` and `usage` against a running gateway.
