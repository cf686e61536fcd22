//! The cell's lock: what the paths of a base and of a Worker are for the jail, and when each part of it is put on.
//!
//! A base locks itself before anything but the standard library is imported. A zygote forked from it gives up what
//! belongs to other Workers before its own code runs. An isolate gives up what only templates need.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use hognose_jail::{JailError, Level, Link, Lock, ResourceLimits, Scratch};
use hognose_wire::control::{Base, Worker};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::process;

/// What every interpreter reads of the system: shared libraries, time zones, certificates.
const SYSTEM_READ: [&str; 9] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl",
];

/// Devices that tell nothing of what is written to them. Libraries that do not ask the kernel for chance read the last.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/urandom"];

/// Where a script may write, too: on terminals, and into memory that it shares with what it starts.
const SCRIPT_DEVICES: [&str; 4] = ["/dev/full", "/dev/pts", "/dev/shm", "/dev/tty"];

/// Where a Worker's code lies on the platform; programs that are written for it read files from there.
const CODE: &str = "/session/metadata";
/// Where programs write what they need for a moment, whatever `TMPDIR` says.
const TEMPORARY: &str = "/tmp";

/// How much address space any cell may have: what a Worker's memory can be set to, and more.
const ADDRESS_SPACE_MAX: u64 = 2 << 40;

/// How many descriptors a cell may have open.
const OPEN_FILES_MAX: u64 = 1024;
/// How many it may before it has handed over its listener. Descriptors on their way between processes are counted by user,
/// and whoever sends one must have a limit above what is under way: so this is more than other cells can send (their limit,
/// and one message of 253).
const OPEN_FILES_FIRST: u64 = 4096;

/// Descriptors that the lock leaves open: the standard streams, the control socket, and the way for the listener.
const KEPT_DESCRIPTORS: [i32; 5] = [0, 1, 2, 3, process::LISTENER];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Confinement {
    lock: Lock,
    /// Of what it may read, the code of Workers.
    code_dirs: Vec<PathBuf>,
}

impl Confinement {
    /// That of a script: it is its caller's own, and only its writes are kept in the scratch folder, if it was given one.
    pub(crate) fn of_script(base: &Base) -> PyResult<Self> {
        if !base.scratch_dir.is_empty() {
            let devices = DEVICES.iter().chain(&SCRIPT_DEVICES).map(PathBuf::from).collect::<Vec<_>>();
            let kept = hognose_jail::confine_writes(&[PathBuf::from(&base.scratch_dir)], &devices);
            if !kept.map_err(|error| unlocked(&error))? {
                eprintln!("hognose: this machine has no Landlock: the script can write whatever you can");
            }
        }
        Ok(Self { lock: Lock { level: Level::Off, ..Lock::default() }, code_dirs: Vec::new() })
    }

    /// Locks this process, which is to be a base.
    pub(crate) fn lock_base(py: Python<'_>, base: &Base) -> PyResult<Self> {
        let confinement = Self::of(py, base)?;
        // Whoever has no lock has no questions either.
        let way = process::listener_socket();
        report_faults(py)?;
        let applied = hognose_jail::apply(&confinement.lock).map_err(|error| unlocked(&error))?;
        if let Some(listener) = applied.listener {
            hand_over(&way, listener).map_err(|error| {
                PyRuntimeError::new_err(format!("the supervisor cannot be asked: {error}"))
            })?;
            hognose_jail::bound_open_files(OPEN_FILES_MAX).map_err(|error| unlocked(&error))?;
        }
        // After the lock, for the kernel forgets it when a process changes what it may do.
        process::die_with_parent();
        Ok(confinement)
    }

    fn of(py: Python<'_>, base: &Base) -> PyResult<Self> {
        let told = &base.confinement;
        let level = told.level.parse().map_err(|error| PyRuntimeError::new_err(format!("{error}")))?;
        let sys = py.import("sys")?;
        let mut read: Vec<PathBuf> =
            vec![sys.getattr("base_prefix")?.extract()?, sys.getattr("prefix")?.extract()?];
        let code_dirs: Vec<PathBuf> = base.code_dirs.iter().map(PathBuf::from).collect();
        read.extend(base.runtime_dirs.iter().chain(&base.site_dirs).map(PathBuf::from));
        read.extend(SYSTEM_READ.iter().map(PathBuf::from));
        read.extend(code_dirs.iter().cloned());
        let bytes_max = told.scratch_bytes_max;
        let scratch = |path: &String| Scratch { path: path.into(), bytes_max, also_at: None };
        let worker_scratch = base.worker_scratch_dirs.iter().map(|path| {
            let also_at = base.sole_root.as_ref().map(|_| PathBuf::from(TEMPORARY));
            Scratch { also_at, ..scratch(path) }
        });
        let lock = Lock {
            level,
            read,
            hidden: told.hidden_dirs.iter().map(PathBuf::from).collect(),
            list: told.list_dirs.iter().map(PathBuf::from).collect(),
            devices: DEVICES.iter().map(PathBuf::from).collect(),
            scratch: std::iter::once(scratch(&base.scratch_dir)).chain(worker_scratch).collect(),
            links: base
                .sole_root
                .iter()
                .map(|root| Link { path: CODE.into(), target: root.into() })
                .collect(),
            limits: ResourceLimits {
                file_bytes: bytes_max,
                open_files: OPEN_FILES_FIRST,
                debuggable: told.is_traceable,
                // The supervisor bounds each isolate more tightly.
                address_space_bytes: ADDRESS_SPACE_MAX,
            },
            keep_fds: KEPT_DESCRIPTORS.to_vec(),
        };
        Ok(Self { lock, code_dirs })
    }

    /// Leaves this process, a fork of the base, what belongs to one Worker.
    pub(crate) fn narrow_to(&self, worker: &Worker) -> Result<(), JailError> {
        let own = std::iter::once(&worker.module_root).chain(&worker.python_modules);
        let own: Vec<PathBuf> = own.map(PathBuf::from).collect();
        let is_foreign = |path: &PathBuf| {
            self.code_dirs.contains(path) && !own.iter().any(|folder| path.starts_with(folder))
        };
        let lock = Lock {
            read: self.lock.read.iter().filter(|path| !is_foreign(path)).cloned().collect(),
            scratch: vec![Scratch { path: PathBuf::from(&worker.scratch_dir), bytes_max: 0, also_at: None }],
            ..self.lock.clone()
        };
        hognose_jail::narrow(&lock)
    }

    /// Takes from this process, an isolate, what only templates need.
    pub(crate) fn close(&self) -> Result<(), JailError> {
        if self.lock.level == Level::Off { Ok(()) } else { hognose_jail::close() }
    }
}

fn unlocked(error: &JailError) -> PyErr {
    PyRuntimeError::new_err(format!("the cell could not be locked: {error}"))
}

/// Has Python say the line where native code crashed, or where a call was refused, when the jail says which it was.
fn report_faults(py: Python<'_>) -> PyResult<()> {
    let options = PyDict::new(py);
    options.set_item("file", libc::STDERR_FILENO)?;
    options.set_item("all_threads", false)?;
    let handler = py.import("faulthandler")?;
    handler.getattr("enable")?.call((), Some(&options))?;
    handler.getattr("register")?.call((libc::SIGSYS,), Some(&options)).map(drop)
}

/// Sends the listener out of this process, before foreign code runs that could use it.
fn hand_over(way: &UnixStream, listener: OwnedFd) -> std::io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let descriptors = [listener.as_fd()];
    assert!(beside.push(SendAncillaryMessage::ScmRights(&descriptors)), "invariant: there is room for one");
    sendmsg(way, &[std::io::IoSlice::new(&[0])], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}
