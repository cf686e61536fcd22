//! `hognose.toml`: hognose's own settings, beside the Worker's configuration and never inside it.

use std::time::Duration;

use crate::ai::{self, AiSettings};
use crate::diagnostic::{Reading, Report};
use crate::section::Section;
use crate::tree::{self, Format};

/// The name of the file.
pub const SETTINGS_FILE: &str = "hognose.toml";

/// The most isolates one Worker can be given.
pub const ISOLATES_MAX: u64 = 1024;

/// The longest time that can be set, in milliseconds: a day.
pub const DURATION_MS_MAX: u64 = 86_400_000;

/// The most memory that can be set for one isolate, in MiB: a TiB.
pub const MEMORY_MB_MAX: u64 = 1 << 20;

/// What `hognose.toml` says; everything in it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `pool.max_isolates`: the most isolates of one Worker, 1 to [`ISOLATES_MAX`]; by default one per core.
    pub max_isolates: Option<usize>,
    /// `pool.isolate_idle_ms`: how long an isolate beside the first may have nothing to do before it is ended, 1 to
    /// [`DURATION_MS_MAX`].
    pub isolate_idle_max: Option<Duration>,
    /// `limits.wait_until_ms`: how long what was passed to `waitUntil` may go on after the response, 1 to
    /// [`DURATION_MS_MAX`].
    pub wait_until_max: Option<Duration>,
    /// `limits.memory_mb`: the memory of one isolate beside what it shares with its zygote, in MiB, 1 to
    /// [`MEMORY_MB_MAX`].
    pub memory_max: Option<u64>,
    /// `egress.allow_private`: whether Workers may reach private addresses; by default the command decides.
    pub allow_private: Option<bool>,
    /// `ai`: what answers for models.
    pub ai: AiSettings,
}

/// Reads the text of a `hognose.toml`.
pub fn parse_settings(text: &str) -> Reading<Settings> {
    let report = Report::default();
    let settings = tree::parse(text, Format::Toml, &report).map(|(table, span)| {
        let top = Section::new(&table, "", span, &report);
        let settings = settings(&top);
        top.finish();
        settings
    });
    report.conclude(settings)
}

fn settings(top: &Section<'_>) -> Settings {
    let mut settings = Settings::default();
    if let Some(pool) = top.section("pool") {
        settings.max_isolates = pool.integer("max_isolates", 1..=ISOLATES_MAX).map(|most| most as usize);
        settings.isolate_idle_max = duration(&pool, "isolate_idle_ms");
        pool.finish();
    }
    if let Some(limits) = top.section("limits") {
        settings.wait_until_max = duration(&limits, "wait_until_ms");
        settings.memory_max = limits.integer("memory_mb", 1..=MEMORY_MB_MAX).map(|mebibytes| mebibytes << 20);
        limits.finish();
    }
    if let Some(egress) = top.section("egress") {
        settings.allow_private = egress.boolean("allow_private");
        egress.finish();
    }
    if let Some(section) = top.section("ai") {
        settings.ai = ai::read(&section);
        section.finish();
    }
    settings
}

pub(crate) fn duration(section: &Section<'_>, key: &'static str) -> Option<Duration> {
    section.integer(key, 1..=DURATION_MS_MAX).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let diagnostics = match parse_settings(text) {
            Ok(accepted) => accepted.diagnostics,
            Err(rejected) => rejected.diagnostics,
        };
        diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[test]
    fn all_settings_are_read() {
        let text = "[pool]\nmax_isolates = 4\nisolate_idle_ms = 5\n[limits]\nwait_until_ms = 6\nmemory_mb = 7\n[egress]\n\
                    allow_private = true";
        let expected = Settings {
            max_isolates: Some(4),
            isolate_idle_max: Some(Duration::from_millis(5)),
            wait_until_max: Some(Duration::from_millis(6)),
            memory_max: Some(7 << 20),
            allow_private: Some(true),
            ..Settings::default()
        };
        assert_eq!(parse_settings(text).unwrap().value, expected);
        assert_eq!(parse_settings("").unwrap().value, Settings::default());
    }

    #[test]
    fn the_number_of_isolates_has_limits() {
        for (given, taken) in [(0, None), (1, Some(1)), (ISOLATES_MAX, Some(1024)), (ISOLATES_MAX + 1, None)]
        {
            let read = parse_settings(&format!("[pool]\nmax_isolates = {given}"));
            assert_eq!(read.ok().and_then(|accepted| accepted.value.max_isolates), taken, "{given}");
        }
        assert_eq!(
            messages("[pool]\nmax_isolates = 0"),
            ["Expected \"pool.max_isolates\" to be a whole number from 1 to 1024 but got 0."]
        );
    }

    #[test]
    fn times_have_limits() {
        for (given, taken) in [(0, false), (1, true), (DURATION_MS_MAX, true), (DURATION_MS_MAX + 1, false)] {
            let read = parse_settings(&format!("[limits]\nwait_until_ms = {given}"));
            assert_eq!(read.is_ok(), taken, "{given}");
        }
    }

    #[test]
    fn memory_has_limits() {
        for (given, taken) in [(0, false), (1, true), (MEMORY_MB_MAX, true), (MEMORY_MB_MAX + 1, false)] {
            let read = parse_settings(&format!("[limits]\nmemory_mb = {given}"));
            assert_eq!(read.is_ok(), taken, "{given}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(messages("[pol]"), ["Unexpected fields found in top-level field: \"pol\""]);
        assert_eq!(
            messages("[egress]\nallow_private = 1"),
            ["Expected \"egress.allow_private\" to be of type boolean but got 1."]
        );
    }
}
