//! Keeps the graph of a large index up with its vectors, in the background: made anew where there is none, read from its
//! file where there is one, grown as vectors come. Until it is there, and for what came since, queries scan; they never
//! wait for it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::codes::Probe;
use super::graph::Graph;
use super::memory::Memory;
use super::segment::ROWS;
use super::{Progress, Watch, graph_file};

/// From how many vectors on an index has a graph: a scan of fewer takes about 20 ms of one core. Tests have fewer.
pub(super) const VECTORS_MIN: usize = if cfg!(test) { 128 } else { 500_000 };
/// One in so many of the vectors that make a graph worth while may lack in it before it is grown.
const BEHIND_SHARE: usize = 64;
/// With more than so many, scanning what lacks is no faster than scanning all.
const BEHIND_MAX: usize = 32 * ROWS;
/// How many vectors are linked at a time; changes of the index wait meanwhile, for some milliseconds.
const STEP: usize = 8;
/// The graph is saved when it has grown by one in so many.
const SAVED_SHARE: usize = 8;
/// How often the progress is told.
const TOLD_TIMES: usize = 10;

/// See the module.
pub(super) struct Keeper {
    path: PathBuf,
    least: usize,
    /// With the generation of the memory that it leads through.
    graph: RwLock<Option<(u64, Arc<Graph>)>>,
    works: AtomicBool,
}

impl Keeper {
    /// For the graph in that file, of an index of at least so many vectors.
    pub(super) fn new(path: PathBuf, least: usize) -> Self {
        Self { path, least, graph: RwLock::default(), works: AtomicBool::new(false) }
    }

    fn of(&self, generation: u64) -> Option<Arc<Graph>> {
        let kept = self.graph.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(known, _)| *known == generation).map(|(_, graph)| Arc::clone(graph))
    }

    /// The numbers of vectors that are probably nearest, those that the graph lacks by a scan; `None` where a scan of
    /// all is better.
    pub(super) fn nearest(&self, memory: &Memory, probe: &Probe, count: usize) -> Option<Vec<i64>> {
        let graph = self.of(memory.generation())?;
        if memory.len() - graph.len() > BEHIND_MAX {
            return None;
        }
        let mut found = graph.nearest(memory, probe, count);
        found.extend(memory.nearest(probe, &memory.since(graph.len()), count));
        Some(found)
    }

    /// Whether there is no graph yet that leads through these vectors.
    #[cfg(test)]
    pub(super) fn is_missing(&self, memory: &Memory) -> bool {
        self.of(memory.generation()).is_none()
    }

    /// Whether there is work, which is then the caller's: [`Keeper::work`].
    pub(super) fn begins(&self, memory: &Memory) -> bool {
        let linked = self.of(memory.generation()).map_or(0, |graph| graph.len());
        let lacks = memory.len() >= self.least && memory.len() - linked > self.least / BEHIND_SHARE;
        lacks && !self.works.swap(true, Ordering::AcqRel)
    }

    /// Makes or grows the graph until it has caught up, or is to stop.
    pub(super) fn work(&self, memory: &RwLock<Memory>, name: &str, stop: &AtomicBool, watch: &Watch) {
        let read = || memory.read().unwrap_or_else(PoisonError::into_inner);
        let generation = read().generation();
        let mut graph = match self.of(generation) {
            Some(graph) => Graph::clone(&graph),
            None => graph_file::load(&read(), &self.path).unwrap_or_default(),
        };
        let tenth = |done: usize, memory: &Memory| done * TOLD_TIMES / memory.len().max(1);
        let (loaded, mut told) = (graph.len(), tenth(graph.len(), &read()));
        loop {
            let memory = read();
            if stop.load(Ordering::Relaxed) || memory.generation() != generation {
                break;
            }
            let has_more = graph.extend(&memory, STEP);
            let tenth = tenth(graph.len(), &memory);
            if tenth > told && graph.len() - loaded > self.least / BEHIND_SHARE {
                told = tenth;
                watch(&Progress { index: name, done: graph.len(), total: memory.len() });
            }
            if !has_more {
                self.publish(graph, loaded, &memory);
                break;
            }
            drop(memory);
            // Whoever waits to take in a change goes first.
            std::thread::yield_now();
        }
        self.works.store(false, Ordering::Release);
    }

    fn publish(&self, graph: Graph, loaded: usize, memory: &Memory) {
        if graph.len() - loaded > graph.len() / SAVED_SHARE {
            // A graph that is not saved is made again after the next start.
            let _ = graph_file::save(&graph, memory, &self.path);
        }
        let kept = Some((memory.generation(), Arc::new(graph)));
        *self.graph.write().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::super::Metric;
    use super::super::graph::tests::{memory, vectors};
    use super::*;

    #[test]
    fn a_graph_is_made_told_of_saved_and_used_with_what_came_since() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.graph");
        let (all, told, stop) = (vectors(400), Arc::new(Mutex::new(Vec::new())), AtomicBool::new(false));
        let telling = Arc::clone(&told);
        let watch: Watch =
            Arc::new(move |progress| telling.lock().unwrap().push((progress.done, progress.total)));
        let shared = RwLock::new(memory(&all[..350], Metric::Cosine));
        assert!(!Keeper::new(path.clone(), 351).begins(&shared.read().unwrap()), "it is too small");
        let keeper = Keeper::new(path.clone(), 350);
        let probe = Probe::new(&all[7].1);
        assert_eq!(keeper.nearest(&shared.read().unwrap(), &probe, 5), None);
        assert!(keeper.begins(&shared.read().unwrap()));
        assert!(!keeper.begins(&shared.read().unwrap()), "one works on it");
        keeper.work(&shared, "a", &stop, &watch);
        assert_eq!(told.lock().unwrap().last(), Some(&(350, 350)));
        assert!(!keeper.begins(&shared.read().unwrap()), "it has caught up");
        for (number, values) in &all[350..] {
            let code = super::super::codes::encode(values, Metric::Cosine);
            shared.write().unwrap().push(*number, 0, &code);
        }
        let (number, newest) = all.last().unwrap();
        let found = keeper.nearest(&shared.read().unwrap(), &Probe::new(newest), 5).unwrap();
        assert!(found.contains(number));
        let again = Keeper::new(path, 350);
        assert!(again.begins(&shared.read().unwrap()));
        told.lock().unwrap().clear();
        again.work(&shared, "a", &stop, &watch);
        assert!(
            told.lock().unwrap().iter().all(|told| told.0 > 350),
            "it was read, and only what came since was linked"
        );
        assert!(again.nearest(&shared.read().unwrap(), &probe, 5).is_some());
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().join("a.graph"), 1);
        let shared = RwLock::new(memory(&vectors(100), Metric::Cosine));
        assert!(keeper.begins(&shared.read().unwrap()));
        keeper.work(&shared, "a", &AtomicBool::new(true), &(Arc::new(|_: &Progress<'_>| {}) as Watch));
        assert_eq!(keeper.nearest(&shared.read().unwrap(), &Probe::new(&[1.0; 32]), 5), None);
    }
}
