//! What this machine's kernel offers, and what of the lock it cannot do, in words for whoever starts hognose.

use std::ptr;

/// What the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The version of Landlock; 0: none, or switched off.
    pub landlock_abi: u32,
    /// Whether a plain user may make namespaces, as far as the settings tell.
    pub user_namespaces: bool,
    /// Whether system calls can be filtered.
    pub seccomp: bool,
}

/// The promises of the lock that came with each version of Landlock: the version, its first kernel, what is not
/// refused without it.
const PROMISES: [(u32, &str, &str); 4] = [
    (1, "5.13", "cells are not kept from the files that hognose's user can read and write"),
    (3, "6.2", "cells are not kept from cutting short files that hognose's user can write"),
    (4, "6.7", "cells are not kept from TCP connections of their own"),
    (6, "6.12", "cells are not kept from sending signals to other processes"),
];

/// Asks the kernel.
pub fn probe() -> Features {
    Features { landlock_abi: landlock_abi(), user_namespaces: user_namespaces(), seccomp: seccomp() }
}

impl Features {
    /// What of the lock is missing here, a sentence each; nothing where all of it holds.
    pub fn lacking(&self) -> Vec<String> {
        let missing = PROMISES.iter().filter(|(version, ..)| self.landlock_abi < *version);
        let sentence = |&(_, kernel, consequence): &(u32, &str, &str)| {
            format!("{consequence} (needs Landlock as of Linux {kernel})")
        };
        missing.map(sentence).collect()
    }
}

fn landlock_abi() -> u32 {
    const VERSION_FLAG: u32 = 1;
    // SAFETY: with this flag, no attributes and no size, the call only returns the version.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, VERSION_FLAG) };
    u32::try_from(version).unwrap_or(0)
}

/// The kernel's own bound, and the two switches that distributions have added.
fn user_namespaces() -> bool {
    let setting =
        |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    setting("/proc/sys/user/max_user_namespaces").is_some_and(|most| most > 0)
        && setting("/proc/sys/kernel/unprivileged_userns_clone") != Some(0)
        && setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0) == 0
}

fn seccomp() -> bool {
    // SAFETY: the call takes an integer and returns the present mode, or an error where the kernel has no filters.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn each_version_of_landlock_keeps_more() {
        let lacking =
            |landlock_abi| Features { landlock_abi, user_namespaces: true, seccomp: true }.lacking();
        let counts: Vec<usize> = (0..8).map(|version| lacking(version).len()).collect();
        assert_eq!(counts, [4, 3, 3, 2, 1, 1, 0, 0]);
        let network = "cells are not kept from TCP connections of their own (needs Landlock as of Linux 6.7)";
        assert_eq!(lacking(3)[0], network);
    }
}
