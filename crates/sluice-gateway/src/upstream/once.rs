//! One small request on a connection of its own: token endpoints, metadata services, media.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use http::Method;
use sluice_chat::{Failure, FailureKind};
use sluice_providers::Endpoint;
use url::{Host, Position, Url};

use crate::upstream::{
    Body, Tls,
    body::H1Body,
    connect::connect,
    fetch::{self, exchange},
    io::Connection,
    pool::Pool,
    push_header,
};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// Lower-case names and values.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
    /// Most bytes of the answer's body.
    pub(crate) limit_bytes: usize,
}

/// What is answered, read to its end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Where a URL points. `None` where it is neither http nor https, has no host, or carries a user name or a password.
pub(crate) fn endpoint_of(url: &Url) -> Option<Endpoint> {
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
    Some(Endpoint { tls, host, port: url.port_or_known_default()?, authority, path_prefix: String::new() })
}

/// Connects and asks. The caller bounds the time of the whole.
///
/// # Errors
/// Nobody is there, or what comes is no HTTP or larger than the limit.
pub(crate) async fn ask(tls: &Tls, ask: &Ask<'_>, connect_within: Duration) -> Result<Said, Failure> {
    let Some(endpoint) = endpoint_of(ask.url) else {
        let text = "the address is neither http nor https";
        return Err(Failure::ours(FailureKind::Unreachable, "upstream_unreachable", text));
    };
    let connection = connect(&endpoint, tls, false, connect_within).await?;
    ask_on(connection, &endpoint, ask).await
}

/// Asks on a fresh connection to the place of the URL.
pub(crate) async fn ask_on(
    mut connection: Connection,
    endpoint: &Endpoint,
    ask: &Ask<'_>,
) -> Result<Said, Failure> {
    write_head(&mut connection.head, endpoint, ask);
    let body = [Bytes::copy_from_slice(ask.body.as_bytes())];
    let head = exchange(&mut connection, &body).await.map_err(|broken| broken.failure)?;
    if head.encoded {
        let text = "the answer is compressed although that was not asked for";
        return Err(Failure::ours(FailureKind::BadResponse, "upstream_bad_response", text));
    }
    // It goes into no pool: the head said that it is the only request.
    let (pool, nowhere) = (Rc::<Pool>::default(), "".into());
    let mut body = Body::H1(H1Body::new(connection, &head, &pool, &nowhere));
    let bytes = fetch::collect(&mut body, ask.limit_bytes).await?;
    Ok(Said { status: head.status, body: bytes })
}

fn write_head(out: &mut Vec<u8>, endpoint: &Endpoint, ask: &Ask<'_>) {
    let target = &ask.url[Position::BeforePath..Position::AfterQuery];
    out.clear();
    out.extend_from_slice(format!("{} {target} HTTP/1.1\r\n", ask.method).as_bytes());
    push_header(out, "host", endpoint.authority.as_bytes());
    let agent = concat!("sluicegate/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [("user-agent", agent), ("accept-encoding", "identity"), ("connection", "close")] {
        push_header(out, name, value.as_bytes());
    }
    for (name, value) in ask.headers {
        push_header(out, name, value.as_bytes());
    }
    if ask.method != Method::GET {
        push_header(out, "content-length", ask.body.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_urls() {
        let check = |url: &str, expect: Option<&str>| {
            let found = endpoint_of(&Url::parse(url).unwrap());
            let found = found.map(|e| format!("{} {} {} {}", e.tls, e.host, e.port, e.authority));
            assert_eq!(found.as_deref(), expect, "{url}");
        };
        check("https://H.example/a?b", Some("true h.example 443 h.example"));
        check("http://h.example:8080", Some("false h.example 8080 h.example:8080"));
        check("http://[::1]:81/", Some("false ::1 81 [::1]:81"));
        check("http://0x7f.1/", Some("false 127.0.0.1 80 127.0.0.1"));
        check("ftp://h/", None);
        check("file:///etc/passwd", None);
        check("http://u@h/", None);
        check("http://u:p@h/", None);
    }

    #[test]
    fn heads() {
        let url = Url::parse("http://h:81/a/b?c=d#e").unwrap();
        let mut out = Vec::new();
        let ask =
            Ask { method: &Method::PUT, url: &url, headers: &[("x-a", "b")], body: "four", limit_bytes: 1 };
        write_head(&mut out, &endpoint_of(&url).unwrap(), &ask);
        let head = String::from_utf8(out).unwrap();
        assert!(head.starts_with("PUT /a/b?c=d HTTP/1.1\r\nhost: h:81\r\n"), "{head}");
        assert!(head.ends_with("x-a: b\r\ncontent-length: 4\r\n\r\n"), "{head}");
    }
}
