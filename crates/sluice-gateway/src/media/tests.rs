//! A network in which every public address is the same server here, and everything else a tripwire.

use std::{cell::RefCell, io, net::SocketAddr};

use sluice_testkit::{
    answers,
    tls::Authority,
    upstream::{Script, Upstream},
};
use tokio::net::TcpStream;

use super::{guard::*, *};
use crate::upstream::Tls;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\ncontent";

/// Names with their addresses, and who was dialled.
struct Here {
    server: SocketAddr,
    tls: Tls,
    names: Vec<(&'static str, Vec<&'static str>)>,
    asked: RefCell<Vec<String>>,
    dialled: RefCell<Vec<SocketAddr>>,
}

impl Here {
    fn new(server: &Upstream) -> Self {
        let names = vec![
            ("public.example", vec!["93.184.216.34"]),
            ("both.example", vec!["2606:2800:220:1::1", "93.184.216.34"]),
            ("private.example", vec!["10.0.0.1"]),
            ("mixed.example", vec!["93.184.216.34", "127.0.0.1"]),
            ("loopback.example", vec!["127.0.0.1"]),
            ("mapped.example", vec!["::ffff:127.0.0.1"]),
            ("nowhere.example", vec![]),
            ("localhost", vec!["127.0.0.1"]),
        ];
        let (asked, dialled) = (RefCell::default(), RefCell::default());
        Self { server: server.addr(), tls: Tls::new(false).unwrap(), names, asked, dialled }
    }
}

impl Network for Here {
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.borrow_mut().push(host.to_owned());
        let found = self.names.iter().find(|(name, _)| *name == host.trim_end_matches('.'));
        let (_, addresses) = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        assert!(is_public(address.ip()), "{address} was dialled");
        self.dialled.borrow_mut().push(address);
        TcpStream::connect(self.server).await
    }

    fn tls(&self) -> &Tls {
        &self.tls
    }
}

async fn bring(here: &Here, url: &str) -> Result<(&'static str, String, usize), Refused> {
    one(here, url, 1_000, clock::now() + bounds::MEDIA).await
}

#[tokio::test]
async fn media_are_fetched_from_public_places() {
    let server = Upstream::start().await;
    let here = Here::new(&server);
    let image = || Script::new().write(answers::answer(200, "content-type: text/html\r\n", PNG));
    server.script(image());
    let expect = ("image/png", "iVBORw0KGgpjb250ZW50".to_owned(), PNG.len());
    assert_eq!(bring(&here, "http://public.example/a%20b?c=d#e").await, Ok(expect.clone()));
    let request = server.next_request().await;
    assert_eq!(request.request_line(), "GET /a%20b?c=d HTTP/1.1");
    let mut names: Vec<String> = request.headers().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "connection", "host", "user-agent"]);
    assert_eq!(request.header("host").as_deref(), Some("public.example"));
    assert_eq!(*here.asked.borrow(), ["public.example"], "resolved once");
    server.script(image());
    assert_eq!(bring(&here, "http://both.example:8080/").await, Ok(expect.clone()));
    server.script(image());
    assert_eq!(bring(&here, "http://93.184.216.34/").await, Ok(expect));
    assert_eq!(here.dialled.borrow().len(), 3);
}

#[tokio::test]
async fn what_is_no_media_is_refused() {
    let server = Upstream::start().await;
    let here = Here::new(&server);
    let check = async |script: Script, expect: Refused| {
        server.script(script);
        assert_eq!(bring(&here, "http://public.example/").await, Err(expect));
    };
    let said =
        |status: u16, headers: &str, body: &[u8]| Script::new().write(answers::answer(status, headers, body));
    check(said(200, "content-type: image/png\r\n", b"<html>"), Refused::NoMedia).await;
    check(said(200, "", b""), Refused::NoMedia).await;
    check(said(404, "", PNG), Refused::NotThere).await;
    check(said(206, "", PNG), Refused::NotThere).await;
    for status in [301, 302, 303, 307, 308] {
        check(said(status, "location: http://127.0.0.1/\r\n", PNG), Refused::NotThere).await;
    }
    check(said(200, "content-encoding: gzip\r\n", PNG), Refused::NotThere).await;
    let large = [PNG, &[0; 1_000]].concat();
    check(said(200, "", &large), Refused::TooMuch).await;
    check(Script::new().write(answers::chunked_answer("", &large)), Refused::TooMuch).await;
    check(
        Script::new().write("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n").write(PNG).fin(),
        Refused::NotThere,
    )
    .await;
    check(Script::new().reset(), Refused::NotThere).await;
    check(Script::new().write("SSH-2.0-x\r\n\r\n").fin(), Refused::NotThere).await;
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let server = Upstream::start_tls(&Authority::new().identity(&["public.example"])).await;
    let here = Here::new(&server);
    assert_eq!(bring(&here, "https://public.example/").await, Err(Refused::NotThere));
}

/// Spellings of places that nobody may make us go to: nothing is dialled for any of them.
#[tokio::test]
async fn other_places_are_never_dialled() {
    let server = Upstream::start().await;
    let here = Here::new(&server);
    let hosts = "localhost localhost. LOCALHOST 127.0.0.1 127.1 127.0.1 0177.0.0.1 0x7f.0.0.1 0x7f000001 2130706433 \
                 017700000001 127.0.0.1. ①②⑦.0.0.1 0 0.0.0.0 [::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] \
                 [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::1] \
                 [fe80::1] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1] [100::1] [2001:db8::1] [3fff::1] [5f00::1] \
                 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 0xa9fea9fe 2852039166 \
                 0251.0376.0251.0376 100.64.0.1 100.127.255.255 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 \
                 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
                 private.example mixed.example loopback.example mapped.example nowhere.example none.example";
    for host in hosts.split_whitespace() {
        for scheme in ["http", "https"] {
            let found = bring(&here, &format!("{scheme}://{host}:8080/")).await;
            assert_eq!(found, Err(Refused::NotThere), "{scheme}://{host}");
        }
    }
    for url in [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://public.example/",
        "gopher://public.example/",
        "data:image/png;base64,AAAA",
        "javascript:1",
        "http://",
        "http://user@public.example/",
        "http://user:pass@public.example/",
        "http://public.example@127.0.0.1/",
        "http://public.example:22/",
        "http://public.example:25/",
        "http://public.example:0/",
        "http://[::1/",
        "http://1.2.3.4.5.6/",
        "http://256.256.256.256/",
        "unix:///var/run/docker.sock",
        "//public.example/",
    ] {
        assert_eq!(bring(&here, url).await, Err(Refused::NoAddress), "{url}");
    }
    assert_eq!(
        bring(&here, &format!("http://public.example/{}", "a".repeat(9_000))).await,
        Err(Refused::NoAddress)
    );
    assert!(here.dialled.borrow().is_empty());
    assert_eq!(server.connections_so_far(), 0);
}

#[test]
fn public_addresses() {
    let check = |text: &str, expect: bool| assert_eq!(is_public(text.parse().unwrap()), expect, "{text}");
    for text in "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
                 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 \
                 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 \
                 2003::1 3ffe::1"
        .split_whitespace()
    {
        check(text, true);
    }
    for text in "0.255.255.255 127.255.255.255 224.0.0.0 255.255.255.255 1fff:: 4000:: 2001:1ff:: 2002:: ::"
        .split_whitespace()
    {
        check(text, false);
    }
}
