//! Time by the question, alternating with the yardstick, so that what else the machine does falls on both alike.

use std::time::Instant;

/// Nanoseconds for each of `items`, one after the other.
pub(crate) fn mean<T>(items: &[T], mut ask: impl FnMut(&T)) -> f64 {
    let begun = Instant::now();
    items.iter().for_each(&mut ask);
    begun.elapsed().as_secs_f64() * 1e9 / items.len().max(1) as f64
}

/// Nanoseconds of each of `items`, sorted. What looking at the clock costs is in it.
pub(crate) fn each<T>(items: &[T], mut ask: impl FnMut(&T)) -> Vec<f64> {
    let mut times: Vec<f64> = items
        .iter()
        .map(|item| {
            let begun = Instant::now();
            ask(item);
            begun.elapsed().as_secs_f64() * 1e9
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The value below which `share` of sorted values are.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).floor();
    sorted.iter().zip(0_u32..).take_while(|(_, at)| f64::from(*at) <= place).last().map_or(0.0, |(value, _)| *value)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}
