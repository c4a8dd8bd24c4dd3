//! How single values are written: secrets, rates, and what may be off.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::lanes::Threshold;
use crate::schedule::Rate;

/// A text that is never shown: `Debug` and serialisation print asterisks.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

const HIDDEN: &str = "********";

impl Secret {
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// The text itself, for the one who needs it to connect.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// `"auto"`, `"max"` or scans a second.
pub(super) mod rate {
    use serde::{Deserializer, de};

    use super::{Deserialize, Rate, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(String),
        PerSecond(f64),
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        rate: &Rate,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match rate {
            Rate::Auto => serializer.serialize_str("auto"),
            Rate::Max => serializer.serialize_str("max"),
            Rate::PerSecond(rate) => serializer.serialize_f64(*rate),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Rate, D::Error> {
        let expected = || de::Error::custom("is \"auto\", \"max\" or scans a second");
        match Written::deserialize(deserializer).map_err(|_| expected())? {
            Written::Word(word) if word == "auto" => Ok(Rate::Auto),
            Written::Word(word) if word == "max" => Ok(Rate::Max),
            Written::Word(_) => Err(expected()),
            Written::PerSecond(rate) => Ok(Rate::PerSecond(rate)),
        }
    }
}

const OFF: &str = "off";
const AUTO: &str = "auto";

macro_rules! length_or {
    ($(#[$doc:meta])* $name:ident, $word:ident, $expected:literal) => {
        $(#[$doc])*
        pub(super) mod $name {
            use std::time::Duration;

            use serde::{Deserializer, de};

            use super::{$word, Deserialize, Serializer};

            pub(in crate::config) fn serialize<S: Serializer>(
                length: &Option<Duration>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match length {
                    Some(length) => humantime_serde::serialize(length, serializer),
                    None => serializer.serialize_str($word),
                }
            }

            pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Option<Duration>, D::Error> {
                let word = String::deserialize(deserializer)?;
                if word == $word {
                    return Ok(None);
                }
                let length = humantime::parse_duration(&word);
                length.map(Some).map_err(|_| de::Error::custom($expected))
            }
        }
    };
}

length_or! {
    /// A length such as `"100ms"`, or `"off"`.
    length_or_off, OFF, "is a length such as \"100ms\", or \"off\""
}
length_or! {
    /// A length such as `"12h"`, or `"auto"`.
    length_or_auto, AUTO, "is a length such as \"12h\", or \"auto\""
}

/// A number, or `"off"`.
pub(super) mod number_or_off {
    use serde::{Deserializer, de};

    use super::{Deserialize, OFF, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(String),
        Number(f64),
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        number: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => serializer.serialize_f64(*number),
            None => serializer.serialize_str(OFF),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        let expected = || de::Error::custom("is a number, or \"off\"");
        match Written::deserialize(deserializer).map_err(|_| expected())? {
            Written::Word(word) if word == OFF => Ok(None),
            Written::Word(_) => Err(expected()),
            Written::Number(number) => Ok(Some(number)),
        }
    }
}

/// `"auto"`, or milliseconds.
pub(super) mod threshold {
    use serde::{Deserializer, de};

    use super::{AUTO, Deserialize, Serializer, Threshold};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(String),
        Millis(u64),
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        threshold: &Threshold,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match threshold {
            Threshold::Millis(ms) => serializer.serialize_u64(*ms),
            Threshold::Auto => serializer.serialize_str(AUTO),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Threshold, D::Error> {
        let expected = || de::Error::custom("is \"auto\", or a whole number of milliseconds");
        match Written::deserialize(deserializer).map_err(|_| expected())? {
            Written::Word(word) if word == AUTO => Ok(Threshold::Auto),
            Written::Word(_) => Err(expected()),
            Written::Millis(ms) => Ok(Threshold::Millis(ms)),
        }
    }
}

/// `"auto"`, or a number that is not negative.
pub(super) mod count_or_auto {
    use serde::{Deserializer, de};

    use super::{AUTO, Deserialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(String),
        Count(usize),
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        count: &Option<usize>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match count {
            Some(count) => serializer.serialize_u64(*count as u64),
            None => serializer.serialize_str(AUTO),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<usize>, D::Error> {
        let expected = || de::Error::custom("is a number, or \"auto\"");
        match Written::deserialize(deserializer).map_err(|_| expected())? {
            Written::Word(word) if word == AUTO => Ok(None),
            Written::Word(_) => Err(expected()),
            Written::Count(count) => Ok(Some(count)),
        }
    }
}

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Not for 0.
fn bytes_of(word: &str) -> Option<u64> {
    let bytes = UNITS.iter().find_map(|(name, unit)| {
        word.strip_suffix(name)?.trim_end().parse::<u64>().ok()?.checked_mul(*unit)
    });
    bytes.filter(|bytes| *bytes != 0)
}

fn with_unit(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

/// Bytes with their unit such as `"8MiB"`.
pub(super) mod bytes {
    use serde::{Deserializer, de};

    use super::{Deserialize, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        bytes: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::with_unit(*bytes))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        let bytes = super::bytes_of(&String::deserialize(deserializer)?);
        bytes.ok_or_else(|| de::Error::custom("is a size such as \"8MiB\""))
    }
}

/// Bytes with their unit such as `"512MiB"`, or `"off"`.
pub(super) mod bytes_or_off {
    use serde::{Deserializer, de};

    use super::{Deserialize, OFF, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        bytes: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.map_or_else(|| OFF.to_owned(), super::with_unit))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == OFF {
            return Ok(None);
        }
        let expected = "is a size such as \"512MiB\", or \"off\"";
        super::bytes_of(&word).map(Some).ok_or_else(|| de::Error::custom(expected))
    }
}

/// An address with its port such as `"127.0.0.1:9642"`, or `"off"`.
pub(super) mod address_or_off {
    use std::net::SocketAddr;

    use serde::{Deserializer, de};

    use super::{Deserialize, OFF, Serializer};

    pub(in crate::config) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => serializer.collect_str(address),
            None => serializer.serialize_str(OFF),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == OFF {
            return Ok(None);
        }
        let expected = "is an address with its port such as \"127.0.0.1:9642\", or \"off\"";
        word.parse().map(Some).map_err(|_| de::Error::custom(expected))
    }
}
