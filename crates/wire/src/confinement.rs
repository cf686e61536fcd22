//! How a cell is to lock itself.

use serde::{Deserialize, Serialize};

/// What the supervisor has decided of a base's lock; which paths there are stands in [`crate::control::Base`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// `full`, `container` or `off`. A base that cannot do what it is told does not start.
    pub level: String,
    /// Folders within those with code that are not to be seen, at `full`.
    pub hidden_dirs: Vec<String>,
    /// Folders whose names may be listed, where not all they hold may be read.
    pub list_dirs: Vec<String>,
    /// How much each scratch folder may hold, in bytes; a single file of it at any level, all of it at `full`.
    pub scratch_bytes_max: u64,
    /// Whether the cell stays visible to debuggers of its own user: a supervisor without privileges could not read
    /// otherwise where a cell wants to connect to.
    pub is_traceable: bool,
}
