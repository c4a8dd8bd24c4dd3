//! The kinds of SPF texts at a name.
//!
//! How often which occurs was counted in 36,063 records of 38,753 domains with MX (mail look-ups of
//! municipalities of 154 countries). What was not seen there, such as two different records, is rare
//! here, so that it exists.

use super::addresses::public_v4;
use super::random::Random;

/// What the TXT records of one name are to SPF.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spf {
    /// `{4}` stands for an IPv4 address, `{n}` for a number.
    texts: &'static [&'static str],
    /// One of them is an SPF record.
    pub(super) is_present: bool,
    /// One of the records lets everyone send.
    pub(super) passes_all: bool,
    /// Two of the records differ.
    pub(super) is_multiple: bool,
}

/// A valid record, or one that is wrong in a way that no check asks for.
const fn one(texts: &'static [&'static str]) -> Spf {
    Spf { texts, is_present: true, passes_all: false, is_multiple: false }
}

const fn open(texts: &'static [&'static str]) -> Spf {
    Spf { texts, is_present: true, passes_all: true, is_multiple: false }
}

const fn two(texts: &'static [&'static str]) -> Spf {
    Spf { texts, is_present: true, passes_all: false, is_multiple: true }
}

/// Meant to be SPF, and no SPF record.
const fn none(texts: &'static [&'static str]) -> Spf {
    Spf { texts, is_present: false, passes_all: false, is_multiple: false }
}

const LONG: &str = "v=spf1 ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} \
                    ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} \
                    ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} ip4:{4} -all";

const MANY_LOOKUPS: &str = "v=spf1 a mx include:spf.a{n}.mail.test include:spf.b.mail.test \
                            include:spf.c.mail.test include:spf.d.mail.test include:spf.e.mail.test \
                            include:spf.f.mail.test include:spf.g.mail.test include:spf.h.mail.test \
                            include:spf.i.mail.test ~all";

/// Of 100,000 names with anything that is meant to be SPF.
const KINDS: [(u32, Spf); 45] = [
    (29_000, one(&["v=spf1 include:spf.office.mail.test -all"])),
    (12_000, one(&["v=spf1 a mx ip4:{4} -all"])),
    (6_500, one(&["v=spf1 mx include:spf{n}.mail.test -all"])),
    (20_000, one(&["v=spf1 include:spf.office.mail.test ~all"])),
    (7_500, one(&["v=spf1 include:_spf.suite.mail.test ~all"])),
    (12_000, one(&["v=spf1 a mx include:spf{n}.mail.test ip4:{4} ~all"])),
    (5_000, one(&["v=spf1 ip4:{4}/24 ip6:2a00:{n}::/32 mx ~all"])),
    (2_700, one(&["v=spf1 a mx ?all"])),
    (1_600, one(&["v=spf1 redirect=spf{n}.mail.test"])),
    (600, one(&["v=spf1 a mx ip4:{4}"])),
    (900, one(&[MANY_LOOKUPS])),
    (1_100, one(&["v=spf1 ptr a:host{n}.mail.test -all"])),
    (400, one(&[LONG])),
    // Misspelt terms: the record is one all the same.
    (20, one(&["v=spf1 ipv4:{4} -all"])),
    (20, one(&["v=spf1 inlcude:spf{n}.mail.test ~all"])),
    (20, one(&["v=spf1 include:include:spf{n}.mail.test -all"])),
    (20, one(&["v=spf1 a mx ~al"])),
    (20, one(&["v=spf1 a mx \u{2013}all"])),
    (20, one(&["v=spf1 mx -allgoogle-site-verification={n}"])),
    // What looks as if everyone passes.
    (50, one(&["v=spf1 a -all +all"])),
    (50, one(&["v=spf1 mx ~all ip4:0.0.0.0/0"])),
    (30, one(&["v=spf1 ip4:0.0.0.0/2 -all"])),
    (30, one(&["v=spf1 ip4:0.0.0.0/2 ip4:0.0.0.0/2 ip4:32.0.0.0/3 ~all"])),
    (20, one(&["v=spf1 -ip4:0.0.0.0/0 a ~all"])),
    (20, one(&["v=spf1 ?ip4:0.0.0.0/0 -all"])),
    (20, one(&["v=spf1 ip4:0.0.0.0/33 ip4:0.0.0.0/00 -all"])),
    (20, one(&["v=spf1 include:all all.mail.test ?all"])),
    (20, one(&["V=SPF1 a MX -ALL"])),
    // One record, however often it stands there.
    (60, one(&["v=spf1 mx a:host{n}.mail.test -all", "v=spf1 mx a:host{n}.mail.test -all"])),
    // Everyone passes: counted 12 of 36,063 with `all`, and wide networks.
    (15, open(&["v=spf1 a mx +all"])),
    (10, open(&["v=spf1 include:spf{n}.mail.test all"])),
    (10, open(&["v=spf1 a mx - all"])),
    (5, open(&["V=SPF1 MX ALL"])),
    (10, open(&["v=spf1 ip4:0.0.0.0/0 -all"])),
    (10, open(&["v=spf1 ip4:{4}/1 mx ~all"])),
    (10, open(&["v=spf1 ip4:0.0.0.0/2 a +ip4:64.0.0.0/2 -all"])),
    (5, open(&["v=spf1 ip6:::/1 ip4:{4} -all"])),
    (5, open(&["v=spf1 ipv4:{4}  +all"])),
    // Two records.
    (40, two(&["v=spf1 include:spf.office.mail.test -all", "v=spf1 a mx ip4:{4} ~all"])),
    (20, two(&["v=spf1", "v=spf1 mx -all"])),
    (5, Spf { texts: &["v=spf1 mx -all", "v=spf1 +all"], ..open(&[]).and_multiple() }),
    // 22 of 24,590 texts go on with a tab, `;` or glued letters, and two were glued together.
    (30, none(&["v=spf1\tinclude:spf{n}.mail.test -all"])),
    (30, none(&["v=spf1;a mx +all"])),
    (30, none(&["allv=spf1 a mx ip4:{4} -all"])),
    (25, none(&["spf2.0/pra include:spf{n}.mail.test -all", "v=spf10 a -all"])),
];

impl Spf {
    /// No text at all.
    pub(super) const NONE: Spf = none(&[]);

    /// Of a name that sends no mail.
    pub(super) const NO_SENDER: Spf = one(&["v=spf1 -all"]);

    const fn and_multiple(self) -> Spf {
        Spf { is_multiple: true, ..self }
    }

    pub(super) fn draw(random: &mut Random) -> Spf {
        KINDS[random.weighted(KINDS.iter().map(|(weight, _)| *weight))].1
    }

    /// How many records it takes.
    pub(super) fn records(&self) -> u32 {
        self.texts.len() as u32
    }

    pub(super) fn texts(&self, random: &mut Random) -> Vec<String> {
        // The same text stays the same text.
        let start = random.clone();
        let mut texts = Vec::with_capacity(self.texts.len());
        for text in self.texts {
            *random = start.clone();
            texts.push(filled(text, random));
        }
        texts
    }
}

fn filled(text: &str, random: &mut Random) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_at(2) {
            ("4}", after) => {
                filled.push_str(&public_v4(random).to_string());
                rest = after;
            }
            (_, after) => {
                filled.push_str(&random.below(1_000).to_string());
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::random::Use;

    #[test]
    fn texts_are_filled_and_equal_ones_stay_equal() {
        let mut random = Random::of(1, Use::Records, 0, 0);
        for (_, kind) in KINDS {
            let texts = kind.texts(&mut random);
            assert_eq!(texts.len() as u32, kind.records());
            assert!(texts.iter().all(|text| !text.contains('{')), "{texts:?}");
            if let [first, second] = &texts[..]
                && kind.is_present
            {
                assert_eq!(first != second, kind.is_multiple, "{texts:?}");
            }
        }
    }
}
