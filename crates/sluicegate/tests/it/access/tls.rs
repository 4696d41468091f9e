//! The admin listener under TLS of ours: people, and the commands beside the gateway.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};
use sluice_testkit::{
    client::{Client, get},
    patience::within,
    process::{Gateway, Launch},
    tls::Authority,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Browser, PASSWORD, printed_link};
use crate::{admin::SERVER, rig::launch};

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A gateway whose admin listener is not on loopback alone; and a browser that trusts the authority.
async fn under_tls(authority: &Authority) -> (Launch, Gateway, Browser) {
    let launch = launch().admin_listen("0.0.0.0:0");
    authority.identity(&NAMES).write_to(launch.dir());
    let launch = launch
        .config(&format!("{SERVER}[server.tls]\ncert = \"{{dir}}/cert.pem\"\nkey = \"{{dir}}/key.pem\"\n"));
    let gateway = launch.serve().await;
    let browser = trusting(&gateway, authority);
    (launch, gateway, browser)
}

fn trusting(gateway: &Gateway, authority: &Authority) -> Browser {
    let host = Some(format!("localhost:{}", gateway.admin.port()));
    let tls = Some(authority.client_config(&["http/1.1"]));
    Browser { host, tls, ..Browser::new(gateway) }
}

#[tokio::test]
async fn people_sign_in() {
    let authority = Authority::new();
    let (_launch, gateway, mut browser) = under_tls(&authority).await;
    let link = printed_link(&gateway).await;
    let (head, _) = browser.form(&link, &[("email", "owner@example.com"), ("password", PASSWORD)]).await;
    assert_eq!((head.status, head.header("location")), (303, Some("/")), "{}", head.raw);
    let cookie = head.header("set-cookie").unwrap();
    let mut parts = cookie.split("; ");
    assert!(parts.next().unwrap().starts_with("__Host-sluicegate_session="), "{cookie}");
    assert_eq!(parts.collect::<Vec<_>>(), ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"], "{cookie}");
    browser.learn_csrf().await;
    for page in ["/", "/keys", "/status"] {
        assert_eq!(browser.get(page).await.0.status, 200, "{page}");
    }
    let (head, made) = browser.api("POST", "/admin/v1/keys", json!({ "name": "k" })).await;
    assert_eq!(head.status, 201, "{}", made.text());
    // A page without TLS is somebody else's, whatever its name.
    let origin = Some(format!("http://localhost:{}", gateway.admin.port()));
    let other = Browser { origin, ..browser.clone() };
    assert_eq!(other.api("POST", "/admin/v1/keys", json!({ "name": "l" })).await.0.status, 403);
    // Whoever comes without TLS hears nothing that is HTTP, and loses no cookie to us.
    let mut plain = Client::connect(gateway.admin).await;
    plain.send(get("/sign-in", "")).await;
    let (answer, _) = plain.drain().await;
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    assert!(browser.is_in().await);
}

/// Runs a command with this authority as the only one of the system.
async fn run(launch: &Launch, authority: &Path, command: &[&str]) -> (Option<i32>, String, String) {
    let launch = launch.clone().env("SSL_CERT_FILE", &authority.display().to_string());
    let launch = command[1..].iter().fold(launch, |launch, argument| launch.arg(argument));
    let output = launch.run(command[0]).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn commands_are_answered_where_the_certificate_is_known() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (launch, gateway, _) = under_tls(&authority).await;
    let (known, unknown) = (launch.dir().join("ca.pem"), launch.dir().join("stranger.pem"));
    std::fs::write(&known, authority.pem()).unwrap();
    std::fs::write(&unknown, stranger.pem()).unwrap();
    let port = gateway.admin.port();
    let url = format!("https://localhost:{port}");
    for command in [
        &["key", "create", "--name", "k", "--json", "--admin-url", &url][..],
        &["key", "list", "--json", "--admin-url", &url],
        &["usage", "--json", "--admin-url", &url],
        &["key", "list", "--json", "--admin-url", &format!("https://127.0.0.1:{port}")],
    ] {
        let (code, out, err) = run(&launch, &known, command).await;
        assert_eq!(code, Some(0), "{command:?}: {err}");
        serde_json::from_str::<Value>(&out).unwrap();
    }
    for (authority, url, said) in [
        (&unknown, url.clone(), "SSL_CERT_FILE"),
        (&known, format!("https://127.0.0.2:{port}"), "is not made out to"),
        (&known, format!("http://localhost:{port}"), "https://"),
    ] {
        let (code, _, err) = run(&launch, authority, &["key", "list", "--admin-url", &url]).await;
        assert!(code == Some(1) && err.contains(said), "{url}: {err}");
        assert_eq!(err.lines().count(), 1, "one clear line: {err}");
    }
    // Beside the gateway's own configuration they trust its certificate and no other.
    let config = std::fs::read_to_string(launch.config_path()).unwrap();
    let listen = format!("[server]\nadmin_listen = \"0.0.0.0:{port}\"\n");
    std::fs::write(launch.config_path(), config.replacen("[server]\n", &listen, 1)).unwrap();
    let (code, _, err) = run(&launch, &unknown, &["key", "list"]).await;
    assert_eq!(code, Some(0), "{err}");
    stranger.identity(&NAMES).write_to(launch.dir());
    let (code, _, err) = run(&launch, &known, &["key", "list"]).await;
    assert!(code == Some(1) && err.contains("certificate"), "{err}");
}

#[tokio::test]
async fn another_certificate_is_shown_from_sighup_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let (launch, gateway, mut browser) = under_tls(&before).await;
    let link = printed_link(&gateway).await;
    assert_eq!(
        browser.form(&link, &[("email", "owner@example.com"), ("password", PASSWORD)]).await.0.status,
        303
    );
    let mut kept = Client::connect_tls(gateway.admin, before.client_config(&["http/1.1"])).await;
    assert_eq!(kept.exchange(get("/health/live", "")).await.0.status, 200);
    after.identity(&NAMES).write_to(launch.dir());
    assert!(browser.is_in().await, "nothing is read before it is said");
    gateway.reload();
    let config = after.client_config(&["http/1.1"]);
    let taken_over = async {
        loop {
            let stream = TcpStream::connect(gateway.admin).await.unwrap();
            let name = "localhost".try_into().unwrap();
            if TlsConnector::from(Arc::clone(&config)).connect(name, stream).await.is_ok() {
                break;
            }
        }
    };
    within("the new certificate", taken_over).await;
    let again = Browser { tls: trusting(&gateway, &after).tls, ..browser };
    assert!(again.is_in().await, "sessions stay");
    assert_eq!(kept.exchange(get("/health/live", "")).await.0.status, 200, "and so do connections");
    // A pair that does not fit changes nothing, and says why.
    std::fs::write(launch.dir().join("key.pem"), before.identity(&NAMES).key_pem).unwrap();
    gateway.reload();
    gateway.lines.find("the reason", |line| line.contains("key.pem").then_some(())).await;
    assert!(again.is_in().await);
}
