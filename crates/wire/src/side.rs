//! The two ends of a connection.

use std::fmt;

use crate::frame::StreamId;

/// An end of a connection. Most of the protocol is the same for both; what is not asks for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that owns sockets, files and secrets.
    Supervisor,
    /// The end that runs a Worker's code.
    Cell,
}

impl Side {
    /// The one at the other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Supervisor => Self::Cell,
            Self::Cell => Self::Supervisor,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Supervisor => "supervisor",
            Self::Cell => "cell",
        })
    }
}

impl StreamId {
    /// Who writes the stream: the supervisor the even ones, the cell the odd ones.
    pub fn writer(self) -> Side {
        if self.0.is_multiple_of(2) { Side::Supervisor } else { Side::Cell }
    }
}
