//! Times of zone files.

/// Reads seconds, `3600`, or numbers with the units of BIND, `1h30m`. None: it is neither, or over
/// 32 bits.
pub(super) fn seconds(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut sum = 0_u32;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit = match after.bytes().next()?.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        sum = number.parse::<u32>().ok()?.checked_mul(unit)?.checked_add(sum)?;
        rest = &after[1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_units_in_any_case() {
        for (text, expected) in [
            ("0", Some(0)),
            ("3600", Some(3_600)),
            ("1h", Some(3_600)),
            ("1W2d3H4m5S", Some(604_800 + 172_800 + 10_800 + 240 + 5)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("9999w", None),
            ("1h30", None),
            ("h", None),
            ("1y", None),
            ("1é", None),
            ("A", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
