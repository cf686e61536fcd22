//! `hognose backup` and `hognose restore`: the state folder as one file.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use hognose_services::backup::{self, BackupError, BackupOptions, Manifest, Summary};

use crate::console::Console;
use crate::data::{Place, PlaceArguments, Progress, writing};
use crate::error::CommandError;
use crate::format::{self, FORMAT};
use crate::interrupt::Interrupt;
use crate::restored;
use crate::state;

/// What in a state folder is no data: what holds for one process or one machine, and what can be had again.
const LEFT_OUT: [&str; 12] = [
    ".gitignore",
    "admin-token",
    "cache",
    "control.sock",
    "https",
    "lock",
    "packages",
    "restored",
    "restored-alone",
    "restoring",
    "scratch",
    "secrets/changed",
];
/// What stands for standard output and input.
const STANDARD: &str = "-";

/// Write all data into one file, while servers and commands work on them
///
/// The file is a tar archive: `tar` lists and extracts it. Each database is in it as it was at one moment, and so is each
/// Durable Object, and each bucket with its contents; between them lie the moments that copying takes.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The file to write, which must not exist; `-` is standard output
    file: PathBuf,
    /// Copy the key of the secrets, too: who has such a backup can read them
    #[arg(long)]
    with_key: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Put the data of a backup into a state folder, all of them or nothing
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The file to read; `-` is standard input
    file: PathBuf,
    /// Replace the data that are there without asking
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Writes a backup.
pub(crate) fn backup(arguments: &BackupArguments, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    if !place.state.is_dir() {
        return Err(CommandError::NoData(place.state));
    }
    format::settle(&place.state)?;
    if arguments.file != Path::new(STANDARD) && arguments.file.exists() {
        return Err(CommandError::FileExists(arguments.file.clone()));
    }
    let interrupt = Interrupt::listen()?;
    let scratch = place.folder("scratch")?;
    let staging =
        tempfile::Builder::new().prefix("backup-").tempdir_in(&scratch).map_err(writing(&scratch))?;
    let mut left_out = LEFT_OUT.to_vec();
    let has_key = place.state.join(restored::KEY).exists();
    if !arguments.with_key {
        left_out.push(restored::KEY);
    }
    let manifest = manifest();
    let options = BackupOptions {
        state: &place.state,
        staging: staging.path(),
        left_out: &left_out,
        manifest: &manifest,
    };
    let made = write(options, &arguments.file, &interrupt)?;
    console.aside(&format!("Wrote {} ({})", arguments.file.display(), described(made)));
    if has_key && !arguments.with_key {
        let key = place.state.join(restored::KEY);
        console.aside(&format!(
            "The secrets in it need their key, which is not: keep a copy of {} elsewhere",
            key.display()
        ));
    }
    Ok(())
}

fn manifest() -> Manifest {
    let created_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Manifest { format: FORMAT, hognose: env!("CARGO_PKG_VERSION").to_owned(), created_s }
}

/// Writes beside the place and puts it there when it is whole.
fn write(options: BackupOptions<'_>, file: &Path, interrupt: &Interrupt) -> Result<Summary, CommandError> {
    let mut progress = Progress::new("Backing up", backup::estimate(options));
    let mut advance = |bytes| {
        progress.advance(bytes);
        !interrupt.is_raised()
    };
    if file == Path::new(STANDARD) {
        return Ok(backup::backup(options, &mut BufWriter::new(io::stdout()), &mut advance)?);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::NamedTempFile::new_in(folder).map_err(writing(file))?;
    let mut out = BufWriter::new(draft.as_file());
    let made = backup::backup(options, &mut out, &mut advance)?;
    out.flush().and_then(|()| draft.as_file().sync_all()).map_err(writing(file))?;
    drop(out);
    draft.persist_noclobber(file).map_err(|error| writing(file)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(writing(folder))?;
    Ok(made)
}

/// Restores a backup.
pub(crate) fn restore(arguments: &RestoreArguments, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let mut input = open(&arguments.file)?;
    fs::create_dir_all(&place.state).map_err(writing(&place.state))?;
    restored::finish(&place.state)?;
    let _lock = state::take_lock(&place.state)?;
    if restored::has_data(&place.state)? {
        let question = format!("Replace the data in `{}` with those of the backup?", place.state.display());
        Place::confirm(&question, arguments.yes)?;
    }
    let interrupt = Interrupt::listen()?;
    let staging = Staging::new(&place.state)?;
    let mut progress = Progress::new("Restoring", size(&arguments.file));
    let mut advance = |bytes| {
        progress.advance(bytes);
        !interrupt.is_raised()
    };
    let (manifest, summary) = backup::restore(&mut input, &staging.0, FORMAT, &mut advance)?;
    drop(progress);
    restored::replace(&place.state)?;
    format::settle(&place.state)?;
    place.folder("scratch")?;
    let by = format!("written by hognose {}", manifest.hognose);
    console.aside(&format!("Restored {} into {} ({by})", described(summary), place.state.display()));
    let key = place.state.join(restored::KEY);
    if place.state.join("secrets/secrets.sqlite").exists() && !key.exists() {
        console.warning(&format!(
            "The secrets need their key, which the backup does not have: copy it to {}",
            key.display()
        ));
    }
    Ok(())
}

fn open(file: &Path) -> Result<Box<dyn Read>, CommandError> {
    if file == Path::new(STANDARD) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|source| CommandError::Read { path: file.to_owned(), source })?;
    Ok(Box::new(BufReader::new(opened)))
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |about| about.len())
}

fn described(summary: Summary) -> String {
    format!("{} files, {:.1} MB", summary.files, summary.bytes as f64 / 1e6)
}

/// The folder that a backup is read to. Unless it was put into its place, it goes when this is dropped.
struct Staging(PathBuf);

impl Staging {
    fn new(state: &Path) -> Result<Self, CommandError> {
        let path = state.join(restored::STAGING);
        restored::remove(&path)?;
        fs::create_dir(&path).map_err(writing(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays behind is removed by the next restore.
        let _ = restored::remove(&self.0);
    }
}

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Interrupted => Self::Interrupted,
            error => Self::Backup(error),
        }
    }
}
