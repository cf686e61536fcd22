//! How strong a lock is, in three words.

use std::fmt;
use std::str::FromStr;

/// The three levels, the weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No lock: the cell is a process like any other of its user's.
    Off,
    /// Everything that a process may do to itself, also inside a container: Landlock, the filter of system calls,
    /// limits, no capabilities. That a file exists can be found out, not what is in it.
    Container,
    /// That, and namespaces with a root of their own: what is not named does not exist.
    #[default]
    Full,
}

impl Level {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Container => "container",
            Self::Full => "full",
        }
    }

    /// What holds at this level, in a line.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Off => "Workers can do everything that their user can",
            Self::Container => "Landlock, system calls, limits; no namespaces",
            Self::Full => "namespaces, Landlock, system calls, limits",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A text that is none of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level of the lock; there are `full`, `container` and `off`")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let levels = [Self::Off, Self::Container, Self::Full];
        levels.into_iter().find(|level| level.name() == text).ok_or_else(|| UnknownLevel(text.into()))
    }
}
