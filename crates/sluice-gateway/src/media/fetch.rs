//! One GET to a vetted address. No redirect is followed, nothing is sent along, and what comes has a limit.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http::Method;
use sluice_chat::Failure;
use tokio::net::{TcpStream, lookup_host};

use super::guard::{Refused, place, vetted};
use crate::upstream::{
    Tls, begin,
    once::{Ask, ask_on},
};

/// What names and addresses mean.
pub(super) trait Network {
    /// Every address of a name.
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// A connection to an address that was vetted.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;

    fn tls(&self) -> &Tls;
}

/// The real one.
#[derive(Debug)]
pub(super) struct Internet<'a> {
    pub(super) tls: &'a Tls,
}

impl Network for Internet<'_> {
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    fn tls(&self) -> &Tls {
        self.tls
    }
}

/// The content behind a URL.
pub(super) async fn fetched(network: &impl Network, url: &str, limit_bytes: usize) -> Result<Bytes, Refused> {
    let (url, endpoint) = place(url)?;
    let addresses = match endpoint.host.parse() {
        Ok(ip) => vec![SocketAddr::new(ip, endpoint.port)],
        Err(_) => {
            let found = network.addresses(&endpoint.host, endpoint.port).await;
            found.map_err(|_| Refused::NotThere)?
        }
    };
    let tcp = dial(network, vetted(addresses)?).await?;
    let connection = begin(tcp, &endpoint, network.tls()).await.map_err(|_| Refused::NotThere)?;
    let ask = Ask { method: &Method::GET, url: &url, headers: &[("accept", "*/*")], body: "", limit_bytes };
    let said = ask_on(connection, &endpoint, &ask).await.map_err(|failure| too_much(&failure))?;
    match said.status {
        200 => Ok(said.body),
        _ => Err(Refused::NotThere),
    }
}

async fn dial(network: &impl Network, addresses: Vec<SocketAddr>) -> Result<TcpStream, Refused> {
    for address in addresses {
        if let Ok(tcp) = network.connect(address).await {
            return Ok(tcp);
        }
    }
    Err(Refused::NotThere)
}

/// An answer beyond the limit is told apart: that is no secret of the place.
fn too_much(failure: &Failure) -> Refused {
    if failure.error.message.contains("larger than") { Refused::TooMuch } else { Refused::NotThere }
}
