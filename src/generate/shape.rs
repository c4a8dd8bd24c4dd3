//! What a fleet is to be like.

/// The parameters of a fleet. All but the first three are shares from 0 to 1, or say what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// How many zones in all.
    pub zones: u64,
    /// Another seed, another fleet.
    pub seed: u64,
    /// One of the zones has so many records.
    pub giant_records: Option<u32>,
    /// The median of records in a zone in use; all sizes of such zones grow with it. 9 was counted,
    /// with which the mean is about 60.
    pub records_median: f64,
    /// Accounts and zones whose settings are stated. Only of such zones it is also stated what is
    /// proxied, as by a provider's API; the others are as from zone files.
    pub settings: f64,
    /// Accounts that enforce a second factor, of those whose settings are stated.
    pub mfa_enforced: f64,
    /// Accounts whose members are stated.
    pub members: f64,
    /// Zones that accept TLS 1.0 or 1.1, of those whose settings are stated.
    pub old_tls: f64,
    /// Addresses and aliases that are proxied, of those of which it is stated.
    pub proxied: f64,
    /// Accounts of whose zones only a part of the records is known.
    pub partial: f64,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            zones: 20_000,
            seed: 1,
            giant_records: None,
            records_median: 9.0,
            settings: 0.9,
            mfa_enforced: 0.4,
            members: 0.9,
            old_tls: 0.2,
            proxied: 0.4,
            partial: 0.0,
        }
    }
}

/// There is no fleet of such a shape.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ShapeError {
    #[error("{name} is {value}: it is a share, from 0 to 1")]
    NoShare { name: &'static str, value: f64 },
    #[error("{name} is {value}: from {min} to {max} is allowed")]
    OutOfBounds { name: &'static str, value: f64, min: f64, max: f64 },
}

/// Ids of zones and their names have room for more.
const ZONES_MAX: f64 = 1e9;

/// A zone is generated in memory: this is 2 GB.
const GIANT_RECORDS_MAX: f64 = 1e7;

const RECORDS_MEDIAN_MAX: f64 = 1e3;

impl Shape {
    pub(super) fn check(&self) -> Result<(), ShapeError> {
        for (name, value) in [
            ("settings", self.settings),
            ("mfa-enforced", self.mfa_enforced),
            ("members", self.members),
            ("old-tls", self.old_tls),
            ("proxied", self.proxied),
            ("partial", self.partial),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(ShapeError::NoShare { name, value });
            }
        }
        let giant = self.giant_records.map_or(1.0, f64::from);
        for (name, value, min, max) in [
            ("zones", self.zones as f64, 1.0, ZONES_MAX),
            ("giant", giant, 1.0, GIANT_RECORDS_MAX),
            ("records-median", self.records_median, 0.1, RECORDS_MEDIAN_MAX),
        ] {
            if !(min..=max).contains(&value) {
                return Err(ShapeError::OutOfBounds { name, value, min, max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_shape_is_named() {
        assert_eq!(Shape::default().check(), Ok(()));
        let wrong = |change: &dyn Fn(&mut Shape)| {
            let mut shape = Shape::default();
            change(&mut shape);
            shape.check().expect_err("no shape").to_string()
        };
        assert_eq!(wrong(&|s| s.zones = 0), "zones is 0: from 1 to 1000000000 is allowed");
        assert_eq!(wrong(&|s| s.proxied = 1.5), "proxied is 1.5: it is a share, from 0 to 1");
        assert!(wrong(&|s| s.old_tls = f64::NAN).starts_with("old-tls is NaN"));
        assert!(wrong(&|s| s.giant_records = Some(0)).starts_with("giant is 0"));
        assert!(wrong(&|s| s.records_median = f64::INFINITY).starts_with("records-median is inf"));
    }
}
