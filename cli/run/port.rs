//! The admin port of a run. Who leads on this machine may have it: then it is had once that is over.

use std::net::SocketAddr;
use std::time::Duration;

use scanflow::store::postgres::{Database, Lease};
use scanflow_dataflows::LeadError;
use tokio::net::TcpListener;

use super::failure;
use crate::admin::{self, ListenError};
use crate::exit::{Exit, Failure};

/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// None: somebody leads on this machine, and it is taken. Who does not stand by is told of the leader,
/// since that is mostly who took it.
pub(super) async fn open(
    address: SocketAddr,
    database: &Database,
    stands_by: bool,
) -> Result<Option<TcpListener>, Failure> {
    let err = match admin::listen(address).await {
        Ok(listener) => return Ok(Some(listener)),
        Err(err) => err,
    };
    if err.is_taken()
        && let Some(holder) = Lease::holder(database).await?
    {
        if !stands_by {
            return Err(failure(LeadError::Held { holder }));
        }
        if Lease::is_of_this_host(&holder) {
            tracing::warn!(
                leader = holder,
                "{}: {address} is taken, as by who leads: nobody answers for this process until it \
                 is free, unless it is given another one",
                admin::KEY,
            );
            return Ok(None);
        }
    }
    Err(Failure::new(Exit::Unavailable, err))
}

/// Once nobody else listens there.
pub(super) async fn free(address: SocketAddr) -> Result<TcpListener, ListenError> {
    loop {
        match admin::listen(address).await {
            Err(err) if err.is_taken() => tokio::time::sleep(TRY_AGAIN).await,
            result => return result,
        }
    }
}
