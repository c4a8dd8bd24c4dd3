//! Random histories against a model that knows no digest, no batch and no state but sets.
//! A failing case is printed with its history and kept in `tests/proptest-regressions/`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scanflow::model::{AssetId, Fence, Finding, Outcome, Resolution, UnknownReason, Verdict};
use scanflow::sinks::memory::Change;
use scanflow::sinks::{Flushed, InsightKey};

use crate::{candidates, finding, outcome};

#[derive(Default)]
struct Model {
    fences: BTreeMap<AssetId, Fence>,
    seen: BTreeMap<InsightKey, Finding>,
    open: BTreeSet<InsightKey>,
    history: BTreeSet<(InsightKey, Fence, Change, Option<Resolution>)>,
}

impl Model {
    fn apply(&mut self, outcome: &Outcome) -> Flushed {
        let before = self.fences.get(&outcome.scan.asset).copied();
        if before >= Some(outcome.scan.fence) {
            let same = before == Some(outcome.scan.fence);
            return if same { Flushed::Duplicate } else { Flushed::Stale };
        }
        self.fences.insert(outcome.scan.asset, outcome.scan.fence);
        if outcome.findings.values().any(|finding| finding.evidence.contains("\\u0000")) {
            return Flushed::Parked;
        }
        let found: BTreeMap<InsightKey, &Finding> = outcome
            .findings
            .iter()
            .map(|((check, subject), finding)| {
                ((outcome.scan.asset, check.clone(), subject.clone()), finding)
            })
            .collect();
        for (key, finding) in &found {
            let change = match (self.seen.get(key), self.open.contains(key)) {
                (None, _) => Change::Opened,
                (Some(_), false) => Change::Reopened,
                (Some(last), true) if last != *finding => Change::Changed,
                (Some(_), true) => continue,
            };
            self.history.insert((key.clone(), outcome.scan.fence, change, None));
            self.seen.insert(key.clone(), (*finding).clone());
            self.open.insert(key.clone());
        }
        for key in self.open.clone() {
            if key.0 != outcome.scan.asset || found.contains_key(&key) {
                continue;
            }
            if let Some(reason) = outcome.scope.resolution(&key.1) {
                let fence = outcome.scan.fence;
                self.history.insert((key.clone(), fence, Change::Resolved, Some(reason)));
                self.open.remove(&key);
            }
        }
        Flushed::Done
    }
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let text = prop_oneof![8 => Just("a"), 8 => Just("b"), 1 => Just("nul\0")];
    let subject = prop::sample::select(vec!["x", "y"]);
    let findings = prop::collection::btree_map(subject, text, 0..3).prop_map(|found| {
        found.into_iter().map(|(subject, text)| finding(subject, text)).collect()
    });
    let reason = UnknownReason::Partial;
    prop_oneof![
        Just(Verdict::Pass),
        Just(Verdict::NotApplicable),
        Just(Verdict::Disabled),
        findings.clone().prop_map(Verdict::of),
        findings.prop_map(move |findings| Verdict::Unknown { reason, findings }),
    ]
}

/// Few assets and fences, so that duplicates and stale ones are frequent; often all checks.
fn outcomes() -> impl Strategy<Value = Outcome> {
    let asked = prop_oneof![2 => Just(7u8), 1 => 0u8..8];
    let all = [verdicts(), verdicts(), verdicts()];
    (1i64..3, 1u64..4, 1u64..12, asked, all).prop_map(|(asset, version, sequence, asked, all)| {
        let asked: Vec<(usize, Verdict)> =
            all.into_iter().enumerate().filter(|(check, _)| asked & (1 << check) != 0).collect();
        outcome(asset, version, sequence, &asked)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_as_the_model_says(outcomes in prop::collection::vec(outcomes(), 1..24)) {
        for sink in candidates() {
            let mut model = Model::default();
            // A batch holds one outcome an asset: cut before the second.
            let mut batch: Vec<Outcome> = Vec::new();
            for (index, outcome) in outcomes.iter().enumerate() {
                batch.push(outcome.clone());
                let next = outcomes.get(index + 1);
                if next.is_some_and(|next| batch.iter().all(|o| o.scan.asset != next.scan.asset)) {
                    continue;
                }
                let expected: Vec<Flushed> = batch.iter().map(|o| model.apply(o)).collect();
                prop_assert_eq!(sink.flush(&batch), expected);
                batch.clear();
            }
            let open: BTreeMap<InsightKey, Finding> =
                model.open.iter().map(|key| (key.clone(), model.seen[key].clone())).collect();
            prop_assert_eq!((sink.open)(), open);
            let history = (sink.history)().into_iter();
            let history = history.map(|e| ((e.asset, e.check, e.subject), e.fence, e.change, e.reason));
            prop_assert_eq!(history.collect::<BTreeSet<_>>(), model.history);
        }
    }
}
