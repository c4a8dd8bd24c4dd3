//! A moment that is past.

use std::time::SystemTime;

use scanflow::model::UnixTime;

use crate::cell;
use crate::exit::Failure;

/// A day, a time in UTC, or a length before `now`.
pub(super) fn parse(flag: &str, text: &str, now: UnixTime) -> Result<UnixTime, Failure> {
    if let Ok(length) = humantime::parse_duration(text) {
        return Ok(now.before(length).unwrap_or(UnixTime::from_micros(0)));
    }
    let day = format!("{text}T00:00:00Z");
    let time = humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&day));
    let time: SystemTime = time.map_err(|_| {
        let text = cell::shown(text);
        Failure::usage(format!(
            "{flag}: `{text}` is no day (2026-11-01), time in UTC (2026-11-01T12:00:00Z) or length \
             (7d)"
        ))
    })?;
    Ok(time.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_days_times_and_lengths() {
        // 2026-11-21T00:00:00Z
        let now = UnixTime::from_micros(1_795_219_200_000_000);
        for (text, expected) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"),
            ("7d", "2026-11-14T00:00:00Z"),
            ("9999y", "1970-01-01T00:00:00Z"),
        ] {
            let time = parse("--since", text, now).unwrap_or_else(|err| panic!("{text}: {err:?}"));
            assert_eq!(cell::time(time), expected, "{text}");
        }
        let failure = parse("--since", "yesterday\u{7}", now).expect_err("no time");
        assert!(failure.error.to_string().starts_with("--since: `yesterday\\u{7}` is no day"));
    }
}
