//! Scans that a later one of the same asset overtakes, in the other lane.

use std::sync::{Arc, mpsc};

use async_trait::async_trait;
use scanflow::model::{AssetId, Outcome};
use scanflow::sinks::{self, Flushed, Sink, SinkError};
use scanflow::store;
use tokio::sync::Notify;

use crate::fleet::{FAST, SLOW};
use crate::{RUN_MAX, WORKERS, job, mail_zone, run, start};

/// Tells of a flush, and begins with it when it is let go.
struct Late {
    inner: sinks::memory::Memory,
    asked: mpsc::SyncSender<()>,
    go: Arc<Notify>,
}

#[async_trait]
impl Sink for Late {
    async fn flush(&self, outcomes: &[Outcome]) -> Result<Vec<Flushed>, SinkError> {
        let _ = self.asked.try_send(()); // one is enough
        self.go.notified().await;
        let flushed = self.inner.flush(outcomes).await?;
        assert_eq!(flushed, [Flushed::Stale]);
        Ok(flushed)
    }
}

#[test]
fn an_old_result_of_one_lane_never_overtakes_a_new_one_of_the_other() {
    for workers in WORKERS {
        for (first, second) in [(SLOW, FAST), (FAST, SLOW)] {
            let store = store::memory::Memory::new([mail_zone(1)]);
            let sink = sinks::memory::Memory::default();
            let ((asked, is_asked), go) = (mpsc::sync_channel(1), Arc::new(Notify::new()));

            let mut old = job(store.clone(), sink.clone(), vec![(1, first)], 1);
            let late = Late { inner: sink.clone(), asked, go: Arc::clone(&go) };
            let late: Arc<dyn Sink> = Arc::new(late);
            (old.sinks.fast, old.sinks.slow) = (Arc::clone(&late), late);
            let old = start(workers.clone(), old);
            is_asked.recv_timeout(RUN_MAX).expect("what it found is to be written");

            // It was given up as lost; meanwhile what it found was repaired.
            store.change(AssetId(1), |zone| zone.records = Default::default());
            let new = run(workers.clone(), job(store, sink.clone(), vec![(1, second)], 2));
            assert_eq!(new.open_tickets, 0, "{workers:?}");
            let (open, fences, history) = (sink.open(), sink.fences(), sink.history());

            go.notify_one();
            let old = old.recv_timeout(RUN_MAX).expect("the job ends");
            assert_eq!(old.open_tickets, 0, "its ticket comes back: {workers:?}");
            assert_eq!((sink.open(), sink.fences()), (open, fences), "{workers:?}");
            assert_eq!(sink.history(), history, "{workers:?}");
        }
    }
}
