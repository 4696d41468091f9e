//! Where a caller's URL may lead: over http or https to public addresses, and nowhere else. A name is resolved once;
//! every address of it has to be public, and it is those addresses that are dialled, so that a name which answers
//! differently the next time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sluice_providers::Endpoint;
use url::Url;

use crate::upstream::once::endpoint_of;

/// Why media are not fetched. Whatever is about the place says the same: callers are not told what answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("A URL of the request's media is no http or https address that can be fetched.")]
    NoAddress,
    #[error("Media of the request could not be fetched from their URL.")]
    NotThere,
    #[error("Media of the request are larger, or more, than are fetched for it.")]
    TooMuch,
    #[error("What a URL of the request leads to is no image, audio, video or PDF of a known type.")]
    NoMedia,
}

/// Longest URL.
const URL_BYTES: usize = 8 * 1024;

/// The place that a URL means. Names are not looked up yet; addresses, however they are spelled, are seen through.
pub(super) fn place(text: &str) -> Result<(Url, Endpoint), Refused> {
    if text.len() > URL_BYTES {
        return Err(Refused::NoAddress);
    }
    let url = Url::parse(text).map_err(|_| Refused::NoAddress)?;
    let endpoint = endpoint_of(&url).ok_or(Refused::NoAddress)?;
    // Below 1024 live services that would take a request for something else.
    let port = endpoint.port == 80 || endpoint.port == 443 || endpoint.port >= 1024;
    if port { Ok((url, endpoint)) } else { Err(Refused::NoAddress) }
}

/// The addresses of a name, all of them public.
pub(super) fn vetted(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let fine = !addresses.is_empty() && addresses.iter().all(|address| is_public(address.ip()));
    if fine { Ok(addresses) } else { Err(Refused::NotThere) }
}

/// Whether an address is one of the internet's own.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|(net, bits)| is_within_v4(v4, *net, *bits)),
        IpAddr::V6(v6) => {
            // Addresses that carry an IPv4 address (mapped, compatible, translated) lie outside.
            is_within_v6(v6, [0x2000, 0, 0], 3)
                && !NOT_PUBLIC_V6.iter().any(|(net, bits)| is_within_v6(v6, *net, *bits))
        }
    }
}

/// IANA's registry of special addresses, and multicast.
const NOT_PUBLIC_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, and all that is reserved behind it.
    ([224, 0, 0, 0], 3),
];

/// The same within `2000::/3`: protocols (Teredo among them), documents, 6to4.
const NOT_PUBLIC_V6: &[([u16; 3], u32)] = &[
    ([0x2001, 0, 0], 23),
    ([0x2001, 0xdb8, 0], 32),
    ([0x2002, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000], 48),
    ([0x3fff, 0, 0], 20),
];

fn is_within_v4(address: Ipv4Addr, net: [u8; 4], bits: u32) -> bool {
    (u32::from(address) ^ u32::from_be_bytes(net)) >> (32 - bits) == 0
}

fn is_within_v6(address: Ipv6Addr, [a, b, c]: [u16; 3], bits: u32) -> bool {
    let net = u128::from(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0));
    (u128::from(address) ^ net) >> (128 - bits) == 0
}
