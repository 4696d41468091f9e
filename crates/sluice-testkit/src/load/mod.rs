//! A load generator that is light on CPU: prepared requests, one write and as few reads as possible per call,
//! latencies in buckets.

mod call;
mod closed;
mod histogram;
mod mix;
mod open;
mod overload;

pub use call::{Call, Kind};
pub use closed::{Closed, hold_open};
pub use histogram::Histogram;
pub use mix::{Mixed, mix};
pub use open::open_loop;
pub use overload::{Overloaded, overload};

use serde_json::{Value, json};

/// What a run of load measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Calls that ended as they should.
    pub calls: u64,
    /// Calls that did not: a status other than 200, a broken body or connection.
    pub failures: u64,
    /// From the first call's start to the last one's end, in nanoseconds.
    pub elapsed_ns: u64,
    /// From the start of a call (open loop: its due time) to the last byte of its answer.
    pub total: Histogram,
    /// To the first byte of its answer.
    pub first_byte: Histogram,
}

impl Measured {
    /// For the benchmark that asked: counts, and percentiles in microseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "calls": self.calls, "failures": self.failures, "elapsed_ns": self.elapsed_ns,
                "total": percentiles(&self.total), "first_byte": percentiles(&self.first_byte) })
    }

    pub(crate) fn record(&mut self, outcome: &std::io::Result<call::Times>) {
        match outcome {
            Ok(times) => {
                self.calls += 1;
                self.total.record_ns(times.total_ns);
                self.first_byte.record_ns(times.first_byte_ns);
            }
            Err(_) => self.failures += 1,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failures += other.failures;
        self.total.merge(&other.total);
        self.first_byte.merge(&other.first_byte);
    }
}

fn percentiles(h: &Histogram) -> Value {
    json!({ "p50_us": h.quantile_us(0.50), "p90_us": h.quantile_us(0.90), "p99_us": h.quantile_us(0.99),
            "p999_us": h.quantile_us(0.999), "max_us": h.quantile_us(1.0) })
}
