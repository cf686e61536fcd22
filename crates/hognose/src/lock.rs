//! Which lock Workers get: the strongest that this machine has, within what `hognose.toml` says. Never a weaker one than
//! the minimum, and never without telling.

use hognose_config::{LockLevel, Settings};
use hognose_jail::{Features, Level};

use crate::error::CommandError;
use crate::session::Mode;

/// How much scratch space a Worker has where `hognose.toml` does not say, in bytes.
const SCRATCH_BYTES: u64 = 128 << 20;

/// What was decided.
#[derive(Clone, Debug)]
pub(crate) struct ChosenLock {
    pub level: Level,
    pub scratch_bytes_max: u64,
    /// What the kernel has.
    features: Features,
}

impl ChosenLock {
    /// Asks the machine, which it does by forking: before there are threads.
    pub(crate) fn choose(mode: Mode, settings: &Settings) -> Result<Self, CommandError> {
        Self::of(hognose_jail::probe(), mode, settings)
    }

    fn of(features: Features, mode: Mode, settings: &Settings) -> Result<Self, CommandError> {
        let minimum = settings.lock_minimum.map_or(Level::Container, level);
        let maximum = settings.lock_maximum.map_or(Level::Full, level);
        if minimum == Level::Off && mode == Mode::Serve {
            return Err(CommandError::LockOffWhenServing);
        }
        if maximum < minimum {
            return Err(CommandError::LockRange { minimum, maximum });
        }
        let level = features.level().min(maximum);
        if level < minimum {
            let missing = features.missing_for(minimum).join("; ");
            return Err(CommandError::LockMissing { minimum, level, missing });
        }
        Ok(Self { level, scratch_bytes_max: settings.scratch_bytes.unwrap_or(SCRATCH_BYTES), features })
    }

    /// Whether cells must stay visible to this process.
    pub(crate) fn is_traceable(&self) -> bool {
        !self.features.tracing
    }

    /// The rows of the banner: the level, and what this machine's lock leaves open.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("lock", format!("{} ({})", self.level, self.level.promise()))];
        if self.level < Level::Full {
            let missing = self.features.missing_for(Level::Full);
            rows.extend(missing.into_iter().map(|text| ("no lock", text.to_owned())));
        }
        if self.level > Level::Off {
            rows.extend(self.features.lacking().into_iter().map(|text| ("no lock", text)));
        }
        rows
    }
}

fn level(level: LockLevel) -> Level {
    match level {
        LockLevel::Off => Level::Off,
        LockLevel::Container => Level::Container,
        LockLevel::Full => Level::Full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Features = Features { landlock_abi: 0, namespaces: false, filters: false, tracing: true };
    const ALL: Features = Features { landlock_abi: 7, namespaces: true, filters: true, tracing: true };

    fn chosen(
        features: Features,
        mode: Mode,
        minimum: Option<LockLevel>,
        maximum: Option<LockLevel>,
    ) -> String {
        let settings = Settings { lock_minimum: minimum, lock_maximum: maximum, ..Settings::default() };
        match ChosenLock::of(features, mode, &settings) {
            Ok(lock) => lock.level.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_strongest_lock_within_the_bounds_is_chosen() {
        let container = Features { namespaces: false, ..ALL };
        assert_eq!(chosen(ALL, Mode::Serve, None, None), "full");
        assert_eq!(chosen(container, Mode::Serve, None, None), "container");
        assert_eq!(chosen(ALL, Mode::Dev, None, Some(LockLevel::Container)), "container");
        assert_eq!(chosen(NOTHING, Mode::Dev, Some(LockLevel::Off), None), "off");
    }

    #[test]
    fn a_weaker_lock_than_the_minimum_is_refused_with_what_is_missing() {
        let text = chosen(NOTHING, Mode::Dev, None, None);
        assert!(text.contains("`container`") && text.contains("Landlock is missing"), "{text}");
        let text = chosen(Features { namespaces: false, ..ALL }, Mode::Serve, Some(LockLevel::Full), None);
        assert!(text.contains("namespaces are missing"), "{text}");
        let text = chosen(ALL, Mode::Dev, None, Some(LockLevel::Off));
        assert!(text.contains("`lock.maximum`"), "{text}");
        let text = chosen(ALL, Mode::Serve, Some(LockLevel::Off), None);
        assert!(text.contains("`hognose serve`"), "{text}");
    }
}
