//! What the readers of the configuration remark, shown once: a reload reads everything again, and a note that was read
//! at the start is only noise by then. Mistakes are shown each time, for they are why nothing was reloaded.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;

use hognose_config::{Diagnostic, Reading, Severity, render};

use crate::console::Console;
use crate::error::CommandError;
use crate::project::relative;

/// Shows diagnostics on standard error and remembers them.
pub(crate) struct Remarks {
    console: Console,
    shown: RefCell<HashSet<String>>,
}

impl Remarks {
    pub(crate) fn new(console: Console) -> Self {
        Self { console, shown: RefCell::default() }
    }

    /// The value of a reading of `source`, the text of the file at `path`, after its diagnostics were shown.
    pub(crate) fn accept<T>(
        &self,
        reading: Reading<T>,
        source: &str,
        path: &Path,
    ) -> Result<T, CommandError> {
        let (value, diagnostics) = match reading {
            Ok(accepted) => (Some(accepted.value), accepted.diagnostics),
            Err(rejected) => (None, rejected.diagnostics),
        };
        self.show(&diagnostics, source, path)?;
        value.ok_or(CommandError::Configuration)
    }

    /// Shows diagnostics; fails if one of them is an error.
    pub(crate) fn show(
        &self,
        diagnostics: &[Diagnostic],
        source: &str,
        path: &Path,
    ) -> Result<(), CommandError> {
        for diagnostic in diagnostics {
            let one = std::slice::from_ref(diagnostic);
            let text = render(one, source, &relative(path), self.console.error_colours());
            let is_new = self.shown.borrow_mut().insert(text.clone());
            if is_new || diagnostic.severity == Severity::Error {
                Console::error_text(text.trim_end_matches('\n'));
            }
        }
        let mistaken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        if mistaken { Err(CommandError::Configuration) } else { Ok(()) }
    }
}
