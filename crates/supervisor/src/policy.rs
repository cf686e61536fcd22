//! Which addresses Workers may connect to. Asked for each connection with the address it goes to, after names were
//! resolved, so that no name can be made to point elsewhere between check and use.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hognose_config::AddressRange;

/// What the operator has said.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Whether loopback, private and link-local addresses may be reached.
    pub allow_private: bool,
    /// Addresses that may be reached although they are private.
    pub allow: Vec<AddressRange>,
    /// Addresses that may not be reached, whatever else is said.
    pub deny: Vec<AddressRange>,
    /// Whether nothing may be reached at all, and no name is looked up.
    pub is_closed: bool,
}

impl EgressPolicy {
    /// That of a Worker that has no way into the network.
    pub(crate) fn closed() -> Self {
        Self { is_closed: true, ..Self::default() }
    }

    /// Whether connections may go there.
    pub(crate) fn permits(&self, address: SocketAddr) -> bool {
        if self.is_closed {
            return false;
        }
        let is_in = |ranges: &[AddressRange]| ranges.iter().any(|range| range.contains(address));
        !is_in(&self.deny) && (is_in(&self.allow) || self.allow_private || !is_private(address.ip()))
    }
}

/// The error of a connection that policy forbids.
pub(crate) fn refusal(what: &str) -> io::Error {
    let text = format!("{what} is an address that Workers may not reach (`egress` in hognose.toml)");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Whether an address belongs to the machine or the operator's network rather than to the internet (the IANA special
/// registries).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_private_v4(address),
            None => is_private_v6(address),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let protocol_assignments = first == 192 && second == 0 && third == 0;
    let benchmarking = first == 198 && (second == 18 || second == 19);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarking
        || first == 0
        || first >= 240
}

/// All but the internet's own range, and within that what holds an IPv4 address (6to4, Teredo), protocols' own addresses and
/// those of examples.
fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_internets = first & 0xe000 == 0x2000;
    let is_special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 => true,
        0x3fff => second < 0x1000,
        _ => false,
    };
    !is_internets || is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_operators_network_are_told_from_the_internets() {
        let private = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 \
                       ::1 :: fe80::1 fd00::1 fec0::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:7f00:1:: \
                       2001:0:7f00:1:: 2001:db8::1 ::ffff:0:10.0.0.1 ff02::1 3fff::1";
        let public = "1.1.1.1 100.128.0.1 172.32.0.1 2606:4700::1111 2001:200::1 ::ffff:1.1.1.1";
        for address in private.split_whitespace() {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in public.split_whitespace() {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn lists_come_before_what_holds_by_default() {
        let ranges = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let policy = EgressPolicy {
            allow_private: false,
            allow: ranges(&["10.0.0.0/8", "127.0.0.1:5432"]),
            deny: ranges(&["10.9.0.0/16", "1.1.1.1"]),
            is_closed: false,
        };
        let permits = |address: &str| policy.permits(address.parse().unwrap());
        assert!(permits("10.1.1.1:80") && permits("127.0.0.1:5432") && permits("8.8.8.8:443"));
        assert!(!permits("10.9.1.1:80") && !permits("127.0.0.1:5433") && !permits("1.1.1.1:443"));
        let closed = EgressPolicy { is_closed: true, ..policy.clone() };
        assert!(!closed.permits("127.0.0.1:5432".parse().unwrap()));
        let open = EgressPolicy { allow_private: true, ..policy.clone() };
        assert!(
            open.permits("127.0.0.1:1".parse().unwrap()) && !open.permits("10.9.1.1:80".parse().unwrap())
        );
    }
}
