//! Which system calls a cell may make: two filters (seccomp), written as rules in `cell.rules` and `isolate.rules`.
//!
//! The first is put on at boot and holds for everything that is forked from there. Some of its calls are answered by
//! the supervisor, who gets the *listener* for that: [`questions`] is its end. The second is small, for it is put on
//! at each fork of an isolate. A call that no rule names fails, and [`report`] tells which it was.

mod assembly;
mod names;
pub(crate) mod questions;
pub(crate) mod report;
mod rules;

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use rules::Verdict;

use crate::JailError;

/// What a cell may do.
const CELL: &str = include_str!("cell.rules");
/// What an isolate does without.
const ISOLATE: &str = include_str!("isolate.rules");

/// Puts the cell's filter on this process, which has one thread, and gives the listener for its questions. Whoever
/// holds that can answer them, so it must be out of this process before foreign code runs.
pub(crate) fn filter_cell() -> Result<OwnedFd, JailError> {
    report::listen().map_err(JailError::during("listening for refused calls"))?;
    let program = program(CELL, Verdict::Report);
    let listening = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // A signal must not take an answered question back; kernels before 5.19 cannot promise that, and ask again.
    let listener = load(&program, listening | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
        .or_else(|_| load(&program, listening))
        .map_err(JailError::during("filtering system calls"))?;
    // SAFETY: with that flag the call gives a new descriptor, which nobody else knows of.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Puts the isolate's filter on all threads of this process.
pub(crate) fn filter_isolate() -> Result<(), JailError> {
    let program = assembly::assemble(&parsed(ISOLATE, std::process::id()), Verdict::Allow);
    let all_threads = libc::SECCOMP_FILTER_FLAG_TSYNC;
    load(&program, all_threads).map(drop).map_err(JailError::during("filtering an isolate's system calls"))
}

fn program(text: &str, otherwise: Verdict) -> Vec<libc::sock_filter> {
    assembly::assemble(&parsed(text, 0), otherwise)
}

fn parsed(text: &str, pid: u32) -> Vec<rules::Rule> {
    rules::read(text, pid).expect("invariant: a test reads the rules")
}

fn load(program: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<i32> {
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the call reads the program, which lives until it returns; the C library has no function for it.
    let loaded =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match loaded {
        0.. => Ok(loaded as i32),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_read_and_fit_into_a_program() {
        let (cell, isolate) = (program(CELL, Verdict::Report), program(ISOLATE, Verdict::Allow));
        assert!(isolate.len() < 100, "it is loaded at every fork: {}", isolate.len());
        assert!(cell.len() <= libc::BPF_MAXINSNS as usize);
    }

    #[test]
    fn no_rule_is_in_vain() {
        for text in [CELL, ISOLATE] {
            let rules = parsed(text, 1);
            for (index, rule) in rules.iter().enumerate() {
                let before = rules[..index].iter().find(|before| {
                    before.call == rule.call
                        && (before.conditions.is_empty() || before.conditions == rule.conditions)
                });
                assert_eq!(before, None, "it comes before {rule:?}, which is never reached");
            }
        }
    }
}
