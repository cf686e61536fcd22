//! The embedded engine: an index in one SQLite file for all buckets, and contents that are not small as files beside
//! it. An object is what the index says, so it is there whole or not at all; a file that the index does not name is
//! nobody's, and is removed in time. Several processes may use the folder at a time.

mod admin;
mod blobs;
mod digest;
mod lifecycle;
mod link;
mod listing;
mod sealed;
mod tables;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hognose_wire::r2::{Listed, Object, Part, Properties, Upload};

pub use self::admin::BucketInfo;
use self::blobs::{Folder, Place, Reader};
use self::digest::{hex, md5};
pub(crate) use self::link::link_blobs;
use super::{GetOptions, Got, ListQuery, PutOptions, R2, R2Error, conditions};
use crate::pins::Pins;
use crate::sqlite::{Database, OpenError};
use crate::threads::Threads;
use crate::{Clock, Content, Pending, block_on, random};

/// How often a store that is written to removes what is nobody's, in seconds.
const SWEEP_INTERVAL_S: i64 = 60;
/// The class of objects that were put without one.
const STANDARD: &str = "Standard";

/// The folder with all buckets.
#[derive(Clone)]
pub struct SqliteR2 {
    store: Arc<Store>,
}

/// What handles, readers and uploads share.
struct Store {
    /// Ends first, for it may be writing to the index.
    disk: Threads,
    database: Arc<Database>,
    folder: Folder,
    clock: Arc<dyn Clock>,
    pins: Arc<Pins<String>>,
    /// When the next write is to sweep as well, in seconds since the epoch.
    next_sweep_s: AtomicI64,
    /// When the next use is to look at lifecycle rules as well, in seconds since the epoch.
    next_expiry_s: AtomicI64,
}

impl SqliteR2 {
    /// Opens the folder, which must exist, making what is in it where it does not.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Database::open(&folder.join("index.sqlite"), &tables::SCHEMA)?;
        let path: PathBuf = folder.join("blobs");
        let folder = Folder::open(path.clone()).map_err(|source| OpenError::Create { path, source })?;
        let store = Store {
            disk: Threads::for_files(),
            database: Arc::new(database),
            folder,
            clock,
            pins: Arc::default(),
            next_sweep_s: AtomicI64::default(),
            next_expiry_s: AtomicI64::default(),
        };
        Ok(Self { store: Arc::new(store) })
    }

    /// The bucket of that name; made where it does not exist. Waits for the disk then.
    pub fn bucket(&self, name: &str) -> Result<SqliteBucket, R2Error> {
        let database = &self.store.database;
        let found = database.read(|connection| tables::find_bucket(connection, name))?;
        let make = || {
            let name = name.to_owned();
            block_on(database.write(move |transaction| tables::make_bucket(transaction, &name)))
        };
        Ok(SqliteBucket { store: Arc::clone(&self.store), number: found.map_or_else(make, Ok)? })
    }

    /// Removes what is nobody's. The store does so itself while it is written to.
    pub async fn sweep(&self) -> Result<(), R2Error> {
        while self.store.sweep().await? {}
        Ok(())
    }
}

impl Store {
    /// One bounded step of a sweep; gives whether there is more to do.
    fn sweep(self: &Arc<Self>) -> impl Future<Output = rusqlite::Result<bool>> + 'static {
        let (store, now_s) = (Arc::clone(self), self.clock.now_s());
        // The job holds what it needs and not the store, which waits for its jobs when it is dropped.
        let (folder, pins) = (store.folder.clone(), Arc::clone(&store.pins));
        self.database.write(move |transaction| {
            uploads::sweep(transaction, now_s)?;
            tables::sweep(transaction, &folder, &pins, now_s)
        })
    }

    /// Has the writer sweep, where the last time is long ago.
    fn sweep_if_due(self: &Arc<Self>) {
        self.expire_if_due();
        let (now_s, due_s) = (self.clock.now_s(), self.next_sweep_s.load(Ordering::Relaxed));
        if now_s < due_s {
            return;
        }
        let next_s = now_s + SWEEP_INTERVAL_S;
        let exchanged =
            self.next_sweep_s.compare_exchange(due_s, next_s, Ordering::Relaxed, Ordering::Relaxed);
        if exchanged.is_ok() {
            drop(self.sweep());
        }
    }

    /// The content of an object, or a part of it.
    fn content(
        self: &Arc<Self>,
        place: Place,
        (offset, length): (u64, u64),
        ssec_key: Option<Vec<u8>>,
    ) -> Content {
        match place {
            Place::Inline(bytes) => Content::Whole(bytes.slice(offset as usize..(offset + length) as usize)),
            Place::Files(pieces) => {
                Content::Stream(Box::new(Reader::new(Arc::clone(self), pieces, (offset, length), ssec_key)))
            }
        }
    }
}

/// One bucket of a [`SqliteR2`].
pub struct SqliteBucket {
    store: Arc<Store>,
    number: i64,
}

impl SqliteBucket {
    fn read(&self, key: &str, options: &GetOptions) -> Result<Got, R2Error> {
        let found =
            self.store.database.read(|connection| tables::find_content(connection, self.number, key))?;
        let Some((mut object, place)) = found else { return Ok(Got::Missing) };
        if options.only_if.as_ref().is_some_and(|condition| !conditions::holds(condition, Some(&object))) {
            object.range = Some((0, object.size));
            return Ok(Got::Unwanted(object));
        }
        check_key(&object, options.ssec_key.as_deref())?;
        let whole = || Ok((0, object.size));
        let (offset, length) =
            options.range.as_ref().map_or_else(whole, |range| conditions::resolve(range, object.size))?;
        object.range = Some((offset, length));
        let content = self.store.content(place, (offset, length), options.ssec_key.clone());
        Ok(Got::Found(object, content))
    }
}

impl R2 for SqliteBucket {
    fn head(&self, key: &str) -> Pending<Result<Option<Object>, R2Error>> {
        let found = self.store.database.read(|connection| tables::find(connection, self.number, key));
        let with_range = |object: Object| Object { range: Some((0, object.size)), ..object };
        Pending::Ready(found.map(|object| object.map(with_range)).map_err(R2Error::from))
    }

    fn get(&self, key: &str, options: GetOptions) -> Pending<Result<Got, R2Error>> {
        self.store.expire_if_due();
        Pending::Ready(self.read(key, &options))
    }

    fn put(
        &self,
        key: &str,
        content: Content,
        options: PutOptions,
    ) -> Pending<Result<Option<Object>, R2Error>> {
        let (store, bucket) = (Arc::clone(&self.store), self.number);
        let PutOptions { only_if, properties, checksum } = options;
        let ssec_key = properties.ssec_key.clone();
        let object = object_to_be(key, properties);
        store.sweep_if_due();
        Pending::later(async move {
            let inline_max = ssec_key.is_none().then_some(blobs::INLINE_MAX_BYTES);
            let taken = blobs::take(&store, content, checksum, inline_max, ssec_key).await?;
            let now_ms = store.clock.now_ms();
            let object = Object {
                version: random::name(),
                size: taken.size,
                etag: hex(&taken.checksums[0].1),
                uploaded: now_ms,
                checksums: taken.checksums,
                ..object
            };
            let (stored, place) = (object.clone(), taken.place);
            let put = store.database.write(move |transaction| {
                let put = tables::put(transaction, bucket, &stored, &place, only_if.as_ref(), now_ms / 1000)?;
                if put {
                    tables::claim(transaction, &place)?;
                }
                Ok(put)
            });
            if !put.await? {
                return Ok(None);
            }
            taken.upload.into_iter().for_each(blobs::Upload::claimed);
            Ok(Some(object))
        })
    }

    fn delete(&self, keys: Vec<String>) -> Pending<Result<(), R2Error>> {
        let (bucket, now_s) = (self.number, self.store.clock.now_s());
        self.store.sweep_if_due();
        let deleted = self.store.database.write(move |transaction| {
            keys.iter().try_for_each(|key| tables::delete(transaction, bucket, key, now_s))
        });
        Pending::later(async move { Ok(deleted.await?) })
    }

    fn list(&self, query: &ListQuery) -> Pending<Result<Listed, R2Error>> {
        self.store.expire_if_due();
        let page = self.store.database.read(|connection| listing::list(connection, self.number, query));
        Pending::Ready(page.map_err(R2Error::from).flatten())
    }

    fn create_upload(&self, key: &str, properties: Properties) -> Pending<Result<String, R2Error>> {
        let (bucket, now_s, id) = (self.number, self.store.clock.now_s(), random::name());
        let (object, upload) = (object_to_be(key, properties), id.clone());
        let begun = self
            .store
            .database
            .write(move |transaction| uploads::begin(transaction, bucket, &upload, &object, now_s));
        Pending::later(async move { begun.await.map(|()| id).map_err(R2Error::from) })
    }

    fn upload_part(
        &self,
        upload: Upload,
        number: u32,
        content: Content,
        ssec_key: Option<Vec<u8>>,
    ) -> Pending<Result<String, R2Error>> {
        let (store, bucket) = (Arc::clone(&self.store), self.number);
        store.sweep_if_due();
        Pending::later(async move {
            let object = store.database.read(|connection| uploads::open(connection, bucket, &upload))??;
            check_key(&object, ssec_key.as_deref())?;
            // Always a file, so that completing an upload moves no content.
            let taken = blobs::take(&store, content, None, None, ssec_key).await?;
            let (md5, now_s, place) = (taken.checksums[0].1.clone(), store.clock.now_s(), taken.place);
            let etag = hex(&md5);
            let stored = store.database.write(move |transaction| {
                uploads::put_part(transaction, bucket, &upload, number, &md5, &place, now_s)
            });
            stored.await??;
            taken.upload.into_iter().for_each(blobs::Upload::claimed);
            Ok(etag)
        })
    }

    fn complete_upload(&self, upload: Upload, parts: Vec<Part>) -> Pending<Result<Object, R2Error>> {
        let (bucket, version, now_ms) = (self.number, random::name(), self.store.clock.now_ms());
        let completed = self.store.database.write(move |transaction| {
            uploads::complete(transaction, bucket, &upload, &parts, (&version, now_ms))
        });
        Pending::later(async move { completed.await? })
    }

    fn abort_upload(&self, upload: Upload) -> Pending<Result<(), R2Error>> {
        let (bucket, now_s) = (self.number, self.store.clock.now_s());
        let aborted =
            self.store.database.write(move |transaction| uploads::abort(transaction, bucket, &upload, now_s));
        Pending::later(async move { aborted.await? })
    }
}

/// An object of which only the content is still missing. Of a customer's key only the digest is kept.
fn object_to_be(key: &str, properties: Properties) -> Object {
    Object {
        key: key.to_owned(),
        version: String::new(),
        size: 0,
        etag: String::new(),
        uploaded: 0,
        checksums: Vec::new(),
        http_metadata: properties.http_metadata,
        custom_metadata: properties.custom_metadata,
        storage_class: properties.storage_class.unwrap_or_else(|| STANDARD.to_owned()),
        ssec_key_md5: properties.ssec_key.map(|key| hex(&md5(&key))),
        range: None,
    }
}

fn check_key(object: &Object, ssec_key: Option<&[u8]>) -> Result<(), R2Error> {
    let given = ssec_key.map(|key| hex(&md5(key)));
    if given == object.ssec_key_md5 { Ok(()) } else { Err(R2Error::WrongKey) }
}
