//! Where the database is: a URL in one of libpq's two forms, `postgres://user@host/db?key=value` or
//! `host=.. user=.. dbname=..`. Nothing here ever shows a part of it that may be secret.

use std::error::Error as _;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A URL, not yet understood. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// The URL cannot be used. It is never quoted, for a part of a password may stand anywhere.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    #[error("it is not of the form `postgres://user@host/database` or `host=.. user=.. dbname=..`")]
    Form,
    #[error("it has the option `{0}`, which scanflow does not support")]
    Unsupported(&'static str),
    #[error("its option number {0} is unknown")]
    Unknown(usize),
    #[error("the value of its option `{0}` is not valid")]
    Value(&'static str),
    #[error(
        "it holds a password, which every user of this machine can read in the list of processes: \
         put the URL in a file and name that (`database.url_file`), or set SCANFLOW_DATABASE__URL"
    )]
    PasswordInArguments,
    #[error("could not read it from {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("the first line of {path} is none")]
    InFile { path: PathBuf, source: Box<UrlError> },
    #[error("its file {0} holds a password and everybody may read it: `chmod o= {0}`")]
    FileIsPublic(PathBuf),
}

/// Options that are handed on to the driver, and those that are understood here.
const OPTIONS: [&str; 20] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslmode",
    "sslrootcert",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Options of libpq that have no effect here: silence would be a surprise.
const UNSUPPORTED: [&str; 12] = [
    "passfile",
    "service",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "requiressl",
    "requirepeer",
    "require_auth",
    "gssencmode",
    "krbsrvname",
    "client_encoding",
];

/// A URL taken apart as far as the driver does not understand it.
pub(super) struct Parts {
    pub(super) sslmode: Option<String>,
    pub(super) sslrootcert: Option<PathBuf>,
    /// Which options are set.
    pub(super) set: Vec<&'static str>,
    /// Everything else, for the driver.
    rest: String,
}

impl DatabaseUrl {
    pub fn new(url: impl Into<String>) -> DatabaseUrl {
        DatabaseUrl(url.into())
    }

    /// The first line of a file. One that holds a password must not be open to everybody.
    pub fn from_file(path: &Path) -> Result<DatabaseUrl, UrlError> {
        let failed = |source| UrlError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode();
        let mut line = String::new();
        BufReader::new(file).read_line(&mut line).map_err(failed)?;
        let url = DatabaseUrl(line.trim().to_owned());
        let in_file = |err| UrlError::InFile { path: path.to_owned(), source: Box::new(err) };
        if url.has_password().map_err(in_file)? && mode & 0o007 != 0 {
            return Err(UrlError::FileIsPublic(path.to_owned()));
        }
        Ok(url)
    }

    fn has_password(&self) -> Result<bool, UrlError> {
        Ok(self.parts()?.config()?.get_password().is_some())
    }

    pub(super) fn parts(&self) -> Result<Parts, UrlError> {
        let schemes = ["postgres://", "postgresql://"];
        let after = schemes.iter().find_map(|scheme| self.0.strip_prefix(scheme));
        match after {
            Some(after) => url_parts(after),
            None => keyword_parts(&self.0),
        }
    }
}

/// Fails if `url`, which was given as an argument, holds a password, or may hold one because it
/// cannot be understood.
pub fn refuse_password_in_argv(url: &str) -> Result<(), UrlError> {
    match DatabaseUrl::new(url).has_password()? {
        true => Err(UrlError::PasswordInArguments),
        false => Ok(()),
    }
}

fn option(name: &str, number: usize) -> Result<&'static str, UrlError> {
    if let Some(known) = OPTIONS.iter().find(|known| **known == name) {
        return Ok(known);
    }
    match UNSUPPORTED.iter().find(|known| **known == name) {
        Some(known) => Err(UrlError::Unsupported(known)),
        None => Err(UrlError::Unknown(number)),
    }
}

impl Parts {
    /// What the driver makes of its part.
    pub(super) fn config(&self) -> Result<tokio_postgres::Config, UrlError> {
        let config: tokio_postgres::Config = self.rest.parse().map_err(|err| explained(&err))?;
        match config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            true => Err(UrlError::Form),
            false => Ok(config),
        }
    }

    /// Takes an option, or says that it is for the driver.
    fn take(&mut self, name: &'static str, value: &str) -> bool {
        self.set.push(name);
        match name {
            "sslmode" => self.sslmode = Some(value.to_owned()),
            "sslrootcert" => self.sslrootcert = Some(PathBuf::from(value)),
            _ => return false,
        }
        true
    }
}

/// The driver's own words may quote the URL; only the name of the option is taken from them.
fn explained(err: &tokio_postgres::Error) -> UrlError {
    let text = err.source().map(ToString::to_string).unwrap_or_default();
    let is_named = |option: &&&str| text == format!("invalid value for option `{option}`");
    OPTIONS.iter().find(is_named).map_or(UrlError::Form, |option| UrlError::Value(option))
}

fn url_parts(after_scheme: &str) -> Result<Parts, UrlError> {
    // As the driver does: credentials end at the first `@`.
    let host = after_scheme.find('@').map_or(0, |at| at + 1);
    let query = after_scheme[host..].find('?').map_or(after_scheme.len(), |at| host + at);
    let authority = after_scheme[host..query].split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlError::Form); // the rest of a password, or else it would be shown as the host
    }
    let rest = format!("postgres://{}", &after_scheme[..query]);
    let mut parts = Parts { sslmode: None, sslrootcert: None, set: Vec::new(), rest };
    let pairs = after_scheme[query..].trim_start_matches('?').split('&');
    let mut separator = '?';
    for (index, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
        let (name, value) = pair.split_once('=').ok_or(UrlError::Form)?;
        let name = option(name, index + 1)?;
        let decoded = percent_decoded(value).ok_or(UrlError::Value(name))?;
        if !parts.take(name, &decoded) {
            parts.rest.push(separator);
            parts.rest.push_str(pair);
            separator = '&';
        }
    }
    Ok(parts)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let mut byte = *first;
        if let (b'%', [high, low, tail @ ..]) = (first, tail) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
            rest = tail;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

fn keyword_parts(text: &str) -> Result<Parts, UrlError> {
    let mut parts =
        Parts { sslmode: None, sslrootcert: None, set: Vec::new(), rest: String::new() };
    let mut rest = text.trim_start();
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (name, after) = rest.split_once('=').ok_or(UrlError::Form)?;
        let name = option(name.trim_end(), number)?;
        let (value, after) = keyword_value(after.trim_start()).ok_or(UrlError::Value(name))?;
        if !parts.take(name, &value) {
            let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
            parts.rest.push_str(&format!("{name}='{quoted}' "));
        }
        rest = after.trim_start();
    }
    Ok(parts)
}

/// A value, quoted or not, with its escapes undone, and what follows it.
fn keyword_value(text: &str) -> Option<(String, &str)> {
    let is_quoted = text.starts_with('\'');
    let text = text.strip_prefix('\'').unwrap_or(text);
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, sign)) = chars.next() {
        match sign {
            '\\' => value.push(chars.next()?.1),
            '\'' if is_quoted => return Some((value, &text[at + 1..])),
            _ if !is_quoted && sign.is_whitespace() => return Some((value, &text[at..])),
            _ => value.push(sign),
        }
    }
    (!is_quoted).then_some((value, ""))
}
