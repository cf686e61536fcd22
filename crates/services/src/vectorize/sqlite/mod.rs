//! The embedded engine: a file for each index, and the codes of its vectors in memory.
//!
//! The file is the truth and says all; what is in memory is derived from it and follows it (see `memory`). Commands
//! work on the same files as a server does, at the same time. A search takes milliseconds of computing, so it runs on
//! threads of its own.

mod codes;
#[cfg(feature = "hnsw")]
mod graph;
#[cfg(feature = "hnsw")]
mod graph_file;
#[cfg(feature = "hnsw")]
mod keeper;
mod memory;
mod mutation;
#[cfg(feature = "hnsw")]
mod places;
mod search;
mod segment;
mod tables;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
#[cfg(feature = "hnsw")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

#[cfg(feature = "hnsw")]
use self::keeper::Keeper;
use self::memory::Memory;
use self::mutation::{Batch, Change};
use super::{
    Conflict, Description, Match, Page, PropertyKind, Query, Shape, Vector, Vectorize, VectorizeError, limits,
};
use crate::file_name::file_name;
use crate::sqlite::{Database, OpenError};
use crate::threads::Threads;
use crate::{Clock, Pending, block_on};

/// How far derived data has come that is made again in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The index's name.
    pub index: &'a str,
    /// How many of its vectors are done.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

/// Whoever is told of progress.
pub type Watch = Arc<dyn Fn(&Progress<'_>) + Send + Sync>;

/// The folder with all indexes.
#[derive(Clone)]
pub struct SqliteVectorize {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    threads: Threads,
    /// Those in use.
    open: Mutex<HashMap<String, Arc<Opened>>>,
    watch: Watch,
    #[cfg(feature = "hnsw")]
    graphs: Graphs,
}

/// What makes and grows graphs, one at a time.
#[cfg(feature = "hnsw")]
struct Graphs {
    stop: Arc<AtomicBool>,
    threads: Threads,
}

#[cfg(feature = "hnsw")]
impl Graphs {
    fn new() -> Self {
        Self { stop: Arc::default(), threads: Threads::start("graph", 1) }
    }
}

#[cfg(feature = "hnsw")]
impl Drop for Graphs {
    fn drop(&mut self) {
        // The thread is waited for; a graph takes minutes.
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// An index that is there.
struct Opened {
    shape: Shape,
    database: Database,
    memory: RwLock<Memory>,
    #[cfg(feature = "hnsw")]
    graph: Keeper,
}

impl SqliteVectorize {
    /// Keeps indexes in `folder`, which must exist.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self::watched(folder, clock, Arc::new(|_| {}))
    }

    /// The same, with somebody who is told how far derived data has come that takes long to make.
    pub fn watched(folder: PathBuf, clock: Arc<dyn Clock>, watch: Watch) -> Self {
        let shared = Shared {
            folder,
            clock,
            threads: Threads::for_files(),
            open: Mutex::default(),
            #[cfg(feature = "hnsw")]
            graphs: Graphs::new(),
            watch,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The index of that name. Whether it is there shows when it is used: it may be made later.
    pub fn index(&self, name: &str) -> SqliteIndex {
        SqliteIndex { shared: Arc::clone(&self.shared), name: name.to_owned() }
    }

    /// Makes an index. Waits for the disk.
    pub fn create(&self, name: &str, shape: &Shape) -> Result<(), VectorizeError> {
        check_name(name)?;
        let (least, most) = (limits::DIMENSIONS_MIN, limits::DIMENSIONS_MAX);
        if !(least..=most).contains(&shape.dimensions) {
            let text = format!("an index has {least} to {most} dimensions, not {}", shape.dimensions);
            return Err(VectorizeError::refused(40004, text));
        }
        let database = Database::open(&self.shared.path(name), &tables::SCHEMA)?;
        let (shape, now_ms) = (shape.clone(), self.shared.clock.now_ms());
        let made = block_on(database.write(move |transaction| tables::make(transaction, &shape, now_ms)))?;
        if made { Ok(()) } else { Err(VectorizeError::Exists { name: name.to_owned() }) }
    }

    /// Removes an index with all that is in it. Waits for the disk.
    pub fn delete(&self, name: &str) -> Result<(), VectorizeError> {
        let opened = self.shared.opened(name)?;
        block_on(opened.database.write(tables::mark_deleted))?;
        self.shared.close(name);
        drop(opened);
        let path = self.shared.path(name);
        let file = path.to_string_lossy().into_owned();
        let graph = path.with_extension("graph").to_string_lossy().into_owned();
        for companion in [file.clone() + "-wal", file.clone() + "-shm", graph] {
            // They are gone already where nobody else has the file open.
            let _ = fs::remove_file(companion);
        }
        fs::remove_file(&path).map_err(|error| VectorizeError::Engine { cause: error.to_string() })
    }

    /// The names of all indexes, in order.
    pub fn names(&self) -> Result<Vec<String>, VectorizeError> {
        let failed = |error: std::io::Error| VectorizeError::Engine { cause: error.to_string() };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.shared.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let is_file = path.extension().is_some_and(|extension| extension == "sqlite");
            if is_file && self.shared.opened(&name).is_ok() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

fn check_name(name: &str) -> Result<(), VectorizeError> {
    let limit = limits::NAME_MAX_BYTES;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=limit).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let text = format!("an index's name has 1 to {limit} characters out of a-z, 0-9 and -, unlike {name:?}");
    Err(VectorizeError::refused(40004, text))
}

impl Shared {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.sqlite", file_name(name)))
    }

    /// The index, opened now if need be, and anew if it was deleted and made again.
    fn opened(&self, name: &str) -> Result<Arc<Opened>, VectorizeError> {
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(opened) = known
            && opened.database.read(tables::exists)?
        {
            return Ok(opened);
        }
        self.close(name);
        let missing = || VectorizeError::Missing { name: name.to_owned() };
        let opened = Arc::new(Opened::at(&self.path(name))?.ok_or_else(missing)?);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(open.entry(name.to_owned()).or_insert(opened)))
    }

    /// Has whatever derived data lacks made in the background.
    fn tend(&self, name: &str, opened: &Arc<Opened>) {
        let read = || opened.memory.read().unwrap_or_else(PoisonError::into_inner);
        if read().was_mended() {
            let (metric, total) = (opened.shape.metric, read().len());
            (self.watch)(&Progress { index: name, done: total, total });
            // What is in memory is whole already; a failure is met again at the next start.
            drop(opened.database.write(move |transaction| tables::make_codes(transaction, metric)));
        }
        #[cfg(feature = "hnsw")]
        if opened.graph.begins(&read()) {
            let (opened, name) = (Arc::clone(opened), name.to_owned());
            let (stop, watch) = (Arc::clone(&self.graphs.stop), Arc::clone(&self.watch));
            drop(self.graphs.threads.run(move || {
                opened.graph.work(&opened.memory, &name, &stop, &watch);
                Ok(())
            }));
        }
    }

    fn close(&self, name: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Opened {
    fn at(path: &Path) -> Result<Option<Self>, VectorizeError> {
        // Opening would make the file.
        if !path.is_file() {
            return Ok(None);
        }
        let database = Database::open(path, &tables::SCHEMA)?;
        let Some(shape) = database.read(tables::shape)? else { return Ok(None) };
        Ok(Some(Self {
            memory: RwLock::new(Memory::new(shape.dimensions, shape.metric)),
            #[cfg(feature = "hnsw")]
            graph: Keeper::new(path.with_extension("graph"), keeper::VECTORS_MIN),
            shape,
            database,
        }))
    }
}

/// One index of a [`SqliteVectorize`].
#[derive(Clone)]
pub struct SqliteIndex {
    shared: Arc<Shared>,
    name: String,
}

impl SqliteIndex {
    /// Begins to read the index into memory, so that the first query need not wait for that. An index that is not there
    /// or cannot be read says so when it is used.
    pub fn warm(&self) {
        let index = self.clone();
        drop(self.shared.threads.run(move || {
            if let Ok(opened) = index.shared.opened(&index.name) {
                let _ = opened.database.read(|connection| search::warm(connection, &opened.memory));
                index.shared.tend(&index.name, &opened);
            }
            Ok(())
        }));
    }

    /// One page of ids, of at most `limit` that come after `after`.
    pub fn list(&self, after: &str, limit: usize) -> Result<Page, VectorizeError> {
        let opened = self.shared.opened(&self.name)?;
        Ok(opened.database.read(|connection| {
            let mut ids = tables::list(connection, after, limit + 1)?;
            let complete = ids.len() <= limit;
            ids.truncate(limit);
            Ok(Page { ids, complete, total: tables::vector_count(connection)? })
        })?)
    }

    /// The metadata indexes: paths and kinds, by path.
    pub fn metadata_indexes(&self) -> Result<Vec<(String, PropertyKind)>, VectorizeError> {
        let opened = self.shared.opened(&self.name)?;
        let properties = opened.database.read(tables::properties)?;
        Ok(properties.into_iter().map(|property| (property.path, property.kind)).collect())
    }

    /// Makes a metadata index, which takes in what is stored from now on. Waits for the disk.
    pub fn create_metadata_index(&self, path: &str, kind: PropertyKind) -> Result<(), VectorizeError> {
        let existing = self.metadata_indexes()?;
        if path.is_empty() || path.contains(['"', '|']) || path.starts_with('$') {
            let text = format!("{path:?} cannot be indexed: no filter could name it");
            return Err(VectorizeError::refused(40004, text));
        }
        if existing.iter().any(|(known, _)| known == path) {
            let text = format!("there is a metadata index on \"{path}\" already");
            return Err(VectorizeError::refused(40004, text));
        }
        let limit = limits::METADATA_INDEXES_MAX;
        if existing.len() >= limit {
            let text = format!("an index has at most {limit} metadata indexes");
            return Err(VectorizeError::refused(40004, text));
        }
        let (opened, path) = (self.shared.opened(&self.name)?, path.to_owned());
        let made = opened.database.write(move |transaction| tables::make_property(transaction, &path, kind));
        Ok(block_on(made)?)
    }

    /// Removes a metadata index; whether there was one. Waits for the disk.
    pub fn delete_metadata_index(&self, path: &str) -> Result<bool, VectorizeError> {
        let (opened, path) = (self.shared.opened(&self.name)?, path.to_owned());
        Ok(block_on(opened.database.write(move |transaction| tables::remove_property(transaction, &path)))?)
    }

    /// Has a change made, and gives its id once it is durable.
    fn mutate(
        &self,
        opened: &Arc<Opened>,
        apply: impl Fn(&mut Change<'_>) -> rusqlite::Result<Result<(), VectorizeError>> + Send + 'static,
    ) -> Pending<Result<String, VectorizeError>> {
        let now_ms = self.shared.clock.now_ms();
        let id = mutation::new_id(now_ms);
        let noted = id.clone();
        let written = opened.database.write(move |transaction| {
            let mut change = Change::begin(transaction)?;
            match apply(&mut change)? {
                Ok(()) => change.finish(&noted, now_ms).map(Ok),
                Err(refused) => Ok(Err(refused)),
            }
        });
        Pending::later(async move { written.await?.map(|()| id) })
    }
}

impl Vectorize for SqliteIndex {
    fn shape(&self) -> Pending<Result<Shape, VectorizeError>> {
        Pending::Ready(self.shared.opened(&self.name).map(|opened| opened.shape.clone()))
    }

    fn put(&self, vectors: Vec<Vector>, conflict: Conflict) -> Pending<Result<String, VectorizeError>> {
        let opened = match self.shared.opened(&self.name) {
            Ok(opened) => opened,
            Err(error) => return Pending::Ready(Err(error)),
        };
        let batch = Batch::new(vectors, conflict, opened.shape.metric);
        self.mutate(&opened, move |change| batch.apply(change))
    }

    fn delete(&self, ids: Vec<String>) -> Pending<Result<String, VectorizeError>> {
        match self.shared.opened(&self.name) {
            Ok(opened) => self.mutate(&opened, move |change| mutation::delete(change, &ids).map(Ok)),
            Err(error) => Pending::Ready(Err(error)),
        }
    }

    fn get(&self, ids: Vec<String>) -> Pending<Result<Vec<Vector>, VectorizeError>> {
        let read = |opened: Arc<Opened>| {
            let mut found = Vec::new();
            opened.database.read(|connection| {
                for id in ids {
                    if let Some(stored) = tables::find(connection, &id)? {
                        let tables::Stored { namespace, values, metadata } = stored;
                        found.push(Vector { id, values, namespace, metadata });
                    }
                }
                Ok(())
            })?;
            Ok(found)
        };
        Pending::Ready(self.shared.opened(&self.name).and_then(read))
    }

    fn query(&self, query: Query) -> Pending<Result<Vec<Match>, VectorizeError>> {
        let opened = match self.shared.opened(&self.name) {
            Ok(opened) => opened,
            Err(error) => return Pending::Ready(Err(error)),
        };
        let index = self.clone();
        let searched = self.shared.threads.run(move || {
            let mut found = Ok(Vec::new());
            let read = opened.database.read(|connection| {
                found = search::search(connection, &opened, &query);
                Ok(())
            });
            index.shared.tend(&index.name, &opened);
            Ok(read.map_err(VectorizeError::from).and(found))
        });
        let ended = |error: std::io::Error| VectorizeError::Engine { cause: error.to_string() };
        Pending::later(async move { searched.await.map_err(ended)? })
    }

    fn describe(&self) -> Pending<Result<Description, VectorizeError>> {
        let read = |opened: Arc<Opened>| {
            let (vector_count, processed_up_to) = opened.database.read(|connection| {
                Ok((tables::vector_count(connection)?, tables::last_mutation(connection)?))
            })?;
            Ok(Description { shape: opened.shape.clone(), vector_count, processed_up_to })
        };
        Pending::Ready(self.shared.opened(&self.name).and_then(read))
    }
}

impl From<OpenError> for VectorizeError {
    fn from(error: OpenError) -> Self {
        Self::Engine { cause: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Detail, Metric, Target};
    use super::*;
    use crate::SystemClock;

    const DIMENSIONS: usize = 32;

    /// How many vectors were done, of how many.
    type Told = Arc<Mutex<Vec<(usize, usize)>>>;

    /// The engine on a folder, and what it has told of progress.
    fn engine(folder: &Path) -> (SqliteVectorize, Told) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let watch =
            move |progress: &Progress<'_>| telling.lock().unwrap().push((progress.done, progress.total));
        (SqliteVectorize::watched(folder.to_owned(), Arc::new(SystemClock), Arc::new(watch)), told)
    }

    /// A vector that points the more towards the second axis the greater its number.
    fn vector(number: usize) -> Vector {
        let mut values = vec![0.0; DIMENSIONS];
        (values[0], values[1]) = (1.0, number as f32 / 100.0);
        Vector { id: number.to_string(), values, namespace: None, metadata: None }
    }

    fn fill(engine: &SqliteVectorize, count: usize) -> SqliteIndex {
        let shape = Shape { dimensions: DIMENSIONS, metric: Metric::Cosine, description: String::new() };
        engine.create("a", &shape).unwrap();
        let index = engine.index("a");
        block_on(index.put((0..count).map(vector).collect(), Conflict::Keep).wait()).unwrap();
        index
    }

    fn nearest(index: &SqliteIndex, number: usize) -> Vec<String> {
        let query = Query {
            target: Target::Values(vector(number).values),
            top_k: 3,
            return_values: false,
            return_metadata: Detail::None,
            namespace: None,
            filter: None,
        };
        let mut ids: Vec<String> =
            block_on(index.query(query).wait()).unwrap().into_iter().map(|found| found.id).collect();
        ids.sort();
        ids
    }

    #[test]
    fn codes_that_are_lost_are_made_again_of_the_vectors() {
        let folder = tempfile::tempdir().unwrap();
        drop(fill(&engine(folder.path()).0, 100));
        let file = folder.path().join("a.sqlite");
        let count = || {
            let connection = rusqlite::Connection::open(&file).unwrap();
            connection.query_row("SELECT count(*) FROM codes", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let damage = rusqlite::Connection::open(&file).unwrap();
        damage.execute("DELETE FROM codes WHERE number % 3 = 0", []).unwrap();
        drop(damage);
        assert!(count() < 100);
        let (damaged, told) = engine(folder.path());
        assert_eq!(nearest(&damaged.index("a"), 50), ["49", "50", "51"]);
        assert_eq!(*told.lock().unwrap(), [(100, 100)]);
        assert_eq!(nearest(&damaged.index("a"), 60), ["59", "60", "61"]);
        assert_eq!(told.lock().unwrap().len(), 1, "that was told once");
        drop(damaged);
        assert_eq!(count(), 100);
    }

    #[cfg(feature = "hnsw")]
    #[test]
    fn a_large_index_has_a_graph_that_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (made, told) = engine(folder.path());
        let index = fill(&made, 200);
        let file = folder.path().join("a.graph");
        assert_eq!(nearest(&index, 50), ["49", "50", "51"]);
        drop((index, made));
        // Whatever had begun has ended, and is saved or was stopped.
        let (made, _) = engine(folder.path());
        let index = made.index("a");
        let opened = made.shared.opened("a").unwrap();
        while opened.graph.is_missing(&opened.memory.read().unwrap()) {
            assert_eq!(nearest(&index, 50), ["49", "50", "51"]);
        }
        assert!(file.is_file() && told.lock().unwrap().len() <= 10);
        assert_eq!(nearest(&index, 100), ["100", "101", "99"]);
        block_on(index.delete(vec!["100".to_owned()]).wait()).unwrap();
        assert_eq!(nearest(&index, 100), ["101", "102", "99"]);
        drop((index, opened));
        made.delete("a").unwrap();
        assert!(!file.exists());
    }
}
