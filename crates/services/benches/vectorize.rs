//! What a Vectorize query costs by itself, without a Worker around it: `cargo bench -p hognose-services --bench vectorize
//! -- VECTORS QUERIES`. Prints one line of JSON; `bench/run.py vectorize` reads it beside NumPy's figures.
//!
//! The vectors are random, which is hard on a search: no vector is much nearer than the others.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hognose_services::vectorize::{
    Conflict, Detail, Filter, Metric, PropertyKind, Query, Shape, SqliteIndex, SqliteVectorize, Target,
    Vector, Vectorize,
};
use hognose_services::{SystemClock, block_on};

const DIMENSIONS: usize = 384;
const TOP_K: usize = 10;
const BATCH: usize = 1000;
/// One vector in so many has the property that the filter asks for.
const SHARE: usize = 100;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (count, queries) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(50));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let index = make(folder.path());
    let mut random = Random(1);
    let vectors: Vec<Vec<f32>> = (0..count).map(|_| random.vector()).collect();
    let filled = (Instant::now(), cpu_ms());
    fill(&index, &vectors);
    let (fill_s, fill_cpu_s) = (filled.0.elapsed().as_secs_f64(), (cpu_ms() - filled.1) / 1e3);
    drop(index);

    let resident_before = resident_bytes();
    let index = engine(folder.path()).index("bench");
    let started_ms = cpu_ms();
    query(&index, &vectors[0], None);
    let start_ms = cpu_ms() - started_ms;
    let index_bytes = resident_bytes().saturating_sub(resident_before);

    let asked: Vec<Vec<f32>> = (0..queries).map(|_| random.vector()).collect();
    let filter = Filter::parse("{\"group\": 7}").expect("the filter is right");
    let (plain_ms, found) = time(&asked, |values| query(&index, values, None));
    let (filtered_ms, _) = time(&asked, |values| query(&index, values, Some(filter.clone())));
    println!(
        "{{\"vectors\": {count}, \"query_ms\": {plain_ms}, \"filtered_ms\": {filtered_ms}, \"recall\": {}, \
         \"start_ms\": {start_ms}, \"index_mib\": {}, \"upserts_a_second\": {}, \"upserts_a_cpu_second\": {}}}",
        recall(&vectors, &asked, &found),
        index_bytes >> 20,
        count as f64 / fill_s,
        count as f64 / fill_cpu_s,
    );
}

fn engine(folder: &Path) -> SqliteVectorize {
    SqliteVectorize::new(folder.to_owned(), Arc::new(SystemClock))
}

fn make(folder: &Path) -> SqliteIndex {
    let engine = engine(folder);
    let shape = Shape { dimensions: DIMENSIONS, metric: Metric::Cosine, description: String::new() };
    engine.create("bench", &shape).expect("the index can be made");
    let index = engine.index("bench");
    index.create_metadata_index("group", PropertyKind::Number).expect("the metadata index can be made");
    index
}

fn fill(index: &SqliteIndex, vectors: &[Vec<f32>]) {
    for (start, batch) in (0..).step_by(BATCH).zip(vectors.chunks(BATCH)) {
        let vector = |(number, values): (usize, &Vec<f32>)| Vector {
            id: number.to_string(),
            values: values.clone(),
            namespace: None,
            metadata: Some(format!("{{\"group\": {}}}", number % SHARE)),
        };
        let batch = (start..).zip(batch).map(vector).collect();
        block_on(index.put(batch, Conflict::Replace).wait()).expect("the batch is stored");
    }
}

fn query(index: &SqliteIndex, values: &[f32], filter: Option<Filter>) -> Vec<usize> {
    let query = Query {
        target: Target::Values(values.to_vec()),
        top_k: TOP_K,
        return_values: false,
        return_metadata: Detail::None,
        namespace: None,
        filter,
    };
    let found = block_on(index.query(query).wait()).expect("the query is answered");
    found.iter().map(|found| found.id.parse().expect("ids are numbers")).collect()
}

/// The median CPU time of a query, and what each has found.
fn time(asked: &[Vec<f32>], ask: impl Fn(&[f32]) -> Vec<usize>) -> (f64, Vec<Vec<usize>>) {
    let mut found = Vec::new();
    let mut times: Vec<f64> = Vec::new();
    for values in asked {
        let before_ms = cpu_ms();
        found.push(ask(values));
        times.push(cpu_ms() - before_ms);
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], found)
}

/// The share of the truly nearest vectors that were found.
fn recall(vectors: &[Vec<f32>], asked: &[Vec<f32>], found: &[Vec<usize>]) -> f64 {
    let mut hits = 0;
    for (values, found) in asked.iter().zip(found) {
        let mut scored: Vec<(f64, usize)> =
            vectors.iter().enumerate().map(|(number, vector)| (cosine(values, vector), number)).collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        hits += scored[..TOP_K].iter().filter(|(_, number)| found.contains(number)).count();
    }
    hits as f64 / (asked.len() * TOP_K) as f64
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

/// CPU time of this process's threads: steady on a machine that has other work.
fn cpu_ms() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e6
}

/// What this process holds in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Numbers that are the same in every run (xorshift), normally distributed enough by adding some.
struct Random(u64);

impl Random {
    fn vector(&mut self) -> Vec<f32> {
        (0..DIMENSIONS).map(|_| (0..4).map(|_| self.number()).sum::<f32>()).collect()
    }

    fn number(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}
