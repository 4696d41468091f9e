//! How somebody reaches the admin listener, and what that allows. Whoever reads along must not get a session: people
//! sign in over TLS, ours or that of a proxy on this machine, or from this machine itself.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Version,
    header::{HOST, ORIGIN},
    request::Parts,
};

use crate::server::ConnectionState;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What lies between the browser and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// Our own TLS.
    Tls,
    /// The TLS of a proxy on this machine.
    Proxied,
    /// Nothing but this machine, under one of its own names: a name of somebody else's that leads here is not ours.
    Loopback,
    /// A network on which others may read along.
    Open,
}

/// The way of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    ground: Ground,
    /// As the browser named us: host and port.
    host: String,
    /// Whose failures count together.
    pub(crate) address: IpAddr,
}

impl Channel {
    pub(crate) fn of(connection: &ConnectionState, head: &Parts) -> Self {
        Self::new(connection.peer(), connection.is_tls(), head)
    }

    fn new(peer: Option<IpAddr>, tls: bool, head: &Parts) -> Self {
        let host = match head.version {
            Version::HTTP_2 => head.uri.authority().map(|authority| authority.as_str()),
            _ => text(head.headers.get(HOST)),
        };
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let is_near = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        let forwarded = is_near && !tls && is_one(&head.headers, &X_FORWARDED_PROTO, "https");
        let ground = match () {
            () if tls => Ground::Tls,
            () if forwarded => Ground::Proxied,
            () if is_near && is_own_name(&host) => Ground::Loopback,
            () => Ground::Open,
        };
        // The last entry is the proxy's own; those before it are what the caller says.
        let behind = || -> Option<IpAddr> {
            text(head.headers.get_all(X_FORWARDED_FOR).iter().next_back())?
                .rsplit(',')
                .next()?
                .trim()
                .parse()
                .ok()
        };
        let address = behind().filter(|_| forwarded).or(peer);
        Self { ground, host, address: address.unwrap_or(IpAddr::V4(0.into())) }
    }

    /// Whether somebody may sign in, or be signed in, this way.
    pub(crate) fn may_sign_in(&self) -> bool {
        self.ground != Ground::Open && !self.host.is_empty()
    }

    /// Whether cookies may be asked to go over TLS only.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.ground, Ground::Tls | Ground::Proxied)
    }

    /// Where our own pages come from.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", if self.is_secure() { "https" } else { "http" }, self.host)
    }

    /// Whether a request that changes something comes from one of our own pages. Browsers say where it comes from, and
    /// pages cannot change that.
    pub(crate) fn is_own(&self, headers: &HeaderMap) -> bool {
        let site = text(headers.get(SEC_FETCH_SITE));
        if !is_same_site(site) || !self.may_sign_in() {
            return false;
        }
        match text(headers.get(ORIGIN)) {
            // What a page that tells nobody where it is sends instead of its origin.
            Some("null") | None => site == Some("same-origin"),
            Some(origin) => origin.to_ascii_lowercase() == self.origin(),
        }
    }

    /// Whether a request that changes nothing may be answered for a session: not to the page of another site.
    pub(crate) fn may_read(&self, headers: &HeaderMap) -> bool {
        is_same_site(text(headers.get(SEC_FETCH_SITE)))
    }
}

fn is_same_site(site: Option<&str>) -> bool {
    matches!(site, None | Some("same-origin" | "none"))
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

fn is_one(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut all = headers.get_all(name).iter();
    text(all.next()).is_some_and(|value| value.eq_ignore_ascii_case(wanted)) && all.next().is_none()
}

/// Whether a host is a name that this machine has for itself.
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, after)) if after.is_empty() || after.starts_with(':') => name,
            _ => "",
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(host: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/").header(HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn channel(peer: &str, tls: bool, host: &str, headers: &[(&str, &str)]) -> Channel {
        Channel::new(Some(peer.parse().unwrap()), tls, &head(host, headers))
    }

    const HTTPS: &[(&str, &str)] = &[("x-forwarded-proto", "https")];

    #[test]
    fn people_sign_in_where_nobody_reads_along() {
        let check = |peer: &str, tls: bool, host: &str, headers: &[(&str, &str)], expect: Option<&str>| {
            let channel = channel(peer, tls, host, headers);
            let origin = channel.may_sign_in().then(|| channel.origin());
            assert_eq!(origin.as_deref(), expect, "{peer} {tls} {host} {headers:?}");
        };
        check("127.0.0.1", false, "127.0.0.1:8081", &[], Some("http://127.0.0.1:8081"));
        check("127.0.0.1", false, "LocalHost:8081", &[], Some("http://localhost:8081"));
        check("::1", false, "[::1]:8081", &[], Some("http://[::1]:8081"));
        check("::ffff:127.0.0.1", false, "localhost", &[], Some("http://localhost"));
        // Names that lead here, of whoever they are.
        check("127.0.0.1", false, "evil.example:8081", &[], None);
        check("127.0.0.1", false, "localhost.evil.example", &[], None);
        check("127.0.0.1", false, "127.0.0.1.evil.example", &[], None);
        check("127.0.0.1", false, "[::1].evil.example", &[], None);
        check("127.0.0.1", false, "", &[], None);
        check("192.0.2.1", false, "localhost", &[], None);
        check("192.0.2.1", false, "gateway.example", HTTPS, None);
        check("192.0.2.1", true, "gateway.example", &[], Some("https://gateway.example"));
        check("127.0.0.1", false, "gateway.example", HTTPS, Some("https://gateway.example"));
        check("127.0.0.1", false, "gateway.example", &[HTTPS[0], ("x-forwarded-proto", "http")], None);
        check("127.0.0.1", false, "gateway.example", &[("x-forwarded-proto", "http")], None);
    }

    #[test]
    fn changes_come_from_our_own_pages() {
        let check = |headers: &[(&str, &str)], expect: bool| {
            let (channel, head) =
                (channel("127.0.0.1", false, "localhost:1", &[]), head("localhost:1", headers));
            assert_eq!(channel.is_own(&head.headers), expect, "{headers:?}");
        };
        let (own, same) = (("origin", "http://localhost:1"), ("sec-fetch-site", "same-origin"));
        check(&[own, same], true);
        check(&[own], true);
        check(&[("origin", "HTTP://LOCALHOST:1")], true);
        check(&[same], true);
        check(&[("origin", "null"), same], true);
        check(&[], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "null"), ("sec-fetch-site", "cross-site")], false);
        check(&[own, ("sec-fetch-site", "same-site")], false);
        check(&[own, ("sec-fetch-site", "cross-site")], false);
        for other in
            ["https://localhost:1", "http://localhost", "http://localhost:2", "http://localhost:1.evil", ""]
        {
            check(&[("origin", other), same], false);
        }
        let open = channel("192.0.2.1", false, "gateway.example", &[]);
        assert!(
            !open.is_own(&head("gateway.example", &[("origin", "http://gateway.example"), same]).headers)
        );
    }

    #[test]
    fn the_address_behind_a_proxy_is_the_one_that_the_proxy_saw() {
        let check = |peer: &str, headers: &[(&str, &str)], expect: &str| {
            let found = channel(peer, false, "gateway.example", headers).address;
            assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer} {headers:?}");
        };
        let through = |list| [HTTPS[0], ("x-forwarded-for", list)];
        check("127.0.0.1", &through("198.51.100.1"), "198.51.100.1");
        check("127.0.0.1", &through("198.51.100.1, 203.0.113.7"), "203.0.113.7");
        check("127.0.0.1", &through("nonsense"), "127.0.0.1");
        check("127.0.0.1", &[("x-forwarded-for", "203.0.113.7")], "127.0.0.1");
        check("192.0.2.1", &through("203.0.113.7"), "192.0.2.1");
    }
}
