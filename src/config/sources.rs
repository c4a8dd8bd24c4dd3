//! Where settings are said, in rising precedence: defaults, file, environment, flags. Pure: the
//! file's text and the variables are arguments.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::Config;

const PREFIX: &str = "SCANFLOW_";
/// Between the parts of a key in the name of a variable.
const NESTS: &str = "__";

/// Variables that begin like ours and are no keys: those of flags, those of tests, and what
/// Kubernetes sets for a service that is named like us.
const NO_KEYS: [&str; 6] = [
    "SCANFLOW_AUTHOR",
    "SCANFLOW_CONFIG",
    "SCANFLOW_STATE_DIR",
    "SCANFLOW_LOG",
    "SCANFLOW_SERVICE_HOST",
    "SCANFLOW_PORT",
];
const NO_KEY_PREFIXES: [&str; 3] = ["SCANFLOW_TEST_", "SCANFLOW_SERVICE_PORT", "SCANFLOW_PORT_"];

/// What was said, before it is read.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// A TOML file with its text.
    pub file: Option<(&'a Path, &'a str)>,
    /// All variables; those of others are skipped.
    pub environment: Vec<(OsString, OsString)>,
    pub flags: Vec<Flag>,
}

/// A flag of the command line that stands for a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As it is typed, such as `--rate`.
    pub name: &'static str,
    /// With dots, such as `schedule.rate`.
    pub key: &'static str,
    pub value: String,
}

/// A setting that cannot be used: where it is said, its key, and why. It never holds a value that
/// may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}{problem}", key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
pub struct ConfigError {
    /// `scanflow.toml:12`, the name of a variable, or a flag.
    pub place: String,
    /// With dots; None if the file is no TOML.
    pub key: Option<String>,
    pub problem: String,
}

/// A value from a variable or a flag.
struct Said {
    place: String,
    key: String,
    table: Table,
}

impl Sources<'_> {
    /// Reads and checks all of them.
    pub fn read(self) -> Result<Config, ConfigError> {
        let mut merged = Table::try_from(Config::default()).expect("defaults are TOML");
        if let Some((path, text)) = self.file {
            overlay(&mut merged, file(path, text)?)?;
        }
        let environment = self.environment.into_iter().filter(|(name, _)| is_key(name));
        let environment = environment.map(variable).collect::<Result<Vec<Said>, _>>()?;
        let flags = self.flags.into_iter().map(flag).collect::<Result<Vec<Said>, _>>()?;
        for (name, layer) in [("the environment", &environment), ("the flags", &flags)] {
            let mut tables = Table::new();
            layer.iter().for_each(|said| merge(&mut tables, said.table.clone()));
            overlay(&mut merged, (tables, || name.to_owned()))?;
        }
        let place = |key: &str| {
            let said = flags.iter().chain(&environment).find(|said| said.key == key);
            let in_file = || self.file.and_then(|(path, text)| file_place(path, text, key));
            said.map(|said| said.place.clone()).or_else(in_file)
        };
        let config = Config::deserialize(merged).map_err(|err| ConfigError {
            place: "configuration".to_owned(),
            key: None,
            problem: plain(err.message()),
        })?;
        config.check().map_err(|impossible| ConfigError {
            place: place(&impossible.key).unwrap_or_else(|| "the defaults".to_owned()),
            problem: impossible.problem.to_owned(),
            key: Some(impossible.key),
        })?;
        Ok(config)
    }
}

/// The table of a file whose keys are all known and of the right type.
fn file(path: &Path, text: &str) -> Result<(Table, impl Fn() -> String), ConfigError> {
    let at = |span: Option<Range<usize>>| at(path, text, span.map_or(0, |span| span.start));
    let syntax = |err: toml::de::Error| ConfigError {
        place: at(err.span()),
        key: None,
        problem: plain(err.message()),
    };
    let spanned = DeTable::parse(text).map_err(syntax)?;
    toml::from_str::<Config>(text).map_err(|err| ConfigError {
        place: at(err.span()),
        key: err.span().and_then(|span| key_at(spanned.get_ref(), span.start)),
        problem: plain(err.message()),
    })?;
    let table = toml::from_str(text).map_err(syntax)?;
    Ok((table, move || path.display().to_string()))
}

fn is_key(name: &OsString) -> bool {
    let Some(name) = name.to_str() else { return false };
    name.starts_with(PREFIX)
        && !NO_KEYS.contains(&name)
        && !NO_KEY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn variable((name, value): (OsString, OsString)) -> Result<Said, ConfigError> {
    let name = name.to_string_lossy().into_owned();
    let key = name[PREFIX.len()..].to_lowercase().replace(NESTS, ".");
    let Ok(value) = value.into_string() else {
        return Err(ConfigError {
            place: name,
            key: Some(key),
            problem: "is not UTF-8".to_owned(),
        });
    };
    said(name, key, &value).map_err(|mut err| {
        if err.problem.starts_with(UNKNOWN) {
            err.problem += " (`__` nests, as in SCANFLOW_DATABASE__URL)";
        }
        err
    })
}

fn flag(flag: Flag) -> Result<Said, ConfigError> {
    said(flag.name.to_owned(), flag.key.to_owned(), &flag.value)
}

/// A text that no key of that name takes may be a number.
fn said(place: String, key: String, value: &str) -> Result<Said, ConfigError> {
    let number = || {
        let whole = value.parse::<i64>().map(Value::Integer).ok();
        whole.or_else(|| value.parse::<f64>().map(Value::Float).ok())
    };
    let text = nested(&key, Value::String(value.to_owned()));
    let mut read = Config::deserialize(text.clone()).map(|_| text);
    if read.is_err()
        && let Some(number) = number()
    {
        let number = nested(&key, number);
        read = Config::deserialize(number.clone()).map(|_| number);
    }
    match read {
        Ok(table) => Ok(Said { place, key, table }),
        Err(err) => Err(ConfigError { place, key: Some(key), problem: plain(err.message()) }),
    }
}

fn nested(key: &str, value: Value) -> Table {
    let (first, rest) =
        key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value =
        rest.map_or_else(|| value.clone(), |rest| Value::Table(nested(rest, value.clone())));
    Table::from_iter([(first.to_owned(), value)])
}

/// Lays a source over those before it. A URL and a file with one exclude each other: what is said
/// later replaces either.
fn overlay(
    merged: &mut Table,
    (layer, place): (Table, impl Fn() -> String),
) -> Result<(), ConfigError> {
    let says = |key| layer.get("database").and_then(|database| database.get(key)).is_some();
    let (url, url_file) = (says("url"), says("url_file"));
    if url && url_file {
        return Err(ConfigError {
            place: place(),
            key: Some("database.url".to_owned()),
            problem: "excludes database.url_file: give one of them".to_owned(),
        });
    }
    if url || url_file {
        let replaced = if url { "url_file" } else { "url" };
        if let Some(Value::Table(database)) = merged.get_mut("database") {
            database.remove(replaced);
        }
    }
    merge(merged, layer);
    Ok(())
}

fn merge(merged: &mut Table, layer: Table) {
    for (key, value) in layer {
        match (merged.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(merged.insert(key, value)),
        }
    }
}

fn at(path: &Path, text: &str, offset: usize) -> String {
    let line = 1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    format!("{}:{line}", path.display())
}

fn file_place(path: &Path, text: &str, key: &str) -> Option<String> {
    let spanned = DeTable::parse(text).ok()?;
    let mut table = spanned.get_ref();
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        let (part, index) = element(part).map_or((part, None), |(name, at)| (name, Some(at)));
        let (name, mut value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
        let mut stands = name.span();
        if let Some(index) = index {
            value = value.get_ref().as_array()?.get(index)?;
            stands = value.span();
        }
        if parts.peek().is_none() {
            return Some(at(path, text, stands.start));
        }
        table = value.get_ref().as_table()?;
    }
    None
}

/// The array and the position of `name[2]`.
fn element(part: &str) -> Option<(&str, usize)> {
    let (name, rest) = part.split_once('[')?;
    Some((name, rest.strip_suffix(']')?.parse().ok()?))
}

/// The key whose name or value stands at this byte.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let inner = |value: &Spanned<DeValue<'_>>| {
            value.get_ref().as_table().and_then(|table| key_at(table, offset))
        };
        let of_element = |(index, value)| Some(format!("[{index}].{}", inner(value)?));
        let mut elements = value.get_ref().as_array().into_iter().flatten().enumerate();
        let stands = |span: Range<usize>| span.contains(&offset);
        match inner(value)
            .map(|inner| format!(".{inner}"))
            .or_else(|| elements.find_map(of_element))
        {
            Some(inner) => Some(format!("{}{inner}", name.get_ref())),
            None if stands(Spanned::span(name)) || stands(value.span()) => {
                Some(name.get_ref().to_string())
            }
            None => None,
        }
    })
}

const UNKNOWN: &str = "unknown key";

/// Keys that stand elsewhere now.
const MOVED: [(&str, &str); 1] = [("connections_max", "limits.db_connections_max")];

/// A message of serde for people, without the text that it quotes: it may hold a password.
fn plain(message: &str) -> String {
    let mut plain = message.replace("unknown field", UNKNOWN);
    if let (Some(from), Some(to)) = (plain.find("string \""), plain.rfind("\", expected")) {
        plain.replace_range(from..=to, "a text");
    }
    if let (Some(from), Some(to)) = (plain.find("unknown variant `"), plain.rfind("`, expected")) {
        plain.replace_range(from..=to, "unknown value");
    }
    for (old, new) in MOVED {
        if plain.starts_with(&format!("{UNKNOWN} `{old}`")) {
            plain = format!("{UNKNOWN} `{old}`: it is {new} now");
        }
    }
    if let Some(from) = plain.find("struct ") {
        plain.replace_range(from.., "a section");
    }
    for rust in ["usize", "u32", "u64"] {
        plain = plain.replace(rust, "a whole number");
    }
    plain.lines().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
