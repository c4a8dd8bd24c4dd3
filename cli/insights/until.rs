//! When an acceptance ends.

use std::time::SystemTime;

use scanflow::model::UnixTime;

use crate::cell;
use crate::exit::Failure;

/// The first second that neither RFC 3339 nor people can write: year 10,000.
const END: UnixTime = UnixTime::from_micros(253_402_300_800_000_000);

/// A day, a time in UTC or a length from `now` on; later than `now`.
pub(super) fn parse(text: &str, now: UnixTime) -> Result<UnixTime, Failure> {
    let wrong =
        |problem: &str| Failure::usage(format!("--until: `{}` {problem}", cell::shown(text)));
    let not_a_time =
        || wrong("is no day (2027-03-01), time in UTC (2027-03-01T12:00:00Z) or length (90d)");
    let time = match humantime::parse_duration(text) {
        Ok(length) => {
            let left = END.since(now);
            if left <= length { END } else { now + length }
        }
        Err(_) => {
            let day = format!("{text}T00:00:00Z");
            let time = humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&day));
            let time: SystemTime = time.map_err(|_| not_a_time())?;
            UnixTime::from(time)
        }
    };
    if time <= now {
        return Err(wrong("is past"));
    }
    if END <= time {
        return Err(wrong("is too far away: leave it out for ever"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2026-11-21T00:00:00Z
    const NOW: UnixTime = UnixTime::from_micros(1_795_219_200_000_000);

    #[test]
    fn takes_days_times_and_lengths() {
        for (text, expected) in [
            ("2027-03-01", "2027-03-01T00:00:00Z"),
            ("2027-03-01T12:00:00Z", "2027-03-01T12:00:00Z"),
            ("90d", "2027-02-19T00:00:00Z"),
            ("1d 12h", "2026-11-22T12:00:00Z"),
        ] {
            let until = parse(text, NOW).unwrap_or_else(|err| panic!("{text}: {err:?}"));
            assert_eq!(cell::time(until), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_past_too_far_or_no_time() {
        let later = NOW + Duration::from_secs(1);
        for (text, now, problem) in [
            ("2026-11-21", NOW, "is past"),
            ("2026-11-21T00:00:01Z", later, "is past"),
            ("0s", NOW, "is past"),
            ("9999999y", NOW, "is too far away"),
            ("tomorrow", NOW, "is no day"),
            ("2027-02-30", NOW, "is no day"),
            ("2027-03-01T12:00:00+01:00", NOW, "is no day"),
            ("", NOW, "is no day"),
        ] {
            let failure = parse(text, now).expect_err(text);
            assert!(failure.error.to_string().contains(problem), "{text}: {:#}", failure.error);
        }
    }
}
