//! A raw HTTP/1.1 client: sends bytes as told, reads heads and bodies byte for byte, and tells how things ended.

mod message;

pub use message::{Body, Ending, Head, events};

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use memchr::memmem;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::patience::within;

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// One connection.
pub struct Client {
    stream: Box<dyn Transport>,
    buffer: Vec<u8>,
    ended: Option<Ending>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects in plain text.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Connects with the smallest receive buffer that the system gives: a reader that is easily full.
    pub async fn connect_narrow(addr: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(within("a connection", socket.connect(addr)).await.unwrap())
    }

    /// Connects with TLS to `localhost`.
    pub async fn connect_tls(addr: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let stream = within("a connection", TcpStream::connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = within("a TLS handshake", TlsConnector::from(config).connect(name, stream)).await;
        Self::over(stream.unwrap())
    }

    fn over(stream: impl Transport + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new(), ended: None }
    }

    /// Sends all of `bytes`.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the gateway takes what is sent");
    }

    /// Sends `bytes`, or says that the gateway does not take them any more.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        within("the gateway to take bytes", async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Sends `bytes` in pieces of `size`, each with a write of its own.
    pub async fn send_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        for piece in bytes.as_ref().chunks(size) {
            self.send(piece).await;
            tokio::task::yield_now().await;
        }
    }

    /// Ends our side (FIN).
    pub async fn finish_sending(&mut self) {
        // The gateway may have gone already.
        let _ = self.stream.shutdown().await;
    }

    /// The next head, informational ones (1xx) included.
    pub async fn read_head(&mut self) -> Head {
        self.try_read_head()
            .await
            .unwrap_or_else(|ended| panic!("no head: the connection ended with {ended:?}"))
    }

    /// The next head, or how the connection ended before one.
    pub async fn try_read_head(&mut self) -> Result<Head, Ending> {
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Ok(Head::parse(&raw));
            }
            self.fill("a response head").await?;
        }
    }

    /// The whole body that belongs to `head`.
    pub async fn read_body(&mut self, head: &Head) -> Body {
        if let Some(length) = head.content_length() {
            return self.read_counted(length).await;
        }
        let mut body = Body::default();
        if head.status == 204 || head.status == 304 || head.status < 200 {
            return body;
        }
        if !head.is_chunked() {
            body.ending = self.read_to_end(&mut body.bytes).await;
            return body;
        }
        loop {
            match self.next_chunk().await {
                Ok(data) if data.is_empty() => return body,
                Ok(data) => {
                    body.bytes.extend_from_slice(&data);
                    body.chunks.push(data);
                }
                Err(ending) => {
                    body.ending = ending;
                    return body;
                }
            }
        }
    }

    async fn read_counted(&mut self, length: usize) -> Body {
        let mut body = Body::default();
        while self.buffer.len() < length {
            if let Err(ending) = self.fill("the rest of a counted body").await {
                body.bytes.append(&mut self.buffer);
                body.ending = ending;
                return body;
            }
        }
        body.bytes = self.buffer.drain(..length).collect();
        body
    }

    async fn read_to_end(&mut self, into: &mut Vec<u8>) -> Ending {
        loop {
            into.append(&mut self.buffer);
            if let Err(ending) = self.fill("the end of the connection").await {
                into.append(&mut self.buffer);
                return ending;
            }
        }
    }

    /// The next chunk's data; empty for the zero chunk. An error is the end of the connection before either.
    pub async fn next_chunk(&mut self) -> Result<Bytes, Ending> {
        loop {
            if let Some((data, end)) = message::chunk(&self.buffer) {
                self.buffer.drain(..end);
                return Ok(data);
            }
            self.fill("a chunk").await?;
        }
    }

    /// Reads chunks until their data, put together, contains `text`; all data since the call.
    pub async fn read_until(&mut self, text: &str) -> Vec<u8> {
        let mut seen = Vec::new();
        while memmem::find(&seen, text.as_bytes()).is_none() {
            match self.next_chunk().await {
                Ok(data) if !data.is_empty() => seen.extend_from_slice(&data),
                other => panic!("{other:?} before {text:?}; got {:?}", String::from_utf8_lossy(&seen)),
            }
        }
        seen
    }

    /// Everything that still comes, and how the connection ended.
    pub async fn drain(&mut self) -> (Vec<u8>, Ending) {
        let mut rest = Vec::new();
        let ending = self.read_to_end(&mut rest).await;
        (rest, ending)
    }

    /// One response: the first head that is not 1xx, and its body.
    pub async fn response(&mut self) -> (Head, Body) {
        loop {
            let head = self.read_head().await;
            if head.status >= 200 {
                let body = self.read_body(&head).await;
                return (head, body);
            }
        }
    }

    /// Sends a request and reads its response.
    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> (Head, Body) {
        self.send(request).await;
        self.response().await
    }

    /// Reads once into the buffer; an error when nothing comes any more.
    async fn fill(&mut self, what: &str) -> Result<(), Ending> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        let ended = match within(what, self.stream.read_buf(&mut self.buffer)).await {
            Ok(0) => Ending::Eof,
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ending::Eof,
            Err(_) => Ending::Reset,
        };
        self.ended = Some(ended);
        Err(ended)
    }
}

/// A POST of `body` to the chat completions path; `headers` are lines that end in CRLF.
#[must_use]
pub fn post(key: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut out = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(body);
    out
}

/// A GET of `path`; `headers` are lines that end in CRLF.
#[must_use]
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: gateway.test\r\n{headers}\r\n").into_bytes()
}
