//! `scanflow generate`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use scanflow::clock::Clock;
use scanflow::generate::{Planted, PlantedOf, Shape};
use scanflow::sources::generated::{
    ImportError, WriteError, Writing, Written, import_and_count, write,
};
use scanflow::sources::inventory::Event;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::import::{Progress, summary};
use crate::stdout::Stdout;

/// Generate a fleet of accounts, zones and records that nobody owns
///
/// Sizes, record types and mistakes are as frequent as in real fleets. The same flags give the same
/// fleet, to the byte. Beside the inventory, `--out` writes what a scan of it must find:
/// expected.jsonl.zst, which an import passes over.
///
/// What no public source states is a share from 0 to 1, and its default a guess.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("to").required(true))]
pub(crate) struct Generate {
    /// How many zones
    #[arg(long, value_name = "N")]
    zones: u64,

    /// Another seed, another fleet
    #[arg(long, value_name = "S", default_value_t = Shape::default().seed)]
    seed: u64,

    /// Write the fleet into this folder, which is empty or new
    #[arg(long, value_name = "DIR", group = "to")]
    out: Option<PathBuf>,

    /// Import the fleet as the source `generated`
    #[arg(long, group = "to")]
    import: bool,

    /// One of the zones has so many records
    #[arg(long, value_name = "RECORDS")]
    giant: Option<u32>,

    /// The median of records in a zone in use; the mean is seven times as much
    #[arg(long, value_name = "RECORDS", default_value_t = Shape::default().records_median)]
    records_median: f64,

    /// Accounts and zones whose settings are stated; only of these zones it is stated what is proxied
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().settings)]
    settings: f64,

    /// Accounts that enforce a second factor, of those whose settings are stated
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().mfa_enforced)]
    mfa_enforced: f64,

    /// Accounts whose members are stated
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().members)]
    members: f64,

    /// Zones that accept TLS 1.0 or 1.1, of those whose settings are stated
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().old_tls)]
    old_tls: f64,

    /// Addresses and aliases that are proxied, of those of which it is stated
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().proxied)]
    proxied: f64,

    /// Accounts of whose zones only a part of the records is known
    #[arg(long, value_name = "SHARE", default_value_t = Shape::default().partial)]
    partial: f64,
}

impl Generate {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let shape = self.shape();
        let clock = Clock::system();
        let began = clock.now();
        let mut progress = Progress::new(context, &clock);
        let done = context.block_on(async {
            match self.out {
                Some(folder) => {
                    let written = written(folder.clone(), shape, &mut progress).await?;
                    let Written { accounts, zones, records, planted } = written;
                    let folder = folder.display();
                    let said = format!("{accounts} accounts, {zones} zones, {records} records in");
                    let seconds = clock.now().since(began).as_secs_f64();
                    Ok((format!("{said} {folder}; {seconds:.1} s"), planted))
                }
                None => {
                    let database = context.database().await?;
                    let mut on_event = |event| progress.take(event);
                    let imported = import_and_count(&database, &shape, &mut on_event).await;
                    let (report, planted) = imported.map_err(import_failure)?;
                    Ok((summary(&report, clock.now().since(began)), planted))
                }
            }
        });
        progress.finish();
        let (said, planted) = done?;
        let mut out = Stdout::lock();
        writeln!(out, "{said}")?;
        show(&mut out, &planted)?;
        out.flush()?;
        Ok(Exit::Done)
    }

    fn shape(&self) -> Shape {
        Shape {
            zones: self.zones,
            seed: self.seed,
            giant_records: self.giant,
            records_median: self.records_median,
            settings: self.settings,
            mfa_enforced: self.mfa_enforced,
            members: self.members,
            old_tls: self.old_tls,
            proxied: self.proxied,
            partial: self.partial,
        }
    }
}

/// Writes on a thread of its own. When this is dropped, as by a signal, the writer cleans up.
async fn written(
    folder: PathBuf,
    shape: Shape,
    progress: &mut Progress<'_>,
) -> Result<Written, Failure> {
    let source = folder.display().to_string();
    let (sender, mut so_far) = mpsc::channel(16);
    let writer = spawn_blocking(move || {
        write(&folder, &shape, &mut |written| {
            let is_wanted = sender.blocking_send((written.zones, written.records)).is_ok();
            if is_wanted { Writing::GoOn } else { Writing::Stop }
        })
    });
    let mut shown = (0, 0);
    while let Some((zones, records)) = so_far.recv().await {
        let source = source.clone();
        progress.take(Event::Stored { source, zones: zones - shown.0, records: records - shown.1 });
        shown = (zones, records);
    }
    let written = writer.await.context("the writer failed");
    let written = written.map_err(|err| Failure::new(Exit::Failed, err))?;
    written.map_err(|err| match err {
        WriteError::Shape(_) | WriteError::NotEmpty(_) | WriteError::NoFolder(_) => {
            Failure::new(Exit::Usage, err)
        }
        WriteError::Failed { .. } | WriteError::Stopped => Failure::from(err),
    })
}

pub(crate) fn import_failure(err: ImportError) -> Failure {
    match err {
        ImportError::Shape(_) => Failure::new(Exit::Usage, err),
        ImportError::Database(_) => Failure::from(err),
    }
}

/// What a scan must find.
fn show(out: &mut Stdout, Planted(checks): &Planted) -> std::io::Result<()> {
    writeln!(out, "planted {:>29} {:>10}", "fail", "unknown")?;
    checks.iter().try_for_each(|(check, PlantedOf { fails, unknown })| {
        writeln!(out, "{check:<26} {fails:>10} {unknown:>10}")
    })
}
