//! From the entries of a zone file and of those that it includes to records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::generate::{Numbers, expand};
use super::lexer::{Entry, Lexer, Token};
use super::origin::Origin;
use super::{Included, ZoneFile, rdata, ttl};
use crate::inventory::normalise::{self, RawRecord};
use crate::inventory::{Place, Problem};
use crate::model::{Record, RecordType, is_at_or_below};

/// How deep files include files.
const INCLUDE_DEPTH_MAX: u32 = 10;

/// How many files one zone includes; a file that includes itself twice would be 1,024 at that
/// depth.
const INCLUDES_MAX: u32 = 1_000;

/// How many names the `$GENERATE` lines of one zone make together: a reverse zone of a /16.
const GENERATED_MAX: u32 = 65_536;

/// Why an entry was not read.
type Refused = String;

pub(super) struct Reader<'i> {
    include: &'i mut dyn FnMut(&str) -> Result<Included, String>,
    file: Arc<PathBuf>,
    origin: Origin,
    /// None: the first entry, or one whose owner could not be read.
    owner: Option<String>,
    /// By `$TTL`.
    default_ttl: Option<u32>,
    last_ttl: Option<u32>,
    given_origin: Option<String>,
    /// That of a `$ORIGIN` before all records.
    first_origin: Option<String>,
    soa_owner: Option<String>,
    records: Vec<(Place, Record)>,
    problems: Vec<Problem>,
    raw: BTreeMap<RecordType, u64>,
    depth: u32,
    included: u32,
    generated: u32,
}

impl<'i> Reader<'i> {
    pub(super) fn new(
        file: Arc<PathBuf>,
        origin: Option<String>,
        include: &'i mut dyn FnMut(&str) -> Result<Included, String>,
    ) -> Reader<'i> {
        Reader {
            include,
            file,
            origin: origin.clone().map(Origin::new).unwrap_or_default(),
            given_origin: origin,
            owner: None,
            default_ttl: None,
            last_ttl: None,
            first_origin: None,
            soa_owner: None,
            records: Vec::new(),
            problems: Vec::new(),
            raw: BTreeMap::new(),
            depth: 0,
            included: 0,
            generated: 0,
        }
    }

    pub(super) fn read(&mut self, text: &[u8]) {
        for entry in Lexer::new(text) {
            match entry {
                Ok(entry) => {
                    let line = entry.line;
                    if let Err(reason) = self.entry(&entry) {
                        self.refuse(line, reason);
                    }
                }
                Err(fault) => self.refuse(fault.line, fault.reason.to_owned()),
            }
        }
    }

    fn place(&self, line: u64) -> Place {
        Place { file: Arc::clone(&self.file), line }
    }

    fn refuse(&mut self, line: u64, reason: Refused) {
        self.problems.push(Problem { place: self.place(line), reason });
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Refused> {
        if !entry.is_indented
            && let Some(word) = entry.tokens[0].word().filter(|word| word.starts_with('$'))
        {
            let word = word.to_ascii_uppercase();
            return self.directive(&word, entry);
        }
        let data = if entry.is_indented {
            &entry.tokens[..]
        } else {
            // Until it is read, later lines without an owner are not those of the one before.
            self.owner = None;
            self.owner = Some(self.origin.complete(&entry.tokens[0])?);
            &entry.tokens[1..]
        };
        let owner = self.owner.clone().ok_or("no owner stands in this line or in one before it")?;
        self.record(owner, data, entry)
    }

    /// Reads `[ttl] [class] type data`, ttl and class in any order.
    fn record(
        &mut self,
        owner: String,
        data: &[Token<'_>],
        entry: &Entry<'_>,
    ) -> Result<(), Refused> {
        let (mut own_ttl, mut class) = (None, None);
        let mut rest = data;
        let kind = loop {
            let [token, after @ ..] = rest else {
                return Err("an entry without a type".into());
            };
            rest = after;
            let word = token.word().ok_or("a quoted text where the type should stand")?;
            if own_ttl.is_none() && word.starts_with(|c: char| c.is_ascii_digit()) {
                let seconds = ttl::seconds(word);
                own_ttl = Some(seconds.ok_or_else(|| format!("{word:?} is no TTL"))?);
            } else if class.is_none() && is_class(word) {
                class = Some(word);
            } else {
                break word;
            }
        };
        if let Some(class) = class.filter(|class| !is_internet(class)) {
            return Err(format!("the class {class} is not IN"));
        }
        let (kind, next) = (record_type(kind)?, rest.first().and_then(Token::word));
        if is_private(&kind) && next.is_some_and(|next| is_class(next) || is_standard(next)) {
            return Err(format!(
                "{kind:?} is neither a TTL, a class nor a type",
                kind = kind.name()
            ));
        }
        let content = rdata::content(&kind, rest, &self.origin)?;
        let mut ttl = own_ttl.or(self.default_ttl).or(self.last_ttl);
        if kind == RecordType::Soa {
            self.soa_owner.get_or_insert_with(|| owner.clone());
            if ttl.is_none() {
                // What BIND does for a file that begins without a TTL.
                self.default_ttl = minimum(&content.text);
                ttl = self.default_ttl;
            }
        }
        let record = normalise::record(RawRecord {
            name: &owner,
            kind: kind.name(),
            content: &content.text,
            priority: None,
            ttl,
            proxied: proxied(entry.comment),
            private_routing: false,
        });
        let record = record.map_err(|error| error.to_string())?;
        self.last_ttl = own_ttl.or(self.last_ttl);
        if content.is_raw {
            *self.raw.entry(record.kind.clone()).or_default() += 1;
        }
        self.records.push((self.place(entry.line), record));
        Ok(())
    }

    fn directive(&mut self, directive: &str, entry: &Entry<'_>) -> Result<(), Refused> {
        match (directive, &entry.tokens[1..]) {
            ("$ORIGIN", [origin]) => {
                self.origin = self.new_origin(origin)?;
                if self.first_origin.is_none() && self.records.is_empty() {
                    self.first_origin = self.origin.name().map(str::to_owned);
                }
                Ok(())
            }
            ("$TTL", [time]) => {
                let seconds = time.word().and_then(ttl::seconds);
                self.default_ttl = Some(seconds.ok_or("the time of `$TTL` is none")?);
                Ok(())
            }
            ("$INCLUDE", [path]) => self.include(path, None),
            ("$INCLUDE", [path, origin]) => {
                let origin = self.new_origin(origin)?;
                self.include(path, Some(origin))
            }
            ("$GENERATE", [numbers, owner, data @ ..]) if !data.is_empty() => {
                self.generate(numbers, owner, data, entry)
            }
            ("$ORIGIN" | "$TTL" | "$INCLUDE" | "$GENERATE", arguments) => {
                Err(format!("`{directive}` does not take {} arguments", arguments.len()))
            }
            _ => Err(format!("{directive:?} is no directive")),
        }
    }

    /// A relative origin is below the one before; below the root where there is none.
    fn new_origin(&self, token: &Token<'_>) -> Result<Origin, Refused> {
        let root = Origin::new(".".into());
        let above = if self.origin.name().is_some() { &self.origin } else { &root };
        above.complete(token).map(Origin::new)
    }

    /// Reads another file as if it stood here. It does not change the origin and the owner of this
    /// one (RFC 1035 §5.1).
    fn include(&mut self, path: &Token<'_>, origin: Option<Origin>) -> Result<(), Refused> {
        if self.depth == INCLUDE_DEPTH_MAX {
            return Err(format!("files include each other more than {INCLUDE_DEPTH_MAX} deep"));
        }
        if self.included == INCLUDES_MAX {
            return Err(format!("the zone includes more than {INCLUDES_MAX} files"));
        }
        self.included += 1;
        let mut name = Vec::new();
        path.write_bytes(&mut name).ok_or("a broken escape in the name of a file")?;
        let name = String::from_utf8(name).map_err(|_| "the name of a file is no UTF-8")?;
        let included = (self.include)(&name).map_err(|reason| format!("{name:?}: {reason}"))?;
        let file = std::mem::replace(&mut self.file, Arc::new(included.file));
        let owner = self.owner.clone();
        let inner = origin.unwrap_or_else(|| self.origin.clone());
        let outer = std::mem::replace(&mut self.origin, inner);
        self.depth += 1;
        self.read(&included.text);
        self.depth -= 1;
        (self.file, self.origin, self.owner) = (file, outer, owner);
        Ok(())
    }

    /// The text that each number gives is read like a line.
    fn generate(
        &mut self,
        numbers: &Token<'_>,
        owner: &Token<'_>,
        data: &[Token<'_>],
        entry: &Entry<'_>,
    ) -> Result<(), Refused> {
        let numbers = Numbers::read(numbers).ok_or("`$GENERATE` wants `start-stop[/step]`")?;
        let count = self.generated.saturating_add(numbers.count());
        if count > GENERATED_MAX {
            return Err(format!("the `$GENERATE` of a zone make more than {GENERATED_MAX} names"));
        }
        self.generated = count;
        let mut template = Vec::new();
        for token in data {
            // BIND reads the text in quotes, which then stands for all of the data.
            template.extend(token.text);
            template.push(b' ');
        }
        for number in numbers.iter() {
            let name = expand(owner.text, number)?;
            let name = self.origin.complete(&Token::unquoted(&name))?;
            let text = expand(&template, number)?;
            for made in Lexer::new(&text) {
                let made = made.map_err(|fault| fault.reason)?;
                self.record(name.clone(), &made.tokens, entry)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> ZoneFile {
        // Words of prose read like records of private types.
        let is_known = |(_, record): &(Place, Record)| !is_private(&record.kind);
        let given_origin = self.given_origin.filter(|_| self.records.iter().any(is_known));
        let Some(zone) = self.soa_owner.or(self.first_origin).or(given_origin) else {
            let reason = "nothing says which zone this is: no SOA, no `$ORIGIN`".to_owned();
            self.problems.push(Problem { place: Place { file: self.file, line: 0 }, reason });
            return ZoneFile { problems: self.problems, ..ZoneFile::default() };
        };
        let (mut records, mut outside) = (Vec::with_capacity(self.records.len()), Vec::new());
        for (place, record) in self.records {
            if zone == "." || is_at_or_below(&record.name, &zone) {
                records.push(record);
            } else {
                let reason = format!("{} {} is not in the zone {zone}", record.name, record.kind);
                outside.push(Problem { place, reason });
            }
        }
        ZoneFile { zone: Some(zone), records, problems: self.problems, outside, raw: self.raw }
    }
}

fn is_class(word: &str) -> bool {
    let names = ["IN", "CH", "HS", "CHAOS", "HESIOD"];
    names.iter().any(|name| name.eq_ignore_ascii_case(word)) || numbered(word, "CLASS").is_some()
}

fn is_internet(class: &str) -> bool {
    class.eq_ignore_ascii_case("IN") || numbered(class, "CLASS") == Some(1)
}

/// The number of `TYPE123` and `CLASS1` (RFC 3597 §5).
fn numbered(word: &str, start: &str) -> Option<u16> {
    let (head, number) = word.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then(|| number.parse().ok())?
}

fn record_type(word: &str) -> Result<RecordType, Refused> {
    normalise::record_type(word).map_err(|error| error.to_string())
}

/// Whether a word is the name of a type that IANA knows.
fn is_standard(word: &str) -> bool {
    use domain::base::iana::Rtype;
    record_type(word).is_ok_and(|kind| kind.name().parse::<Rtype>().is_ok())
}

/// Whether no list has the type: then it may be a slip of the pen.
fn is_private(kind: &RecordType) -> bool {
    matches!(kind, RecordType::Other(name) if !is_standard(name))
}

fn minimum(soa: &str) -> Option<u32> {
    soa.rsplit(' ').next()?.parse().ok()
}

/// What the comments of Cloudflare's export say: `; cf_tags=cf-proxied:true`.
fn proxied(comment: &[u8]) -> Option<bool> {
    let comment = std::str::from_utf8(comment).ok()?;
    let (_, tags) = comment.split_once("cf_tags=")?;
    let tags = tags.split_ascii_whitespace().next()?;
    tags.split(',').find_map(|tag| match tag {
        "cf-proxied:true" => Some(true),
        "cf-proxied:false" => Some(false),
        _ => None,
    })
}
