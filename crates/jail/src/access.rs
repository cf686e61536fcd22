//! Files and network, by Landlock.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::fs::{Mode, OFlags};

use crate::{JailError, Lock};

/// The newest Landlock whose rights are asked for. An older kernel refuses less, which [`crate::probe`] tells.
const NEWEST: ABI = ABI::V10;

/// Leaves this process the given paths, and neither TCP, nor signals to those outside, nor their abstract sockets.
/// Gives the version of Landlock that sees to it.
pub(crate) fn restrict(lock: &Lock) -> Result<u32, JailError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let listing = lock.list.iter().map(|path| (path, AccessFs::ReadDir.into()));
    for (path, rights) in lock.read.iter().map(|path| (path, reading())).chain(listing) {
        rules = match open(path) {
            Err(JailError::Path { source, .. }) if source.kind() == io::ErrorKind::NotFound => rules,
            opened => allow(rules, path, opened?, rights)?,
        };
    }
    for path in lock.devices.iter().chain(lock.scratch.iter().map(|scratch| &scratch.path)) {
        rules = allow(rules, path, open(path)?, writing())?;
    }
    Ok(version(&rules.restrict_self()?))
}

/// Keeps this process, and what it starts, from changing any file but what lies in these folders and these devices.
/// Everything else stays as it is: reading, programs, the network. Gives the version of Landlock that sees to it, 0 where
/// there is none.
pub(crate) fn confine_writes(folders: &[PathBuf], devices: &[PathBuf]) -> Result<u32, JailError> {
    let mut rules = Ruleset::default().handle_access(changing())?.create()?;
    for path in folders.iter().chain(devices) {
        rules = match open(path) {
            Err(JailError::Path { source, .. }) if source.kind() == io::ErrorKind::NotFound => rules,
            opened => allow(rules, path, opened?, changing())?,
        };
    }
    Ok(version(&rules.restrict_self()?))
}

/// What changes a file, or which files there are.
fn changing() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveDir
        | AccessFs::RemoveFile
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeDir
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::MakeSym
        | AccessFs::Refer
}

/// Libraries are loaded by mapping them, which takes the right to read; the right to execute is for programs.
fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// All but programs and devices.
fn writing() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !never
}

fn open(path: &Path) -> Result<OwnedFd, JailError> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| JailError::Path { path: path.into(), source: error.into() })
}

/// Adds a rule; of the rights those that such a file can have.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    opened: OwnedFd,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, JailError> {
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
    Ok(rules.add_rule(PathBeneath::new(opened, rights))?)
}

fn version(status: &RestrictionStatus) -> u32 {
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => {
            effective_abi as u32
        }
        _ => 0,
    }
}
