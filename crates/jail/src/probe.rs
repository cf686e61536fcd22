//! What this machine's kernel offers, which level of the lock that makes, and what is missing, in words for whoever
//! starts hognose.

use std::ptr;

use crate::{Level, calls, capabilities, namespaces};

/// What the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The version of Landlock; 0: none, or switched off.
    pub landlock_abi: u32,
    /// Whether this process can make namespaces and mount in them.
    pub namespaces: bool,
    /// Whether system calls can be filtered, and the supervisor asked.
    pub filters: bool,
    /// Whether this process may look into cells that are hidden from debuggers. One that may not leaves them visible
    /// to its own user, for it must read the addresses that cells want to connect to.
    pub tracing: bool,
}

/// What came with later versions of Landlock: the version, its first kernel, what is not refused without it.
const LATER: [(u32, &str, &str); 2] = [
    (3, "6.2", "Workers are not kept from cutting short files that hognose's user can write"),
    (
        6,
        "6.12",
        "Workers' top-level code is not kept from sending signals to other processes of hognose's user",
    ),
];

const WITHOUT_LANDLOCK: &str = "Landlock is missing: it needs Linux 5.13 or newer, with `landlock` among the kernel's security modules (the \
                                boot parameter `lsm=landlock,...`), and a container whose profile allows its calls";
const WITHOUT_FILTERS: &str = "filters of system calls that ask the supervisor are missing: they need Linux 5.9 or newer with seccomp, and a \
                               container whose profile allows `seccomp`";
const WITHOUT_NAMESPACES: &str = "namespaces are missing: hognose's user must be allowed to make user namespaces and mount in them, on Linux 5.12 \
                                  or newer (`sysctl user.max_user_namespaces=15000`; on Ubuntu also \
                                  `kernel.apparmor_restrict_unprivileged_userns=0`; in a container `--security-opt seccomp=unconfined` with \
                                  `--cap-add SYS_ADMIN`)";

/// Asks the kernel. To be called before the process has threads: a child is forked that tries.
pub fn probe() -> Features {
    Features {
        landlock_abi: landlock_abi(),
        namespaces: namespaces::can_be_made(),
        filters: filters(),
        tracing: capabilities::can_trace(),
    }
}

impl Features {
    /// The strongest lock that can be had.
    pub fn level(&self) -> Level {
        let levels = [Level::Full, Level::Container];
        levels.into_iter().find(|level| self.missing_for(*level).is_empty()).unwrap_or(Level::Off)
    }

    /// What a level needs and this machine has not, with how to get it; a sentence each.
    pub fn missing_for(&self, level: Level) -> Vec<&'static str> {
        let wants = |since, has: bool, text| (level >= since && !has).then_some(text);
        [
            wants(Level::Container, self.landlock_abi > 0, WITHOUT_LANDLOCK),
            wants(Level::Container, self.filters, WITHOUT_FILTERS),
            wants(Level::Full, self.namespaces, WITHOUT_NAMESPACES),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What a lock of this machine leaves open beside what its level says, a sentence each.
    pub fn lacking(&self) -> Vec<String> {
        let missing = LATER.iter().filter(|(version, ..)| self.landlock_abi < *version);
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

fn filters() -> bool {
    // SAFETY: the call takes an integer and returns the present mode, or an error where the kernel has no filters.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) >= 0 && calls::questions::can_be_answered() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Features = Features { landlock_abi: 7, namespaces: true, filters: true, tracing: true };

    #[test]
    fn the_level_is_the_strongest_that_the_kernel_has() {
        assert_eq!(ALL.level(), Level::Full);
        assert_eq!(Features { namespaces: false, ..ALL }.level(), Level::Container);
        assert_eq!(Features { filters: false, ..ALL }.level(), Level::Off);
        assert_eq!(Features { landlock_abi: 0, ..ALL }.level(), Level::Off);
    }

    #[test]
    fn what_is_missing_is_named() {
        let old = Features { landlock_abi: 0, namespaces: false, ..ALL };
        assert_eq!(old.missing_for(Level::Full), [WITHOUT_LANDLOCK, WITHOUT_NAMESPACES]);
        assert_eq!(old.missing_for(Level::Container), [WITHOUT_LANDLOCK]);
        assert!(old.missing_for(Level::Off).is_empty() && ALL.missing_for(Level::Full).is_empty());
    }

    #[test]
    fn each_version_of_landlock_keeps_more() {
        let lacking = |landlock_abi| Features { landlock_abi, ..ALL }.lacking().len();
        assert_eq!([1, 2, 3, 5, 6, 7].map(lacking), [2, 2, 1, 1, 0, 0]);
    }
}
