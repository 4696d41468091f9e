//! Who may spend what: keys and projects, their limits and budgets, money and prices, and the reservation that one
//! request holds between admission and settlement.
//!
//! Pure: no I/O, no clock, no floating-point numbers. Money is integer nano-dollars.

pub mod account;
pub mod budget;
pub mod estimate;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod key;
pub mod lease;
pub mod limit;
pub mod money;
pub mod price;
pub mod price_table;
pub mod purse;
pub mod record;
pub mod recovery;
pub mod reservation;
pub mod secret;

pub use account::{AccountId, PurseId, Window};
pub use budget::{Budget, Period};
pub use key::{Key, ModelAccess, Origin, Project, Wider, narrowed};
pub use limit::{Limits, Rate, RateCell, Slots, TooMuch};
pub use money::NanoUsd;
pub use price::{LongContextPrice, Price};
pub use price_table::{ParseError, PriceTable, PricedModel, bundled, parse_table};
pub use purse::{Purse, Short};
pub use record::{Posting, Record, RequestId};
pub use recovery::Fold;
pub use reservation::{Charge, Purses, Reservation, TooLittle, UsageSource};
pub use secret::KeyHash;
