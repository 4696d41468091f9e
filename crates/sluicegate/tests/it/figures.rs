//! Figures that are printed, not asserted: how long pages of the console take with ten million requests in SQLite.
//!
//! ```text
//! cargo test --release -p sluicegate --test it figures -- --ignored --nocapture
//! ```
//!
//! The database is 5 to 6 GB and takes some minutes to make. With `SLUICEGATE_FIGURES_DIR` it is made there, and used
//! again the next time; `SLUICEGATE_FIGURES_REQUESTS` makes another number of requests.

mod fill;
mod page_times;
