//! Names that are held and not used: copies of one template.
//!
//! They are 71 % of the zones of the Ministry of Justice (null MX, `-all`, reject, a revoked DKIM
//! wildcard, CAA for nobody), 93 % of Wikimedia's.

use core::net::Ipv4Addr;

use super::addresses::public_v4;
use super::dmarc::Dmarc;
use super::draft::{Apex, Draft};
use super::filling::Filling;
use super::random::Random;
use super::spf::Spf;
use crate::model::RecordType;

/// What all parked zones of an account hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    /// Of a page that says that the name is taken.
    page: Option<Ipv4Addr>,
    has_wildcard: bool,
    has_caa: bool,
    is_lax: bool,
}

impl Template {
    pub(super) fn draw(random: &mut Random) -> Template {
        let page = random.chance(0.6).then(|| public_v4(random));
        Template {
            page,
            has_wildcard: page.is_some() && random.chance(0.15),
            has_caa: random.chance(0.7),
            is_lax: random.chance(0.06),
        }
    }

    pub(super) fn shape(&self, draft: &mut Draft) {
        let Template { page, has_wildcard, has_caa, is_lax } = *self;
        draft.size = 4 + u32::from(has_caa) + page.map_or(0, |_| 2) + u32::from(has_wildcard);
        draft.apex = page.map_or(Apex::Nothing, |_| Apex::Addresses(1, false));
        draft.spf = Spf::NO_SENDER;
        draft.dmarc = if is_lax { Dmarc::LAX } else { Dmarc::REJECT };
        draft.has_caa = has_caa;
    }

    /// What the draft does not say.
    pub(super) fn fill(&self, filling: &mut Filling<'_>) {
        let apex = filling.apex().to_owned();
        filling.null_mx();
        filling.record(format!("*._domainkey.{apex}"), RecordType::Txt, "v=DKIM1; p=");
        if let Some(page) = self.page {
            filling.host(format!("www.{apex}"), RecordType::Cname, apex.clone());
            if self.has_wildcard {
                filling.wildcard(format!("*.{apex}"), RecordType::A, page.to_string());
            }
        }
    }

    /// The address of the apex.
    pub(super) fn page(&self) -> Option<Ipv4Addr> {
        self.page
    }
}
