//! SPF records, as far as checks read them (RFC 7208). Not the whole grammar: what is wrong in a
//! record is another check's question.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::model::{Record, RecordType};

/// Whether a text is an SPF record: `v=spf1` in any case, then a space or the end (§4.5).
pub(super) fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next();
    version.is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"))
}

/// The different SPF records of one owner, sorted. The same text twice is one record of the DNS,
/// whatever else a source says of the two.
pub(super) fn spf_records(records: &[Record]) -> Vec<&str> {
    let texts = records.iter().filter(|record| record.kind == RecordType::Txt);
    let mut spf: Vec<&str> =
        texts.map(|txt| txt.content.as_str()).filter(|text| is_spf(text)).collect();
    spf.sort_unstable();
    spf.dedup();
    spf
}

/// The terms after the version, in order; several spaces separate like one (§4.6.1).
pub(super) fn terms(record: &str) -> impl Iterator<Item = &str> {
    record.split(' ').skip(1).filter(|term| !term.is_empty())
}

/// Whether a match of this term means pass: with `+`, or without a qualifier (§4.6.2). Also the
/// term without its qualifier.
pub(super) fn qualified(term: &str) -> (bool, &str) {
    match term.strip_prefix(['-', '~', '?']) {
        Some(rest) => (false, rest),
        None => (true, term.strip_prefix('+').unwrap_or(term)),
    }
}

/// A set of addresses with a common start. An IPv4 network is kept as the IPv6 one with the same
/// leading bits, so that both are counted alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Network {
    start: u128,
    prefix: u32,
}

impl Network {
    fn new(address: u128, prefix: u32) -> Network {
        let mask = if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) };
        Network { start: address & mask, prefix }
    }

    fn end(self) -> u128 {
        self.start | u128::MAX.checked_shr(self.prefix).unwrap_or(0)
    }
}

/// The network of an `ip4` mechanism without its qualifier (§5.6); None for any other term, and for
/// one outside of the grammar.
pub(super) fn ip4(mechanism: &str) -> Option<Network> {
    let (address, prefix) = address_and_prefix(mechanism, "ip4:", 32)?;
    let address: Ipv4Addr = address.parse().ok()?;
    Some(Network::new(u128::from(u32::from(address)) << 96, prefix))
}

/// The network of an `ip6` mechanism, like [`ip4`].
pub(super) fn ip6(mechanism: &str) -> Option<Network> {
    let (address, prefix) = address_and_prefix(mechanism, "ip6:", 128)?;
    let address: Ipv6Addr = address.parse().ok()?;
    Some(Network::new(address.into(), prefix))
}

fn address_and_prefix<'t>(term: &'t str, name: &str, prefix_max: u32) -> Option<(&'t str, u32)> {
    let (start, network) = term.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let Some((address, digits)) = network.split_once('/') else {
        return Some((network, prefix_max));
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
    if !is_number || has_leading_zero {
        return None;
    }
    digits.parse().ok().filter(|prefix| *prefix <= prefix_max).map(|prefix| (address, prefix))
}

/// Whether networks of one family hold half of its addresses or more. What several hold counts once.
pub(super) fn cover_half(networks: &[Network]) -> bool {
    // Two networks are either one inside the other or apart; the wider one comes first.
    let mut networks = networks.to_vec();
    networks.sort_unstable();
    let mut covered: u128 = 0;
    let mut last_end = None;
    for network in networks {
        if network.prefix <= 1 {
            return true;
        }
        if last_end.is_none_or(|end| network.start > end) {
            covered = covered.saturating_add(1 << (128 - network.prefix));
            last_end = Some(network.end());
        }
    }
    covered >= 1 << 127
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_begins_with_its_version_as_a_word() {
        for text in ["v=spf1", "V=SPF1 -all", "v=spf1  a"] {
            assert!(is_spf(text), "{text}");
        }
        for text in ["", " v=spf1", "v=spf10", "v=spf1\t-all", "v=spf1;-all", "spf1 -all"] {
            assert!(!is_spf(text), "{text}");
        }
    }

    #[test]
    fn terms_are_words_with_a_qualifier() {
        assert_eq!(terms("v=spf1  a -all").collect::<Vec<_>>(), ["a", "-all"]);
        assert_eq!(["+a", "a", "-a", "~a", "?a"].map(|term| qualified(term).0), {
            [true, true, false, false, false]
        });
        assert_eq!(qualified("~all").1, "all");
    }

    #[test]
    fn networks_follow_the_grammar() {
        assert_eq!(ip4("ip4:10.1.2.3/8"), ip4("IP4:10.0.0.0/8"));
        assert_ne!(ip4("ip4:10.1.2.3"), ip4("ip4:10.1.2.3/31"));
        assert!(ip6("ip6:::/0").is_some() && ip6("ip6:2001:db8::1").is_some());
        for term in [
            "ip4:10.0.0.0/33",
            "ip4:10.0.0.0/08",
            "ip4:10.0.0.0/",
            "ip4:10.0.0.0/+8",
            "ip4:10.0.0.0/255.0.0.0",
            "ip4:10.0.0",
            "ip4",
            "ip6:::/0",
            "a:ip4:10.0.0.0",
            "é",
        ] {
            assert_eq!(ip4(term), None, "{term}");
        }
        assert_eq!(ip6("ip6:::/129"), None);
    }

    #[test]
    fn half_is_counted_once_for_each_address() {
        let half = |terms: &str| cover_half(&terms.split(' ').filter_map(ip4).collect::<Vec<_>>());
        for terms in [
            "ip4:0.0.0.0/0",
            "ip4:200.0.0.0/1",
            "ip4:0.0.0.0/2 ip4:128.0.0.0/2",
            "ip4:128.0.0.0/2 ip4:10.0.0.0/8 ip4:64.0.0.0/3 ip4:0.0.0.0/2 ip4:96.0.0.0/3",
        ] {
            assert!(half(terms), "{terms}");
        }
        for terms in
            ["", "ip4:0.0.0.0/2", "ip4:0.0.0.0/2 ip4:0.0.0.0/2", "ip4:0.0.0.0/2 ip4:32.0.0.0/3"]
        {
            assert!(!half(terms), "{terms}");
        }
        let two = ["ip6:::/2", "ip6:8000::/2"].map(|term| ip6(term).expect("valid"));
        assert!(cover_half(&two) && !cover_half(&two[1..]));
    }
}
