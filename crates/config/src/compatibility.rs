//! The compatibility date and flags of a Worker, and what follows from them for Python.

use crate::date::Date;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::flags::CompatibilityFlags;
use crate::layers::Layers;
use crate::plan::{Handlers, PythonVersion};
use crate::section::{Section, Spanned};

/// What date and flags decide.
pub(crate) struct Compatibility {
    pub(crate) date: Option<Date>,
    pub(crate) flags: CompatibilityFlags,
    pub(crate) handlers: Handlers,
    pub(crate) python: Option<PythonVersion>,
}

/// The flags that choose among the two styles of handlers.
const HANDLER_FLAGS: [&str; 2] = ["python_no_global_handlers", "disable_python_no_global_handlers"];

/// The flags that choose among the versions of Python, newest first.
const PYTHON_FLAGS: [(&str, &str, PythonVersion); 4] = [
    ("python_workers_314", "no_python_workers_314", PythonVersion::V314),
    ("python_workers_20260817", "no_python_workers_20260817", PythonVersion::V314),
    ("python_workers_20260610", "no_python_workers_20260610", PythonVersion::V314),
    ("python_workers_20250116", "no_python_workers_20250116", PythonVersion::V313),
];

/// Reads `compatibility_date` and `compatibility_flags`.
///
/// `is_python`: whether the main file is; JavaScript needs no flag, and no Python version.
pub(crate) fn read(layers: &Layers<'_>, today: Date, is_python: bool) -> Compatibility {
    let report = layers.top.report;
    let date_given = layers.inherited("compatibility_date", Section::string);
    let flags_given = layers.inherited("compatibility_flags", Section::strings).unwrap_or_default();
    let date = date_given.and_then(|text| compatibility_date(text, today, report));
    let flags = CompatibilityFlags::resolve(date.unwrap_or(today), &flags_given, report);
    let named = |names: &[&str]| flags_given.iter().any(|flag| names.contains(&flag.value));
    // A date that cannot be used was still given; its own error says the rest.
    let dated = layers.inherited("compatibility_date", Section::node).is_some();
    let handlers = Handlers {
        global: !flags.enabled(HANDLER_FLAGS[0]) || (!dated && !named(&HANDLER_FLAGS)),
        class: true,
    };
    if !dated {
        report.push(no_date(today, handlers));
    }
    if is_python && (dated || !flags_given.is_empty()) && !named(&["python_workers"]) {
        report.push(no_python_flag(&flags_given, date_given));
    }
    let python_asked_for = is_python && (dated || PYTHON_FLAGS.iter().any(|(on, off, _)| named(&[on, off])));
    let python = python_asked_for.then(|| python_version(&flags));
    Compatibility { date, flags, handlers, python }
}

fn compatibility_date(text: Spanned<&str>, today: Date, report: &Report) -> Option<Date> {
    let (message, label) = match Date::parse(text.value) {
        Some(date) if date <= today => return Some(date),
        Some(date) => (
            format!(
                "Can't set compatibility date in the future: \"{date}\". Today's date (UTC) is \"{today}\"."
            ),
            "in the future",
        ),
        None if text.value.contains(['–', '—']) => (
            "\"compatibility_date\" field should use ISO-8601 accepted hyphens (-) rather than en-dashes (–) or \
             em-dashes (—)."
                .to_owned(),
            "not plain hyphens",
        ),
        None => (
            format!(
                "\"compatibility_date\" field should be a valid ISO-8601 date (YYYY-MM-DD), but got {}.",
                serde_json::Value::from(text.value)
            ),
            "expected YYYY-MM-DD",
        ),
    };
    report.push(Diagnostic::error(Code::Compatibility, message).at(text.span, label));
    None
}

fn no_date(today: Date, handlers: Handlers) -> Diagnostic {
    let styles = if handlers.global { "`on_*` functions and classes are" } else { "only classes are" };
    Diagnostic::note(
        Code::Default,
        format!(
            "No compatibility_date was specified. Using today's date: {today}; as handlers, {styles} accepted."
        ),
    )
    .help(format!("to keep the behaviour of today, add: compatibility_date = \"{today}\""))
}

/// Cloudflare refuses a Python file without the flag; here it goes without saying.
fn no_python_flag(flags: &[Spanned<&str>], date: Option<Spanned<&str>>) -> Diagnostic {
    let message = "The `python_workers` compatibility flag is required to use Python.";
    let diagnostic = Diagnostic::warning(Code::Compatibility, message).help(
        "add \"python_workers\" to compatibility_flags; hognose runs the Worker without, Cloudflare does not",
    );
    match flags.first().map(|flag| flag.span).or(date.map(|date| date.span)) {
        Some(span) => diagnostic.at(span, "given without \"python_workers\""),
        None => diagnostic,
    }
}

fn python_version(flags: &CompatibilityFlags) -> PythonVersion {
    let newest = PYTHON_FLAGS.iter().find(|(on, _, _)| flags.enabled(on));
    newest.map_or(PythonVersion::V312, |(_, _, version)| *version)
}
