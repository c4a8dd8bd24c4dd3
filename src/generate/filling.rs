//! A zone while it is filled. Whoever adds a record also says what must be found of it.

use super::account::Facts;
use super::dmarc::{Dmarc, Held};
use super::draft::{Apex, Draft, Place};
use super::expected::{Expected, Reach};
use super::random::Random;
use super::spf::Spf;
use super::zone::First;
use super::{Shape, addresses, names, owners};
use crate::model::{Record, RecordType, TlsVersion, ZoneKind};

/// Seconds, as often as they were counted in whole zones in use.
fn ttl(random: &mut Random) -> u32 {
    match random.below(1_000) {
        0..340 => 86_400,
        340..630 => 3_600,
        630..830 => 300,
        830..950 => 600,
        950..970 => 172_800,
        970..982 => 60,
        982..988 => 900,
        988..996 => 1,
        996..998 => 30,
        _ => 5,
    }
}

/// A zone while it is filled.
pub(super) struct Filling<'z> {
    shape: &'z Shape,
    pub(super) facts: &'z Facts,
    pub(super) draft: &'z Draft,
    first: Option<&'z First<'z>>,
    name: &'z str,
    pub(super) random: Random,
    /// Of most of its records.
    ttl: u32,
    /// How many labels were given out.
    labels: usize,
    records: Vec<Record>,
    expected: Vec<Expected>,
    /// A name above every zone cut leads to an address.
    has_host: bool,
    has_proxied: bool,
    /// The apex holds anything but a CNAME.
    has_apex_data: bool,
}

impl<'z> Filling<'z> {
    pub(super) fn new(
        shape: &'z Shape,
        facts: &'z Facts,
        draft: &'z Draft,
        first: Option<&'z First<'z>>,
        name: &'z str,
        mut random: Random,
    ) -> Filling<'z> {
        let ttl = ttl(&mut random);
        Filling {
            shape,
            facts,
            draft,
            first,
            name,
            random,
            ttl,
            labels: 0,
            records: Vec::with_capacity(draft.size as usize),
            expected: Vec::new(),
            has_host: false,
            has_proxied: false,
            has_apex_data: false,
        }
    }

    pub(super) fn apex(&self) -> &str {
        self.name
    }

    /// How many records are still to come.
    pub(super) fn room(&self) -> u32 {
        self.draft.size.saturating_sub(self.records.len() as u32)
    }

    /// A name in the zone that has not been used, below `above` or the apex.
    pub(super) fn owner(&mut self, above: &str) -> String {
        self.labels += 1;
        let label = names::label(self.labels - 1);
        match above {
            "" => format!("{label}.{}", self.name),
            above => format!("{label}.{above}.{}", self.name),
        }
    }

    pub(super) fn fail(&mut self, check: &'static str, subject: impl Into<String>) {
        self.expected.push(Expected::fail(check, subject));
    }

    /// What a check finds that looks for what is not there: nothing in partial records.
    fn absent(&mut self, check: &'static str, subject: &str, reach: Reach) {
        match reach {
            _ if self.facts.is_partial => {}
            Reach::Present => {}
            Reach::Absent => self.expected.push(Expected::fail(check, subject)),
            Reach::Outside => self.expected.push(Expected::unknown(check, subject)),
        }
    }

    /// Adds a record that is not proxied.
    pub(super) fn record(
        &mut self,
        name: impl Into<String>,
        kind: RecordType,
        content: impl Into<String>,
    ) -> &mut Record {
        use RecordType::{A, Aaaa, Alias, Cname};
        self.has_host |= matches!(kind, A | Aaaa | Alias | Cname);
        self.delegated(name, kind, content)
    }

    /// Adds a record at or below a zone cut: its data are another zone's.
    pub(super) fn delegated(
        &mut self,
        name: impl Into<String>,
        kind: RecordType,
        content: impl Into<String>,
    ) -> &mut Record {
        let name = name.into();
        self.has_apex_data |= kind != RecordType::Cname && name == self.name;
        let ttl = if self.random.chance(0.85) { self.ttl } else { ttl(&mut self.random) };
        let at = self.records.len();
        self.records.push(Record {
            ttl: Some(ttl),
            proxied: self.draft.tls.map(|_| false),
            ..Record::new(name, kind, content)
        });
        &mut self.records[at]
    }

    /// Adds an address or alias that may be proxied. Returns whether it is.
    pub(super) fn host(
        &mut self,
        name: impl Into<String>,
        kind: RecordType,
        content: impl Into<String>,
    ) -> bool {
        let is_proxied = self.draft.tls.is_some() && self.random.chance(self.shape.proxied);
        self.has_proxied |= is_proxied;
        let record = self.record(name, kind, content);
        if is_proxied {
            record.proxied = Some(true);
        }
        is_proxied
    }

    /// Adds an address or alias for every name below. Returns whether it is proxied.
    pub(super) fn wildcard(&mut self, name: String, kind: RecordType, content: String) -> bool {
        if !self.draft.is_wildcard_wanted {
            self.fail("dns.wildcard_address", format!("{name} {kind}"));
        }
        self.host(name, kind, content)
    }

    /// Expects that an address is found to be private, if the zone is public.
    pub(super) fn fail_private(&mut self, name: &str, kind: &RecordType, content: &str) {
        if self.draft.kind != Some(ZoneKind::Internal) {
            self.fail("dns.private_address", format!("{name} {kind} {content}"));
        }
    }

    pub(super) fn mx(&mut self, owner: &str, priority: u16, target: String) {
        self.record(owner, RecordType::Mx, target).priority = Some(priority);
    }

    pub(super) fn null_mx(&mut self) {
        let apex = self.name;
        self.mx(apex, 0, ".".to_owned());
    }

    /// Adds SPF texts.
    pub(super) fn spf(&mut self, owner: &str, spf: Spf) {
        let texts = spf.texts(&mut self.random);
        let mut ttl = None;
        for text in texts {
            let record = self.record(owner, RecordType::Txt, text);
            // The same text with the same TTL would be the same record.
            if ttl.is_some() && ttl == record.ttl {
                record.ttl = ttl.map(|ttl| ttl + 1);
            }
            ttl = record.ttl;
        }
        if spf.passes_all {
            self.fail("spf.pass_all", owner);
        }
        if spf.is_multiple {
            self.fail("spf.multiple", owner);
        }
    }

    /// Adds what stands at `_dmarc` of a name.
    pub(super) fn dmarc(&mut self, domain: &str, dmarc: Dmarc) {
        let owner = format!("_dmarc.{domain}");
        let first = self.first.map(|first| first.name.as_str()).unwrap_or_default();
        let alias = match dmarc.held {
            Held::Texts(texts, _) => {
                for text in texts {
                    let text = text.replace("{d}", domain);
                    self.record(owner.as_str(), RecordType::Txt, text);
                }
                None
            }
            Held::AliasOutside => Some(format!("{domain}.policies.test")),
            Held::AliasShared => Some(format!("policy._dmarc.{first}")),
            Held::AliasNowhere => Some(format!("nowhere._dmarc.{first}")),
            Held::Chain(aliases) => {
                let hop = |number| format!("hop-{number}.policy.{domain}");
                for number in 1..aliases {
                    self.record(hop(number), RecordType::Cname, hop(number + 1));
                }
                self.record(hop(aliases), RecordType::Txt, "v=DMARC1; p=reject");
                Some(hop(1))
            }
        };
        if let Some(alias) = alias {
            self.record(owner.as_str(), RecordType::Cname, alias);
        }
        if dmarc.is_none {
            self.fail("dmarc.policy_none", owner);
        }
    }

    /// Expects what is found of a name that mail is sent to, with SPF there or where its alias leads
    /// to, and with its own policy if it has one.
    pub(super) fn mail_domain(&mut self, owner: &str, spf: Reach, policy: Reach) {
        self.absent("spf.missing", owner, spf);
        let reach = policy.or(self.draft.dmarc.reach()).or(self.policy_above());
        self.absent("dmarc.missing", owner, reach);
    }

    /// Whether the zones above this one have a DMARC policy.
    fn policy_above(&self) -> Reach {
        let above = |place| match place {
            Place::Outside => Reach::Outside,
            _ => Reach::Absent,
        };
        match (self.draft.place, self.first) {
            (Place::First, Some(first)) => first.draft.dmarc.reach().or(above(first.draft.place)),
            (place, _) => above(place),
        }
    }

    pub(super) fn first_shares_policy(&self) -> bool {
        self.first.is_some_and(|first| first.draft.has_shared_policy)
    }

    /// The apex of the account's first zone and what is found there of SPF, for its other zones.
    pub(super) fn first_apex(&self) -> Option<(String, Reach)> {
        let first = self.first.filter(|first| first.draft.is_active())?;
        Some((first.name.clone(), first.draft.apex_spf()))
    }

    /// Adds what the draft promises.
    pub(super) fn promised(&mut self) {
        let (draft, apex) = (self.draft, self.name);
        if draft.has_shared_policy {
            // No `_dmarc` name itself, so nobody asks what the policy is.
            let text = "v=DMARC1; p=none; sp=reject";
            self.record(format!("policy._dmarc.{apex}"), RecordType::Txt, text);
        }
        match draft.apex {
            Apex::Nothing => {}
            Apex::Addresses(count, has_v6) => {
                let page = self.facts.template.page().filter(|_| draft.is_parked);
                for server in self.facts.servers.into_iter().take(count as usize) {
                    self.host(apex, RecordType::A, page.unwrap_or(server).to_string());
                }
                if has_v6 {
                    let address = addresses::public_v6(&mut self.random);
                    self.host(apex, RecordType::Aaaa, address.to_string());
                }
            }
            Apex::Alias => {
                let target = format!("lb-{}.hosting.test", self.random.below(500));
                self.record(apex, RecordType::Alias, target);
            }
            Apex::Flattened | Apex::Cname => {
                let target = format!("site-{}.pages.test", self.random.below(100_000));
                self.host(apex, RecordType::Cname, target);
            }
        }
        self.spf(apex, draft.spf);
        self.dmarc(apex, draft.dmarc);
        if draft.has_caa {
            let tag = if draft.is_parked { ";" } else { "ca.test" };
            self.record(apex, RecordType::Caa, format!("0 issue \"{tag}\""));
        }
        if draft.has_mail {
            let target = owners::mail_server(self, apex);
            self.mx(apex, 10, target);
            self.mail_domain(apex, draft.apex_spf(), Reach::Absent);
        }
    }

    /// Expects what depends on the zone as a whole. The records, and all that must be found of them.
    pub(super) fn conclude(mut self) -> (Vec<Record>, Vec<Expected>) {
        let (draft, apex) = (self.draft, self.name);
        if draft.apex == Apex::Cname && self.has_apex_data {
            self.fail("dns.cname_coexists", apex);
        }
        let is_above = draft.place == Place::First;
        let has_caa_above = is_above && self.first.is_some_and(|first| first.draft.has_caa);
        if draft.is_active() && self.has_host && !draft.has_caa && !has_caa_above {
            self.absent("caa.missing", apex, Reach::Absent);
        }
        match draft.tls {
            None => self.expected.push(Expected::unknown("zone.tls_min_version", apex)),
            Some(TlsVersion::V1_0 | TlsVersion::V1_1) if self.has_proxied => {
                self.fail("zone.tls_min_version", apex);
            }
            Some(_) => {}
        }
        (self.records, self.expected)
    }
}
