//! Whether two measures put things in the same order.

/// Spearman's rank correlation; those that are equal share the mean of their ranks. None: one of the
/// measures tells nothing apart.
pub(super) fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let left = ranks(pairs.iter().map(|(left, _)| *left).collect());
    let right = ranks(pairs.iter().map(|(_, right)| *right).collect());
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let (mut both, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for (left, right) in left.into_iter().zip(right) {
        let (left, right) = (left - mean, right - mean);
        both += left * right;
        of_left += left * left;
        of_right += right * right;
    }
    let scale = f64::sqrt(of_left * of_right);
    (0.0 < scale).then(|| both / scale)
}

fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|place| ranks[*place] = rank);
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_and_not_distance() {
        let of = |right: [f64; 4]| {
            correlation(&[1.0, 2.0, 3.0, 4.0].into_iter().zip(right).collect::<Vec<_>>())
        };
        assert_eq!(of([1.0, 10.0, 100.0, 1_000.0]), Some(1.0));
        assert_eq!(of([4.0, 3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(of([7.0; 4]), None);
        assert_eq!(of([1.0, 3.0, 2.0, 4.0]), Some(0.8));
    }

    #[test]
    fn equal_ones_share_a_rank() {
        assert_eq!(ranks(vec![5.0, 1.0, 5.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }
}
