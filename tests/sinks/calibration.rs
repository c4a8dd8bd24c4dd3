//! What is measured of a server, over a real one.

use scanflow::clock::ManualClock;
use scanflow::model::UnixTime;
use scanflow::sinks::postgres::{calibrate, calibration};

use crate::RUNTIME;

#[test]
fn a_server_is_measured_once_from_each_host() {
    RUNTIME.block_on(async {
        let test = scanflow_testing::database().await;
        let clock = scanflow::clock::Clock::system();
        assert_eq!(calibration(&test.database).await.expect("an answer"), None);
        let measured = calibrate(&test.database, &clock).await.expect("a measurement");
        let bounds = 200..=20_000;
        assert!(bounds.contains(&measured.copy_findings_min), "{measured:?}");

        let session = test.database.client().await.expect("a connection");
        let left = "select (select count(*) from sink_scratch_insights)
                         + (select count(*) from sink_scratch_events)";
        assert_eq!(session.query_one(left, &[]).await.expect("a row").get::<_, i64>(0), 0);

        // One that was kept is not measured again: it stands with a time that no clock gave since.
        session
            .batch_execute(
                "insert into sink_calibrations
                 select (select system_identifier from pg_control_system())::text || ' '
                        || current_setting('server_version_num'),
                        trim(pg_read_file('/proc/sys/kernel/hostname'), e'\\n'), 777, now()
                 on conflict (server, host) do update set copy_findings_min = 777",
            )
            .await
            .expect("a row");
        let later = ManualClock::at(UnixTime::from_micros(1)).clock();
        let kept = calibrate(&test.database, &later).await.expect("what was measured");
        assert_eq!(kept.copy_findings_min, 777);
        assert_eq!(calibration(&test.database).await.expect("an answer"), Some(kept));
    });
}
