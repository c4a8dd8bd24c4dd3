//! What is said on stderr: lines for people, or one JSON object a line for programs.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use scanflow::config::{LogFormat, LogLevel};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Everything but our own stays at this: libraries are chatty.
const OTHERS: LogLevel = LogLevel::Warn;
const OURS: [&str; 2] = ["scanflow", "scanflow_dataflows"];

/// How much is logged: `-v` and `-q` over `RUST_LOG` over the configuration.
pub(crate) fn filter(level: LogLevel, is_from_flag: bool) -> EnvFilter {
    let from_environment = ["SCANFLOW_LOG", EnvFilter::DEFAULT_ENV]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok().filter(|directives| !directives.is_empty()))
        .find_map(|directives| EnvFilter::try_new(directives).ok());
    match from_environment {
        Some(filter) if !is_from_flag => filter,
        _ => {
            let mut directives = name(level.min(OTHERS)).to_owned();
            OURS.iter().for_each(|target| directives += &format!(",{target}={}", name(level)));
            EnvFilter::new(directives)
        }
    }
}

const fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

/// From now on, events are shown. Called once.
pub(crate) fn start(format: LogFormat, filter: EnvFilter, with_color: bool) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Stderr);
    match format {
        LogFormat::Text => builder.with_ansi(with_color && io::stderr().is_terminal()).init(),
        LogFormat::Json => {
            builder.with_ansi(false).fmt_fields(JsonFields::new()).event_format(Json).init();
        }
    }
}

/// What is held back is cut after so many bytes.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// None: nothing is held back.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<Vec<u8>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on events wait, as long as something else is drawn on the terminal.
pub(crate) fn hold() {
    held().get_or_insert_default();
}

/// Shows what has waited.
pub(crate) fn release() {
    let text = held().take().unwrap_or_default();
    let _ = io::stderr().write_all(&text); // nobody reads, nobody misses it
}

/// Where events go.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *held() {
            Some(text) if text.len() < HELD_BYTES_MAX => text.extend_from_slice(bytes),
            Some(_) => {}
            None => return io::stderr().write(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// `ts`, `level`, `target`, `msg`, then the fields of the event and those of its spans; what is
/// nearer to the event wins.
struct Json;

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut ts = String::new();
        SystemTime.format_time(&mut Writer::new(&mut ts))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let of_span = extensions.get::<FormattedFields<JsonFields>>();
            let of_span = of_span.and_then(|text| serde_json::from_str(&text.fields).ok());
            for (name, value) in of_span.unwrap_or_else(Map::new) {
                fields.0.entry(name).or_insert(value);
            }
        }
        let message = fields.0.remove("message").unwrap_or_else(|| "".into());
        let metadata = event.metadata();
        let level = metadata.level().as_str().to_lowercase();
        write!(
            writer,
            r#"{{"ts":{},"level":{},"target":{},"msg":{message}"#,
            Value::from(ts),
            Value::from(level),
            Value::from(metadata.target()),
        )?;
        // Names that stand above already would make the object ambiguous.
        let taken = ["ts", "level", "target", "msg"];
        for (name, value) in fields.0.iter().filter(|(name, _)| !taken.contains(&name.as_str())) {
            write!(writer, ",{}:{value}", Value::from(name.as_str()))?;
        }
        writeln!(writer, "}}")
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    /// With all causes: the text of an error says only what it knows itself.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(err) = cause {
            text += &format!(": {err}");
            cause = err.source();
        }
        self.insert(field, text);
    }
}
