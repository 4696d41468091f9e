//! How long a program takes until it is of use.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Instant,
};

use super::{
    processes::rss_kib,
    rounds::Sample,
    servers::{self, KEY, Tools, World},
};

const BODY: &str = r#"{"model":"small","messages":[{"role":"user","content":"Hello."}]}"#;

/// Milliseconds from the start of nginx or of this build of the gateway: `first` in an empty directory until it has
/// answered a call, else where it has run before until it takes connections.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(super) fn measure(
    tools: &Tools,
    upstream: SocketAddr,
    gateway: Option<&Path>,
    first: bool,
) -> Result<Sample, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let configured = servers::configured(&dir, upstream, "process", World::default())?;
    if let Some(program) = gateway.filter(|_| !first) {
        let before = configured.start(tools, program, None)?;
        answer(before.addr)?;
        before.end()?;
    }
    let started = Instant::now();
    let server = match gateway {
        Some(program) => configured.start(tools, program, None)?,
        None => servers::nginx(tools, upstream)?,
    };
    if first {
        answer(server.addr)?;
    }
    let value = started.elapsed().as_secs_f64() * 1_000.0;
    Ok(Sample { value, rss_kib: rss_kib(server.id())?, ..Sample::default() })
}

/// Makes one call.
fn answer(addr: SocketAddr) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("no answer from {addr}: {error}");
    let mut stream = TcpStream::connect(addr).map_err(failed)?;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).map_err(failed)?;
    match said.starts_with(b"HTTP/1.1 200") {
        true => Ok(()),
        false => Err(format!("{addr} refused: {}", String::from_utf8_lossy(&said))),
    }
}
