//! Making a connection: resolve, connect, shake hands, all within the connect clock.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use sluice_chat::{Failure, FailureKind};
use sluice_providers::Endpoint;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{transport::Transport, upstream::io::Connection};

/// TLS towards upstreams; the two protocols offer different ALPN names.
#[derive(Clone)]
pub(crate) struct Tls {
    http1: TlsConnector,
    http2: TlsConnector,
    /// For what speaks neither.
    other: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts the bundled roots and, if asked to, those of the system; `extra` are added to them.
    pub(crate) fn new(native_roots: bool) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if native_roots {
            for cert in rustls_native_certs::load_native_certs().certs {
                // A root that rustls can not read is one that can not vouch for anybody.
                let _ = roots.add(cert);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let with_alpn = |name: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![name.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        let (http1, http2) = (with_alpn(b"http/1.1"), with_alpn(b"h2"));
        Ok(Self { http1, http2, other: TlsConnector::from(Arc::new(config)) })
    }
}

/// Connects to `endpoint` within `clock`.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    tls: &Tls,
    http2: bool,
    clock: Duration,
) -> Result<Connection, Failure> {
    match tokio::time::timeout(clock, dial(endpoint, tls, http2)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::ours(
            FailureKind::ConnectTimeout,
            "upstream_timeout",
            format!("no connection to the provider within {} ms", clock.as_millis()),
        )),
    }
}

async fn dial(endpoint: &Endpoint, tls: &Tls, http2: bool) -> Result<Connection, Failure> {
    let tcp = dial_tcp(&endpoint.host, endpoint.port).await.map_err(|e| {
        let text = format!("the provider could not be reached: {}", plain(&e));
        Failure::ours(FailureKind::Unreachable, "upstream_unreachable", text)
    })?;
    begun(tcp, endpoint, tls, http2).await
}

/// Makes an HTTP/1.1 connection of one that was dialled already; its caller bounds the time.
pub(crate) async fn begin(tcp: TcpStream, endpoint: &Endpoint, tls: &Tls) -> Result<Connection, Failure> {
    begun(tcp, endpoint, tls, false).await
}

async fn begun(tcp: TcpStream, endpoint: &Endpoint, tls: &Tls, http2: bool) -> Result<Connection, Failure> {
    // Portions of a stream are small and must not wait for one another.
    let _ = tcp.set_nodelay(true);
    if !endpoint.tls {
        return Ok(Connection::new(Transport::Plain(tcp)));
    }
    let failed = |text: String| Failure::ours(FailureKind::Tls, "upstream_tls", text);
    let name = ServerName::try_from(bare(&endpoint.host).to_owned())
        .map_err(|_| failed("the provider's host name can not be verified by TLS".to_owned()))?;
    let connector = if http2 { &tls.http2 } else { &tls.http1 };
    let stream = connector
        .connect(name, tcp)
        .await
        .map_err(|e| failed(format!("TLS with the provider failed: {}", plain(&e))))?;
    if http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(failed("the provider does not speak HTTP/2".to_owned()));
    }
    Ok(Connection::new(Transport::Tls(Box::new(stream))))
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Connects to something that is no provider and speaks no HTTP; its caller bounds the time.
pub(crate) async fn connect_plain(
    host: &str,
    port: u16,
    tls: Option<&Tls>,
) -> io::Result<Transport<TlsStream<TcpStream>>> {
    let tcp = dial_tcp(host, port).await?;
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Transport::Plain(tcp)) };
    let name = ServerName::try_from(bare(host).to_owned()).map_err(io::Error::other)?;
    Ok(Transport::Tls(Box::new(tls.other.connect(name, tcp).await?)))
}

async fn dial_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    if let Ok(ip) = bare(host).parse() {
        return TcpStream::connect(SocketAddr::new(ip, port)).await;
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An I/O error without the addresses and paths that some carry.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::BrokenPipe => "connection closed".to_owned(),
        io::ErrorKind::UnexpectedEof => "connection closed".to_owned(),
        io::ErrorKind::TimedOut => "timed out".to_owned(),
        io::ErrorKind::NotFound => "the name has no address".to_owned(),
        _ => error.to_string(),
    }
}
