//! The configuration of one account at one version.

use serde::{Deserialize, Serialize};

use super::{AssetId, ConfigVersion, Facet, Facets};

/// What is known of an account. A facet that is None is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSnapshot {
    pub asset: AssetId,
    pub config_version: ConfigVersion,
    /// The source's own id: the subject of findings on the account itself.
    pub external_id: String,
    pub name: String,
    pub plan: String,
    /// Words of the operator; `sso-only` says that nobody signs in with a password.
    pub tags: Vec<String>,
    pub settings: Option<AccountSettings>,
    pub members: Option<Vec<Member>>,
}

impl AccountSnapshot {
    pub fn facets(&self) -> Facets {
        Facets::default()
            .with(Facet::Account, self.settings.is_some())
            .with(Facet::Members, self.members.is_some())
    }
}

/// An account's own settings; None where the source does not state one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSettings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_twofactor: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abuse_contact_email: Option<String>,
}

/// A person with access to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: String,
    /// A hash; the address itself is never stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_hash: Option<String>,
    pub status: MemberStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    Accepted,
    Pending,
}
