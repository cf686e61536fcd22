//! A graph through the codes of an index, along which a search finds near vectors without looking at them all (HNSW:
//! Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
//! world graphs").
//!
//! A node is a vector by its place in [`Memory`]. All are on the base level, few on each above it; a search goes down from
//! the top, on each level from node to node as long as it comes nearer, and keeps the best it has met. What the graph
//! finds are candidates, as what a scan finds: their exact values decide. Vectors that were removed stay as stepping
//! stones, and are no candidates.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use super::codes::Probe;
use super::memory::Memory;

/// How many links a node has on each level above the base, at most.
pub(super) const LINKS: usize = 16;
/// How many on the base.
pub(super) const LINKS_BASE: usize = 32;
/// How many near nodes are looked at to link a new one.
const BREADTH_BUILDING: usize = 100;
/// How many more candidates than were asked for a search keeps on its way.
const BREADTH_MORE: usize = 128;
/// The highest level there can be: of so many nodes as there may be vectors, none reaches it.
pub(super) const LEVEL_MAX: usize = 12;
/// Where a node has fewer links.
pub(super) const NO_LINK: u32 = u32::MAX;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Graph {
    /// The links of the base, [`LINKS_BASE`] for each node.
    pub(super) base: Vec<u32>,
    /// The links above it, from the first level on, of the nodes that have them.
    pub(super) above: HashMap<u32, Vec<Vec<u32>>>,
    /// Where a search begins: the first node that has come as high as any.
    pub(super) entry: u32,
}

/// A node, and how near it is: the greater its rank, the nearer.
#[derive(Clone, Copy, Debug)]
struct Near {
    rank: f32,
    node: u32,
}

/// The nodes that a search has met.
#[derive(Default)]
struct Met {
    bits: Vec<u64>,
    nodes: Vec<u32>,
}

impl Met {
    fn begin(&mut self, count: usize) {
        self.nodes.drain(..).for_each(|node| self.bits[node as usize / 64] = 0);
        self.bits.resize(self.bits.len().max(count.div_ceil(64)), 0);
    }

    /// Whether the node is met for the first time.
    fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (&mut self.bits[node as usize / 64], 1 << (node % 64));
        let is_new = *word & bit == 0;
        if is_new {
            *word |= bit;
            self.nodes.push(node);
        }
        is_new
    }
}

impl Graph {
    /// How many nodes it has: the first of the memory's.
    pub(super) fn len(&self) -> usize {
        self.base.len() / LINKS_BASE
    }

    /// The numbers of the vectors that are probably nearest, the best first.
    pub(super) fn nearest(&self, memory: &Memory, probe: &Probe, count: usize) -> Vec<i64> {
        if self.base.is_empty() {
            return Vec::new();
        }
        let walk = Walk { graph: self, memory, probe };
        let mut met = Met::default();
        let from = walk.descend(0, &mut met);
        let found = walk.level(0, from, count + BREADTH_MORE, &mut met, |node| memory.is_alive(node));
        found.into_iter().take(count).map(|near| memory.number(near.node)).collect()
    }

    /// Links the memory's next few vectors, at most `count`; whether there are more.
    pub(super) fn extend(&mut self, memory: &Memory, count: usize) -> bool {
        let mut met = Met::default();
        let end = memory.len().min(self.len() + count);
        for node in self.len()..end {
            self.add(memory, node as u32, &mut met);
        }
        end < memory.len()
    }

    fn add(&mut self, memory: &Memory, node: u32, met: &mut Met) {
        let (level, top) = (level_of(memory.number(node)), self.top());
        let is_first = self.base.is_empty();
        self.base.resize(self.base.len() + LINKS_BASE, NO_LINK);
        if level > 0 {
            self.above.insert(node, vec![Vec::new(); level]);
        }
        if is_first {
            self.entry = node;
            return;
        }
        let probe = memory.probe(node);
        let mut near = Walk { graph: self, memory, probe: &probe }.descend(level.min(top), met);
        for level in (0..=level.min(top)).rev() {
            let walk = Walk { graph: self, memory, probe: &probe };
            near = walk.level(level, near, BREADTH_BUILDING, met, |_| true);
            let chosen = choose(memory, node, &near, LINKS);
            for neighbour in &chosen {
                self.link(memory, *neighbour, node, level);
            }
            self.set_links(node, level, &chosen);
        }
        if level > top {
            self.entry = node;
        }
    }

    /// Adds a link; a node with too many keeps the best.
    fn link(&mut self, memory: &Memory, from: u32, to: u32, level: usize) {
        let limit = if level == 0 { LINKS_BASE } else { LINKS };
        let mut links: Vec<u32> = self.links(from, level).collect();
        links.push(to);
        if links.len() > limit {
            let probe = memory.probe(from);
            let mut near: Vec<Near> =
                links.iter().map(|node| Near { rank: memory.rank(&probe, *node), node: *node }).collect();
            near.sort_unstable_by_key(|near| Reverse(*near));
            links = choose(memory, from, &near, limit);
        }
        self.set_links(from, level, &links);
    }

    fn links(&self, node: u32, level: usize) -> impl Iterator<Item = u32> {
        let links = match level.checked_sub(1) {
            None => &self.base[node as usize * LINKS_BASE..][..LINKS_BASE],
            Some(above) => {
                self.above.get(&node).and_then(|levels| levels.get(above)).map_or(&[][..], |links| links)
            }
        };
        links.iter().copied().take_while(|link| *link != NO_LINK)
    }

    fn set_links(&mut self, node: u32, level: usize, links: &[u32]) {
        match level.checked_sub(1) {
            None => {
                let place = &mut self.base[node as usize * LINKS_BASE..][..LINKS_BASE];
                place.fill(NO_LINK);
                place[..links.len()].copy_from_slice(links);
            }
            Some(above) => {
                if let Some(place) = self.above.get_mut(&node).and_then(|levels| levels.get_mut(above)) {
                    *place = links.to_vec();
                }
            }
        }
    }

    /// The highest level that a node has.
    fn top(&self) -> usize {
        self.above.get(&self.entry).map_or(0, Vec::len)
    }
}

/// A search along a graph.
struct Walk<'a> {
    graph: &'a Graph,
    memory: &'a Memory,
    probe: &'a Probe,
}

impl Walk<'_> {
    /// The nearest node that is met on the way down to a level, that level left out.
    fn descend(&self, to: usize, met: &mut Met) -> Vec<Near> {
        let entry = self.graph.entry;
        let mut near = vec![Near { rank: self.memory.rank(self.probe, entry), node: entry }];
        for level in (to + 1..=self.graph.top()).rev() {
            near = self.level(level, near, 1, met, |_| true);
        }
        near
    }

    /// The nearest nodes of a level that are met from there and count, the best first, at most `breadth`. The others are
    /// ways only, however many lie side by side.
    fn level(
        &self,
        level: usize,
        from: Vec<Near>,
        breadth: usize,
        met: &mut Met,
        counts: impl Fn(u32) -> bool,
    ) -> Vec<Near> {
        met.begin(self.graph.len());
        for near in &from {
            met.insert(near.node);
        }
        let mut best: BinaryHeap<Reverse<Near>> =
            from.iter().filter(|near| counts(near.node)).map(|near| Reverse(*near)).collect();
        let mut open: BinaryHeap<Near> = from.into();
        while let Some(near) = open.pop() {
            let worst =
                |best: &BinaryHeap<Reverse<Near>>| best.peek().map_or(f32::NEG_INFINITY, |near| near.0.rank);
            if best.len() >= breadth && near.rank < worst(&best) {
                break;
            }
            for node in self.graph.links(near.node, level) {
                if !met.insert(node) {
                    continue;
                }
                let rank = self.memory.rank(self.probe, node);
                if best.len() < breadth || rank > worst(&best) {
                    open.push(Near { rank, node });
                    best.extend(counts(node).then_some(Reverse(Near { rank, node })));
                }
                if best.len() > breadth {
                    best.pop();
                }
            }
        }
        best.into_sorted_vec().into_iter().map(|near| near.0).collect()
    }
}

/// Whom a node is linked with, out of those near to it, the nearest first: those that are nearer to it than to each other,
/// so that links lead into every direction; then the nearest of the others.
fn choose(memory: &Memory, node: u32, near: &[Near], limit: usize) -> Vec<u32> {
    let (mut chosen, mut others) = (Vec::with_capacity(limit), Vec::new());
    for candidate in near.iter().map(|near| near.node) {
        if chosen.len() == limit {
            break;
        }
        let probe = memory.probe(candidate);
        let rank = memory.rank(&probe, node);
        if chosen.iter().all(|other| memory.rank(&probe, *other) < rank) {
            chosen.push(candidate);
        } else {
            others.push(candidate);
        }
    }
    let room = limit - chosen.len();
    chosen.extend(others.into_iter().take(room));
    chosen
}

/// The highest level of a vector, by its number: one in [`LINKS`] is on the first level, one in `LINKS²` on the second.
pub(super) fn level_of(number: i64) -> usize {
    // SplitMix64's last steps, which leave no pattern of the numbers' order.
    let mut bits = number.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let zeros = (bits ^ (bits >> 31)).trailing_zeros();
    (zeros / LINKS.trailing_zeros()).min(LEVEL_MAX as u32) as usize
}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Near {}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::Metric;
    use super::super::codes::encode;
    use super::*;

    const DIMENSIONS: usize = 32;

    /// Vectors in 12 clusters, the same in every run, with numbers that leave gaps.
    pub(in super::super) fn vectors(count: usize) -> Vec<(i64, Vec<f32>)> {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        };
        let centres: Vec<Vec<f32>> = (0..12).map(|_| (0..DIMENSIONS).map(|_| random()).collect()).collect();
        let vector = |index: usize| {
            let centre = &centres[index % centres.len()];
            (3 * index as i64 + 1, centre.iter().map(|value| value + random() / 3.0).collect())
        };
        (0..count).map(vector).collect()
    }

    pub(in super::super) fn memory(vectors: &[(i64, Vec<f32>)], metric: Metric) -> Memory {
        let mut memory = Memory::new(DIMENSIONS, metric);
        for (number, values) in vectors {
            memory.push(*number, 0, &encode(values, metric));
        }
        memory
    }

    pub(in super::super) fn graph(memory: &Memory) -> Graph {
        let mut graph = Graph::default();
        while graph.extend(memory, 100) {}
        graph
    }

    /// The share of what a scan finds that the graph finds as well.
    fn recall(metric: Metric, remove: impl Fn(i64) -> bool) -> f64 {
        let vectors = vectors(700);
        let mut memory = memory(&vectors, metric);
        let graph = graph(&memory);
        for (number, _) in vectors.iter().filter(|(number, _)| remove(*number)) {
            memory.remove(*number);
        }
        let (mut hits, mut all) = (0, 0);
        for (_, values) in vectors.iter().step_by(97) {
            let probe = Probe::new(values);
            let found = graph.nearest(&memory, &probe, 10);
            let scanned = memory.nearest(&probe, &memory.all(), 10);
            assert!(found.iter().all(|number| !remove(*number)));
            hits += scanned.iter().filter(|number| found.contains(number)).count();
            all += scanned.len();
        }
        hits as f64 / f64::from(all as u32)
    }

    #[test]
    fn the_graph_finds_what_a_scan_finds() {
        for metric in [Metric::Cosine, Metric::Euclidean, Metric::DotProduct] {
            let recall = recall(metric, |_| false);
            assert!(recall >= 0.95, "{metric:?}: {recall}");
        }
    }

    #[test]
    fn removed_vectors_are_stepping_stones_only() {
        let recall = recall(Metric::Cosine, |number| number % 2 == 0);
        assert!(recall >= 0.95, "{recall}");
    }

    #[test]
    fn it_grows_with_the_memory_and_is_the_same_however_it_grew() {
        let vectors = vectors(500);
        let memory = memory(&vectors, Metric::Cosine);
        let mut steps = Graph::default();
        assert!(steps.nearest(&memory, &Probe::new(&vectors[0].1), 3).is_empty());
        assert!(steps.extend(&memory, 1) && steps.len() == 1);
        assert_eq!(steps.nearest(&memory, &Probe::new(&vectors[9].1), 3), [vectors[0].0]);
        while steps.extend(&memory, 7) {}
        assert_eq!(steps.len(), 500);
        assert_eq!(steps, graph(&memory));
        let limits =
            |node| steps.links(node, 0).count() <= LINKS_BASE && steps.links(node, 1).count() <= LINKS;
        assert!((0..500).all(limits));
    }

    #[test]
    fn few_nodes_are_high() {
        let count = |least| (0..100_000).filter(|number| level_of(*number) >= least).count();
        assert!(
            (5000..7500).contains(&count(1)) && (300..500).contains(&count(2)),
            "{} {}",
            count(1),
            count(2)
        );
    }
}
