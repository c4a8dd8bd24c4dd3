//! `/accounts` and `/accounts/ID/members`

use std::hash::Hasher;

use serde::Deserialize;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{Answer, List};
use crate::inventory::AccountEntry;
use crate::model::{AccountSettings, Member, MemberStatus};

/// Makes hashes of addresses unlike those of other programs. No secret.
const ADDRESS_KEY: &[u8; 16] = b"scanflow address";

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
    #[serde(default)]
    settings: Option<AccountSettings>,
}

/// The accounts of a page, or the one of `/accounts/ID`. The API states no plan for them.
pub fn accounts(answer: &Answer) -> List<AccountEntry> {
    answer.list(|account: Account| {
        Ok(AccountEntry {
            external_id: account.id,
            name: account.name,
            plan: None,
            tags: Vec::new(),
            settings: account.settings,
            members: None,
        })
    })
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    email: Option<String>,
    status: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    roles: Option<Vec<Role>>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    two_factor_authentication_enabled: Option<bool>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

/// The members of a page by id, without those who declined. Of an address only a hash is kept.
pub fn members(answer: &Answer) -> List<Member> {
    let read = answer.list(|member: Entry| {
        let status = match member.status.as_str() {
            "accepted" => MemberStatus::Accepted,
            "pending" => MemberStatus::Pending,
            "rejected" => return Ok(None),
            other => return Err(format!("{other:?} is no status of a member")),
        };
        let (address, mfa) = match member.user {
            Some(user) => (user.email.or(member.email), user.two_factor_authentication_enabled),
            None => (member.email, None),
        };
        let mut roles: Vec<String> =
            member.roles.unwrap_or_default().into_iter().map(|role| role.name).collect();
        roles.sort_unstable();
        let email_hash = address.filter(|address| !address.is_empty()).map(|a| hash(&a));
        Ok(Some(Member { id: member.id, email_hash, status, mfa, roles, sso: None }))
    });
    let mut entries: Vec<Member> = read.entries.into_iter().flatten().collect();
    entries.sort_unstable_by(|left, right| left.id.cmp(&right.id));
    List { entries, faults: read.faults }
}

/// 128 bits in base 16 that tell people apart without naming them; whoever guesses an address can
/// check it.
fn hash(address: &str) -> String {
    let mut hasher = SipHasher24::new_with_key(ADDRESS_KEY);
    hasher.write(address.trim().to_lowercase().as_bytes());
    format!("{:032x}", hasher.finish128().as_u128())
}
