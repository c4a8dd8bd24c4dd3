//! The demo as text: a line a second.

use super::view::{Stage, View};
use crate::cell;
use crate::run::live;

/// One line, without its end.
pub(super) fn line(view: &View) -> String {
    let seconds = view.elapsed().as_secs();
    format!("{seconds:>4} s  {}", what(view))
}

fn what(view: &View) -> String {
    let scanning = view
        .progress
        .as_ref()
        .map(|progress| live::line(progress, view.speed() as f64, view.open.as_deref()));
    let scanning = scanning.unwrap_or_else(|| "reading the fleet".to_owned());
    match view.stage {
        Stage::Starting => "starting a Postgres of its own".to_owned(),
        Stage::Importing => format!(
            "importing {}: {} zones, {} records",
            view.fleet, view.zones_stored, view.records_stored
        ),
        Stage::Covering => format!("scanning all: {scanning}"),
        Stage::Fresh => {
            let scale = view.scale.map_or_else(String::new, |scale| format!(" ({scale})"));
            format!("keeping fresh{scale}: {scanning}; {}", changes(view))
        }
        Stage::Stopping => format!("stopping: {scanning}"),
    }
}

fn changes(view: &View) -> String {
    let View { broken, repaired, opened_count, resolved_count, .. } = view;
    let mut text = format!(
        "zones broken {broken}, repaired {repaired}; insights opened {opened_count}, resolved \
         {resolved_count}"
    );
    if let Some(change) = view.newest() {
        let subject = cell::shown(&change.subject);
        text += &format!(", last {} {} {subject}", change.kind.name(), change.check);
    }
    text
}
