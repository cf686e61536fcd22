//! What a process has used, for whoever holds it to limits, and how much more it may.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit};

/// The CPU time of all threads of a process since it began, user and system. Costs about a microsecond.
///
/// # Errors
/// There is no such process.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is to a clock id that lives through the call.
    match unsafe { libc::clock_getcpuclockid(pid.cast_signed(), &raw mut clock) } {
        0 => read(clock),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a time that lives through the call.
    match unsafe { libc::clock_gettime(clock, &raw mut time) } {
        0 => Ok(Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How many threads the process of a thread has.
///
/// # Errors
/// There is no such thread, or the system has no `/proc`.
pub fn threads(thread: u32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{thread}/status"))?;
    let count = text.lines().find_map(|line| line.strip_prefix("Threads:"));
    count.and_then(|count| count.trim().parse().ok()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// How many bytes of memory a process has touched that no file stands behind, shared or not. What a fork still shares with
/// its parent is counted for both.
///
/// # Errors
/// There is no such process, or the system has no `/proc`.
pub fn anonymous_memory(pid: u32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())
    };
    match (kibibytes("RssAnon:"), kibibytes("RssShmem:")) {
        (Some(private), Some(shared)) => Ok((private + shared) << 10),
        // A process that has ended and was not waited for has no memory.
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Bounds the address space of a process: to what it has now and `bytes` more. It cannot raise the bound again.
///
/// # Errors
/// There is no such process, or it belongs to somebody else.
pub fn bound_growth(pid: u32, bytes: u64) -> io::Result<()> {
    let process = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
    let mapped = address_space(pid)?;
    let bound = Some(mapped.saturating_add(bytes));
    rustix::process::prlimit(Some(process), Resource::As, Rlimit { current: bound, maximum: bound })?;
    Ok(())
}

fn address_space(pid: u32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = text.split_ascii_whitespace().next().and_then(|field| field.parse::<u64>().ok());
    pages.map(|pages| pages * page_bytes()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn page_bytes() -> u64 {
    // SAFETY: the call takes a number and returns one.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beyond the largest number that Linux gives.
    const NOBODY: u32 = (1 << 22) + 1;

    #[test]
    fn what_was_used_is_counted() {
        let own = std::process::id();
        let (cpu, memory) = (cpu_time(own).unwrap(), anonymous_memory(own).unwrap());
        let block = vec![1_u8; 32 << 20];
        assert!(anonymous_memory(own).unwrap() >= memory + (16 << 20), "of other tests some may have ended");
        while cpu_time(own).unwrap() < cpu + Duration::from_millis(2) {
            std::hint::black_box(&block);
        }
    }

    #[test]
    fn there_is_nothing_to_say_of_no_process() {
        assert!(cpu_time(NOBODY).is_err());
        assert!(anonymous_memory(NOBODY).is_err());
    }
}
