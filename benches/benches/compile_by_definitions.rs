//! What does compiling a schema cost by the number of its definitions?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dhow_benches::schema_text;

fn compile_by_definitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile_by_definitions");
    group.sample_size(20);
    for definitions in [1, 10, 100, 1_000] {
        let text = schema_text(definitions);
        group.throughput(Throughput::Elements(definitions as u64));
        group.bench_function(BenchmarkId::from_parameter(definitions), |bencher| {
            bencher.iter(|| dhow_schema::compile_str(black_box(&text)));
        });
    }
    group.finish();
}

criterion_group!(benches, compile_by_definitions);
criterion_main!(benches);
