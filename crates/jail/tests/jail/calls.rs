//! The filters: what calls do that ask, what an isolate does without, and how a refusal is told.

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use hognose_jail::{Listener, Question, close};
use rustix::process::{Signal, getpid, getppid, kill_process, test_kill_process};

use crate::child::{ALWAYS, Folders, allowed, outcome_answered, outcome_under, refused, start, wait};

fn call(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Connects the asker's socket to `address` in its place.
fn connect_to(address: std::net::SocketAddr) -> impl Fn(&Listener, &Question) {
    move |listener, question| {
        assert_eq!(listener.address(question).unwrap().to_string(), "192.0.2.1:80");
        let flags = listener.flags(question).unwrap();
        assert!(!flags.nonblocking && flags.close_on_exec);
        let socket = TcpStream::connect(address).unwrap();
        listener.substitute(question, socket.as_fd(), flags).unwrap();
        listener.accept(question).unwrap();
    }
}

#[test]
fn a_connected_socket_takes_the_place_of_the_one_that_was_to_be_connected() {
    let folders = Folders::new();
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = server.local_addr().unwrap();
    for lock in folders.locks() {
        let talk = || {
            let mut socket = TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), 80))?;
            assert_eq!(socket.peer_addr()?, address);
            socket.write_all(b"hello")
        };
        let mut lock = lock;
        // The test may not have the right to look into a process that hides.
        lock.limits.debuggable = true;
        assert_eq!(outcome_answered(&lock, connect_to(address), talk), 0);
        let mut heard = String::new();
        server.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }
}

#[test]
fn a_connection_that_the_supervisor_refuses_fails_with_its_error() {
    let folders = Folders::new();
    let refuse =
        |listener: &Listener, question: &Question| listener.refuse(question, libc::ENETUNREACH).unwrap();
    let connect = || TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), 80)).map(drop);
    assert_eq!(outcome_answered(&folders.lock(), refuse, connect), libc::ENETUNREACH);
}

#[test]
fn a_question_about_a_connection_is_never_answered_with_a_fork() {
    let folders = Folders::new();
    let permit = |listener: &Listener, question: &Question| {
        listener.permit(question).unwrap_err();
        listener.refuse(question, libc::EACCES).unwrap();
    };
    let connect = || TcpStream::connect((Ipv4Addr::new(192, 0, 2, 1), 80)).map(drop);
    assert_eq!(outcome_answered(&folders.lock(), permit, connect), libc::EACCES);
}

#[test]
fn only_sockets_that_can_be_handed_over_are_made() {
    let folders = Folders::new();
    // SAFETY: the calls take integers; what they open ends with the process.
    let socket =
        |domain, kind, protocol| move || call(unsafe { libc::socket(domain, kind, protocol) }.into());
    for [domain, kind, protocol] in [
        [libc::AF_INET, libc::SOCK_DGRAM, 0],
        [libc::AF_INET6, libc::SOCK_DGRAM, 0],
        [libc::AF_UNIX, libc::SOCK_STREAM, 0],
        [libc::AF_UNIX, libc::SOCK_DGRAM, 0],
        [libc::AF_NETLINK, libc::SOCK_RAW, 0],
    ] {
        refused(&folders, ALWAYS, socket(domain, kind, protocol));
    }
    allowed(&folders, socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0));
    allowed(&folders, socket(libc::AF_INET6, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, libc::IPPROTO_TCP));
}

#[test]
fn pairs_of_sockets_are_streams() {
    let folders = Folders::new();
    let pair = |kind| {
        move || {
            let mut ends = [0; 2];
            // SAFETY: the call writes two numbers.
            call(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) }.into())
        }
    };
    refused(&folders, ALWAYS, pair(libc::SOCK_DGRAM));
    allowed(&folders, pair(libc::SOCK_STREAM));
}

#[test]
fn programs_are_not_called_for_other_architectures() {
    let folders = Folders::new();
    // The x32 variant's getpid.
    // SAFETY: where the kernel knows the call it takes nothing; else it is an error.
    let x32 = || call(unsafe { libc::syscall(0x4000_0000 + 39) });
    let number = outcome_under(&folders.lock(), x32);
    assert!([libc::EPERM, libc::ENOSYS].contains(&number), "{number}");
}

#[test]
fn an_isolate_signals_itself_only() {
    let folders = Folders::new();
    let own = || {
        close().unwrap();
        Ok(test_kill_process(getpid())?)
    };
    allowed(&folders, own);
    refused(&folders, ALWAYS, || {
        // The control arm closes nothing.
        if rustix::thread::no_new_privs()? {
            close().unwrap();
        }
        Ok(test_kill_process(getppid().expect("the test is the parent"))?)
    });
}

#[test]
fn an_isolate_is_not_locked_further() {
    let folders = Folders::new();
    allowed(&folders, || {
        close().unwrap();
        assert!(close().is_err());
        Ok(())
    });
}

#[test]
fn an_isolate_does_not_escape_its_parents_end() {
    let folders = Folders::new();
    allowed(&folders, || {
        close().unwrap();
        rustix::process::set_parent_process_death_signal(None).unwrap_err();
        Ok(())
    });
}

#[test]
fn a_refused_call_is_named() {
    let folders = Folders::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let child = start(|| {
        // SAFETY: both are open; the lock keeps the standard streams.
        unsafe { libc::dup2(theirs.as_raw_fd(), libc::STDERR_FILENO) };
        drop(hognose_jail::apply(&folders.lock()).unwrap().listener);
        let name = CString::new("x").unwrap();
        for _ in 0..2 {
            // SAFETY: a string that ends.
            let refused = call(unsafe { libc::syscall(libc::SYS_acct, name.as_ptr()) }).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
        }
        Ok(())
    });
    assert_eq!(wait(child).exit_status(), Some(0));
    drop(theirs);
    let mut told = String::new();
    ours.read_to_string(&mut told).unwrap();
    assert_eq!(told, "The system call acct is not allowed in a Worker (EPERM):\n", "once");
}

#[test]
fn a_process_may_end_itself_by_a_signal() {
    let folders = Folders::new();
    let child = start(|| {
        drop(hognose_jail::apply(&folders.lock()).unwrap().listener);
        close().unwrap();
        kill_process(getpid(), Signal::TERM).map_err(io::Error::from)
    });
    assert_eq!(wait(child).terminating_signal(), Some(libc::SIGTERM));
}
