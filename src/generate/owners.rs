//! What a zone is filled with, owner by owner, until it has its size.
//!
//! Types are as frequent as in whole zones in use: CNAME 51.5 %, A 27, NS 7, TXT 6.6, AAAA 2.8, MX 2.3,
//! SRV 1.2, ALIAS 1.1, CAA 0.6.

use super::addresses::{self, NO_ORIGIN};
use super::dmarc::Dmarc;
use super::expected::Reach;
use super::filling::Filling;
use super::spf::Spf;
use crate::model::RecordType;

/// How often among 100,000 owners, how much room it needs, and how it is made: of one record at
/// least, and of no more than there is room for.
type Kind = (u32, u32, fn(&mut Filling<'_>));

const ALIAS: Kind = (46_000, 1, alias);

const KINDS: [Kind; 33] = [
    ALIAS,
    (23_000, 1, address),
    (2_600, 2, address_and_v6),
    (2_500, 2, two_addresses),
    (3_200, 2, delegation),
    (300, 4, delegation_with_glue),
    (4_000, 1, certificate_validation),
    (3_000, 1, dkim_alias),
    (1_200, 1, dkim_key),
    (2_600, 1, verification),
    (1_300, 1, service),
    (1_200, 1, provider_alias),
    (400, 1, caa_below),
    (1_700, 3, mail),
    (60, 2, mail_at_an_alias),
    (20, 3, policy_that_nobody_asks_for),
    (20, 3, policy_at_the_last_height),
    // 25 zones of 406 and 18 have a wildcard that leads to an address, 12 % of zones any.
    (120, 1, wildcard_alias),
    (120, 1, wildcard_address),
    (20, 2, wildcard_both),
    (150, 1, wildcard_text),
    (40, 3, wildcard_mail),
    // Of 6,549 records 17 are private, of 2,253 one.
    (250, 1, private),
    (20, 1, private_wildcard),
    (20, 2, private_twice),
    (30, 1, private_at_a_service),
    (30, 1, private_routing),
    (200, 1, no_origin),
    (20, 1, reachable),
    // 158 names of 19,960 records.
    (150, 2, cname_beside_data),
    (50, 2, cname_twice),
    (30, 2, cname_beside_proof),
    (30, 2, same_cname_twice),
];

/// Of all zones with room left so many begin with a wildcard.
const WILDCARD: f64 = 0.06;

pub(super) fn fill(filling: &mut Filling<'_>) {
    if filling.room() > 2 && filling.random.chance(WILDCARD) {
        let apex = filling.apex().to_owned();
        wildcard(filling, &apex);
    }
    while filling.room() > 0 {
        let drawn = filling.random.weighted(KINDS.iter().map(|(weight, ..)| *weight));
        let (_, room_min, _) = KINDS[drawn];
        let (.., make) = if room_min <= filling.room() { KINDS[drawn] } else { ALIAS };
        make(filling);
    }
}

/// Of 41,980 mail domains Microsoft serves 21 %, Google 6.5 %, then regional ones.
pub(super) fn mail_server(filling: &mut Filling<'_>, domain: &str) -> String {
    match filling.random.below(10) {
        0..3 => "mx1.office.mail.test".to_owned(),
        3..4 => "mx.suite.mail.test".to_owned(),
        4..7 => format!("mx{}.mail.test", filling.random.below(400)),
        _ => format!("mail.{domain}"),
    }
}

/// Third-party platforms are most aliases of registries; elsewhere many lead to the zone itself.
fn alias_target(filling: &mut Filling<'_>) -> String {
    match filling.random.below(10) {
        0..3 => filling.apex().to_owned(),
        3..8 => format!("site-{}.pages.test", filling.random.below(100_000)),
        _ => format!("edge-{}.cdn.test", filling.random.below(1_000)),
    }
}

fn server(filling: &mut Filling<'_>) -> String {
    let servers = filling.facts.servers;
    filling.random.pick(&servers).to_string()
}

fn alias(filling: &mut Filling<'_>) {
    let (owner, target) = (filling.owner(""), alias_target(filling));
    filling.host(owner, RecordType::Cname, target);
}

fn address(filling: &mut Filling<'_>) {
    let (owner, server) = (filling.owner(""), server(filling));
    filling.host(owner, RecordType::A, server);
}

fn address_and_v6(filling: &mut Filling<'_>) {
    let (owner, server) = (filling.owner(""), server(filling));
    let v6 = addresses::public_v6(&mut filling.random).to_string();
    filling.host(owner.as_str(), RecordType::A, server);
    filling.host(owner, RecordType::Aaaa, v6);
}

fn two_addresses(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    for server in &filling.facts.servers[..2] {
        filling.host(owner.as_str(), RecordType::A, server.to_string());
    }
}

fn delegation(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let number = filling.random.below(50);
    for side in ["a", "b"] {
        filling.record(owner.as_str(), RecordType::Ns, format!("{side}{number}.nameservers.test"));
    }
}

fn delegation_with_glue(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    for (number, server) in (1..).zip(&filling.facts.servers[..2]) {
        let name = format!("ns{number}.{owner}");
        filling.record(owner.as_str(), RecordType::Ns, name.as_str());
        filling.delegated(name, RecordType::A, server.to_string());
    }
}

fn certificate_validation(filling: &mut Filling<'_>) {
    let owner = filling.owner("_acme-challenge");
    let target = format!("v{:08x}.validations.test", filling.random.next() as u32);
    filling.record(owner, RecordType::Cname, target);
}

fn dkim_alias(filling: &mut Filling<'_>) {
    let owner = filling.owner("_domainkey");
    filling.record(owner, RecordType::Cname, "selector1._domainkey.office.mail.test");
}

/// Of 355 keys 294 are revoked.
fn dkim_key(filling: &mut Filling<'_>) {
    let owner = filling.owner("_domainkey");
    let mut text = "v=DKIM1; k=rsa; p=".to_owned();
    if !filling.random.chance(0.8) {
        text.push_str("MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ");
        (0..11).for_each(|_| text.push_str(&format!("{:016x}", filling.random.next())));
        text.push_str("IDAQAB");
    }
    filling.record(owner, RecordType::Txt, text);
}

fn verification(filling: &mut Filling<'_>) {
    // A text beside a CNAME would hide what the CNAME leads to.
    let is_apex = !filling.draft.apex.is_cname() && filling.random.chance(0.5);
    let owner = if is_apex { filling.apex().to_owned() } else { filling.owner("") };
    let text = format!("some-service-verification={:016x}", filling.random.next());
    filling.record(owner, RecordType::Txt, text);
}

fn service(filling: &mut Filling<'_>) {
    let owner = filling.owner("_tcp");
    let port = filling.random.pick(&[443, 5_060, 5_061, 5_222, 25_565]);
    let record = filling.record(owner, RecordType::Srv, format!("5 {port} sip.office.mail.test"));
    record.priority = Some(10);
}

fn provider_alias(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let target = format!("lb-{}.hosting.test", filling.random.below(500));
    filling.record(owner, RecordType::Alias, target);
}

/// Protects names below it, not the zone.
fn caa_below(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    filling.record(owner, RecordType::Caa, "0 issue \"ca.test\"");
}

/// Of the mail domains below an apex so many have no SPF, and no policy of their own: guesses between
/// what was counted of apexes, where both are rarer, and of registries (474 of 500 without DMARC).
const NO_SPF: f64 = 0.25;
const NO_POLICY: f64 = 0.8;

fn mail(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    mail_at(filling, owner);
}

fn mail_at(filling: &mut Filling<'_>, owner: String) {
    let target = mail_server(filling, &owner);
    filling.mx(&owner, 10, target);
    // A null MX beside another is one no more (RFC 7505 §3).
    if filling.room() > 4 && filling.random.chance(0.01) {
        filling.mx(&owner, 0, ".".to_owned());
    }
    let has_spf = !filling.random.chance(NO_SPF);
    let spf = if has_spf { Spf::draw(&mut filling.random) } else { Spf::NONE };
    filling.spf(&owner, spf);
    let mut policy = Dmarc::NONE;
    if !filling.random.chance(NO_POLICY) {
        let has_shared = filling.first_shares_policy();
        policy = Dmarc::draw(&mut filling.random, has_shared);
        if policy.records() > filling.room() {
            policy = Dmarc::NONE;
        }
        filling.dmarc(&owner, policy);
    }
    let spf = if spf.is_present { Reach::Present } else { Reach::Absent };
    filling.mail_domain(&owner, spf, policy.reach());
}

/// As behind a provider that flattens: without a text of its own, the alias leads to SPF or not.
fn mail_at_an_alias(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let (target, spf) = match (filling.random.below(4), filling.first_apex()) {
        (0, _) => (filling.apex().to_owned(), filling.draft.apex_spf()),
        (1, Some(first)) => first,
        (2, _) => (format!("nothing.{owner}"), Reach::Absent),
        _ => (format!("site-{}.pages.test", filling.random.below(100_000)), Reach::Outside),
    };
    filling.host(owner.as_str(), RecordType::Cname, target);
    let server = mail_server(filling, &owner);
    filling.mx(&owner, 10, server);
    filling.fail("dns.cname_coexists", owner.as_str());
    filling.mail_domain(&owner, spf, Reach::Absent);
}

/// Of a name with more than 8 labels the walk of RFC 9989 §4.10 asks at the name itself and at the
/// ancestors of 7 labels and fewer.
fn policy_that_nobody_asks_for(filling: &mut Filling<'_>) {
    mail_below(filling, 8, Reach::Absent);
}

fn policy_at_the_last_height(filling: &mut Filling<'_>) {
    mail_below(filling, 7, Reach::Present);
}

/// A mail domain of 9 labels with a policy at its ancestor of so many.
fn mail_below(filling: &mut Filling<'_>, labels: usize, reach: Reach) {
    let mut ancestor = filling.owner("");
    while ancestor.split('.').count() < labels {
        ancestor.insert_str(0, "unit.");
    }
    let owner = match labels {
        8 => format!("lists.{ancestor}"),
        _ => format!("lists.mail.{ancestor}"),
    };
    let server = mail_server(filling, &owner);
    filling.mx(&owner, 10, server);
    filling.spf(&owner, Spf::NO_SENDER);
    filling.dmarc(&ancestor, Dmarc::REJECT);
    filling.mail_domain(&owner, Reach::Present, reach);
}

fn wildcard(filling: &mut Filling<'_>, parent: &str) {
    let target = alias_target(filling);
    filling.wildcard(format!("*.{parent}"), RecordType::Cname, target);
}

fn wildcard_alias(filling: &mut Filling<'_>) {
    let parent = filling.owner("");
    wildcard(filling, &parent);
}

fn wildcard_address(filling: &mut Filling<'_>) {
    let (parent, server) = (filling.owner(""), server(filling));
    filling.wildcard(format!("*.{parent}"), RecordType::A, server);
}

fn wildcard_both(filling: &mut Filling<'_>) {
    let owner = format!("*.{}", filling.owner(""));
    let server = server(filling);
    let v6 = addresses::public_v6(&mut filling.random).to_string();
    filling.wildcard(owner.clone(), RecordType::A, server);
    filling.wildcard(owner, RecordType::Aaaa, v6);
}

/// Answers for every name, and leads nowhere.
fn wildcard_text(filling: &mut Filling<'_>) {
    let owner = format!("*.{}", filling.owner(""));
    filling.record(owner, RecordType::Txt, "v=spf1 -all");
}

fn wildcard_mail(filling: &mut Filling<'_>) {
    let owner = format!("*.{}", filling.owner(""));
    mail_at(filling, owner);
}

fn private(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let (kind, content) = addresses::private(&mut filling.random);
    filling.fail_private(&owner, &kind, &content);
    filling.record(owner, kind, content);
}

fn private_wildcard(filling: &mut Filling<'_>) {
    let owner = format!("*.{}", filling.owner(""));
    let content = format!("10.0.0.{}", filling.random.byte());
    if !filling.wildcard(owner.clone(), RecordType::A, content.clone()) {
        filling.fail_private(&owner, &RecordType::A, &content);
    }
}

/// With two TTLs two records of a source, and one address.
fn private_twice(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let (kind, content) = addresses::private(&mut filling.random);
    filling.fail_private(&owner, &kind, &content);
    for ttl in [60, 600] {
        filling.record(owner.as_str(), kind.clone(), content.as_str()).ttl = Some(ttl);
    }
}

/// A name that no host has.
fn private_at_a_service(filling: &mut Filling<'_>) {
    let owner = format!("_{}", filling.owner(""));
    let (kind, content) = addresses::private(&mut filling.random);
    filling.record(owner, kind, content);
}

fn private_routing(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let (kind, content) = addresses::private(&mut filling.random);
    filling.record(owner, kind, content).private_routing = true;
}

/// A stand-in, and seen by everyone if it is not proxied.
fn no_origin(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    if !filling.host(owner.as_str(), RecordType::A, NO_ORIGIN) {
        filling.fail_private(&owner, &RecordType::A, NO_ORIGIN);
    }
}

fn reachable(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    let (kind, content) = addresses::reachable(&mut filling.random);
    filling.record(owner, kind, content);
}

fn cname_beside_data(filling: &mut Filling<'_>) {
    let (owner, target) = (filling.owner(""), alias_target(filling));
    filling.host(owner.as_str(), RecordType::Cname, target);
    let (kind, content) = match filling.random.below(2) {
        0 => (RecordType::A, server(filling)),
        _ => (RecordType::Txt, "v=verification".to_owned()),
    };
    filling.record(owner.as_str(), kind, content);
    filling.fail("dns.cname_coexists", owner);
}

fn cname_twice(filling: &mut Filling<'_>) {
    let owner = filling.owner("");
    for side in ["a", "b"] {
        filling.host(owner.as_str(), RecordType::Cname, format!("{side}.{owner}"));
    }
    filling.fail("dns.cname_coexists", owner);
}

/// What proves a CNAME stands beside it.
fn cname_beside_proof(filling: &mut Filling<'_>) {
    let (owner, target) = (filling.owner(""), alias_target(filling));
    filling.host(owner.as_str(), RecordType::Cname, target);
    let next = format!("zz.{owner} CNAME RRSIG NSEC");
    filling.record(owner, RecordType::Nsec, next);
}

fn same_cname_twice(filling: &mut Filling<'_>) {
    let (owner, target) = (filling.owner(""), alias_target(filling));
    for ttl in [60, 600] {
        filling.record(owner.as_str(), RecordType::Cname, target.as_str()).ttl = Some(ttl);
    }
}
