//! Closing what was inherited: an open descriptor is a capability that no later rule takes away.

use std::io;
use std::os::fd::RawFd;

use crate::JailError;

/// Closes every descriptor that is not in `kept`.
pub(crate) fn close_all_but(kept: &[RawFd]) -> Result<(), JailError> {
    for (first, last) in gaps(kept) {
        close_range(first, last).map_err(JailError::during("closing inherited descriptors"))?;
    }
    Ok(())
}

/// The ranges between the kept numbers, both ends included.
fn gaps(kept: &[RawFd]) -> Vec<(u32, u32)> {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut gaps = Vec::with_capacity(kept.len() + 1);
    let mut first = 0;
    for fd in kept {
        if first < fd {
            gaps.push((first, fd - 1));
        }
        first = fd + 1;
    }
    gaps.push((first, u32::MAX));
    gaps
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // Called by number, because C libraries older than the kernel do not have it.
    // SAFETY: the call takes three integers. That owners of these descriptors lose them is what `apply` documents.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn what_is_between_the_kept_goes() {
        assert_eq!(gaps(&[]), [(0, u32::MAX)]);
        assert_eq!(gaps(&[0, 1, 2, 3]), [(4, u32::MAX)]);
        assert_eq!(gaps(&[7, 0, 7, 2, -1]), [(1, 1), (3, 6), (8, u32::MAX)]);
    }
}
