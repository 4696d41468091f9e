//! Towards callers: listeners, connections with their clocks, and their orderly end.

mod accept;
mod body;
mod caller_watch;
mod connection;
mod http1;
mod io;
mod listen;
mod state;
mod tls;
mod unparsed;

pub(crate) use accept::{CurrentTls, accept_until_stopped};
pub(crate) use body::{BodyBroke, RequestBody};
pub(crate) use connection::Service;
pub use http1::fuzz_head;
pub(crate) use listen::bind;
pub(crate) use state::{CallGuard, ConnectionState, Live, LiveGuard, Serving};
pub use tls::TlsError;
pub(crate) use tls::acceptor;
