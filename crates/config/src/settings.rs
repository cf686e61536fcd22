//! `hognose.toml`: hognose's own settings, beside the Worker's configuration and never inside it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ai::{self, AiSettings};
use crate::certificates::{self, CertificateFiles};
use crate::diagnostic::{Code, Diagnostic, Reading, Report};
use crate::network::AddressRange;
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

/// The most scratch space that can be set, in bytes: a tebibyte.
pub const SCRATCH_BYTES_MAX: u64 = 1 << 40;

/// The most text that one invocation can be let log, in bytes: a GiB.
pub const LOG_BYTES_MAX: u64 = 1 << 30;

/// The most threads that one isolate can be let have.
pub const THREADS_MAX: u64 = 1 << 15;

/// The most events after which an isolate can be replaced.
pub const ISOLATE_REQUESTS_MAX: u64 = 1 << 40;

/// How strong the lock around a Worker is, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockLevel {
    /// None.
    Off,
    /// What a process can do to itself, in a container too.
    Container,
    /// That, and namespaces.
    Full,
}

const LOCK_LEVELS: [(&str, LockLevel); 3] =
    [("off", LockLevel::Off), ("container", LockLevel::Container), ("full", LockLevel::Full)];

/// What `hognose.toml` says; everything in it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `pool.max_isolates`: the most isolates of one Worker, 1 to [`ISOLATES_MAX`]; by default one per core.
    pub max_isolates: Option<usize>,
    /// `pool.isolate_idle_ms`: how long an isolate beside the first may have nothing to do before it is ended, 1 to
    /// [`DURATION_MS_MAX`].
    pub isolate_idle_max: Option<Duration>,
    /// `pool.worker_idle_ms`: how long the last isolate of a Worker may have nothing to do before it is ended, too, 1 to
    /// [`DURATION_MS_MAX`].
    pub worker_idle_max: Option<Duration>,
    /// `pool.isolate_age_ms`: after how long an isolate is replaced by a new one, 1 to [`DURATION_MS_MAX`]; by default
    /// never.
    pub isolate_age_max: Option<Duration>,
    /// `pool.isolate_requests`: after how many events an isolate is replaced by a new one, 1 to
    /// [`ISOLATE_REQUESTS_MAX`]; by default never.
    pub isolate_requests_max: Option<u64>,
    /// `pool.object_idle_ms`: how long a Durable Object may have nothing to do before its instance is ended, 1 to
    /// [`DURATION_MS_MAX`].
    pub object_idle_max: Option<Duration>,
    /// `limits.wait_until_ms`: how long what was passed to `waitUntil` may go on after the response, 1 to
    /// [`DURATION_MS_MAX`].
    pub wait_until_max: Option<Duration>,
    /// `limits.wall_ms`: how long an event may take to be answered, 1 to [`DURATION_MS_MAX`]; by default only what no
    /// client waits for has a limit.
    pub wall_max: Option<Duration>,
    /// `limits.memory_mb`: the memory of one isolate beside what it shares with its zygote, in MiB, 1 to
    /// [`MEMORY_MB_MAX`].
    pub memory_max: Option<u64>,
    /// `limits.threads`: how many threads one isolate may have, 1 to [`THREADS_MAX`].
    pub threads_max: Option<u64>,
    /// `limits.log_bytes`: how much text one invocation may log, 1 to [`LOG_BYTES_MAX`].
    pub log_bytes: Option<u64>,
    /// `egress.allow_private`: whether Workers may reach private addresses; by default the command decides.
    pub allow_private: Option<bool>,
    /// `observability.otlp_endpoint`: where traces go, the address of an OpenTelemetry collector for OTLP over HTTP; by
    /// default nowhere.
    pub otlp_endpoint: Option<String>,
    /// `ai`: what answers for models.
    pub ai: AiSettings,
    /// `mtls_certificates`: the files of client certificates, by their ids.
    pub certificates: BTreeMap<String, CertificateFiles>,
    /// `egress.allow`: addresses that Workers may reach although they are private.
    pub egress_allow: Vec<AddressRange>,
    /// `egress.deny`: addresses that they may not reach.
    pub egress_deny: Vec<AddressRange>,
    /// `lock.minimum`: without a lock this strong hognose does not start.
    pub lock_minimum: Option<LockLevel>,
    /// `lock.maximum`: no stronger lock is used, though the machine has one.
    pub lock_maximum: Option<LockLevel>,
    /// `limits.scratch_bytes`: how much a Worker's scratch folder holds, 1 to [`SCRATCH_BYTES_MAX`].
    pub scratch_bytes: Option<u64>,
}

/// Reads the text of a `hognose.toml`.
pub fn parse_settings(text: &str) -> Reading<Settings> {
    let report = Report::default();
    let settings = tree::parse(text, Format::Toml, &report).map(|(table, span)| {
        let top = Section::new(&table, "", span, &report);
        let settings = settings(&top, &report);
        top.finish();
        settings
    });
    report.conclude(settings)
}

fn settings(top: &Section<'_>, report: &Report) -> Settings {
    let mut settings = Settings::default();
    if let Some(pool) = top.section("pool") {
        settings.max_isolates = pool.integer("max_isolates", 1..=ISOLATES_MAX).map(|most| most as usize);
        settings.isolate_idle_max = duration(&pool, "isolate_idle_ms");
        settings.worker_idle_max = duration(&pool, "worker_idle_ms");
        settings.isolate_age_max = duration(&pool, "isolate_age_ms");
        settings.isolate_requests_max = pool.integer("isolate_requests", 1..=ISOLATE_REQUESTS_MAX);
        settings.object_idle_max = duration(&pool, "object_idle_ms");
        pool.finish();
    }
    if let Some(limits) = top.section("limits") {
        settings.wait_until_max = duration(&limits, "wait_until_ms");
        settings.wall_max = duration(&limits, "wall_ms");
        settings.memory_max = limits.integer("memory_mb", 1..=MEMORY_MB_MAX).map(|mebibytes| mebibytes << 20);
        settings.threads_max = limits.integer("threads", 1..=THREADS_MAX);
        settings.log_bytes = limits.integer("log_bytes", 1..=LOG_BYTES_MAX);
        settings.scratch_bytes = limits.integer("scratch_bytes", 1..=SCRATCH_BYTES_MAX);
        limits.finish();
    }
    if let Some(egress) = top.section("egress") {
        settings.allow_private = egress.boolean("allow_private");
        settings.egress_allow = ranges(&egress, "allow", report);
        settings.egress_deny = ranges(&egress, "deny", report);
        egress.finish();
    }
    if let Some(observability) = top.section("observability") {
        settings.otlp_endpoint = observability.string("otlp_endpoint").map(|url| url.value.to_owned());
        observability.finish();
    }
    if let Some(section) = top.section("ai") {
        settings.ai = ai::read(&section);
        section.finish();
    }
    if let Some(section) = top.section("mtls_certificates") {
        settings.certificates = certificates::files(&section);
    }
    if let Some(lock) = top.section("lock") {
        settings.lock_minimum = lock.choice("minimum", &LOCK_LEVELS);
        settings.lock_maximum = lock.choice("maximum", &LOCK_LEVELS);
        lock.finish();
    }
    settings
}

/// Addresses; one that is none is told with its place.
fn ranges(section: &Section<'_>, key: &'static str, report: &Report) -> Vec<AddressRange> {
    let texts = section.strings(key).unwrap_or_default();
    let read = texts.into_iter().filter_map(|text| {
        let tell = |error: &dyn std::fmt::Display| {
            let message = format!("Unexpected element of \"{}\": {error}.", section.path_of(key));
            report.push(Diagnostic::error(Code::InvalidValue, message).at(text.span, ""));
        };
        text.value.parse().inspect_err(|error| tell(error)).ok()
    });
    read.collect()
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
        let text = "[pool]\nmax_isolates = 4\nisolate_idle_ms = 5\nobject_idle_ms = 7\n\
                    worker_idle_ms = 8\nisolate_age_ms = 9\nisolate_requests = 10\n[limits]\nlog_bytes = 11\nwait_until_ms = 6\nwall_ms = 12\nthreads = 13\nmemory_mb = 7\nscratch_bytes = 7\n[egress]\n\
                    allow_private = true\nallow = [\"10.0.0.0/8\"]\ndeny = [\"10.0.0.1:80\"]\n[lock]\n\
                    minimum = \"container\"\nmaximum = \"full\"\n[observability]\notlp_endpoint = \"http://localhost:4318\"";
        let expected = Settings {
            max_isolates: Some(4),
            isolate_idle_max: Some(Duration::from_millis(5)),
            object_idle_max: Some(Duration::from_millis(7)),
            worker_idle_max: Some(Duration::from_millis(8)),
            isolate_age_max: Some(Duration::from_millis(9)),
            isolate_requests_max: Some(10),
            otlp_endpoint: Some("http://localhost:4318".to_owned()),
            log_bytes: Some(11),
            wait_until_max: Some(Duration::from_millis(6)),
            wall_max: Some(Duration::from_millis(12)),
            threads_max: Some(13),
            memory_max: Some(7 << 20),
            allow_private: Some(true),
            egress_allow: vec!["10.0.0.0/8".parse().unwrap()],
            egress_deny: vec!["10.0.0.1:80".parse().unwrap()],
            lock_minimum: Some(LockLevel::Container),
            lock_maximum: Some(LockLevel::Full),
            scratch_bytes: Some(7),
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
    fn scratch_space_has_limits() {
        for (given, taken) in
            [(0, false), (1, true), (SCRATCH_BYTES_MAX, true), (SCRATCH_BYTES_MAX + 1, false)]
        {
            let read = parse_settings(&format!("[limits]\nscratch_bytes = {given}"));
            assert_eq!(read.is_ok(), taken, "{given}");
        }
    }

    #[test]
    fn logs_and_events_have_limits() {
        for (key, most) in
            [("limits]\nlog_bytes", LOG_BYTES_MAX), ("pool]\nisolate_requests", ISOLATE_REQUESTS_MAX)]
        {
            for (given, taken) in [(0, false), (1, true), (most, true), (most + 1, false)] {
                assert_eq!(parse_settings(&format!("[{key} = {given}")).is_ok(), taken, "{key} {given}");
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            messages("[egress]\ndeny = [\"10.0.0.0/33\"]"),
            [
                "Unexpected element of \"egress.deny\": `10.0.0.0/33` is no address or range of addresses (such as \
              10.0.0.0/8, 192.168.1.5:5432 or [fd00::]/8)."
            ]
        );
        assert_eq!(
            messages("[lock]\nminimum = \"ful\""),
            [
                "Expected \"lock.minimum\" field to be one of [\"off\",\"container\",\"full\"] but got \"ful\"."
            ]
        );
        assert_eq!(messages("[pol]"), ["Unexpected fields found in top-level field: \"pol\""]);
        assert_eq!(
            messages("[egress]\nallow_private = 1"),
            ["Expected \"egress.allow_private\" to be of type boolean but got 1."]
        );
    }
}
