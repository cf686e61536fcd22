//! Watching what a Worker is made of: its module tree, and the files beside its configuration that say how to run it.
//!
//! Folders are watched one by one rather than recursively, for a project's folder may hold a virtual environment or
//! `node_modules` with more folders than the kernel lets one user watch.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::error::CommandError;

/// How long the files must be still before a change counts: editors write in several steps.
const STILL: Duration = Duration::from_millis(50);

/// Folders that are never part of a Worker.
const NEVER: [&str; 3] = ["node_modules", "__pycache__", "venv"];

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The folder of modules, with all below it.
    pub modules: PathBuf,
    /// Single files, whether they exist yet or not.
    pub files: HashSet<PathBuf>,
}

/// A watch that lasts until dropped.
pub(crate) struct Watch {
    watched: Watched,
    changed: Arc<Notify>,
    /// A change was seen that nobody was told of yet.
    pending: bool,
    watcher: RecommendedWatcher,
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn begin(watched: Watched) -> Result<Self, CommandError> {
        let changed = Arc::new(Notify::new());
        let (filter, alarm) = (watched.clone(), Arc::clone(&changed));
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| concerns(&event, &filter)) {
                alarm.notify_one();
            }
        });
        let watcher = watcher.map_err(CommandError::Watch)?;
        let mut watch = Self { watched, changed, pending: false, watcher };
        watch.watch_folders().map_err(CommandError::Watch)?;
        Ok(watch)
    }

    /// Watches something else from now on, where it differs: the configuration may name another main module.
    pub(crate) fn follow(&mut self, watched: Watched) -> Result<(), CommandError> {
        if watched != self.watched {
            *self = Self::begin(watched)?;
        }
        Ok(())
    }

    /// Waits until something has changed and then been still for a moment. A caller that stops waiting loses no change.
    pub(crate) async fn changed(&mut self) -> Result<(), CommandError> {
        if !self.pending {
            self.changed.notified().await;
            self.pending = true;
        }
        loop {
            // A new folder is watched before the wait for stillness, so that nothing written into it is missed: what
            // came before is read with the change, what comes after is another one.
            self.watch_folders().map_err(CommandError::Watch)?;
            if tokio::time::timeout(STILL, self.changed.notified()).await.is_err() {
                self.pending = false;
                return Ok(());
            }
        }
    }

    fn watch_folders(&mut self) -> notify::Result<()> {
        let beside: HashSet<&Path> = self.watched.files.iter().filter_map(|file| file.parent()).collect();
        // Files may be named whose folder does not exist yet.
        for folder in beside.into_iter().filter(|folder| folder.is_dir()) {
            self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        watch_tree(&mut self.watcher, &self.watched.modules)
    }
}

/// Whether the event changes a file of the Worker, rather than reads it or touches one of its neighbours.
fn concerns(event: &Event, watched: &Watched) -> bool {
    let reads = matches!(event.kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)));
    let ours = |path: &PathBuf| {
        watched.files.contains(path) || path.strip_prefix(&watched.modules).is_ok_and(may_be_a_module)
    };
    !reads && event.paths.iter().any(|path| ours(path) && !is_own_output(path))
}

/// Whether what this process prints goes into the file: each line of the log would have the Worker loaded again.
fn is_own_output(path: &Path) -> bool {
    let Ok(file) = rustix::fs::stat(path) else { return false };
    let own = [rustix::fs::fstat(std::io::stdout()), rustix::fs::fstat(std::io::stderr())];
    own.into_iter().flatten().any(|output| (output.st_dev, output.st_ino) == (file.st_dev, file.st_ino))
}

/// Whether a path, relative to the module folder, can be part of the Worker: nothing hidden, no bytecode, and none of
/// the files editors keep beside the one they edit.
fn may_be_a_module(path: &Path) -> bool {
    let ordinary = |part: std::path::Component<'_>| {
        let name = part.as_os_str().to_string_lossy();
        !name.starts_with('.') && !name.ends_with('~') && !NEVER.contains(&name.as_ref())
    };
    path.components().all(ordinary) && path.extension().is_none_or(|extension| extension != "pyc")
}

/// Watches `folder` and all below it that can hold modules. What has gone meanwhile needs no watch.
fn watch_tree(watcher: &mut RecommendedWatcher, folder: &Path) -> notify::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    for entry in entries.flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && may_be_a_module(Path::new(&entry.file_name())) {
            watch_tree(watcher, &entry.path())?;
        }
    }
    Ok(())
}
