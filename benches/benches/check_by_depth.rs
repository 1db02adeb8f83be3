//! What does a check cost by the number of teams in each other between the object and the subject?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dhow_benches::nested_teams;

fn check_by_depth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check_by_depth");
    for depth in [1, 3, 10, 30, 100] {
        let (data, allowed, denied) = nested_teams(depth);
        group.bench_function(BenchmarkId::new("allowed", depth), |bencher| bencher.iter(|| data.check(black_box(&allowed))));
        group.bench_function(BenchmarkId::new("denied", depth), |bencher| bencher.iter(|| data.check(black_box(&denied))));
    }
    group.finish();
}

criterion_group!(benches, check_by_depth);
criterion_main!(benches);
