//! Addresses of the public internet, and others that have no place in a public zone.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::random::Random;
use crate::model::RecordType;

/// First octets below which no block is set aside for a special purpose (RFC 6890).
const PUBLIC: [u8; 12] = [5, 23, 34, 45, 52, 62, 80, 93, 104, 151, 185, 217];

/// An address that a host of the internet may have.
pub(super) fn public_v4(random: &mut Random) -> Ipv4Addr {
    // Neither the first nor the last of a /24.
    let last = 1 + random.below(254) as u8;
    Ipv4Addr::new(random.pick(&PUBLIC), random.byte(), random.byte(), last)
}

/// Below 2a00::/12, of which the RIPE NCC assigns.
pub(super) fn public_v6(random: &mut Random) -> Ipv6Addr {
    let [a, b, c] = [random.next() as u16, random.next() as u16, random.next() as u16];
    Ipv6Addr::new(0x2a00 | (a & 0xf), b, c, 0, 0, 0, 0, 1 + random.below(0xfffe) as u16)
}

/// What a provider serves as a stand-in where there is no origin: never seen if it is proxied.
pub(super) const NO_ORIGIN: &str = "192.0.2.1";

type Draw = fn(&mut Random) -> Address;

/// How often which addresses are found in public zones: mostly of inside networks, loopback now and
/// then (moj 16 and 1 of 6,549 records, wikimedia 3 loopback); the others to have them all.
const PRIVATE: [(u32, Draw); 20] = [
    (300, |r| v4([10, r.byte(), r.byte(), r.byte()])),
    (300, |r| v4([192, 168, r.byte(), r.byte()])),
    (150, |r| v4([172, 16 + r.below(16) as u8, r.byte(), r.byte()])),
    (60, |_| v4([127, 0, 0, 1])),
    (20, |r| v4([100, 64 + r.below(64) as u8, r.byte(), r.byte()])),
    (10, |r| v4([169, 254, r.byte(), r.byte()])),
    (20, |r| v4([192, 0, 2, r.byte()])),
    (10, |r| v4([198, 51, 100, r.byte()])),
    (10, |r| v4([203, 0, 113, r.byte()])),
    (10, |r| v4([198, 18 + r.below(2) as u8, r.byte(), r.byte()])),
    (5, |_| v4([0, 0, 0, 0])),
    (5, |_| v4([255, 255, 255, 255])),
    (5, |r| v4([224 + r.below(16) as u8, r.byte(), r.byte(), r.byte()])),
    (5, |r| v4([240 + r.below(15) as u8, r.byte(), r.byte(), r.byte()])),
    (40, |r| v6([0xfd00 | u16::from(r.byte()), r.next() as u16, 0, 0, 0, 0, 0, 1])),
    (15, |r| v6([0xfe80, 0, 0, 0, 0, 0, 0, 1 + r.below(0xffff) as u16])),
    (15, |_| v6([0, 0, 0, 0, 0, 0, 0, 1])),
    (15, |r| v6([0x2001, 0xdb8, r.next() as u16, 0, 0, 0, 0, 1])),
    // 10.0.0.0/8 behind the translation prefix (RFC 6052), and 192.168.0.0/16 in 6to4 (RFC 3056).
    (5, |r| v6([0x64, 0xff9b, 0, 0, 0, 0, 0x0a00 | u16::from(r.byte()), r.next() as u16])),
    (5, |r| v6([0x2002, 0xc0a8, r.next() as u16, 0, 0, 0, 0, 1])),
];

/// Addresses of special registries that hosts of the internet reach all the same.
const REACHABLE: [Draw; 5] = [
    |_| v4([192, 0, 0, 9]),
    |_| v4([192, 0, 0, 10]),
    |_| v6([0x2001, 0x4, 0x112, 0, 0, 0, 0, 1]),
    |r| v6([0x2001, 0x20, r.next() as u16, 0, 0, 0, 0, 1]),
    // 5.0.0.0/8 behind the translation prefix.
    |r| v6([0x64, 0xff9b, 0, 0, 0, 0, 0x0500 | u16::from(r.byte()), r.next() as u16]),
];

/// The type and the content of a record.
pub(super) type Address = (RecordType, String);

fn v4(octets: [u8; 4]) -> Address {
    (RecordType::A, Ipv4Addr::from(octets).to_string())
}

fn v6(groups: [u16; 8]) -> Address {
    (RecordType::Aaaa, Ipv6Addr::from(groups).to_string())
}

pub(super) fn private(random: &mut Random) -> Address {
    let index = random.weighted(PRIVATE.iter().map(|(weight, _)| *weight));
    PRIVATE[index].1(random)
}

pub(super) fn reachable(random: &mut Random) -> Address {
    random.pick(&REACHABLE)(random)
}
