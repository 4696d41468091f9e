//! Listening sockets: one per worker on the same address.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::bounds;

/// Length of an accept queue: what the system allows (`net.core.somaxconn`). Whoever finds it full tries again after a
/// second, which is later than any refusal.
const BACKLOG: i32 = 65_535;

/// Binds `count` listeners to one address.
///
/// The first binds without `SO_REUSEPORT`, so that an address on which another process listens is refused, and fixes
/// the port where `address` has port 0. It sets the option before it listens; the others then join it.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let first = socket(address)?;
    first.bind(&address.into())?;
    first.set_reuse_port(true)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = vec![first];
    for _ in 1..count {
        let joining = socket(address)?;
        joining.set_reuse_port(true)?;
        joining.bind(&address.into())?;
        sockets.push(joining);
    }
    sockets
        .into_iter()
        .map(|socket| {
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it.
    socket.set_tcp_notsent_lowat(bounds::UNSENT_BYTES)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn listeners_share_a_port_and_keep_others_off_it() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let ours = bind(any, 3).unwrap();
        let address = ours[0].local_addr().unwrap();
        assert!(address.port() != 0 && ours.iter().all(|l| l.local_addr().unwrap() == address));
        assert_eq!(bind(address, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        TcpStream::connect(address).unwrap();
    }
}
