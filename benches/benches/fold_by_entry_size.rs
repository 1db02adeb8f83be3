//! How many changes a second does the fold take, by the number of changes in an entry? Chain and digest are part of it.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dhow_benches::{entries, fold, scattered_tuples};

/// Changes that each history has.
const CHANGES: usize = 10_000;

fn fold_by_entry_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold_by_entry_size");
    group.sample_size(10);
    group.throughput(Throughput::Elements(CHANGES as u64));
    for changes in [1, 10, 100, 1_000] {
        let entries = entries(&scattered_tuples(CHANGES), changes);
        group.bench_function(BenchmarkId::from_parameter(changes), |bencher| bencher.iter(|| fold(black_box(&entries))));
    }
    group.finish();
}

criterion_group!(benches, fold_by_entry_size);
criterion_main!(benches);
