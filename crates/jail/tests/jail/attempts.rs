//! What a cell may try.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use hognose_jail::{Listener, Question};
use rustix::process::{getpid, test_kill_process};

use crate::child::{
    ALWAYS, FILES, Folders, SCOPES, TRUNCATION, allowed, outcome, outcome_answered, outcome_under, refused,
    start, wait, write,
};

#[test]
fn files_of_the_system_are_not_read() {
    let folders = Folders::new();
    for path in ["/etc/passwd", "/proc/self/environ", "/proc/self/maps"] {
        refused(&folders, FILES, || File::open(path).map(drop));
    }
    refused(&folders, FILES, || fs::read_dir("/").map(drop));
}

#[test]
fn nothing_outside_scratch_is_written() {
    let folders = Folders::new();
    for folder in ["code", "outside"] {
        let path = |name: &str| folders.path(folder).join(name);
        refused(&folders, FILES, || write(&path("new")));
        refused(&folders, FILES, || OpenOptions::new().append(true).open(path("file")).map(drop));
        refused(&folders, TRUNCATION, || truncate(&path("file")));
        refused(&folders, FILES, || {
            fs::create_dir(path("folder")).and_then(|()| fs::remove_dir(path("folder")))
        });
    }
}

/// Without opening the file.
fn truncate(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path is a string that ends, and lives as long as the call.
    match unsafe { libc::truncate(path.as_ptr(), 1) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[test]
fn nothing_outside_scratch_is_removed() {
    let folders = Folders::new();
    let file = folders.path("code").join("other");
    let remove = || {
        // The control arm leaves the file as the other one is to find it.
        fs::remove_file(&file).and_then(|()| write(&file))
    };
    write(&file).unwrap();
    refused(&folders, FILES, remove);
    assert!(file.exists());
}

#[test]
fn scratch_is_no_way_out() {
    let folders = Folders::new();
    let (scratch, outside) = (folders.path("scratch"), folders.path("outside").join("file"));
    refused(&folders, FILES, || File::open(scratch.join("../outside/file")).map(drop));
    let symbolic = scratch.join("symbolic");
    std::os::unix::fs::symlink(&outside, &symbolic).unwrap();
    refused(&folders, FILES, || File::open(&symbolic).map(drop));
    let hard = scratch.join("hard");
    refused(&folders, FILES, || fs::hard_link(&outside, &hard).and_then(|()| fs::remove_file(&hard)));
    refused(&folders, FILES, || fs::rename(&outside, &hard).and_then(|()| fs::rename(&hard, &outside)));
}

#[test]
fn no_program_is_started() {
    let folders = Folders::new();
    let start = |program: &Path| Command::new(program).status().map(drop);
    refused(&folders, FILES, || start(Path::new("/bin/true")));
    let copy = folders.path("scratch").join("true");
    // By another process: what this one has open for writing, a fork of another test might hold a moment longer, and
    // a file that is being written is not executed.
    assert!(Command::new("cp").arg("/bin/true").arg(&copy).status().unwrap().success());
    refused(&folders, FILES, || start(&copy));
}

#[test]
fn tcp_is_neither_connected_nor_listened_on() {
    let folders = Folders::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    refused(&folders, ALWAYS, || TcpStream::connect(address).map(drop));
    refused(&folders, ALWAYS, || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop));
}

#[test]
fn abstract_sockets_of_others_are_not_reached() {
    let folders = Folders::new();
    let name = folders.path("socket");
    let address = SocketAddr::from_abstract_name(name.as_os_str().as_encoded_bytes()).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    refused(&folders, SCOPES, || UnixStream::connect_addr(&address).map(drop));
}

#[test]
fn other_processes_are_not_signalled() {
    let folders = Folders::new();
    let test = getpid();
    refused(&folders, SCOPES, || Ok(test_kill_process(test)?));
}

#[test]
fn inherited_descriptors_are_closed() {
    let folders = Folders::new();
    let file = File::create(folders.path("outside").join("inherited")).unwrap();
    refused(&folders, ALWAYS, || (&file).write_all(b"written"));
    let mut lock = folders.lock();
    lock.keep_fds.push(file.as_raw_fd());
    assert_eq!(outcome_under(&lock, || (&file).write_all(b"written")), 0, "but for those to keep");
}

#[test]
fn memory_is_not_shown_to_debuggers() {
    let folders = Folders::new();
    let dumpable = || match rustix::process::dumpable_behavior()? {
        rustix::process::DumpableBehavior::NotDumpable => Err(io::Error::from_raw_os_error(libc::EPERM)),
        _ => Ok(()),
    };
    refused(&folders, ALWAYS, dumpable);
    let mut lock = folders.lock();
    lock.limits.debuggable = true;
    assert_eq!(outcome_under(&lock, dumpable), 0, "unless that is wanted");
}

#[test]
fn privileges_are_not_gained() {
    let folders = Folders::new();
    refused(&folders, ALWAYS, || {
        if rustix::thread::no_new_privs()? { Err(io::Error::from_raw_os_error(libc::EPERM)) } else { Ok(()) }
    });
}

#[test]
fn forks_are_made_where_the_supervisor_lets_them_and_inherit_the_lock() {
    let folders = Folders::new();
    let fork = || match wait(start(|| File::open("/etc/passwd").map(drop))).exit_status() {
        Some(0) => Ok(()),
        status => Err(io::Error::from_raw_os_error(status.unwrap_or(libc::EINTR))),
    };
    assert_eq!(outcome(fork), 0);
    for lock in folders.locks() {
        let permit = |listener: &Listener, question: &Question| listener.permit(question).unwrap();
        let number = outcome_answered(&lock, permit, fork);
        assert!([libc::EACCES, libc::ENOENT].contains(&number), "{number}");
    }
}

#[test]
fn no_fork_is_made_that_the_supervisor_does_not_want() {
    let folders = Folders::new();
    // SAFETY: the child, where there is one, ends at once.
    let fork = || match unsafe { libc::fork() } {
        // SAFETY: as above.
        0 => unsafe { libc::_exit(0) },
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    };
    assert_eq!(outcome(fork), 0);
    let refuse = |listener: &Listener, question: &Question| listener.refuse(question, libc::EPERM).unwrap();
    assert_eq!(outcome_answered(&folders.lock(), refuse, fork), libc::EPERM);
}

#[test]
fn code_is_read_and_mapped() {
    let folders = Folders::new();
    let (folder, file) = (folders.path("code"), folders.path("code").join("file"));
    allowed(&folders, || {
        assert_eq!(fs::read_dir(&folder)?.count(), 1);
        assert_eq!(fs::read_to_string(&file)?, "content");
        map_executable(&File::open(&file)?)
    });
}

/// As the dynamic loader maps a library.
fn map_executable(file: &File) -> io::Result<()> {
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    let protection = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: a new private mapping, where the kernel likes, that nothing points into and nothing executes.
    unsafe {
        let mapped = mmap(std::ptr::null_mut(), 4096, protection, MapFlags::PRIVATE, file, 0)?;
        Ok(munmap(mapped, 4096)?)
    }
}

#[test]
fn scratch_is_used_freely() {
    let folders = Folders::new();
    let scratch = folders.path("scratch");
    allowed(&folders, || {
        fs::create_dir(scratch.join("folder"))?;
        write(&scratch.join("folder/new"))?;
        fs::rename(scratch.join("folder/new"), scratch.join("renamed"))?;
        OpenOptions::new().write(true).truncate(true).open(scratch.join("renamed"))?;
        fs::hard_link(scratch.join("renamed"), scratch.join("linked"))?;
        assert_eq!(fs::read_to_string(scratch.join("linked"))?, "");
        fs::remove_dir_all(scratch.join("folder"))
    });
}

#[test]
fn children_are_signalled() {
    let folders = Folders::new();
    let signal = || {
        let child = start(|| {
            loop {
                std::thread::park();
            }
        });
        rustix::process::kill_process(child, rustix::process::Signal::KILL)?;
        assert!(wait(child).signaled());
        Ok(())
    };
    for lock in folders.locks() {
        let permit = |listener: &Listener, question: &Question| listener.permit(question).unwrap();
        assert_eq!(outcome_answered(&lock, permit, signal), 0);
    }
}
