//! `hognose r2 object`: objects by `bucket/key`, streamed from files and into them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use clap::{Args, Subcommand};
use hognose_services::d1::point_in_time;
use hognose_services::r2::{GetOptions, Got, HttpMetadata, ListQuery, Properties, PutOptions, R2, limits};
use hognose_services::{ByteStream, Content, StreamError, block_on, next_chunk};
use serde_json::json;

use super::progress::Progress;
use super::r2::existing;
use super::{ListArguments, Place, PlaceArguments, failed, print_list, read_input, refused, writing};
use crate::console::Console;
use crate::error::CommandError;

/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum ObjectCommand {
    /// Store an object
    Put(PutArguments),
    /// Fetch an object
    Get {
        /// `bucket/key`
        #[arg(value_name = "BUCKET/KEY")]
        object_path: String,
        /// Write it to this file [default: the last part of the key]
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Write it to standard output
        #[arg(short, long, conflicts_with = "file")]
        pipe: bool,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Delete an object
    Delete {
        /// `bucket/key`
        #[arg(value_name = "BUCKET/KEY")]
        object_path: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List the objects of a bucket
    List {
        /// The bucket
        bucket: String,
        /// Those whose keys start with this
        #[arg(long, default_value = "")]
        prefix: String,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PutArguments {
    /// `bucket/key`
    #[arg(value_name = "BUCKET/KEY")]
    object_path: String,
    /// Take the content from this file
    #[arg(short, long, value_name = "FILE", required_unless_present = "pipe")]
    file: Option<PathBuf>,
    /// Take the content from standard input
    #[arg(short, long, conflicts_with = "file")]
    pipe: bool,
    /// `Content-Type`
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    /// `Content-Disposition`
    #[arg(long, visible_alias = "cd", value_name = "TEXT")]
    content_disposition: Option<String>,
    /// `Content-Encoding`
    #[arg(long, visible_alias = "ce", value_name = "TEXT")]
    content_encoding: Option<String>,
    /// `Content-Language`
    #[arg(long, visible_alias = "cl", value_name = "TEXT")]
    content_language: Option<String>,
    /// `Cache-Control`
    #[arg(long, visible_alias = "cc", value_name = "TEXT")]
    cache_control: Option<String>,
    /// `Expires`: such a date, or one like 2026-07-31T18:00:00Z
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// `Standard` or `InfrequentAccess`
    #[arg(short, long, value_name = "CLASS")]
    storage_class: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Runs one of the commands.
pub(crate) fn object(command: &ObjectCommand, console: Console) -> Result<(), CommandError> {
    match command {
        ObjectCommand::Put(options) => put(options, console),
        ObjectCommand::Get { object_path, file, pipe, place } => {
            get(&Place::find(place, console)?, object_path, file.as_deref(), *pipe)
        }
        ObjectCommand::Delete { object_path, place } => {
            let (bucket, key) = parts(object_path)?;
            let bucket = existing(&Place::find(place, console)?, bucket)?;
            block_on(bucket.delete(vec![key.to_owned()]).wait()).map_err(failed("Deleting the object"))?;
            Console::print(&format!("Deleted `{object_path}`"));
            Ok(())
        }
        ObjectCommand::List { bucket, prefix, list, place } => {
            list_objects(&Place::find(place, console)?, bucket, prefix, *list)
        }
    }
}

/// Bucket and key.
fn parts(path: &str) -> Result<(&str, &str), CommandError> {
    let parts = path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
    parts.ok_or_else(|| refused(format!("`{path}` does not name an object; give `bucket/key`")))
}

fn put(options: &PutArguments, console: Console) -> Result<(), CommandError> {
    let (bucket, key) = parts(&options.object_path)?;
    let bucket = existing(&Place::find(&options.place, console)?, bucket)?;
    let cache_expiry = options.expires.as_deref().map(expiry_ms).transpose()?;
    let content = match &options.file {
        Some(path) => Content::Stream(Box::new(FileStream::open(path)?)),
        None => Content::Whole(read_input(None)?.into()),
    };
    let http_metadata = HttpMetadata {
        content_type: options.content_type.clone(),
        content_language: options.content_language.clone(),
        content_disposition: options.content_disposition.clone(),
        content_encoding: options.content_encoding.clone(),
        cache_control: options.cache_control.clone(),
        cache_expiry,
    };
    let properties =
        Properties { http_metadata, storage_class: options.storage_class.clone(), ..Properties::default() };
    limits::check_key(key)
        .and_then(|()| limits::check_properties(&properties))
        .and_then(|()| limits::check_length(content.length()).map(drop))
        .map_err(failed("Storing the object"))?;
    let stored = bucket.put(key, content, PutOptions { properties, ..PutOptions::default() });
    let object = block_on(stored.wait()).map_err(failed("Storing the object"))?;
    let size = object.map_or(0, |object| object.size);
    Console::print(&format!("Stored `{}` ({size} bytes)", options.object_path));
    Ok(())
}

/// What a date means, in milliseconds since the epoch.
fn expiry_ms(date: &str) -> Result<i64, CommandError> {
    let of_header = httpdate::parse_http_date(date).ok();
    let since = of_header.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).or_else(|| point_in_time(date));
    let milliseconds = seconds.and_then(|seconds| seconds.checked_mul(1000));
    milliseconds.ok_or_else(|| refused(format!("`{date}` is no date: give one like 2026-07-31T18:00:00Z")))
}

fn get(place: &Place, path: &str, file: Option<&Path>, pipe: bool) -> Result<(), CommandError> {
    let (bucket, key) = parts(path)?;
    let bucket = existing(place, bucket)?;
    let got =
        block_on(bucket.get(key, GetOptions::default()).wait()).map_err(failed("Reading the object"))?;
    let Got::Found(object, content) = got else {
        return Err(refused(format!("There is no object `{path}`")));
    };
    if pipe {
        return copy(content, object.size, &mut io::stdout().lock(), Path::new("standard output"));
    }
    let name = Path::new(key).file_name().map(PathBuf::from);
    let target = file.map(Path::to_owned).or(name);
    let target = target.ok_or_else(|| refused(format!("`{key}` names no file; choose one with `--file`")))?;
    let mut out = File::create(&target).map_err(writing(&target))?;
    copy(content, object.size, &mut out, &target)?;
    Console::print(&format!("Wrote `{path}` to {} ({} bytes)", target.display(), object.size));
    Ok(())
}

fn copy(content: Content, size: u64, out: &mut dyn Write, target: &Path) -> Result<(), CommandError> {
    let (mut stream, mut progress) = (content.into_stream(), Progress::new("Fetching", size));
    while let Some(chunk) = block_on(next_chunk(&mut *stream)).map_err(failed("Reading the object"))? {
        out.write_all(&chunk).map_err(writing(target))?;
        progress.advance(chunk.len() as u64);
    }
    out.flush().map_err(writing(target))
}

fn list_objects(place: &Place, bucket: &str, prefix: &str, list: ListArguments) -> Result<(), CommandError> {
    let bucket = existing(place, bucket)?;
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let query = ListQuery {
            prefix: prefix.to_owned(),
            limit: limits::LIST_MAX as usize,
            delimiter: String::new(),
            cursor: cursor.take(),
            start_after: None,
        };
        let page = block_on(bucket.list(&query).wait()).map_err(failed("Listing the objects"))?;
        rows.extend(page.objects.into_iter().map(|object| {
            let kind = object.http_metadata.content_type;
            vec![json!(object.key), json!(object.size), json!(object.etag), json!(kind)]
        }));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    print_list(&["key", "size", "etag", "content_type"], rows, list);
    Ok(())
}

/// A file on its way into a bucket.
struct FileStream {
    file: File,
    left: u64,
    progress: Progress,
}

impl FileStream {
    fn open(path: &Path) -> Result<Self, CommandError> {
        let unread = |source| CommandError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        let left = file.metadata().map_err(unread)?.len();
        Ok(Self { file, left, progress: Progress::new("Storing", left) })
    }

    fn next(&mut self) -> io::Result<Bytes> {
        let mut bytes = BytesMut::zeroed(CHUNK_BYTES.min(self.left as usize));
        self.file.read_exact(&mut bytes)?;
        self.left -= bytes.len() as u64;
        self.progress.advance(bytes.len() as u64);
        Ok(bytes.freeze())
    }
}

impl ByteStream for FileStream {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let broken = |error: io::Error| StreamError { name: "Error".into(), message: error.to_string() };
        Poll::Ready((self.left > 0).then(|| self.next().map_err(broken)))
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}
