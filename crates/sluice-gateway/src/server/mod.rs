//! Towards callers: listeners, connections with their clocks, and their orderly end.

mod accept;
mod caller_watch;
mod connection;
mod direct;
mod framing;
mod io;
mod listen;
mod state;
mod tls;
mod unparsed;

pub(crate) use accept::{CurrentTls, accept_until_stopped};
pub(crate) use connection::Service;
pub(crate) use direct::Portions;
pub(crate) use framing::Framing;
pub(crate) use listen::bind;
pub(crate) use state::{CallGuard, ConnectionState, Live, LiveGuard, Serving};
pub use tls::TlsError;
pub(crate) use tls::acceptor;
