//! Numbers of records in a byte, up to 4.5 percent.

/// Eighths of a doubling, and what each is a factor of.
const STEPS: f64 = 8.0;
const FACTORS: [f64; 8] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

pub(super) fn size_of_records(records: u64) -> u8 {
    if records == 0 {
        return 0;
    }
    (1.0 + (records as f64).log2() * STEPS).round().min(f64::from(u8::MAX)) as u8
}

pub(super) fn records_of_size(size: u8) -> u64 {
    let Some(steps) = size.checked_sub(1) else { return 0 };
    let doublings = 1_u64 << (steps / FACTORS.len() as u8);
    (FACTORS[usize::from(steps) % FACTORS.len()] * doublings as f64 + 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_up_to_five_percent() {
        for records in (0..100).chain([1_000, 12_345, 500_000, 2_000_000_000]) {
            let kept = records_of_size(size_of_records(records)) as f64;
            let error = (kept - records as f64).abs();
            assert!(error <= 1.0 || error <= 0.05 * records as f64, "{records}: {kept}");
        }
    }
}
