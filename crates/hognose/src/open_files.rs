//! How many descriptors the server may have open: as many as the operator allows, not the few that programs begin with.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than a server needs. What it starts has the same limit, and some programs go through all there could be.
const OPEN_FILES_MAX: u64 = 1 << 16;

/// Raises the limit to what may be had. Connections take descriptors; and no process can hand one over while more are on
/// their way between processes of its user than it may have open, which Workers could see to (1,277 of them).
pub(crate) fn raise_limit() {
    let present = getrlimit(Resource::Nofile);
    let most = present.maximum.map_or(OPEN_FILES_MAX, |most| most.min(OPEN_FILES_MAX));
    if present.current.is_some_and(|current| current < most) {
        // The limit that there is holds, then.
        let _kept = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..present });
    }
}
