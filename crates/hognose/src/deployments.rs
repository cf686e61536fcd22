//! Versions of Workers that were deployed to a server, and which of them serves: folders and one list per Worker.
//!
//! ```text
//! workers/<name>/deployments.json     what was deployed when, the newest last
//! workers/<name>/versions/<id>/       a copy of the project as it was
//! workers/<name>/versions/<id>.json   who made it, when, from which file of it
//! ```
//!
//! A version is copied whole, so that what the project becomes later does not touch it, and appears under its name only
//! when it is complete. The list is replaced in one step: a crash leaves the old one or the new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::CommandError;
use crate::label::Label;
use crate::state;

/// The most versions of a Worker that are kept: the newest, and those that serve.
const VERSIONS_MAX: usize = 10;
/// The most deployments that are remembered.
const DEPLOYMENTS_MAX: usize = 100;
/// The most bytes of one version (Cloudflare's limit of an unpacked Worker).
const BYTES_MAX: u64 = 64 << 20;
/// The most files of one version.
const FILES_MAX: usize = 20_000;
/// How deep folders of a version may lie: a loop of links ends there.
const DEPTH_MAX: usize = 32;
/// What is no part of a version.
const LEFT_OUT: [&str; 8] =
    [".git", ".hognose", ".wrangler", "node_modules", "__pycache__", ".venv", ".venv-workers", "venv"];

/// The deployments of a state folder.
#[derive(Clone, Debug)]
pub(crate) struct Deployments {
    folder: PathBuf,
}

/// A version as its `.json` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadedVersion {
    /// Its id.
    pub id: String,
    /// Counts the versions of the Worker from 1.
    pub number: u64,
    /// When it was uploaded, in ISO 8601.
    pub created_on: String,
    /// What its maker calls it; may be empty.
    pub tag: String,
    /// What its maker says of it; may be empty.
    pub message: String,
    /// The configuration, relative to the version's folder.
    pub configuration: PathBuf,
    /// The environment of the configuration.
    pub environment: Option<String>,
    /// Variables beside those of the configuration.
    pub vars: Vec<(String, String)>,
}

/// That a version began to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// The version.
    pub version_id: String,
    /// When, in ISO 8601.
    pub created_on: String,
    /// Why; may be empty.
    pub message: String,
}

/// What a client asks to be deployed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// The configuration's absolute path. Its folder is what is copied.
    pub configuration: PathBuf,
    /// The environment of the configuration.
    pub environment: Option<String>,
    /// Variables beside those of the configuration.
    pub vars: Vec<(String, String)>,
    /// See [`UploadedVersion::tag`].
    pub tag: String,
    /// See [`UploadedVersion::message`].
    pub message: String,
    /// Whether it is to serve at once.
    pub activate: bool,
}

impl Deployments {
    /// Those in `folder`, which exists.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The names of all Workers that have been deployed, sorted.
    pub(crate) fn workers(&self) -> Result<Vec<String>, CommandError> {
        let mut names: Vec<String> = names(&self.folder)?
            .filter(|name| self.folder.join(name).join("deployments.json").is_file())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Copies a project into a version of its own.
    pub(crate) fn add(&self, worker: &str, upload: &Upload) -> Result<UploadedVersion, CommandError> {
        if worker.is_empty()
            || !worker.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        {
            return Err(CommandError::WorkerName(worker.to_owned()));
        }
        let versions = self.versions_folder(worker);
        fs::create_dir_all(&versions).map_err(writing(&versions))?;
        let source = upload.configuration.parent().unwrap_or(Path::new("/"));
        let label = Label::new(worker, &upload.tag);
        let partial = versions.join(format!("{}.partial", label.id));
        let mut copy = Copy { files: 0, bytes: 0 };
        if let Err(failed) = copy.folder(source, &partial, 0) {
            let _whatever_is_left = fs::remove_dir_all(&partial);
            return Err(failed);
        }
        let number = self.versions(worker)?.iter().map(|version| version.number).max().unwrap_or(0) + 1;
        let version = UploadedVersion {
            id: label.id,
            number,
            created_on: label.timestamp,
            tag: label.tag,
            message: upload.message.clone(),
            configuration: upload.configuration.file_name().map(PathBuf::from).unwrap_or_default(),
            environment: upload.environment.clone(),
            vars: upload.vars.clone(),
        };
        let folder = versions.join(&version.id);
        fs::rename(&partial, &folder).map_err(writing(&folder))?;
        // There is no version before it is described, and then all of it is on the disk.
        state::flush(&versions)?;
        write_json(&versions.join(format!("{}.json", version.id)), &version)?;
        Ok(version)
    }

    /// Where a version's configuration lies.
    pub(crate) fn configuration(&self, worker: &str, version: &UploadedVersion) -> PathBuf {
        self.versions_folder(worker).join(&version.id).join(&version.configuration)
    }

    /// The versions of a Worker, the newest first; none where it was never deployed.
    pub(crate) fn versions(&self, worker: &str) -> Result<Vec<UploadedVersion>, CommandError> {
        let folder = self.versions_folder(worker);
        let mut versions = Vec::new();
        for name in
            names(&folder)?.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "json"))
        {
            versions.extend(read_json::<UploadedVersion>(&folder.join(name))?);
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }

    /// A version by its id, or by the beginning of it where no other begins so.
    pub(crate) fn version(&self, worker: &str, id: &str) -> Result<UploadedVersion, CommandError> {
        let mut named: Vec<UploadedVersion> =
            self.versions(worker)?.into_iter().filter(|version| version.id.starts_with(id)).collect();
        match named.pop() {
            Some(version) if named.is_empty() && !id.is_empty() => Ok(version),
            _ => Err(CommandError::NoVersion { worker: worker.to_owned(), id: id.to_owned() }),
        }
    }

    /// What was deployed of a Worker, the newest last.
    pub(crate) fn history(&self, worker: &str) -> Result<Vec<Deployment>, CommandError> {
        Ok(read_json(&self.history_file(worker))?.unwrap_or_default())
    }

    /// Notes that a version serves from now on, and removes old ones.
    pub(crate) fn deployed(
        &self,
        worker: &str,
        version: &str,
        message: &str,
    ) -> Result<Deployment, CommandError> {
        let created_on = Label::new(worker, "").timestamp;
        let deployment =
            Deployment { version_id: version.to_owned(), created_on, message: message.to_owned() };
        let mut history = self.history(worker)?;
        history.push(deployment.clone());
        let surplus = history.len().saturating_sub(DEPLOYMENTS_MAX);
        history.drain(..surplus);
        write_json(&self.history_file(worker), &history)?;
        for old in self.versions(worker)?.iter().skip(VERSIONS_MAX).filter(|old| old.id != version) {
            self.remove_version(worker, &old.id)?;
        }
        Ok(deployment)
    }

    /// Removes a version that does not serve.
    pub(crate) fn remove_version(&self, worker: &str, id: &str) -> Result<(), CommandError> {
        let folder = self.versions_folder(worker);
        let about = folder.join(format!("{id}.json"));
        fs::remove_file(&about).map_err(writing(&about))?;
        let folder = folder.join(id);
        fs::remove_dir_all(&folder).map_err(writing(&folder))
    }

    /// Forgets a Worker; `false`: it was never deployed.
    pub(crate) fn remove(&self, worker: &str) -> Result<bool, CommandError> {
        let folder = self.folder.join(worker);
        match fs::remove_dir_all(&folder) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(writing(&folder)(error)),
        }
    }

    fn versions_folder(&self, worker: &str) -> PathBuf {
        self.folder.join(worker).join("versions")
    }

    fn history_file(&self, worker: &str) -> PathBuf {
        self.folder.join(worker).join("deployments.json")
    }
}

/// A copy under way, and how much it holds.
struct Copy {
    files: usize,
    bytes: u64,
}

impl Copy {
    fn folder(&mut self, source: &Path, target: &Path, depth: usize) -> Result<(), CommandError> {
        if depth > DEPTH_MAX {
            return Err(CommandError::TooDeep { path: source.to_owned(), limit: DEPTH_MAX });
        }
        fs::create_dir_all(target).map_err(writing(target))?;
        for name in names(source)?.filter(|name| !LEFT_OUT.contains(&name.as_str())) {
            let (from, to) = (source.join(&name), target.join(&name));
            let about = fs::metadata(&from).map_err(reading(&from))?;
            if about.is_dir() {
                self.folder(&from, &to, depth + 1)?;
            } else if about.is_file() {
                self.file(&from, &to, about.len())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, bytes: u64) -> Result<(), CommandError> {
        self.files += 1;
        self.bytes += bytes;
        if self.files > FILES_MAX || self.bytes > BYTES_MAX {
            return Err(CommandError::TooLarge { files: FILES_MAX, mebibytes: BYTES_MAX >> 20 });
        }
        fs::copy(from, to).map(drop).map_err(reading(from))
    }
}

/// The names in a folder; none where it does not exist.
fn names(folder: &Path) -> Result<impl Iterator<Item = String>, CommandError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries.map_err(reading(folder))?),
    };
    let names = entries.into_iter().flatten().flatten();
    Ok(names.filter_map(|entry| entry.file_name().into_string().ok()))
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, CommandError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(reading(path))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| reading(path)(error.into()))
}

/// Replaces a file in one step, durably.
fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_vec_pretty(value).expect("invariant: it has a JSON form");
    let beside = path.with_extension("new");
    let write = || {
        let mut file = fs::File::create(&beside)?;
        io::Write::write_all(&mut file, &text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().map_err(writing(path))
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> CommandError + use<> {
    let path = path.to_owned();
    move |source| CommandError::State { path, source }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> CommandError + use<> {
    let path = path.to_owned();
    move |source| CommandError::Read { path, source }
}
