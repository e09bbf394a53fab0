//! Ratios and quantiles.

/// The median of an odd number of values, with the smallest and the largest.
pub(crate) fn median(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(low), Some(middle), Some(high)) => format!("{middle:.2} [{low:.2}–{high:.2}]"),
        _ => "none".to_owned(),
    }
}

/// The value below which the share `q` of all lies.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Cumulative counts of a Prometheus histogram by upper edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// The histogram `name` out of the text of `/metrics`, all labels together.
    pub(crate) fn read(metrics: &str, name: &str) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for line in metrics.lines() {
            let Some(rest) = line.strip_prefix(name).and_then(|l| l.strip_prefix("_bucket{"))
            else {
                continue;
            };
            let edge = rest.split("le=\"").nth(1).and_then(|l| l.split('"').next());
            let count = rest.rsplit(' ').next().and_then(|count| count.parse().ok());
            let (Some(edge), Some(count)) = (edge, count) else { continue };
            let edge = edge.parse().unwrap_or(f64::INFINITY);
            match buckets.iter_mut().find(|(known, _)| known.total_cmp(&edge).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((edge, count)),
            }
        }
        Self(buckets)
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let counted = |edge: f64| {
            before
                .0
                .iter()
                .find(|(known, _)| known.total_cmp(&edge).is_eq())
                .map_or(0.0, |(_, count)| *count)
        };
        Self(self.0.iter().map(|(edge, count)| (*edge, count - counted(*edge))).collect())
    }

    /// A quantile, taken to lie evenly in its bucket.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let rank = self.0.last().map_or(0.0, |(_, all)| all * q);
        let (mut edge, mut below) = (0.0, 0.0);
        for (upper, count) in &self.0 {
            if *count >= rank && *count > below {
                return edge + (upper - edge) * (rank - below) / (count - below);
            }
            (edge, below) = (*upper, *count);
        }
        f64::NAN
    }
}
