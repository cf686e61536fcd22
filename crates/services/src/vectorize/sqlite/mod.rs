//! The embedded engine: a file for each index, and the codes of its vectors in memory.
//!
//! The file is the truth and says all; what is in memory is derived from it and follows it (see `memory`). Commands
//! work on the same files as a server does, at the same time. A search takes milliseconds of computing, so it runs on
//! threads of its own.

mod codes;
mod memory;
mod mutation;
mod search;
mod segment;
mod tables;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use self::memory::Memory;
use self::mutation::{Batch, Change};
use super::{
    Conflict, Description, Match, Page, PropertyKind, Query, Shape, Vector, Vectorize, VectorizeError, limits,
};
use crate::file_name::file_name;
use crate::sqlite::{Database, OpenError};
use crate::threads::Threads;
use crate::{Clock, Pending, block_on};

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
}

/// An index that is there.
struct Opened {
    shape: Shape,
    database: Database,
    memory: RwLock<Memory>,
}

impl SqliteVectorize {
    /// Keeps indexes in `folder`, which must exist.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared { folder, clock, threads: Threads::for_files(), open: Mutex::default() }),
        }
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
        for companion in [file.clone() + "-wal", file.clone() + "-shm"] {
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
        let memory = RwLock::new(Memory::new(shape.dimensions));
        Ok(Some(Self { shape, database, memory }))
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
        let searched = self.shared.threads.run(move || {
            let Opened { shape, database, memory } = &*opened;
            let mut found = Ok(Vec::new());
            let read = database.read(|connection| {
                found = search::search(connection, memory, shape, &query);
                Ok(())
            });
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
