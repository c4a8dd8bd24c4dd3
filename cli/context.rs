//! What every command is given: the settings, the state directory and a way to talk. The way to the
//! database is in `database.rs`.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{ArgAction, Args, ValueEnum};
use scanflow::config::{Config, Flag, LogFormat, LogLevel, Sources};
use scanflow::stop;
use scanflow::store::postgres::cluster::Cluster;
use scanflow::store::postgres::url::refuse_password_in_argv;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;

use crate::exit::{Exit, Failure};
use crate::logs;

const FILE: &str = "scanflow.toml";

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Settings; without it ./scanflow.toml, if there is one
    #[arg(long, global = true, value_name = "FILE", env = "SCANFLOW_CONFIG")]
    config: Option<PathBuf>,

    /// Where scanflow keeps what is its own, such as the embedded database
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SCANFLOW_STATE_DIR",
        default_value = ".scanflow"
    )]
    state_dir: PathBuf,

    /// The database, without a password: other users can read arguments. Default: an embedded one
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,

    /// How stderr is written; json is one object a line
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormatArg>,

    /// Say more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,

    /// Say less: warnings only; twice for errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    fn is_on(self, is_terminal: bool) -> bool {
        let refused = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Color::Auto => is_terminal && !refused(),
            Color::Always => true,
            Color::Never => false,
        }
    }
}

/// The settings in force, and what commands share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) state_dir: PathBuf,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Started for the first who asks for a database when none is named; stopped at the end.
    pub(crate) cluster: OnceCell<Cluster>,
    global: Global,
}

impl Global {
    /// For errors before there is a context.
    pub(crate) fn log_format(&self) -> Option<LogFormat> {
        self.log_format.map(|format| match format {
            LogFormatArg::Text => LogFormat::Text,
            LogFormatArg::Json => LogFormat::Json,
        })
    }

    /// Logs are shown from here on.
    pub(crate) fn start_logs(&self, config: &Config) {
        const LEVELS: [LogLevel; 6] = [
            LogLevel::Off,
            LogLevel::Error,
            LogLevel::Warn,
            LogLevel::Info,
            LogLevel::Debug,
            LogLevel::Trace,
        ];
        let is_from_flag = self.verbose != 0 || self.quiet != 0;
        let level = match (self.verbose, self.quiet) {
            (0, 0) => config.log.level,
            (verbose, 0) => LEVELS[(LogLevel::Info as usize + usize::from(verbose)).min(5)],
            (_, quiet) => LEVELS[(LogLevel::Info as usize).saturating_sub(usize::from(quiet))],
        };
        let filter = logs::filter(level, is_from_flag);
        logs::start(config.log.format, filter, self.color.is_on(io::stderr().is_terminal()));
    }
}

impl Context {
    /// Reads the settings; `flags` are those of the command that stand for a key.
    pub(crate) fn new(global: &Global, mut flags: Vec<Flag>) -> Result<Context, Failure> {
        if let Some(url) = &global.database_url {
            refuse_password_in_argv(url)?;
            let (name, key, value) = ("--database-url", "database.url", url.clone());
            flags.push(Flag { name, key, value });
        }
        let file = match &global.config {
            Some(path) => Some((path.clone(), read(path)?)),
            None => match read(Path::new(FILE)) {
                Err(err) if err.error.downcast_ref().is_some_and(is_missing) => None,
                text => Some((PathBuf::from(FILE), text?)),
            },
        };
        let sources = Sources {
            file: file.as_ref().map(|(path, text)| (path.as_path(), text.as_str())),
            environment: std::env::vars_os().collect(),
            flags,
        };
        let mut config = sources.read()?;
        if let Some(format) = global.log_format() {
            config.log.format = format;
        }
        Ok(Context {
            config,
            state_dir: global.state_dir.clone(),
            file: file.map(|(path, _)| path),
            cluster: OnceCell::new(),
            global: global.clone(),
        })
    }

    /// The settings as they are now, read as at the start.
    pub(crate) fn read_again(&self, flags: Vec<Flag>) -> Result<Config, Failure> {
        Ok(Context::new(&self.global, flags)?.config)
    }

    /// The same settings, with a private database in this folder whatever they say.
    pub(crate) fn below(&self, state_dir: PathBuf) -> Context {
        let mut config = self.config.clone();
        (config.database.url, config.database.url_file) = (None, None);
        let (file, global) = (self.file.clone(), self.global.clone());
        Context { config, state_dir, file, cluster: OnceCell::new(), global }
    }

    /// Whether the arguments name a database.
    pub(crate) fn names_database(&self) -> bool {
        self.global.database_url.is_some()
    }

    /// Whether nothing but problems may be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.global.quiet != 0
    }

    /// Runs what waits for the database, until a signal. What is left then is whole, and a private
    /// server is stopped. `run` and `demo` have a runtime, and an end, of their own.
    pub(crate) fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hangup = stop::hangup()?;
            let stopped = |exit| Err(Failure::new(exit, anyhow!("stopped by a signal")));
            tokio::select! {
                result = work => result,
                _ = terminate.recv() => stopped(Exit::Terminated),
                _ = interrupt.recv() => stopped(Exit::Interrupted),
                Some(()) = async { hangup.as_mut()?.recv().await } => stopped(Exit::HungUp),
            }
        })
    }

    /// Whether a table may be coloured.
    pub(crate) fn has_color(&self) -> bool {
        self.global.color.is_on(crate::stdout::Stdout::is_terminal())
    }

    /// Says something beside the result, for people; silent with `-q`.
    pub(crate) fn note(&self, text: &str) {
        if self.config.log.format == LogFormat::Json {
            tracing::info!("{text}");
        } else if self.global.quiet == 0 {
            let _ = writeln!(io::stderr(), "{text}"); // nobody reads, nobody misses it
        }
    }
}

/// A file of the configuration.
fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|err| {
        let context = format!("could not read {}", path.display());
        Failure::new(Exit::Config, anyhow::Error::new(err).context(context))
    })
}

fn is_missing(err: &io::Error) -> bool {
    err.kind() == ErrorKind::NotFound
}

/// Shows what ended the process, in the form of the logs.
pub(crate) fn show(format: LogFormat, failure: &Failure) {
    match format {
        LogFormat::Json => tracing::error!(exit = failure.exit as u8, "{:#}", failure.error),
        LogFormat::Text => {
            let _ = writeln!(io::stderr(), "error: {:#}", failure.error);
        }
    }
}
