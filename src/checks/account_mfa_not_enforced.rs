//! `account.mfa_not_enforced`: members may sign in with a password alone.
//!
//! Fires where the account's setting `enforce_twofactor` is false. Not for an account with the tag
//! `sso-only`. Subject: the account's external id.

use serde_json::json;

use super::{About, Check, Judges};
use crate::model::{
    AssetKind, CheckId, Facet, Finding, Severity, Snapshot, UnknownReason, Verdict,
};

pub(crate) struct AccountMfaNotEnforced;

static ABOUT: About = About {
    id: CheckId::new("account.mfa_not_enforced"),
    version: 1,
    title: "MFA is not enforced",
    severity: Severity::High,
    asset: AssetKind::Account,
    judges: Judges::Asset,
    needs: &[Facet::Account],
    fires_on_absence: false,
    remediation: "Enforce two-factor authentication or SSO for all members",
    reference: "NIST SP 800-63B §4.2",
};

impl Check for AccountMfaNotEnforced {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let Snapshot::Account(account) = snapshot else { return Verdict::NotApplicable };
        if account.tags.iter().any(|tag| tag == "sso-only") {
            return Verdict::NotApplicable;
        }
        match account.settings.as_ref().and_then(|settings| settings.enforce_twofactor) {
            None => Verdict::unknown(UnknownReason::Lacks(Facet::Account)),
            Some(true) => Verdict::Pass,
            Some(false) => {
                let mut evidence = json!({ "enforce_twofactor": false });
                if let Some(members) = &account.members {
                    evidence["members"] = members.len().into();
                }
                let subject = &account.external_id;
                Verdict::of(vec![Finding::new(subject, ABOUT.severity, evidence)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::evaluate;
    use crate::model::{AccountSettings, AccountSnapshot, AssetId, ConfigVersion};

    fn account(enforce_twofactor: Option<bool>) -> AccountSnapshot {
        AccountSnapshot {
            asset: AssetId(1),
            config_version: ConfigVersion(1),
            external_id: "acc-1".into(),
            name: "Example".into(),
            plan: "free".into(),
            tags: Vec::new(),
            settings: Some(AccountSettings { enforce_twofactor, ..Default::default() }),
            members: None,
        }
    }

    fn judge(account: AccountSnapshot) -> Verdict {
        evaluate(&AccountMfaNotEnforced, &Snapshot::Account(account))
    }

    #[test]
    fn fires_where_it_is_not_enforced() {
        let mut account = account(Some(false));
        let findings = judge(account.clone()).into_findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].subject, "acc-1");
        assert_eq!(findings[0].evidence, r#"{"enforce_twofactor":false}"#);
        account.members = Some(Vec::new());
        let findings = judge(account).into_findings();
        assert_eq!(findings[0].evidence, r#"{"enforce_twofactor":false,"members":0}"#);
    }

    #[test]
    fn silent_where_it_is_enforced_or_nobody_has_a_password() {
        assert_eq!(judge(account(Some(true))), Verdict::Pass);
        let mut sso = account(Some(false));
        sso.tags = vec!["sso-only".into()];
        assert_eq!(judge(sso), Verdict::NotApplicable);
    }

    #[test]
    fn unknown_where_the_source_does_not_say() {
        let lacks = Verdict::unknown(UnknownReason::Lacks(Facet::Account));
        assert_eq!(judge(account(None)), lacks);
        let silent = AccountSnapshot { settings: None, ..account(None) };
        assert_eq!(judge(silent), lacks);
    }
}
