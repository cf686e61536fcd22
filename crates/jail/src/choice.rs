//! Which level a machine's lock has, between the weakest that will do and the strongest that is wanted.

use crate::{Features, Level};

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLevel {
    /// The strongest that is wanted is weaker than the weakest that will do.
    #[error("the maximum, `{maximum}`, is less than the minimum, `{minimum}`")]
    Range {
        /// The weakest that will do.
        minimum: Level,
        /// The strongest that is wanted.
        maximum: Level,
    },
    /// The machine cannot do that much.
    #[error("`{minimum}` is asked for, and this machine can do `{level}` only: {missing}")]
    Missing {
        /// The weakest that will do.
        minimum: Level,
        /// What the machine can do.
        level: Level,
        /// What it lacks, and how to get it.
        missing: String,
    },
}

impl Features {
    /// The strongest level that this machine has within the bounds.
    ///
    /// # Errors
    /// There is none.
    pub fn choose(&self, minimum: Level, maximum: Level) -> Result<Level, NoLevel> {
        if maximum < minimum {
            return Err(NoLevel::Range { minimum, maximum });
        }
        let level = self.level().min(maximum);
        if level < minimum {
            let missing = self.missing_for(minimum).join("; ");
            return Err(NoLevel::Missing { minimum, level, missing });
        }
        Ok(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Features = Features { landlock_abi: 0, namespaces: false, filters: false, tracing: true };
    const ALL: Features = Features { landlock_abi: 7, namespaces: true, filters: true, tracing: true };
    const CONTAINER: Features = Features { namespaces: false, ..ALL };

    #[test]
    fn the_strongest_lock_within_the_bounds_is_chosen() {
        assert_eq!(ALL.choose(Level::Container, Level::Full), Ok(Level::Full));
        assert_eq!(CONTAINER.choose(Level::Container, Level::Full), Ok(Level::Container));
        assert_eq!(ALL.choose(Level::Container, Level::Container), Ok(Level::Container));
        assert_eq!(NOTHING.choose(Level::Off, Level::Full), Ok(Level::Off));
    }

    #[test]
    fn a_weaker_lock_than_the_minimum_is_refused_with_what_is_missing() {
        let text = NOTHING.choose(Level::Container, Level::Full).unwrap_err().to_string();
        assert!(text.contains("`container`") && text.contains("Landlock is missing"), "{text}");
        let text = CONTAINER.choose(Level::Full, Level::Full).unwrap_err().to_string();
        assert!(text.contains("namespaces are missing"), "{text}");
        let range = NoLevel::Range { minimum: Level::Container, maximum: Level::Off };
        assert_eq!(ALL.choose(Level::Container, Level::Off), Err(range));
    }
}
