//! Names that are nobody's: all zones lie under `example`, what is outside of the fleet under `test`
//! (RFC 2606, RFC 6761).

/// First words of zones; none holds a hyphen, which parts them from their numbers.
const WORDS: [&str; 48] = [
    "amber", "anchor", "aspen", "atlas", "beacon", "birch", "bramble", "brook", "canyon", "cedar",
    "cinder", "cobalt", "comet", "copper", "coral", "dune", "ember", "falcon", "fern", "fjord",
    "garnet", "glacier", "harbour", "hazel", "heron", "indigo", "ivory", "jade", "juniper",
    "lagoon", "lantern", "larch", "maple", "meadow", "nimbus", "ochre", "onyx", "orchard", "otter",
    "pebble", "quartz", "raven", "saffron", "slate", "thistle", "tundra", "violet", "willow",
];

/// A zone that lies between a generated one and `example`, and is not in the fleet.
const OUTSIDE_PARENT: &str = "elsewhere";

/// First labels of the names in a zone.
const LABELS: [&str; 40] = [
    "app", "api", "blog", "shop", "docs", "dev", "staging", "cdn", "static", "img", "status",
    "help", "support", "portal", "login", "vpn", "git", "ci", "wiki", "files", "cloud", "news",
    "events", "jobs", "pay", "store", "assets", "media", "video", "forum", "chat", "auth", "admin",
    "beta", "demo", "search", "map", "data", "mobile", "crm",
];

/// Of the label with this index; each has another one.
pub(super) fn label(index: usize) -> String {
    let word = LABELS[index % LABELS.len()];
    match index / LABELS.len() {
        0 => word.to_owned(),
        round => format!("{word}-{round}"),
    }
}

/// Lower-case digits and letters.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Where the name of a zone lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Above<'n> {
    Example,
    /// A zone of the fleet.
    Fleet(&'n str),
    /// A zone that is not in the fleet.
    Outside,
}

/// The name of a zone. `word` chooses how it begins; what makes it unique are the numbers.
pub(super) fn zone(word: u64, account: u64, zone: u64, above: Above<'_>) -> String {
    let word = WORDS[(word % WORDS.len() as u64) as usize];
    let account = base36(account);
    let first = match zone {
        0 => format!("{word}-{account}"),
        zone => format!("{word}-{account}-{}", base36(zone)),
    };
    match above {
        Above::Example => format!("{first}.example"),
        Above::Fleet(parent) => format!("{first}.{parent}"),
        Above::Outside => format!("{first}.{OUTSIDE_PARENT}-{account}.example"),
    }
}

pub(super) fn account_id(account: u64) -> String {
    format!("generated:{account}")
}

pub(super) fn zone_id(zone: &str) -> String {
    format!("generated/{zone}")
}

pub(super) fn account_name(word: u64, account: u64) -> String {
    let word = WORDS[(word % WORDS.len() as u64) as usize];
    let (first, rest) = word.split_at(1);
    format!("{}{rest} Works {account}", first.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_whatever_the_words() {
        let mut names = BTreeSet::new();
        for account in 0..40 {
            for index in 0..40 {
                for above in [Above::Example, Above::Outside] {
                    assert!(names.insert(zone(account * index, account, index, above)));
                }
            }
        }
        let labels: BTreeSet<String> = (0..1_000).map(label).collect();
        assert_eq!(labels.len(), 1_000);
        assert!(WORDS.iter().all(|word| *word != OUTSIDE_PARENT && !word.contains('-')));
    }

    #[test]
    fn numbers_are_digits_and_letters() {
        assert_eq!([0, 35, 36, 1_295].map(base36), ["0", "z", "10", "zz"]);
    }
}
