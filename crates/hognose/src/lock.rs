//! Which lock Workers get: the strongest that this machine has, within what `hognose.toml` says. Never a weaker one than
//! the minimum, and never without telling.

use hognose_config::{LockLevel, Settings};
use hognose_jail::{Features, Level, NoLevel};

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
        let features = hognose_jail::probe();
        let minimum = settings.lock_minimum.map_or(Level::Container, level);
        let maximum = settings.lock_maximum.map_or(Level::Full, level);
        if minimum == Level::Off && mode == Mode::Serve {
            return Err(CommandError::LockOffWhenServing);
        }
        let level = features.choose(minimum, maximum).map_err(|none| match none {
            NoLevel::Range { minimum, maximum } => CommandError::LockRange { minimum, maximum },
            NoLevel::Missing { minimum, level, missing } => {
                CommandError::LockMissing { minimum, level, missing }
            }
        })?;
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
