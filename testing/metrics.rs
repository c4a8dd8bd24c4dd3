//! Metrics as Prometheus reads them: its text format, version 0.0.4, and the rules of
//! <https://prometheus.io/docs/practices/naming/>.

use std::collections::{BTreeMap, BTreeSet};

/// The samples and families of one text.
#[derive(Debug, Default)]
pub struct Metrics {
    families: BTreeMap<String, Family>,
    samples: Vec<Sample>,
}

#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// # Panics
    /// If a line is not of the format.
    pub fn read(text: &str) -> Metrics {
        let mut metrics = Metrics::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and a text");
                metrics.families.entry(name.to_owned()).or_default().help = help.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                metrics.families.entry(name.to_owned()).or_default().kind = kind.to_owned();
            } else {
                metrics.samples.push(sample(line));
            }
        }
        metrics
    }

    /// The names of all families.
    pub fn names(&self) -> BTreeSet<&str> {
        self.families.keys().map(String::as_str).collect()
    }

    /// `(help, type, labels)` of a family, without the label of buckets.
    ///
    /// # Panics
    /// If there is no such family.
    pub fn family<'a>(&'a self, name: &'a str) -> (&'a str, &'a str, BTreeSet<&'a str>) {
        let family = &self.families[name];
        let labels = self.of(name).flat_map(|sample| sample.labels.keys());
        let labels = labels.map(String::as_str).filter(|label| *label != "le");
        (&family.help, &family.kind, labels.collect())
    }

    /// The sum of the samples of that name whose labels have these values.
    ///
    /// # Panics
    /// If there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let is_asked = |sample: &&Sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|found| found == value)
            };
            sample.name == name && labels.iter().all(has)
        };
        let found: Vec<f64> =
            self.samples.iter().filter(is_asked).map(|sample| sample.value).collect();
        assert!(!found.is_empty(), "no sample of {name} with {labels:?}");
        found.iter().sum()
    }

    /// What is against the rules; `labels` are those that may occur.
    pub fn problems(&self, labels: &[&str]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for sample in &self.samples {
            let Sample { name, labels: own, .. } = sample;
            if !seen.insert((name, own)) {
                problems.push(format!("{name}{own:?} comes twice"));
            }
            if self.family_of(name).is_none() {
                problems.push(format!("{name} has no HELP and TYPE"));
            }
            for label in own.keys().filter(|label| *label != "le") {
                if !labels.contains(&label.as_str()) {
                    problems.push(format!("{name} has the label {label}"));
                }
            }
        }
        for (name, Family { help, kind }) in &self.families {
            let mut must = |is_so: bool, what: &str| {
                if !is_so {
                    problems.push(format!("{name} {what}"));
                }
            };
            must(help.ends_with('.'), "has no sentence for help");
            must(
                ["scanflow_", "process_"].iter().any(|prefix| name.starts_with(prefix)),
                "has another prefix",
            );
            must(
                name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
                "has other characters than lower case, digits and _",
            );
            must(["counter", "gauge", "histogram"].contains(&kind.as_str()), "has no type");
            must((kind == "counter") == name.ends_with("_total"), "is a counter, or has `_total`");
            for unit in ["_ms", "_us", "milli", "micro", "minutes", "hours", "days", "_kb", "_mb"] {
                must(!name.contains(unit), "has another unit than seconds or bytes");
            }
            for suffix in ["_count", "_sum", "_bucket"] {
                must(!name.ends_with(suffix), "ends like a part of a histogram");
            }
            must(self.of(name).next().is_some(), "has no sample");
            if kind == "histogram" {
                must(seconds_or_bytes(name), "has no unit");
                for problem in self.histogram_problems(name) {
                    must(false, &problem);
                }
            }
        }
        problems
    }

    fn histogram_problems(&self, name: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let part = |suffix: &str| {
            let name = format!("{name}{suffix}");
            self.samples.iter().filter(move |sample| sample.name == name)
        };
        for count in part("_count") {
            let mut buckets: Vec<(f64, f64)> = part("_bucket")
                .filter(|bucket| {
                    let mut labels = bucket.labels.clone();
                    labels.remove("le");
                    labels == count.labels
                })
                .map(|bucket| (bucket.labels["le"].parse().expect("a number"), bucket.value))
                .collect();
            buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
            if !buckets.is_sorted_by(|left, right| left.1 <= right.1) {
                problems.push(format!("has falling buckets at {:?}", count.labels));
            }
            if buckets.last() != Some(&(f64::INFINITY, count.value)) {
                problems.push(format!("has no +Inf equal to its count at {:?}", count.labels));
            }
            if part("_sum").filter(|sum| sum.labels == count.labels).count() != 1 {
                problems.push(format!("has no sum at {:?}", count.labels));
            }
        }
        problems
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| self.family_of(&sample.name) == Some(name))
    }

    /// The family of a sample; a part of a histogram has the name of that with a suffix.
    fn family_of<'a>(&self, sample: &'a str) -> Option<&'a str> {
        let whole = ["_bucket", "_sum", "_count"].into_iter();
        let whole = whole.filter_map(|suffix| sample.strip_suffix(suffix));
        let is_histogram =
            |name: &&str| self.families.get(*name).is_some_and(|f| f.kind == "histogram");
        let plain = self.families.get(sample).is_some_and(|family| family.kind != "histogram");
        if plain { Some(sample) } else { whole.into_iter().find(is_histogram) }
    }
}

fn seconds_or_bytes(name: &str) -> bool {
    name.ends_with("_seconds") || name.ends_with("_bytes")
}

/// `name{label="value",..} value`; values of labels have no quotation mark in these texts.
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a series and a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').expect("labels end");
    let labels = labels.split_terminator("\",").map(|label| {
        let (label, value) = label.split_once("=\"").expect("a label and its value");
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    let value = value.parse().expect("a number");
    Sample { name: name.to_owned(), labels: labels.collect(), value }
}
