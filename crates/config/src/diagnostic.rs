//! What can be wrong with a configuration, as data.
//!
//! Every check reports a [`Diagnostic`] into a [`Report`] and goes on, so that a user sees all mistakes at once.
//! A reading ends as [`Accepted`] (a value and what is worth saying about it) or [`Rejected`] (at least one
//! error). How it looks on a terminal is [`render`](crate::render)'s business.

use std::cell::RefCell;

use crate::tree::Span;

/// The most diagnostics that come of one text; of the rest only their number is given.
pub const DIAGNOSTICS_MAX: usize = 100;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Probably a mistake; the Worker runs all the same.
    Warning,
    /// The Worker cannot be run as configured.
    Error,
}

/// The kind of a diagnostic, stable across versions; [`Code::name`] is what users see and search for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The text is not TOML or JSON.
    Syntax,
    /// The text is longer than [`TEXT_MAX_BYTES`](crate::TEXT_MAX_BYTES).
    TooLarge,
    /// A key occurs twice in one object.
    DuplicateKey,
    /// A key nobody reads.
    UnknownKey,
    /// A required key is absent.
    MissingKey,
    /// A value of the wrong type.
    WrongType,
    /// A value of the right type that cannot be used.
    InvalidValue,
    /// Keys that exclude each other.
    Conflict,
    /// Two bindings share a name.
    DuplicateBinding,
    /// A binding or key that this version of hognose cannot provide.
    Unsupported,
    /// The environment asked for, or a key that it does not inherit.
    Environment,
    /// A compatibility date or flag.
    Compatibility,
    /// A default that was filled in.
    Default,
    /// Python packages and versions.
    Python,
    /// A line of `.dev.vars` or `.env`.
    Variables,
}

impl Code {
    /// The code as printed, such as `unknown-key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::TooLarge => "too-large",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::Conflict => "conflict",
            Self::DuplicateBinding => "duplicate-binding",
            Self::Unsupported => "unsupported",
            Self::Environment => "environment",
            Self::Compatibility => "compatibility",
            Self::Default => "default",
            Self::Python => "python",
            Self::Variables => "variables",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Its stable kind.
    pub code: Code,
    /// What was found and what was expected; wrangler's own words where wrangler has some.
    pub message: String,
    /// The bytes of the text it is about; `None` when it is about the file as a whole.
    pub span: Option<Span>,
    /// A few words to stand under the marked text; may be empty.
    pub label: String,
    /// The one next step, where there is one.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), span: None, label: String::new(), help: None }
    }

    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    pub(crate) fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    pub(crate) fn at(self, span: Span, label: impl Into<String>) -> Self {
        Self { span: Some(span), label: label.into(), ..self }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A value that can be used, and what was noticed on the way (no errors).
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted<T> {
    /// What was read.
    pub value: T,
    /// Warnings and notes, in the order of the text; those about the whole file last.
    pub diagnostics: Vec<Diagnostic>,
}

/// A text that cannot be used: at least one of the diagnostics is an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} error{}", self.error_count(), if self.error_count() == 1 { "" } else { "s" })]
pub struct Rejected {
    /// Everything that was noticed, in the order of the text; what is about the whole file last.
    pub diagnostics: Vec<Diagnostic>,
}

impl Rejected {
    /// How many of the diagnostics are errors; at least one.
    pub fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }
}

/// What reading a text gives.
pub type Reading<T> = Result<Accepted<T>, Rejected>;

/// Collects diagnostics while a text is read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    diagnostics: RefCell<Vec<Diagnostic>>,
}

impl Report {
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Ends the reading. Without an error in the report there must be a value.
    pub(crate) fn conclude<T>(self, value: Option<T>) -> Reading<T> {
        let diagnostics = in_order_of_text(self.diagnostics.into_inner());
        let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        match value {
            Some(value) if !failed => Ok(Accepted { value, diagnostics }),
            _ => Err(Rejected { diagnostics }),
        }
    }
}

/// Sorts by place; of too many the errors stay first.
fn in_order_of_text(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let dropped = diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
    if dropped > 0 {
        diagnostics.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity));
        diagnostics.truncate(DIAGNOSTICS_MAX);
        diagnostics.push(Diagnostic::note(Code::TooLarge, format!("…and {dropped} more")));
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map_or(usize::MAX, |span| span.start));
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concluded(warnings: usize, errors: usize) -> Reading<()> {
        let report = Report::default();
        (0..warnings).for_each(|_| report.push(Diagnostic::warning(Code::UnknownKey, "warning")));
        (0..errors).for_each(|_| report.push(Diagnostic::error(Code::WrongType, "error")));
        report.conclude(Some(()))
    }

    #[test]
    fn an_error_rejects_even_where_there_is_a_value() {
        assert!(concluded(1, 0).is_ok());
        assert_eq!(concluded(1, 1).unwrap_err().to_string(), "the configuration has 1 error");
        assert_eq!(concluded(0, 2).unwrap_err().to_string(), "the configuration has 2 errors");
    }

    #[test]
    fn past_the_limit_the_rest_is_only_counted_and_errors_are_kept() {
        assert_eq!(concluded(DIAGNOSTICS_MAX, 0).unwrap().diagnostics.len(), DIAGNOSTICS_MAX);
        let one_past = concluded(DIAGNOSTICS_MAX + 1, 0).unwrap().diagnostics;
        assert_eq!(one_past.last().unwrap().message, "…and 1 more");
        assert_eq!(concluded(DIAGNOSTICS_MAX, 2).unwrap_err().error_count(), 2);
    }
}
