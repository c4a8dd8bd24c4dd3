//! Brings what people order to the schedule.

use std::convert::Infallible;
use std::time::Duration;

use scanflow::operators::Feed;
use scanflow::schedule::Orders;
use scanflow::store::postgres::{Database, orders};

/// How often it is looked for orders.
const LOOK: Duration = Duration::from_secs(1);

/// For ever. A database that cannot be reached delays orders.
pub(crate) async fn follow(database: Database, mut known: Orders, feed: Feed) -> Infallible {
    loop {
        tokio::time::sleep(LOOK).await;
        match orders::orders(&database).await {
            Ok(orders) if orders == known => {}
            Ok(orders) => {
                tracing::info!(paused = orders.is_paused, spreads = orders.spreads, "new orders");
                feed.order(orders);
                known = orders;
            }
            Err(err) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "reading orders again");
            }
        }
    }
}
