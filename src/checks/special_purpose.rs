//! Addresses that no host of the public internet has.
//!
//! The IANA special-purpose address registries (RFC 6890) without the blocks that are globally
//! reachable; and what other registries keep back: multicast (RFC 5771, RFC 4291 §2.7), the future
//! use of RFC 1112 §4 and the old site-local addresses (RFC 3879).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// A block of addresses with one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    start: IpAddr,
    prefix: u32,
    /// By its registry.
    pub(super) name: &'static str,
}

impl Block {
    pub(super) fn is_ipv4_loopback(&self) -> bool {
        self.start == IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0))
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (difference, bits) = match (self.start, address) {
            (IpAddr::V4(start), IpAddr::V4(address)) => {
                (u128::from(start.to_bits() ^ address.to_bits()), 32)
            }
            (IpAddr::V6(start), IpAddr::V6(address)) => (start.to_bits() ^ address.to_bits(), 128),
            _ => return false,
        };
        difference >> (bits - self.prefix) == 0
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.prefix)
    }
}

/// The block that makes an address special; None for an address of the public internet. An address
/// of the translation prefix 64:ff9b::/96 (RFC 6052) or of 6to4 (RFC 3056) stands for an IPv4
/// address, and is as special as that one.
pub(super) fn special_purpose(address: IpAddr) -> Option<&'static Block> {
    let address = embedded(address).map_or(address, IpAddr::V4);
    if REACHABLE.iter().any(|block| block.contains(address)) {
        return None;
    }
    SPECIAL.iter().find(|block| block.contains(address))
}

fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d] = match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, v4 @ ..] => v4,
        [0x20, 0x02, a, b, c, d, ..] => [a, b, c, d],
        _ => return None,
    };
    Some(Ipv4Addr::new(a, b, c, d))
}

const fn v4(octets: [u8; 4], prefix: u32, name: &'static str) -> Block {
    let [a, b, c, d] = octets;
    Block { start: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix, name }
}

/// A block whose address is zero after the fourth group.
const fn v6(groups: [u16; 4], prefix: u32, name: &'static str) -> Block {
    let [a, b, c, d] = groups;
    Block { start: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix, name }
}

const fn host(address: Ipv6Addr, prefix: u32, name: &'static str) -> Block {
    Block { start: IpAddr::V6(address), prefix, name }
}

static SPECIAL: [Block; 31] = [
    v4([0, 0, 0, 0], 8, "This network"),
    v4([10, 0, 0, 0], 8, "Private-Use"),
    v4([100, 64, 0, 0], 10, "Shared Address Space"),
    v4([127, 0, 0, 0], 8, "Loopback"),
    v4([169, 254, 0, 0], 16, "Link Local"),
    v4([172, 16, 0, 0], 12, "Private-Use"),
    v4([192, 0, 0, 0], 24, "IETF Protocol Assignments"),
    v4([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)"),
    v4([192, 88, 99, 0], 24, "Deprecated (6to4 Relay Anycast)"),
    v4([192, 168, 0, 0], 16, "Private-Use"),
    v4([198, 18, 0, 0], 15, "Benchmarking"),
    v4([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)"),
    v4([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)"),
    v4([224, 0, 0, 0], 4, "Multicast"),
    v4([255, 255, 255, 255], 32, "Limited Broadcast"),
    v4([240, 0, 0, 0], 4, "Reserved"),
    host(Ipv6Addr::UNSPECIFIED, 128, "Unspecified Address"),
    host(Ipv6Addr::LOCALHOST, 128, "Loopback Address"),
    host(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "IPv4-mapped Address"),
    v6([0x64, 0xff9b, 1, 0], 48, "IPv4-IPv6 Translation"),
    v6([0x100, 0, 0, 0], 64, "Discard-Only Address Block"),
    v6([0x100, 0, 0, 1], 64, "Dummy IPv6 Prefix"),
    v6([0x2001, 0, 0, 0], 32, "TEREDO"),
    v6([0x2001, 0, 0, 0], 23, "IETF Protocol Assignments"),
    v6([0x2001, 0xdb8, 0, 0], 32, "Documentation"),
    v6([0x3fff, 0, 0, 0], 20, "Documentation"),
    v6([0x5f00, 0, 0, 0], 16, "Segment Routing (SRv6) SIDs"),
    v6([0xfc00, 0, 0, 0], 7, "Unique-Local"),
    v6([0xfe80, 0, 0, 0], 10, "Link-Local Unicast"),
    v6([0xfec0, 0, 0, 0], 10, "Site-Local (deprecated)"),
    v6([0xff00, 0, 0, 0], 8, "Multicast"),
];

/// Parts of the above that are globally reachable.
static REACHABLE: [Block; 9] = [
    v4([192, 0, 0, 9], 32, "Port Control Protocol Anycast"),
    v4([192, 0, 0, 10], 32, "Traversal Using Relays around NAT Anycast"),
    host(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1), 128, "Port Control Protocol Anycast"),
    host(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 2), 128, "TURN Anycast"),
    host(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 3), 128, "DNS-SD Registration Anycast"),
    v6([0x2001, 3, 0, 0], 32, "AMT"),
    v6([0x2001, 4, 0x112, 0], 48, "AS112-v6"),
    v6([0x2001, 0x20, 0, 0], 28, "ORCHIDv2"),
    v6([0x2001, 0x30, 0, 0], 28, "Drone Remote ID Protocol Entity Tags"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn block(address: &str) -> Option<String> {
        let address = address.parse().expect("an address");
        special_purpose(address).map(ToString::to_string)
    }

    #[test]
    fn blocks_begin_and_end_where_the_registry_says() {
        for (first, last, before, after) in [
            ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
            ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
            ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
            ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
            ("fc00::", "fdff:ffff::", "fbff:ffff::", "fe00::"),
            ("3fff::", "3fff:fff:ffff::", "3ffe:ffff::", "3fff:1000::"),
            ("2001::", "2001:1ff:ffff::", "2000:ffff::", "2001:200::"),
        ] {
            assert!(block(first).is_some() && block(last).is_some(), "{first}");
            assert_eq!((block(before), block(after)), (None, None), "{first}");
        }
        assert_eq!(block("255.255.255.255").as_deref(), Some("255.255.255.255/32"));
        assert_eq!(block("::1").as_deref(), Some("::1/128"));
        assert_eq!(block("::ffff:192.0.2.1").as_deref(), Some("::ffff:0.0.0.0/96"));
    }

    #[test]
    fn ordinary_and_globally_reachable_addresses_are_not_special() {
        for address in ["1.1.1.1", "192.0.0.9", "2606:4700::1", "2001:4860::1", "2001:20::1", "::2"]
        {
            assert_eq!(block(address), None, "{address}");
        }
        assert_eq!(block("192.0.0.8").as_deref(), Some("192.0.0.0/24"));
    }

    #[test]
    fn an_embedded_address_decides() {
        for (address, expected) in [
            ("64:ff9b::10.0.0.1", Some("10.0.0.0/8")),
            ("64:ff9b::1.1.1.1", None),
            ("2002:7f00:1::", Some("127.0.0.0/8")),
            ("2002:101:101::", None),
        ] {
            assert_eq!(block(address).as_deref(), expected, "{address}");
        }
    }
}
