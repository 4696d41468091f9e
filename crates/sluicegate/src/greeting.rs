//! What `serve` says once it answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The facts of the greeting.
#[derive(Debug)]
pub(crate) struct Greeting<'a> {
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) tls: bool,
    /// Whether the admin listener speaks TLS.
    pub(crate) admin_tls: bool,
    /// Path of the link by which the first owner signs in to the console.
    pub(crate) sign_in: Option<&'a str>,
    pub(crate) key: KeyShown<'a>,
    /// A model for the curl line; `None`: there is none to try.
    pub(crate) model: Option<&'a str>,
}

/// What can be said about keys.
#[derive(Debug)]
pub(crate) enum KeyShown<'a> {
    /// Made just now: shown this once.
    New(&'a str),
    /// The first run's, of which only this beginning is known.
    Known { prefix: &'a str },
    /// Keys come from the file or were made by their owner.
    Own,
}

impl Greeting<'_> {
    /// The lines, without a line break at the end.
    pub(crate) fn text(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let base_url = format!("{scheme}://{}/v1", reachable(self.data));
        let mut lines = vec![
            format!("sluicegate is listening on {scheme}://{}", self.data),
            format!("           console, metrics and admin on {}", self.console(self.admin)),
        ];
        if let Some(path) = self.sign_in {
            let console = self.console(reachable(self.admin));
            lines.push(format!("sign in    {console}{path}   (once: makes the first owner)"));
        }
        match self.key {
            KeyShown::Own => return lines.join("\n"),
            KeyShown::Known { prefix } => {
                lines.push(format!("base URL   {base_url}"));
                lines.push(format!("key        {prefix}…, made and shown by the first run"));
            }
            KeyShown::New(secret) => {
                lines.push(format!("base URL   {base_url}"));
                lines.push(format!("key        {secret}   (shown this once: keep it)"));
                if let Some(model) = self.model {
                    lines.push(String::new());
                    lines.push(self.curl(&base_url, secret, model));
                    lines.push(String::new());
                }
            }
        }
        lines.join("\n")
    }

    fn console(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.admin_tls { "https" } else { "http" })
    }

    fn curl(&self, base_url: &str, secret: &str, model: &str) -> String {
        // A certificate is rarely made out to a loopback address.
        let insecure = if self.tls { "--insecure " } else { "" };
        let body =
            serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] });
        let body = body.to_string().replace('\'', r"'\''");
        format!(
            "curl {insecure}{base_url}/chat/completions -H 'Authorization: Bearer {secret}' \
             -H 'Content-Type: application/json' -d '{body}'"
        )
    }
}

/// Where this machine reaches a listener: an address that stands for all of them becomes loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str, tls: bool, key: KeyShown<'_>, expect: &[&str]) {
        let admin = "127.0.0.1:8081".parse().unwrap();
        let greeting = Greeting {
            data: listen.parse().unwrap(),
            admin,
            tls,
            admin_tls: false,
            sign_in: Some("/sign-in/link/0f"),
            key,
            model: Some("sandbox/echo"),
        };
        let text = greeting.text();
        assert_eq!(text.lines().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn first_run() {
        check(
            "127.0.0.1:8080",
            false,
            KeyShown::New("sk-x"),
            &[
                "sluicegate is listening on http://127.0.0.1:8080",
                "           console, metrics and admin on http://127.0.0.1:8081",
                "sign in    http://127.0.0.1:8081/sign-in/link/0f   (once: makes the first owner)",
                "base URL   http://127.0.0.1:8080/v1",
                "key        sk-x   (shown this once: keep it)",
                "",
                "curl http://127.0.0.1:8080/v1/chat/completions -H 'Authorization: Bearer sk-x' -H 'Content-Type: application/json' \
             -d '{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'",
            ],
        );
    }

    #[test]
    fn later_runs() {
        check(
            "[::]:1",
            true,
            KeyShown::Known { prefix: "sk-012" },
            &[
                "sluicegate is listening on https://[::]:1",
                "           console, metrics and admin on http://127.0.0.1:8081",
                "sign in    http://127.0.0.1:8081/sign-in/link/0f   (once: makes the first owner)",
                "base URL   https://[::1]:1/v1",
                "key        sk-012…, made and shown by the first run",
            ],
        );
        check(
            "0.0.0.0:1",
            false,
            KeyShown::Own,
            &[
                "sluicegate is listening on http://0.0.0.0:1",
                "           console, metrics and admin on http://127.0.0.1:8081",
                "sign in    http://127.0.0.1:8081/sign-in/link/0f   (once: makes the first owner)",
            ],
        );
    }
}
