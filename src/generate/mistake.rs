//! Mistakes that people make in a zone, one after the other. Taking one back is writing the old
//! records again.

use crate::model::{Record, RecordType, Records};

/// A zone's records after somebody made a mistake in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The check that finds it.
    pub check: &'static str,
    /// All records of the zone.
    pub records: Vec<Record>,
}

/// The zone's records with the mistake in them; None if it cannot be made there, or is there already.
type Make = fn(&str, &Records) -> Option<Vec<Record>>;

const MAKES: [(&str, Make); 9] = [
    ("spf.missing", without_spf),
    ("spf.multiple", with_second_spf),
    ("spf.pass_all", with_pass_all),
    ("dmarc.missing", without_dmarc),
    ("dmarc.policy_none", with_policy_none),
    ("dns.private_address", with_private_address),
    ("dns.wildcard_address", with_wildcard),
    ("dns.cname_coexists", with_alias_beside),
    ("caa.missing", without_caa),
];

/// The mistake number `choice` of those that can be made in the zone with this name, counted round
/// and round. None if none can.
pub fn mistake(zone: &str, records: &Records, choice: u64) -> Option<Mistake> {
    let made = MAKES.iter().filter_map(|(check, make)| Some((*check, make(zone, records)?)));
    let mut mistakes: Vec<_> = made.collect();
    let chosen = choice.checked_rem(mistakes.len() as u64)?;
    let (check, records) = mistakes.swap_remove(chosen as usize);
    Some(Mistake { check, records })
}

fn is_spf(record: &Record) -> bool {
    let text = record.content.to_ascii_lowercase();
    record.kind == RecordType::Txt && (text == "v=spf1" || text.starts_with("v=spf1 "))
}

/// The one SPF record of the apex.
fn spf<'r>(zone: &str, records: &'r Records) -> Option<&'r Record> {
    let mut found = records.at(zone).iter().filter(|record| is_spf(record));
    found.next().filter(|_| found.next().is_none())
}

/// The one DMARC record of the zone.
fn dmarc<'r>(zone: &str, records: &'r Records) -> Option<&'r Record> {
    let set = records.at(&format!("_dmarc.{zone}"));
    let is_policy = |record: &Record| {
        record.kind == RecordType::Txt
            && record.content.to_ascii_lowercase().starts_with("v=dmarc1")
    };
    (set.len() == 1).then(|| &set[0]).filter(|record| is_policy(record))
}

fn receives_mail(zone: &str, records: &Records) -> bool {
    records.at(zone).iter().any(Record::receives_mail)
}

/// Whether nothing above the zone can answer in its place.
fn is_registrable(zone: &str) -> bool {
    psl::domain_str(zone) == Some(zone)
}

fn without(records: &Records, is_gone: impl Fn(&Record) -> bool) -> Vec<Record> {
    records.iter().filter(|record| !is_gone(record)).cloned().collect()
}

fn with(records: &Records, more: Record) -> Vec<Record> {
    records.iter().cloned().chain([more]).collect()
}

/// With another content of one record.
fn rewritten(records: &Records, old: &Record, content: String) -> Vec<Record> {
    let rewrite = |record: &Record| match record {
        record if record == old => Record { content: content.clone(), ..old.clone() },
        record => record.clone(),
    };
    records.iter().map(rewrite).collect()
}

fn without_spf(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let spf = spf(zone, records).filter(|_| receives_mail(zone, records))?;
    Some(without(records, |record| record == spf))
}

fn with_second_spf(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let spf = spf(zone, records)?;
    let second = Record { content: "v=spf1 a mx ~all".to_owned(), ..spf.clone() };
    (second != *spf).then(|| with(records, second))
}

fn with_pass_all(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let spf = spf(zone, records)?;
    let (start, all) = spf.content.rsplit_once(' ')?;
    let is_closed = ["-all", "~all", "?all"].contains(&all);
    let is_only = !start.to_ascii_lowercase().split([' ', '+', '-', '~', '?']).any(|t| t == "all");
    (is_closed && is_only).then(|| rewritten(records, spf, format!("{start} +all")))
}

fn without_dmarc(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let dmarc = dmarc(zone, records)?;
    let is_seen = receives_mail(zone, records) && is_registrable(zone);
    is_seen.then(|| without(records, |record| record == dmarc))
}

fn with_policy_none(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let dmarc = dmarc(zone, records)?;
    let enforced = ["p=reject", "p=quarantine"];
    let mut policies = enforced.into_iter().map(|policy| format!("; {policy}"));
    let policy = policies.find(|policy| dmarc.content.contains(policy))?;
    Some(rewritten(records, dmarc, dmarc.content.replacen(&policy, "; p=none", 1)))
}

fn with_private_address(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let name = format!("intranet.{zone}");
    let is_free = records.at(&name).is_empty();
    is_free.then(|| with(records, Record::new(name, RecordType::A, "10.20.30.40")))
}

fn with_wildcard(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let name = format!("*.{zone}");
    let address = records.iter().find(|record| record.kind == RecordType::A)?;
    let wildcard = Record { name, ..address.clone() };
    records.at(&wildcard.name).is_empty().then(|| with(records, wildcard))
}

fn with_alias_beside(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let has_no_alias = |set: &[Record]| set.iter().all(|record| record.kind != RecordType::Cname);
    let is_host = |set: &[Record]| set.iter().any(|record| record.kind == RecordType::A);
    let mut owners = records.owners().filter(|(owner, _)| *owner != zone);
    let (owner, _) = owners.find(|(_, set)| is_host(set) && has_no_alias(set))?;
    Some(with(records, Record::new(owner, RecordType::Cname, zone)))
}

fn without_caa(zone: &str, records: &Records) -> Option<Vec<Record>> {
    let is_caa = |record: &Record| record.name == zone && record.kind == RecordType::Caa;
    let is_host = |record: &Record| record.name == zone && record.kind == RecordType::A;
    let is_seen = records.iter().any(is_caa) && records.iter().any(is_host);
    (is_seen && is_registrable(zone)).then(|| without(records, is_caa))
}
