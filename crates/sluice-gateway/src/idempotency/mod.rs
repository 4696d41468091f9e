//! `Idempotency-Key`: a request that is sent again is answered again, and made once.
//!
//! The first request with a key claims it in the database (`keeper.rs` is the one task that asks there), and what its
//! caller gets is recorded in memory as it goes out (`recording.rs`, `ticket.rs`). Every other request with the key
//! and the same body reads that recording, from its beginning, while it is made or for some minutes after it
//! (`repeat.rs`). Which recordings there are is in `table.rs`. A request without the header touches none of this.

mod claim;
mod header;
mod keeper;
mod recording;
mod repeat;
mod table;
mod ticket;

pub(crate) use claim::{Entry, enter};
pub(crate) use keeper::open;
pub(crate) use repeat::{Repeat, RepeatBody};
pub(crate) use table::Table;
pub(crate) use ticket::{Held, RecordedStream, Ticket};
