//! Ranges of addresses, as the egress policy names them: `10.0.0.0/8`, `192.168.1.5`, `[fd00::]/8`, each with `:PORT` if
//! only one port is meant.

use core::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Some addresses, with one port or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    network: IpAddr,
    /// How many leading bits of an address must be the network's.
    bits: u32,
    port: Option<u16>,
}

/// A text that is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or range of addresses (such as 10.0.0.0/8, 192.168.1.5:5432 or [fd00::]/8)")]
pub struct AddressRangeError(String);

impl AddressRange {
    /// Whether an address is one of these. An IPv4 address in an IPv6 one is the IPv4 address.
    pub fn contains(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let shared = match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => (network.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(network), IpAddr::V6(ip)) => (network.to_bits() ^ ip.to_bits()).leading_zeros(),
            _ => return false,
        };
        shared >= self.bits && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        read(text).ok_or_else(|| AddressRangeError(text.into()))
    }
}

/// Host, bits, port; brackets part the colons of an IPv6 address from that before the port.
fn read(text: &str) -> Option<AddressRange> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(text) => text.split_once(']')?,
        None if text.matches(':').count() > 1 => text.split_at(text.find('/').unwrap_or(text.len())),
        None => text.split_at(text.find(['/', ':']).unwrap_or(text.len())),
    };
    let network: IpAddr = host.parse().ok()?;
    let most = if network.is_ipv4() { 32 } else { 128 };
    let (bits, port) = match rest.split_once(':') {
        Some((bits, port)) => (bits, Some(port.parse().ok()?)),
        None => (rest, None),
    };
    let bits = match bits.strip_prefix('/') {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        None if bits.is_empty() => most,
        None => return None,
    };
    Some(AddressRange { network, bits, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        range.parse::<AddressRange>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_ends_at_its_bits() {
        assert!(contains("10.0.0.0/8", "10.255.0.1:80") && !contains("10.0.0.0/8", "11.0.0.0:80"));
        assert!(contains("0.0.0.0/0", "255.1.1.1:1") && !contains("0.0.0.0/0", "[::1]:1"));
        assert!(contains("192.168.1.5", "192.168.1.5:9") && !contains("192.168.1.5", "192.168.1.4:9"));
        assert!(contains("fd00::/8", "[fdff::1]:80") && !contains("[fd00::]/8", "[fe00::1]:80"));
        assert!(contains("::1", "[::1]:80") && contains("127.0.0.0/8", "[::ffff:127.0.0.1]:80"));
    }

    #[test]
    fn a_port_narrows_it() {
        assert!(
            contains("127.0.0.1:5432", "127.0.0.1:5432") && !contains("127.0.0.1:5432", "127.0.0.1:5433")
        );
        assert!(contains("10.0.0.0/8:80", "10.1.1.1:80") && !contains("10.0.0.0/8:80", "10.1.1.1:81"));
        assert!(contains("[::1]:80", "[::1]:80") && !contains("[fd00::]/8:80", "[fd00::]:81"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0:x", "10.0.0.0:65536", "[::1", "::1/129", "[::1]x"]
        {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
