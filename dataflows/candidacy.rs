//! The way to the lease: at once, or beside whoever leads until that is over.

use std::time::Duration;

use scanflow::clock::Clock;
use scanflow::store::postgres::migrate::{MigrateError, check_version};
use scanflow::store::postgres::{Asked, Candidate, Database, DatabaseError, Lease, NotYet};
use scanflow::telemetry::Role;

use crate::{Lead, LeadError};

/// Between two tries to reach a server that was there before.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Returns when this process leads. Who does not stand by returns with the reason as soon as it is
/// known; who does, says it once.
pub(crate) async fn candidacy(
    database: &Database,
    clock: &Clock,
    lead: &Lead,
) -> Result<Lease, LeadError> {
    let mut candidate = Candidate::new(lead.lease_ttl, lead.lead_rtt_max);
    let mut waiting = Waiting::default();
    loop {
        let pause = match candidate.ask(database, clock).await {
            Ok(Asked::Lease(lease)) => {
                if waiting.has_waited {
                    refuse_other_schema(database, &lease).await?;
                    tracing::info!("stood by: this process leads now");
                }
                lead.telemetry.role_is(Role::Leads);
                return Ok(lease);
            }
            Ok(Asked::NotYet(not_yet)) => {
                let pause = not_yet.ask_again_in;
                if lead.stands_by {
                    waiting.answered(&not_yet, lead);
                } else {
                    leave(not_yet)?;
                }
                pause
            }
            // Others lead while it is away, or nobody can.
            Err(err) if waiting.has_waited && err.is_transient() => {
                waiting.failed(&err);
                TRY_AGAIN
            }
            Err(err) => return Err(err.into()),
        };
        tokio::time::sleep(pause).await;
    }
}

/// As long as it is not known whether the leader lives, there is something to wait for.
fn leave(not_yet: NotYet) -> Result<(), LeadError> {
    match not_yet {
        NotYet { too_far: Some(too_far), .. } => Err(too_far.into()),
        NotYet { leader: Some(holder), is_living: true, .. } => Err(LeadError::Held { holder }),
        _ => Ok(()),
    }
}

/// While it was waited for the lease, somebody may have migrated.
async fn refuse_other_schema(database: &Database, lease: &Lease) -> Result<(), LeadError> {
    match check_version(database).await {
        Ok(()) => Ok(()),
        Err(err) => {
            lease.clone().release(database).await?;
            Err(match err {
                MigrateError::Database(err) => err.into(),
                err => err.into(),
            })
        }
    }
}

/// What was said so far, so that it is not said again.
#[derive(Debug, Default)]
struct Waiting {
    has_waited: bool,
    leader: Option<String>,
    is_too_far: bool,
    is_away: bool,
}

impl Waiting {
    fn answered(&mut self, not_yet: &NotYet, lead: &Lead) {
        self.has_waited = true;
        if std::mem::take(&mut self.is_away) {
            tracing::info!("standing by: the database answers again");
        }
        if let Some(leader) = &not_yet.leader
            && self.leader.replace(leader.clone()).as_ref() != Some(leader)
        {
            tracing::info!(leader, "standing by: another scanflow schedules this fleet");
        }
        let is_too_far = not_yet.too_far.is_some();
        if self.is_too_far != is_too_far {
            match &not_yet.too_far {
                Some(too_far) => tracing::warn!("standing by: {too_far}"),
                None => {
                    tracing::info!("standing by: the database is near enough to lead from here")
                }
            }
            self.is_too_far = is_too_far;
        }
        let held = not_yet.leader.clone().map(|holder| LeadError::Held { holder }.to_string());
        let why = held.into_iter().chain(not_yet.too_far.map(|too_far| too_far.to_string()));
        let why = why.collect::<Vec<_>>().join("; ");
        // Empty: somebody was faster, and shows next time.
        if !why.is_empty() {
            lead.telemetry.role_is(Role::StandsBy { why });
        }
    }

    fn failed(&mut self, err: &DatabaseError) {
        if !std::mem::replace(&mut self.is_away, true) {
            let error = err as &dyn std::error::Error;
            tracing::warn!(error, "standing by: asking the database again");
        }
    }
}
