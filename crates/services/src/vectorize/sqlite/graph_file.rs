//! A graph in a file beside the index: derived data, so that a start need not link all vectors anew. A file that is
//! missing, damaged or no longer fits is none, and the graph is made again.
//!
//! The file names vectors by their numbers, since places change from one reading of the index to the next, and has the
//! scales of their codes, since an index that was made or restored anew gives the same numbers to others. Its end is a
//! checksum of all before it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::graph::{Graph, LEVEL_MAX, LINKS, LINKS_BASE, NO_LINK, level_of};
use super::memory::Memory;

/// How a file begins; the number is that of its form.
const MAGIC: &[u8; 16] = b"hognose graph 1\n";
const CHECKSUM_BYTES: usize = 32;
/// One in so many of the graph's vectors may be gone from the index: with more, too many ways have broken off.
const GONE_MAX_SHARE: usize = 8;

/// Writes the graph of these vectors, whole or not at all.
pub(super) fn save(graph: &Graph, memory: &Memory, path: &Path) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((graph.len() as u64).to_le_bytes());
    for place in 0..graph.len() as u32 {
        bytes.extend(memory.number(place).to_le_bytes());
        bytes.extend(memory.scale(place).to_le_bytes());
    }
    bytes.extend(graph.base.iter().flat_map(|link| link.to_le_bytes()));
    for place in 0..graph.len() as u32 {
        for links in graph.above.get(&place).into_iter().flatten() {
            bytes.push(links.len() as u8);
            bytes.extend(links.iter().flat_map(|link| link.to_le_bytes()));
        }
    }
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    let partial = path.with_extension("graph-partial");
    fs::File::create(&partial)?.write_all(&bytes)?;
    fs::rename(&partial, path)
}

/// The graph in a file, for the vectors of this memory; `None` where there is none that fits.
pub(super) fn load(memory: &Memory, path: &Path) -> Option<Graph> {
    let bytes = fs::read(path).ok()?;
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    let is_whole = *Sha256::digest(content) == *sum;
    let mut reader = Reader(content.strip_prefix(MAGIC).filter(|_| is_whole)?);
    let count = usize::try_from(u64::from_le_bytes(reader.take()?)).ok()?;
    let mut vector = |_| Some((i64::from_le_bytes(reader.take()?), f32::from_le_bytes(reader.take()?)));
    let vectors = (0..count).map(&mut vector).collect::<Option<Vec<_>>>()?;
    let places = places(memory, &vectors)?;
    let links = |reader: &mut Reader<'_>, count| {
        let link = |_| reader.take().map(u32::from_le_bytes);
        let links = (0..count).map(link).collect::<Option<Vec<_>>>()?;
        Some(links.into_iter().filter_map(|link| *places.get(link as usize)?).collect::<Vec<_>>())
    };
    let kept = places.iter().flatten().count();
    let mut graph = Graph { base: vec![NO_LINK; kept * LINKS_BASE], ..Graph::default() };
    for place in &places {
        let kept = links(&mut reader, LINKS_BASE)?;
        if let Some(place) = place {
            graph.base[*place as usize * LINKS_BASE..][..kept.len()].copy_from_slice(&kept);
        }
    }
    let mut above = HashMap::new();
    for ((number, _), place) in vectors.iter().zip(&places) {
        let mut levels = Vec::new();
        for _ in 0..level_of(*number) {
            let count = usize::from(u8::from_le_bytes(reader.take()?));
            levels.push(links(&mut reader, count.min(LINKS))?);
        }
        if let Some(place) = place.filter(|_| !levels.is_empty()) {
            above.insert(place, levels);
        }
    }
    graph.entry = highest(&above);
    graph.above = above;
    reader.0.is_empty().then_some(graph)
}

/// Where each of the graph's vectors, given by number and scale, is in the memory, if it is still there.
fn places(memory: &Memory, vectors: &[(i64, f32)]) -> Option<Vec<Option<u32>>> {
    let mut place = 0;
    let mut places = Vec::with_capacity(vectors.len());
    for (number, scale) in vectors {
        let is_there = place < memory.len() && memory.number(place as u32) == *number;
        if is_there && memory.scale(place as u32).to_bits() != scale.to_bits() {
            return None;
        }
        places.push(is_there.then_some(place as u32));
        place += usize::from(is_there);
    }
    // All vectors of the memory up to the graph's last are in the graph, or else it is of another index.
    let next = (place < memory.len()).then(|| memory.number(place as u32));
    let fits = vectors.is_sorted_by_key(|(number, _)| number)
        && next.is_none_or(|next| vectors.last().is_some_and(|(last, _)| next > *last));
    let gone = vectors.len() - place;
    (fits && gone * GONE_MAX_SHARE <= vectors.len()).then_some(places)
}

fn highest(above: &HashMap<u32, Vec<Vec<u32>>>) -> u32 {
    let height = |place: &u32| above.get(place).map_or(0, Vec::len).min(LEVEL_MAX);
    above.keys().copied().max_by_key(|place| (height(place), std::cmp::Reverse(*place))).unwrap_or(0)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Metric;
    use super::super::codes::Probe;
    use super::super::graph::tests::{graph, memory, vectors};
    use super::*;

    #[test]
    fn a_graph_is_the_same_after_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.graph");
        let memory = memory(&vectors(700), Metric::Cosine);
        assert_eq!(load(&memory, &path), None);
        let made = graph(&memory);
        save(&made, &memory, &path).unwrap();
        assert_eq!(load(&memory, &path), Some(made));
    }

    #[test]
    fn what_was_removed_since_is_left_out_and_what_came_is_linked_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.graph");
        let mut all = vectors(900);
        let old = memory(&all[..800], Metric::Cosine);
        save(&graph(&old), &old, &path).unwrap();
        let asked = all[10].1.clone();
        all.retain(|(number, _)| number % 30 != 1);
        let new = memory(&all, Metric::Cosine);
        let mut loaded = load(&new, &path).unwrap();
        assert!(loaded.len() < 800 && loaded.len() > 700, "{}", loaded.len());
        while loaded.extend(&new, 10) {}
        let probe = Probe::new(&asked);
        let (found, scanned) = (loaded.nearest(&new, &probe, 10), new.nearest(&probe, &new.all(), 10));
        assert!(scanned.iter().filter(|number| found.contains(number)).count() >= 9);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.graph");
        let all = vectors(400);
        let memory_of = |vectors: &[_]| memory(vectors, Metric::Cosine);
        let whole = memory_of(&all);
        save(&graph(&whole), &whole, &path).unwrap();
        let fewer: Vec<_> = all.iter().filter(|(number, _)| number % 4 != 1).cloned().collect();
        assert_eq!(load(&memory_of(&fewer), &path), None, "too many are gone");
        let others: Vec<_> = all.iter().map(|(number, values)| (number + 1, values.clone())).collect();
        assert_eq!(load(&memory_of(&others), &path), None, "another index");
        let mut changed = all.clone();
        changed[100].1[0] *= 9.0;
        assert_eq!(load(&memory_of(&changed), &path), None, "the same numbers, and another vector");
        let bytes = fs::read(&path).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &bytes[1..], &[], &bytes[..CHECKSUM_BYTES]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(load(&whole, &path), None);
        }
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(load(&whole, &path), None);
    }
}
