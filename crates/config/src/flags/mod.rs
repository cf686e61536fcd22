//! Compatibility dates and flags.
//!
//! A Worker names a date and, where it wants to differ, flags. Each flag has a name that switches it on, mostly
//! one that switches it off, and a rule for when it is on by default: from a date, or when another flag is on
//! from a date. The rules and the messages are workerd's.

mod table;

use std::collections::BTreeMap;

use crate::date::Date;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::section::Spanned;
use crate::suggest::nearest;
use table::FLAGS;

/// One line of the table.
struct Flag {
    enable: &'static str,
    disable: Option<&'static str>,
    since: Option<Date>,
    /// On when one of these flags is, from that date.
    implied_by: Option<(&'static [&'static str], Date)>,
    experimental: bool,
}

const fn flag(enable: &'static str, disable: &'static str) -> Flag {
    Flag { disable: Some(disable), ..lasting(enable) }
}

/// A flag that, once on, cannot be switched off.
const fn lasting(enable: &'static str) -> Flag {
    Flag { enable, disable: None, since: None, implied_by: None, experimental: false }
}

impl Flag {
    const fn since(self, date: &str) -> Self {
        Self { since: Some(Date::literal(date)), ..self }
    }

    const fn always(self) -> Self {
        self.since("2000-01-01")
    }

    const fn implied_by(self, flags: &'static [&'static str], date: &str) -> Self {
        Self { implied_by: Some((flags, Date::literal(date))), ..self }
    }

    const fn experimental(self) -> Self {
        Self { experimental: true, ..self }
    }
}

/// All flags the Workers runtime knows, each on or off for one Worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompatibilityFlags {
    enabled: BTreeMap<&'static str, bool>,
}

impl CompatibilityFlags {
    /// Whether the flag with this enabling name is on. A name that no flag has is off.
    pub fn enabled(&self, name: &str) -> bool {
        self.enabled.get(name).copied().unwrap_or(false)
    }

    /// Every known flag by its enabling name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        self.enabled.iter().map(|(&name, &enabled)| (name, enabled))
    }

    /// The flags of a Python Worker of `date` that names `given`. `python_workers` is on without being named,
    /// since hognose runs nothing else.
    pub(crate) fn resolve(date: Date, given: &[Spanned<&str>], report: &Report) -> Self {
        check_names(given, report);
        let named = |name: &str| given.iter().any(|flag| flag.value == name);
        let by_default = |flag: &Flag| flag.since.is_some_and(|since| date >= since);
        let off = |flag: &Flag| flag.disable.is_some_and(named);
        let on = |flag: &Flag| named(flag.enable) || (by_default(flag) && !off(flag));
        let mut enabled: BTreeMap<_, _> = FLAGS.iter().map(|flag| (flag.enable, on(flag))).collect();
        enabled.insert("python_workers", true);
        for flag in given {
            check_flag(*flag, &named, date, report);
        }
        while let Some(implied) = next_implied(&enabled, date, &off) {
            enabled.insert(implied, true);
        }
        Self { enabled }
    }
}

/// A flag that is still off although a flag that implies it is on.
fn next_implied(
    enabled: &BTreeMap<&'static str, bool>,
    date: Date,
    off: &dyn Fn(&Flag) -> bool,
) -> Option<&'static str> {
    let implied = |flag: &&Flag| {
        let Some((sources, since)) = flag.implied_by else { return false };
        !enabled[flag.enable] && date >= since && !off(flag) && sources.iter().any(|source| enabled[source])
    };
    FLAGS.iter().find(implied).map(|flag| flag.enable)
}

/// Every name must be a flag's, and be given once.
fn check_names(given: &[Spanned<&str>], report: &Report) {
    for (index, flag) in given.iter().enumerate() {
        if given[..index].iter().any(|earlier| earlier.value == flag.value) {
            let message = format!("Compatibility flag specified multiple times: {}", flag.value);
            report.push(Diagnostic::error(Code::Compatibility, message).at(flag.span, "remove this one"));
        } else if !names().any(|name| name == flag.value) {
            let message = format!("No such compatibility flag: {}", flag.value);
            let mut diagnostic =
                Diagnostic::error(Code::Compatibility, message).at(flag.span, "unknown flag");
            if let Some(name) = nearest(flag.value, names()) {
                diagnostic = diagnostic.help(format!("did you mean \"{name}\"?"));
            }
            report.push(diagnostic);
        }
    }
}

fn check_flag(given: Spanned<&str>, named: &dyn Fn(&str) -> bool, date: Date, report: &Report) {
    let Some(flag) = FLAGS.iter().find(|flag| flag.enable == given.value) else { return };
    if let Some(disable) = flag.disable.filter(|disable| named(disable)) {
        let message = format!("Compatibility flags are mutually contradictory: {} vs {disable}", flag.enable);
        report.push(Diagnostic::error(Code::Compatibility, message).at(given.span, "keep one of the two"));
    }
    if let Some(since) = flag.since.filter(|since| date >= *since) {
        let message = format!(
            "The compatibility flag {} became the default as of {since} so does not need to be specified anymore.",
            flag.enable
        );
        report.push(Diagnostic::note(Code::Compatibility, message).at(given.span, "can be removed"));
    }
    if flag.experimental {
        let message = format!(
            "The compatibility flag {} is experimental and cannot yet be used in Workers deployed to Cloudflare.",
            flag.enable
        );
        report.push(Diagnostic::warning(Code::Compatibility, message).at(given.span, "experimental"));
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().flat_map(|flag| std::iter::once(flag.enable).chain(flag.disable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Span;

    fn resolve(date: &str, names: &[&str]) -> (CompatibilityFlags, Vec<String>) {
        let report = Report::default();
        let span = Span { start: 0, end: 0 };
        let given: Vec<_> = names.iter().map(|&value| Spanned { value, span }).collect();
        let flags = CompatibilityFlags::resolve(Date::parse(date).unwrap(), &given, &report);
        let diagnostics = match report.conclude(Some(())) {
            Ok(accepted) => accepted.diagnostics,
            Err(rejected) => rejected.diagnostics,
        };
        (flags, diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect())
    }

    fn enabled(date: &str, names: &[&str], flag: &str) -> bool {
        resolve(date, names).0.enabled(flag)
    }

    #[test]
    fn a_flag_turns_on_at_its_date_and_not_a_day_earlier() {
        assert!(!enabled("2025-08-13", &[], "python_no_global_handlers"));
        assert!(enabled("2025-08-14", &[], "python_no_global_handlers"));
        assert!(!enabled("2022-10-30", &[], "url_standard"));
        assert!(enabled("2022-10-31", &[], "url_standard"));
    }

    #[test]
    fn names_beat_the_date_both_ways() {
        assert!(enabled("2021-01-01", &["url_standard"], "url_standard"));
        assert!(!enabled("2026-01-01", &["url_original"], "url_standard"));
    }

    #[test]
    fn python_versions_follow_date_and_implication() {
        assert!(!enabled("2025-09-28", &[], "python_workers_20250116"));
        assert!(enabled("2025-09-29", &[], "python_workers_20250116"));
        assert!(!enabled("2026-01-01", &["no_python_workers_20250116"], "python_workers_20250116"));
        assert!(enabled("2025-10-16", &[], "python_dedicated_snapshot"), "implied through two flags");
        assert!(!enabled("2025-10-16", &["no_python_workers_20250116"], "python_dedicated_snapshot"));
        assert!(enabled("2026-09-08", &[], "python_workers_314"));
    }

    #[test]
    fn a_nodejs_flag_implies_its_parts_from_their_dates() {
        assert!(!enabled("2024-09-22", &["nodejs_compat"], "nodejs_compat_v2"));
        assert!(enabled("2024-09-23", &["nodejs_compat"], "nodejs_compat_v2"));
        assert!(!enabled("2024-09-23", &[], "nodejs_compat_v2"));
        assert!(enabled("2024-09-23", &["nodejs_compat_v2"], "nodejs_zlib"), "any of several sources");
    }

    #[test]
    fn mistakes_are_named_as_the_runtime_names_them() {
        let messages = |names: &[&str]| resolve("2024-01-01", names).1;
        assert_eq!(messages(&["rcp"]), ["No such compatibility flag: rcp"]);
        assert_eq!(messages(&["rpc", "rpc"]), ["Compatibility flag specified multiple times: rpc"]);
        assert_eq!(
            messages(&["rpc", "no_rpc"]),
            ["Compatibility flags are mutually contradictory: rpc vs no_rpc"]
        );
        assert_eq!(
            messages(&["url_standard"]),
            [
                "The compatibility flag url_standard became the default as of 2022-10-31 so does not need to be \
              specified anymore."
            ]
        );
        assert_eq!(
            messages(&["webgpu"]),
            ["The compatibility flag webgpu is experimental and cannot yet be used in Workers deployed to \
              Cloudflare."]
        );
    }

    #[test]
    fn the_table_is_sound() {
        let all: Vec<&str> = names().collect();
        for (index, name) in all.iter().enumerate() {
            assert!(!all[..index].contains(name), "{name} twice");
        }
        for (sources, _) in FLAGS.iter().filter_map(|flag| flag.implied_by) {
            assert!(
                sources.iter().all(|source| FLAGS.iter().any(|flag| flag.enable == *source)),
                "{sources:?}"
            );
        }
    }
}
