//! What does a check cost by the number of members of the team between the object and the subject?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dhow_benches::one_team;

fn check_by_group_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check_by_group_size");
    for members in [1, 10, 100, 1_000, 10_000] {
        let (data, allowed, denied) = one_team(members);
        group.bench_function(BenchmarkId::new("allowed", members), |bencher| bencher.iter(|| data.check(black_box(&allowed))));
        group.bench_function(BenchmarkId::new("denied", members), |bencher| bencher.iter(|| data.check(black_box(&denied))));
    }
    group.finish();
}

criterion_group!(benches, check_by_group_size);
criterion_main!(benches);
