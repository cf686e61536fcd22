//! `--access-log`: a line of JSON for each request, behind what the file holds already.
//!
//! The file is opened once and only ever appended to, so whoever rotates it copies it and cuts it short (`copytruncate` of
//! logrotate).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use hognose_supervisor::ServerEvent;

use crate::error::CommandError;
use crate::records;

/// A file of requests, or standard output.
pub(crate) struct AccessLog {
    target: Box<dyn Write + Send>,
    /// Lines that were not written yet.
    waiting: String,
}

impl AccessLog {
    /// Opens it; `-` is standard output.
    pub(crate) fn open(path: &Path) -> Result<Self, CommandError> {
        let open = || OpenOptions::new().create(true).append(true).open(path);
        let failed = |source| CommandError::State { path: path.to_owned(), source };
        let target: Box<dyn Write + Send> = match path.to_str() {
            Some("-") => Box::new(io::stdout()),
            _ => open().map(|file: File| Box::new(file)).map_err(failed)?,
        };
        Ok(Self { target, waiting: String::new() })
    }

    /// Notes an event, if it is a request.
    pub(crate) fn note(&mut self, event: &ServerEvent) {
        if matches!(event, ServerEvent::RequestDone { .. }) {
            self.waiting.push_str(&records::event(event).to_string());
            self.waiting.push('\n');
        }
    }

    /// Writes what was noted. A full disk is no reason to stop serving.
    pub(crate) fn flush(&mut self) {
        let _ = self.target.write_all(self.waiting.as_bytes()).and_then(|()| self.target.flush());
        self.waiting.clear();
    }
}
