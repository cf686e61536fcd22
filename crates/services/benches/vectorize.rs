//! What a Vectorize query costs by itself, without a Worker around it: `cargo bench -p hognose-services --bench vectorize
//! -- VECTORS QUERIES CLUSTERS`. Prints one line of JSON; `bench/run.py vectorize` reads it beside NumPy's figures.
//!
//! Without clusters the vectors are random, which is hard on a search: no vector is much nearer than the others. Those of
//! texts lie in clusters, and only there a graph (`--features hnsw`, which half a million vectors take) finds its way.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use hognose_services::vectorize::{
    Conflict, Detail, Filter, Metric, Progress, PropertyKind, Query, Shape, SqliteIndex, SqliteVectorize,
    Target, Vector, Vectorize,
};
use hognose_services::{SystemClock, block_on};

const DIMENSIONS: usize = 384;
const TOP_K: usize = 10;
const BATCH: usize = 1000;
/// From how many vectors on an index has a graph.
const GRAPH_MIN: usize = 500_000;
/// One vector in so many has the property that the filter asks for.
const SHARE: usize = 100;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (count, queries) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(50));
    let vectors = Vectors { clusters: numbers.next().unwrap_or(0) };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (first_s, last_s, fill_cpu_s) = fill(&make(folder.path()), &vectors, count);

    let resident_before = resident_bytes();
    let (engine, grown) = engine(folder.path());
    let index = engine.index("bench");
    let started_ms = cpu_ms();
    query(&index, &vectors.get(0), None);
    let start_ms = cpu_ms() - started_ms;
    let scan_bytes = resident_bytes().saturating_sub(resident_before);

    let asked: Vec<Vec<f32>> = (count..count + queries).map(|number| vectors.get(number)).collect();
    let filter = Filter::parse("{\"group\": 7}").expect("the filter is right");
    let nearest = nearest(&vectors, count, &asked);
    let (plain_ms, found) = time(&asked, |values| query(&index, values, None));
    let (filtered_ms, _) = time(&asked, |values| query(&index, values, Some(filter.clone())));
    let scan = recall(&nearest, &found);
    let graph_cpu_s = wait_for_graph(&grown, count);
    let (graph_ms, found) = time(&asked, |values| query(&index, values, None));
    println!(
        "{{\"vectors\": {count}, \"query_ms\": {plain_ms}, \"filtered_ms\": {filtered_ms}, \"recall\": {scan}, \
         \"start_ms\": {start_ms}, \"index_mib\": {}, \"first_upserts_a_second\": {}, \"last_upserts_a_second\": {}, \
         \"upserts_a_cpu_second\": {}, \"graph_cpu_s\": {graph_cpu_s}, \"graph_query_ms\": {graph_ms}, \
         \"graph_recall\": {}, \"resident_mib\": {}}}",
        scan_bytes >> 20,
        (count / 10) as f64 / first_s,
        (count / 10) as f64 / last_s,
        count as f64 / fill_cpu_s,
        recall(&nearest, &found),
        resident_bytes() >> 20,
    );
}

/// The engine, and what tells that an index's graph is whole.
fn engine(folder: &Path) -> (SqliteVectorize, Receiver<()>) {
    let (whole, grown) = channel();
    let watch = move |progress: &Progress<'_>| {
        eprintln!("{} of {} linked", progress.done, progress.total);
        if progress.done == progress.total {
            // Nobody waits where there is no graph.
            let _ = whole.send(());
        }
    };
    (SqliteVectorize::watched(folder.to_owned(), Arc::new(SystemClock), Arc::new(watch)), grown)
}

/// The CPU time in seconds that passes until a graph is there; none where there will not be one.
fn wait_for_graph(grown: &Receiver<()>, count: usize) -> f64 {
    let before_ms = cpu_ms();
    if cfg!(feature = "hnsw") && count >= GRAPH_MIN {
        grown.recv().expect("the graph is made");
        // It is saved, and then taken into use.
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    (cpu_ms() - before_ms) / 1e3
}

fn make(folder: &Path) -> SqliteIndex {
    let (engine, _) = engine(folder);
    let shape = Shape { dimensions: DIMENSIONS, metric: Metric::Cosine, description: String::new() };
    engine.create("bench", &shape).expect("the index can be made");
    let index = engine.index("bench");
    index.create_metadata_index("group", PropertyKind::Number).expect("the metadata index can be made");
    index
}

/// Stores so many vectors; how long the first and the last tenth took, and the CPU time of all, in seconds.
fn fill(index: &SqliteIndex, vectors: &Vectors, count: usize) -> (f64, f64, f64) {
    let (mut batches_s, mut cpu_s) = (Vec::new(), 0.0);
    for start in (0..count).step_by(BATCH) {
        let vector = |number: usize| Vector {
            id: number.to_string(),
            values: vectors.get(number),
            namespace: None,
            metadata: Some(format!("{{\"group\": {}}}", number % SHARE)),
        };
        let batch = (start..count.min(start + BATCH)).map(vector).collect();
        let before = (Instant::now(), cpu_ms());
        block_on(index.put(batch, Conflict::Replace).wait()).expect("the batch is stored");
        batches_s.push(before.0.elapsed().as_secs_f64());
        cpu_s += (cpu_ms() - before.1) / 1e3;
    }
    let tenth = batches_s.len() / 10;
    (batches_s[..tenth].iter().sum(), batches_s[batches_s.len() - tenth..].iter().sum(), cpu_s)
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

/// The truly nearest vectors of each query, by their numbers.
fn nearest(vectors: &Vectors, count: usize, asked: &[Vec<f32>]) -> Vec<Vec<usize>> {
    let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::new(); asked.len()];
    for number in 0..count {
        let values = vectors.get(number);
        for (values_asked, best) in asked.iter().zip(&mut best) {
            let score = product(values_asked, &values);
            if best.len() < TOP_K || best.last().is_some_and(|worst| score > worst.0) {
                let place = best.partition_point(|(better, _)| *better >= score);
                best.insert(place, (score, number));
                best.truncate(TOP_K);
            }
        }
    }
    best.into_iter().map(|best| best.into_iter().map(|(_, number)| number).collect()).collect()
}

/// The share of the truly nearest vectors that were found.
fn recall(nearest: &[Vec<usize>], found: &[Vec<usize>]) -> f64 {
    let hits =
        nearest.iter().zip(found).flat_map(|(nearest, found)| nearest.iter().filter(|id| found.contains(id)));
    hits.count() as f64 / (nearest.len() * TOP_K) as f64
}

fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (one, other) in one.as_chunks::<16>().0.iter().zip(other.as_chunks::<16>().0) {
        one.iter().zip(other).zip(&mut sums).for_each(|((a, b), sum)| *sum += a * b);
    }
    sums.iter().sum()
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

/// Vectors of length 1 by their numbers, the same in every run.
struct Vectors {
    clusters: usize,
}

impl Vectors {
    fn get(&self, number: usize) -> Vec<f32> {
        let mut values = Random::of(number + 1).vector();
        if let Some(cluster) = number.checked_rem(self.clusters) {
            let centre = Random::of(usize::MAX - cluster).vector();
            values.iter_mut().zip(centre).for_each(|(value, centre)| *value = *value / 2.0 + centre);
        }
        let length = product(&values, &values).sqrt();
        for value in &mut values {
            *value /= length;
        }
        values
    }
}

/// Numbers that are the same in every run (xorshift), normally distributed enough by adding some.
struct Random(u64);

impl Random {
    fn of(seed: usize) -> Self {
        Self((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

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
